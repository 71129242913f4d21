// docs/reference/http.md, route by route, in workerd.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { modelIn } from "../conformance/cases.mjs";
import { exampleOf, opened, startWorker, testModel } from "./worker.mjs";

const JSON_TYPE = { "content-type": "application/json" };
let worker;
let model;
let example;

before(async () => {
  worker = await startWorker(testModel());
  model = await modelIn(testModel());
  example = exampleOf(model);
});

after(() => worker?.stop());

const json = (answer) => JSON.parse(answer.body);

describe("what is served", () => {
  const about = () => {
    const { model: described, features } = model.describe();
    const { name, version, digest, title, description } = described;
    const used = features.filter(({ role }) => role !== "ignored");
    const count = (type) => used.filter((feature) => feature.type === type).length;
    return { name, version, digest, title, description, used: used.length, count };
  };

  test("GET / says which model", async () => {
    const { name, version, digest, title, description, used, count } = about();
    const answer = await worker.ask("/");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.equal(answer.headers.get("vary"), "accept");
    assert.equal(
      answer.body.toString(),
      JSON.stringify({
        status: "ok",
        name: `${title ?? name} API`,
        version,
        description: description ?? "",
        model_loaded: true,
        model: { name, version, digest },
        features_count: used,
        categorical_count: count("category"),
        boolean_count: count("boolean"),
      }),
    );
  });

  test("GET /health says that it can decide", async () => {
    const { name, version, digest } = about();
    const answer = await worker.ask("/health");
    assert.equal(answer.status, 200);
    assert.equal(
      answer.body.toString(),
      JSON.stringify({ status: "healthy", model_loaded: true, version, model: { name, version, digest } }),
    );
  });

  for (const path of ["/", "/health"]) {
    test(`HEAD ${path} is GET without a body`, async () => {
      const answer = await worker.ask(path, { method: "HEAD" });
      assert.equal(answer.status, 200);
      assert.equal(answer.body.length, 0);
      assert.equal(answer.headers.get("content-type"), "application/json");
    });
  }
});

describe("a decision", () => {
  const predict = (headers = JSON_TYPE) =>
    worker.ask("/predict", { method: "POST", headers, body: JSON.stringify(example) });

  test("has its envelope", async () => {
    const answer = await predict();
    assert.equal(answer.status, 200, answer.body.toString());
    const { seconds, requestId } = opened(answer.body);
    assert.ok(seconds >= 0 && seconds < 60, `${seconds} s`);
    assert.match(requestId, /^[0-9a-f-]{36}$/);
    assert.equal(answer.headers.get("x-request-id"), requestId);
    assert.deepEqual(Object.keys(json(answer)).slice(-2), ["latency_seconds", "request_id"]);
  });

  test("has the outcome, and with a policy its version and its rules, before the envelope", async () => {
    const { format, policy } = model.describe();
    const answer = json(await predict());
    const added = policy ? ["outcome", "model_prediction", "policy", "rules"] : ["outcome"];
    const keys = Object.keys(answer);
    assert.deepEqual(keys.slice(keys.indexOf("adjustments") + 1, -2), format > 2 ? added : []);
    if (format <= 2) return;
    assert.ok(["approve", "refer", "decline"].includes(answer.outcome));
    assert.equal(answer.approve, answer.outcome === "approve");
    if (!policy) return;
    assert.deepEqual(answer.policy, { version: policy.version, digest: policy.digest });
    const codes = policy.rules.map(({ code }) => code);
    assert.ok(answer.rules.every((code) => codes.includes(code)));
  });

  test("is named by the client's x-request-id when that is safe", async () => {
    for (const [given, kept] of [
      ["order-12.3_A", true],
      ["x".repeat(64), true],
      ["x".repeat(65), false],
      ['a"b', false],
      ["a b", false],
      ["é", false],
      ["", false],
    ]) {
      const answer = await predict({ ...JSON_TYPE, "x-request-id": given });
      const { requestId } = opened(answer.body);
      assert.equal(requestId === given, kept, `x-request-id: ${given}`);
      assert.equal(answer.headers.get("x-request-id"), requestId);
    }
  });

  test("needs no content type, or one of JSON", async () => {
    for (const [type, status] of [
      [undefined, 200],
      ["application/json", 200],
      ["Application/JSON; charset=utf-8", 200],
      ["text/json", 200],
      ["application/vnd.loan+json", 200],
      ["text/plain;charset=UTF-8", 415],
      ["application/x-www-form-urlencoded", 415],
      ["application/jsonp", 415],
    ]) {
      const body = new TextEncoder().encode(JSON.stringify(example));
      const headers = type ? { "content-type": type } : {};
      const answer = await worker.ask("/predict", { method: "POST", headers, body });
      assert.equal(answer.status, status, `content-type: ${type}`);
      if (status === 415) {
        const detail = `The content type is \`${type}\`, expected JSON; send \`content-type: application/json\` or none`;
        assert.deepEqual(json(answer), { detail });
      }
    }
  });
});

