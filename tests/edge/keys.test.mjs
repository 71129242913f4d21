// The Worker with keys: who may ask for what.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorker, testModel } from "./worker.mjs";

const KEYS = ["", "other", "k1", "k2"];

/** The statuses that these keys get, each as `x-api-key` and as a bearer's token. */
async function statuses(worker, path, init) {
  const all = [];
  for (const key of KEYS) {
    const bearer = { authorization: `Bearer ${key}` };
    const headers = key ? [{ "x-api-key": key }, bearer, { ...bearer, "x-api-key": "" }] : [{}];
    const answers = await Promise.all(headers.map((headers) => worker.ask(path, { ...init, headers })));
    const [first, ...others] = answers.map(({ status }) => status);
    assert.ok(others.every((status) => status === first), `${path} ${key}`);
    all.push(first);
  }
  return all;
}

async function check(bindings, expected) {
  const worker = await startWorker(testModel(), bindings);
  try {
    // Bytes: a text would be sent as text/plain.
    const post = { method: "POST", body: new TextEncoder().encode("{}") };
    for (const [path, init, status] of [
      ["/health", undefined, [200, 200, 200, 200]],
      ["/", undefined, [200, 200, 200, 200]],
      ["/predict", post, expected],
      ["/explain", post, expected],
      ["/sketch", post, expected.map((status) => (status === 422 ? 200 : status))],
    ]) {
      assert.deepEqual(await statuses(worker, path, init), status, path);
    }
    const refused = await worker.ask("/predict", post);
    assert.equal(refused.headers.get("cache-control"), "no-store");
    if (refused.status === 401) {
      assert.equal(refused.headers.get("www-authenticate"), "Bearer");
      assert.match(String(refused.body), /Invalid or missing x-api-key header/);
    }
  } finally {
    await worker.stop();
  }
}

test("without the secret anybody may ask", () => check({}, [422, 422, 422, 422]));
test("with it a key is needed", () => check({ API_KEY: "k1, k2" }, [401, 401, 422, 422]));
test("an empty secret lets nobody in", () => check({ API_KEY: "" }, [401, 401, 401, 401]));
test("what is no text lets nobody in", async () => {
  for (const secret of [123456, ["k1", "k2"], { k: "k1" }]) {
    await check({ API_KEY: secret }, [401, 401, 401, 401]);
  }
});
