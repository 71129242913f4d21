//! One row's answer in a batch, as JSON.

use std::io::Write;

use crate::host::{Answer, CallError};

/// A decision as it is; an error with the row's number, from 0, and the status it would
/// have had alone.
pub(super) fn write_answer(out: &mut Vec<u8>, row: usize, answer: Result<Answer<'_>, CallError>) {
    // Writing to a vector does not fail.
    let _ = match answer {
        Ok(decision) if decision.status == 200 => out.write_all(decision.body),
        Ok(Answer { status, body }) => {
            let open = body.strip_suffix(b"}").unwrap_or(body);
            out.extend_from_slice(open);
            write!(out, ",\"row\":{row},\"status\":{status}}}")
        }
        Err(error) => {
            tracing::error!(row, %error, "decision failed in a batch");
            write!(
                out,
                "{{\"detail\":\"The model failed on this row\",\"row\":{row},\"status\":500}}"
            )
        }
    };
}