describe("POST /explain", () => {
  const asked = (body) => worker.ask("/explain", { method: "POST", headers: { "content-type": "application/json" }, body: Buffer.from(body) });

  for (const [name, question, status] of [
    ["an application", () => example, 200],
    ["an application in an object with a language", () => ({ application: example, language: "de" }), 200],
    ["a language that the model does not have", () => ({ application: example, language: "tlh" }), 422],
    ["an application that is refused", () => ({ application: { no_such_field: 1 } }), 422],
  ]) {
    test(`answers ${name} with the module's bytes`, async () => {
      // The example is there when the tests run.
      const body = JSON.stringify(question());
      const answer = await asked(body);
      assert.equal(answer.status, status, answer.body.toString());
      assert.equal(answer.headers.get("content-type"), "application/json");
      assert.equal(answer.body.toString(), Buffer.from(model.explain(Buffer.from(body))).toString());
    });
  }
});

describe("POST /explain with an array", () => {
  const asked = (rows) => worker.ask("/explain", { method: "POST", headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(rows)) });
  const alone = (row) => Buffer.from(model.explain(Buffer.from(JSON.stringify(row)))).toString();

  test("answers in order, refusals with their row and status", async () => {
    const rows = [example, { no_such_field: 1 }, { application: example, language: "de" }];
    const answer = await asked(rows);
    assert.equal(answer.status, 200, answer.body.toString());
    const refusal = alone(rows[1]).replace(/}$/, ',"row":1,"status":422}');
    assert.equal(answer.body.toString(), `[${alone(rows[0])},${refusal},${alone(rows[2])}]`);
  });

  test("answers none with none, and refuses too many", async () => {
    assert.equal((await asked([])).body.toString(), "[]");
    const answer = await asked(Array(101).fill({}));
    assert.equal(answer.status, 413);
    assert.deepEqual(json(answer), { detail: "The batch has more than 100 rows; send fewer at once" });
  });

  test("leaves what is no array to the module", async () => {
    const answer = await worker.ask("/explain", { method: "POST", headers: {}, body: Buffer.from("[1,") });
    assert.equal(answer.status, 422);
    assert.equal(answer.body.toString(), Buffer.from(model.explain(Buffer.from("[1,"))).toString());
  });
});

describe("POST /sketch", () => {
  const asked = (body, type = "application/x-ndjson") =>
    worker.ask("/sketch", { method: "POST", headers: type ? { "content-type": type } : {}, body: Buffer.from(body) });
  const batch = () => `${JSON.stringify(example)}\n{}\n\n${JSON.stringify(example)}\n`;

  for (const type of ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/json", null]) {
    test(`counts a batch that is said to be ${type}`, async () => {
      const answer = await asked(batch(), type);
      assert.equal(answer.status, 200, answer.body.toString());
      assert.equal(answer.headers.get("content-type"), "application/octet-stream");
      assert.ok(answer.body.equals(Buffer.from(model.sketch(Buffer.from(batch())))));
      assert.equal(answer.body.subarray(0, 7).toString(), "UWDRIFT");
    });
  }

  test("counts a batch that is longer than an application may be", async () => {
    const long = `${JSON.stringify(example)}\n`.repeat(5000);
    assert.ok(long.length > 1 << 20);
    const answer = await asked(long);
    assert.equal(answer.status, 200);
    assert.ok(answer.body.equals(Buffer.from(model.sketch(Buffer.from(long)))));
  });

  for (const [name, body, status] of [["nothing", "", 422], ["a line that is no object", `${"{}"}\n[]`, 422], ["17 MB", "{}\n".repeat(6_000_000), 413]]) {
    test(`refuses ${name} with the module's words`, async () => {
      const answer = await asked(body);
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("content-type"), "application/json");
      assert.equal(answer.body.toString(), Buffer.from(model.sketch(Buffer.from(body))).toString());
    });
  }

  test("refuses another type", async () => {
    const answer = await asked(batch(), "text/csv");
    assert.equal(answer.status, 415);
    assert.match(json(answer).detail, /`text\/csv`.*application\/x-ndjson/);
  });
});

