/** A value of an application; `null` and absent mean missing. */
export type Value = number | string | boolean | null;

/** Feature names to values. */
export type Application = Record<string, Value>;

/** The decision on an application that the schema accepts (status 200). */
export interface Decision {
  prediction: 0 | 1;
  prediction_label: string;
  approve: boolean;
  /** Of the positive outcome, 0 to 1, calibrated. */
  probability: number;
  /** From this probability on, an application is approved. */
  threshold: number;
  model: { name: string; version: string; digest: string };
  features_used: string[];
  adjustments: Adjustment[];
  /** What is decided, by the rules too; the fields above state it as well. Absent in files of formats 1 and 2. */
  outcome?: Outcome;
  /** What the probability alone decides; where there is a policy. */
  model_prediction?: 0 | 1;
  policy?: { version: string; digest: string };
  /** The codes of the rules that matched, in the order of the policy; where there is one. */
  rules?: string[];
  /** Why it is no approval, in the first language; where the schema says `in_answer`. `null` without profiles to compare with. */
  reasons?: Reason[] | null;
}

/** Why a decision came out as it did. */
export interface Explanation {
  /** What `decide` answers. */
  decision: Decision;
  /** What margin and contributions are: log odds, or the mean of leaves or a weighted sum. */
  scale: "log_odds" | "mean";
  /** The model's sum for this application, before calibration. */
  margin: number;
  /** The margin from which the score approves; `null` where every margin does, or none. */
  margin_threshold: number | null;
  /** The weighted mean margin of the profiles; all contributions and it add up to the margin. */
  base: number;
  /** The profiles that the application is compared with. */
  compared_with: { name: string; digest: string; profiles: number };
  /** Of each input, in schema order. */
  contributions: Contribution[];
  /** For an application that is not approved, the most important first; `null` without profiles to compare with. */
  reasons: Reason[] | null;
  /** Why `reasons` is `null`. */
  note?: string;
  /** What would change the decision; where it was asked for. */
  recourse?: Recourse;
}

/** What would change the decision. */
export interface Recourse {
  /** The cheapest first; none where the application is approved. */
  options: RecourseOption[];
  /** Whether it is proved that nothing within reach is approved; never where an actionable field is neither stated nor frozen. */
  impossible: boolean;
  /** Why it is impossible, where there was nothing to try; else the actionable fields that are not stated, and so were not changed. */
  note?: string;
  /** What any option that was not found costs at least; where the budget ended before the proof and every actionable field is stated. */
  lower_bound?: number;
  /** Where each actionable field that is stated alone leads to another outcome: the nearest value on each side. */
  flips: Flip[];
}

/** Changes that together are approved. */
export interface RecourseOption {
  changes: { feature: string; from: Value; to: Value }[];
  cost: number;
  /** What the module then answers. */
  probability: number;
  /** Whether it is proved that no cheaper option with other features exists. */
  proven: boolean;
}

/** A value at which the outcome is another. */
export interface Flip {
  feature: string;
  value: Value;
  outcome: Outcome;
}

/** What an input adds to the margin, compared with the profiles. */
export interface Contribution {
  feature: string;
  /** After policies; `null` for `other`, and for what `native` leaves missing. */
  value: Value;
  contribution: number;
}

/** Why an application is not approved. */
export interface Reason {
  code: string;
  text: string;
  /** The fields that it is about. */
  features: string[];
  /** Of all that counted against the application, 0 to 1; `null` for a lending rule. */
  share: number | null;
}

/** What is to be explained: an application, alone or with the language of its reasons and with recourse. */
export interface Question {
  application: Application;
  language?: string;
  recourse?: boolean | RecourseQuestion | null;
}

/** What may be proposed. */
export interface RecourseQuestion {
  /** Fields that are to stay as they are. */
  freeze?: string[];
  /** Most changes of an option, 3 where it is left out. */
  max_changes?: 1 | 2 | 3;
  /** Options to look for, 3 where it is left out; with 0 only the flips are computed. */
  options?: 0 | 1 | 2 | 3;
}

/** What is decided about an application; `refer` sends it to a person. */
export type Outcome = "approve" | "refer" | "decline";

/** A value that a policy filled in or changed. */
export interface Adjustment {
  feature: string;
  kind: "missing" | "unknown" | "out_of_range" | "mismatch";
  policy: "impute" | "zero" | "most_frequent" | "other" | "native" | "clamp" | "overwrite";
  /** What came; absent when nothing did, or when it is too long to repeat. */
  from?: Value;
  /** What was used; `null` for `other`, and for what `native` leaves missing. */
  to: Value;
}

/** Why there is no decision: what the schema refuses (status 422), or a fault. */
export interface Refusal {
  detail: string | Problem[];
}

