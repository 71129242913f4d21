//! The module: one engine, two doors (plain exports and a JavaScript class).
