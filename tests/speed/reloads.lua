-- predict.lua, each connection waiting between its requests: 32 of them ask 2,000 to 3,000 times a second.
dofile((os.getenv("SPEED") or ".") .. "/predict.lua")

function delay()
  return 10
end