/** One thing that is wrong with an application. */
export interface Problem {
  type: string;
  loc: (string | number)[];
  msg: string;
  input?: Value;
}

/** What the model says about itself. */
export interface Description {
  abi: number;
  format: number;
  model: {
    name: string;
    version: string;
    digest: string;
    title?: string;
    /** By language, where there are several. */
    titles?: Record<string, string>;
    description?: string;
    descriptions?: Record<string, string>;
    kind: "ridge" | "logistic_regression" | "decision_tree" | "random_forest" | "gradient_boosting" | "boosting_and_linear";
  };
  threshold: number;
  /** What the model's probability goes through last. */
  calibration: "none" | "platt" | "isotonic";
  /** More adjustments than this are refused. */
  max_adjustments?: number;
  target: {
    name: string;
    /** What decisions are called. */
    positive_label: string;
    positive_labels?: Record<string, string>;
    negative_label: string;
    negative_labels?: Record<string, string>;
    /** What became of an application: the probability is of the first. Absent in older files. */
    positive_outcome?: string;
    negative_outcome?: string;
  };
  features: Feature[];
  training: {
    rows_train: number;
    rows_test: number;
    seed: number;
    data_sha256: string;
    underwrite_version: string;
    engine_sha256: string;
    metrics: Record<string, number>;
  };
  /** The languages of texts, the first of them complete. Absent in files of formats 1 and 2. */
  languages?: string[];
  /** The lending rules beside the model, where there are any. */
  policy?: Policy;
}

/** Lending rules. */
export interface Policy {
  version: string;
  digest: string;
  /** Probabilities from the first, included, to the second, excluded, go to a person. */
  refer?: [number, number];
  /** Whether rules may name protected columns. */
  allow_protected: boolean;
  rules: Rule[];
}

/** A lending rule. */
export interface Rule {
  id: string;
  stage: "before" | "after";
  /** The condition, as it was written. */
  when: string;
  then: Outcome;
  if_missing: "skip" | "refer" | "decline";
  code: string;
  /** Texts by language. */
  text: Record<string, string>;
}

/** A field of an application, in schema order. */
export interface Feature {
  name: string;
  type: "number" | "integer" | "boolean" | "category";
  role: "input" | "protected" | "ignored";
  label: string;
  /** By language, where there are several. */
  labels?: Record<string, string>;
  help?: string;
  /** By language, where there are several. */
  helps?: Record<string, string>;
  unit?: string;
  minimum?: number;
  exclusive_minimum?: number;
  maximum?: number;
  exclusive_maximum?: number;
  categories?: { value: string; label: string; labels?: Record<string, string> }[];
  example?: Value;
  /** How the field is computed from others, where it is. */
  derived?: {
    formula: string;
    round?: number;
    mismatch: "error" | "overwrite";
  };
  /** Which way an applicant may change it, where they may. */
  actionable?: "up" | "down" | "any";
  /** The policies; of inputs alone. */
  missing?: "error" | "impute" | "zero" | "most_frequent" | "other" | "native";
  unknown?: "error" | "most_frequent" | "other";
  out_of_range?: "error" | "clamp" | "impute";
  /** What `impute` and `most_frequent` fill in; of inputs alone, whatever their policies. */
  imputed?: Value;
}

/** The model inside this module. */
export class Model {
  /** Throws when the module carries no model, or a broken one. */
  constructor();
  free(): void;
  [Symbol.dispose](): void;
  /** One decision: the bytes of a request in, the bytes of an answer out. */
  decide(request: Uint8Array): Uint8Array;
  /**
   * The derived fields of an application: the bytes of a request in, the bytes of a JSON object out, with what each comes
   * to. Empty for an application that is refused.
   */
  computed(request: Uint8Array): Uint8Array;
  /**
   * What a batch was like, without its rows: applications in, one JSON object a line, out (status 200) the counts
   * of each input and of the probability, to be kept as a file that `underwrite drift` compares and merges. A batch that
   * cannot be read gets a refusal, in JSON, and status 413 or 422.
   */
  sketch(batch: Uint8Array): Uint8Array;
  /**
   * Why a decision came out as it did: the bytes of an application or a `Question` in, those of an `Explanation` or a
   * `Refusal` out. The first call builds tables, which decisions do not need.
   */
  explain(request: Uint8Array): Uint8Array;
  /** The HTTP status of the last decision, explanation or sketch: 200, 413, 422 or 503. */
  readonly status: number;
  /** One decision with objects instead of bytes. */
  predict(application: Application): Decision | Refusal;
  describe(): Description;
  /**
   * The probabilities of many rows: input `i` of row `r` is `columns[i * rows + r]`, in the
   * order of the inputs in `describe()`. NaN is missing, a boolean 0 or 1, a category its
   * index. A row that would be refused gets -1.
   */
  batch(columns: Float64Array, rows: number): Float64Array;
}
