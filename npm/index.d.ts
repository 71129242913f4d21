import type { Application, Decision, Description, Explanation, Problem, RecourseQuestion } from "./contract.js";

export type * from "./contract.js";

/** The schema refuses an application, or the module a call. */
export class Refused extends Error {
  constructor(detail: Problem[] | string, status: number);
  /** What is wrong, field by field, or a sentence. */
  readonly detail: Problem[] | string;
  /** 413, 422 or 503. */
  readonly status: number;
}

/** The bytes of an answer. */
export interface Answer {
  /** 200, 413, 422 or 503. */
  status: number;
  body: Uint8Array;
}

/** A model that decides in this thread. */
export class Model {
  /** Takes an instance that was linked elsewhere; throws when it carries no model, or a broken one. */
  constructor(instance: WebAssembly.Instance);
  /** Loads a model: its bytes, a compiled module, a response of `fetch`, or an address to fetch. */
  static load(source: BufferSource | WebAssembly.Module | Response | URL | string): Promise<Model>;
  /** One decision; throws `Refused` where the schema refuses the application. NaN is missing. */
  decide(application: Application): Decision;
  /** Why a decision came out as it did. */
  explain(application: Application, options?: { language?: string; recourse?: boolean | RecourseQuestion | null }): Explanation;
  /** What the model says about itself. */
  describe(): Description;
  /** One decision as bytes: the same in every host. */
  decideBytes(request: Uint8Array): Answer;
  /** One explanation as bytes. */
  explainBytes(question: Uint8Array): Answer;
  /** What a batch was like, without its rows: the sketch that `underwrite drift` compares. */
  sketch(applications: Application[]): Uint8Array;
  /**
   * Probabilities of many rows: input `i` of row `r` is `columns[i * rows + r]`, in the order of
   * the inputs in `describe()`. NaN is missing, a boolean 0 or 1, a category its index. A row that
   * would be refused gets -1.
   */
  batch(columns: Float64Array, rows: number): Float64Array;
}
