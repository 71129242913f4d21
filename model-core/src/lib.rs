//! Schema, preprocessing, models, decisions and the artifact: pure, no I/O.
