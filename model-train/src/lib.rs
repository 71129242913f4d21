//! From a CSV to an artifact: dataset, split, fit, evaluate, pack.
