// The JavaScript API in workerd, Cloudflare's runtime; see cases.mjs.
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
import { readModel, run } from "./cases.mjs";

const WORKER = `
import module from "./model.wasm";
import { initSync, Model } from "./model.js";
import { answersTo } from "./frames.mjs";

initSync({ module });
const model = new Model();

export default {
  async fetch(request) {
    return new Response(answersTo(await request.bytes(), model));
  },
};
`;

await run(async (modelPath) => {
  const { bytes, glue } = readModel(modelPath);
  const frames = readFileSync(new URL("frames.mjs", import.meta.url), "utf8");
  const miniflare = new Miniflare({
    cf: false,
    compatibilityDate: "2026-04-01",
    modules: [
      { type: "ESModule", path: "worker.mjs", contents: WORKER },
      { type: "ESModule", path: "frames.mjs", contents: frames },
      { type: "ESModule", path: "model.js", contents: glue },
      { type: "CompiledWasm", path: "model.wasm", contents: bytes },
    ],
  });
  const url = await miniflare.ready;
  return {
    async answer(chunk) {
      const response = await fetch(url, { method: "POST", body: chunk });
      const body = new Uint8Array(await response.arrayBuffer());
      if (!response.ok) throw new Error(`workerd failed: ${Buffer.from(body)}`);
      return body;
    },
    close: () => miniflare.dispose(),
  };
});
