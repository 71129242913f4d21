// The JavaScript API in Node; see cases.mjs.
import { modelIn, run } from "./cases.mjs";
import { answersTo } from "./frames.mjs";

await run(async (modelPath) => {
  const model = await modelIn(modelPath);
  return { answer: (chunk) => answersTo(chunk, model), close: () => model.free() };
});
