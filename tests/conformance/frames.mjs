// The two file formats of the conformance run, and the loop that turns one into
// the other. Runs unchanged in Node, in a browser's worker and in workerd.
//
//   cases:   repeated [u32 length][bytes]
//   answers: repeated [u16 status][u32 length][bytes]      (all little-endian)

const CASE_HEAD = 4;
const ANSWER_HEAD = 6;
const CHUNK_BYTES = 2 * 1024 * 1024;

/** Cuts cases into runs of whole cases of about 2 MiB; a longer case is a run of its own. */
export function* chunksOf(cases) {
  let start = 0;
  let end = 0;
  for (const request of requestsOf(cases)) {
    const next = end + CASE_HEAD + request.length;
    if (next - start > CHUNK_BYTES && end > start) {
      yield cases.subarray(start, end);
      start = end;
    }
    end = next;
  }
  if (end > start) yield cases.subarray(start, end);
}

/** Decides or explains every case of a chunk through the JavaScript API; returns the answers' bytes. */
export function answersTo(cases, model) {
  const answers = [];
  for (const request of requestsOf(cases)) {
    const body = isQuestion(request) ? model.explain(request) : model.decide(request);
    answers.push({ status: model.status, body });
  }
  return joined(answers);
}

/** Whether a case is to be explained, not decided: those that acceptance::conformance::questions makes. */
function isQuestion(request) {
  const head = '{"application":';
  return [...head].every((character, at) => request[at] === character.charCodeAt(0));
}

/** The requests in a file or chunk of cases. Throws when it is cut short. */
export function* requestsOf(cases) {
  const view = new DataView(cases.buffer, cases.byteOffset, cases.byteLength);
  for (let at = 0; at < cases.length; ) {
    const start = at + CASE_HEAD;
    const end = start <= cases.length ? start + view.getUint32(at, true) : Infinity;
    if (end > cases.length) throw new Error(`the cases are cut short at byte ${at}`);
    yield cases.subarray(start, end);
    at = end;
  }
}

function joined(answers) {
  const size = answers.reduce((sum, { body }) => sum + ANSWER_HEAD + body.length, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { status, body } of answers) {
    view.setUint16(at, status, true);
    view.setUint32(at + 2, body.length, true);
    bytes.set(body, at + ANSWER_HEAD);
    at += ANSWER_HEAD + body.length;
  }
  return bytes;
}
