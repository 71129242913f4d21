// Loads the page in headless Chromium and prints the decision that it shows. Where there is no
// Chromium, makes the same decision in Node with the page's own model.js and model.wasm.
// Usage: node check.mjs FOLDER
import { spawnSync, execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

const folder = process.argv[2];
const browser = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome']
  .find((name) => name && spawnSync(name, ['--version']).status === 0);
console.error(browser ? `checked in ${browser}` : 'no Chromium here: checked in Node');
console.log(await (browser ? inChromium(browser) : inNode()));

async function inChromium(program) {
  const types = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' };
  const server = createServer(({ url }, response) => {
    const name = url === '/' ? 'index.html' : url.slice(1);
    if (!['index.html', 'model.js', 'model.wasm'].includes(name)) return response.writeHead(404).end();
    response.setHeader('content-type', types[name.split('.').at(-1)]);
    return response.end(readFileSync(join(folder, name)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { stdout } = await promisify(execFile)(program, [
    '--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=10000', '--dump-dom',
    `http://127.0.0.1:${server.address().port}/`,
  ], { timeout: 60_000 });
  server.close();
  return stdout.match(/<pre>(.*?)<\/pre>/s)?.[1] ?? '';
}

async function inNode() {
  // As a data URL it is a module in every version of Node, whatever package.json is nearby.
  const glue = readFileSync(join(folder, 'model.js')).toString('base64');
  const { initSync, Model } = await import(`data:text/javascript;base64,${glue}`);
  initSync({ module: readFileSync(join(folder, 'model.wasm')) });
  const model = new Model();
  const inputs = model.describe().features.filter(({ role }) => role === 'input');
  const application = inputs.map(({ name, example, categories }) => [name, example ?? categories?.[0].value]);
  const request = new TextEncoder().encode(JSON.stringify(Object.fromEntries(application)));
  return new TextDecoder().decode(model.decide(request));
}
