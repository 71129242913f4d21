// The order matters: the Worker opens the model while index.js is evaluated.
import "./module.mjs";
export * from "./index.js";
export { default } from "./index.js";