test("a packed body is refused", async () => {
  for (const [path, type] of [["/predict", "application/json"], ["/explain", "application/json"], ["/sketch", "application/x-ndjson"]]) {
    for (const [encoding, status] of [["gzip", 415], ["br", 415], ["gzip, br", 415], ["identity", 200], ["Identity", 200]]) {
      const headers = { "content-type": type, "content-encoding": encoding };
      const answer = await worker.ask(path, { method: "POST", headers, body: JSON.stringify(example) });
      assert.equal(answer.status, status, `${path} ${encoding}`);
      if (status === 200) continue;
      const detail = `The content encoding is \`${encoding}\`, expected none: only batches that are not streamed are decompressed`;
      assert.deepEqual(json(answer), { detail });
    }
  }
});

describe("what there is not", () => {
  for (const [method, path, status, detail, allow] of [
    ["GET", "/nope", 404, "Not Found", null],
    ["POST", "/predict/", 404, "Not Found", null],
    ["GET", "/predict", 405, "Method Not Allowed", "POST"],
    ["PUT", "/predict", 405, "Method Not Allowed", "POST"],
    ["GET", "/explain", 405, "Method Not Allowed", "POST"],
    ["GET", "/sketch", 405, "Method Not Allowed", "POST"],
    ["DELETE", "/", 405, "Method Not Allowed", "GET, HEAD"],
    ["POST", "/health", 405, "Method Not Allowed", "GET, HEAD"],
  ]) {
    test(`${method} ${path} is ${status}`, async () => {
      const answer = await worker.ask(path, { method });
      assert.equal(answer.status, status);
      assert.deepEqual(json(answer), { detail });
      assert.equal(answer.headers.get("allow"), allow);
      assert.ok(answer.headers.get("x-request-id"));
    });
  }
});

describe("any bytes", () => {
  const bytes = (text) => Buffer.from(text);
  const long = (size) => bytes(`{"a":"${"x".repeat(size - 8)}"}`);
  for (const [name, request] of [
    ["nothing", () => bytes("")],
    ["no JSON", () => bytes("{")],
    ["no object", () => bytes("[1,2]")],
    ["null", () => bytes("null")],
    ["an empty object", () => bytes("{}")],
    ["invalid UTF-8", () => Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ["a zero byte", () => bytes("\0")],
    ["a byte order mark", () => bytes("\ufeff{}")],
    ["an unknown field", () => bytes('{"person_incomee":1}')],
    ["a field twice", () => bytes('{"a":1,"a":2}')],
    ["1e999", () => bytes(JSON.stringify(example).replace(/:\d+/, ":1e999"))],
    ["deep nesting", () => bytes('{"a":'.repeat(5000))],
    ["look-alikes", () => bytes('{"реrson_age":30,"pérson":"１２"}')],
    ["the example", () => bytes(JSON.stringify(example))],
    ["the example as texts", () => bytes(JSON.stringify(example).replace(/:(\d+)/g, ':"$1"'))],
    ["1 MiB", () => long(1 << 20)],
    ["one byte over 1 MiB", () => long((1 << 20) + 1)],
    ["10 MB", () => long(10_000_000)],
  ]) {
    test(`${name}: the module's own bytes and status`, async () => {
      const body = request();
      const expected = Buffer.from(model.decide(body));
      const { status } = model;
      const answer = await worker.ask("/predict", { method: "POST", headers: JSON_TYPE, body });
      assert.equal(answer.status, status);
      const got = status === 200 ? opened(answer.body).decision : answer.body;
      assert.ok(got.equals(expected), `expected ${expected}\ngot ${got}`);
    });
  }
});

test("nothing of an application is logged", () => {
  assert.deepEqual(worker.log, []);
});
