//! Markdown, for a comment on a change or a page of a wiki.

use std::fmt::Write as _;

use super::{Report, sentence};

impl Report {
    /// The report as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let verdict = if self.dataset_drift {
            "Drift"
        } else {
            "No drift found"
        };
        let _ = writeln!(out, "# {verdict}\n\n{}\n", escaped(&self.summary()));
        let _ = writeln!(
            out,
            "Reference: {} ({} rows). Current: {} ({} rows).\n",
            escaped(&self.reference),
            self.reference_rows,
            escaped(&self.current),
            self.current_rows
        );
        for note in &self.notes {
            let _ = writeln!(out, "> {}\n", escaped(note));
        }
        let _ = writeln!(
            out,
            "| column | drift | method | score | threshold | moved | what happened |"
        );
        let _ = writeln!(out, "|---|---|---|--:|--:|--:|---|");
        for column in self.by_drift() {
            let score = match column.score_is_p_value {
                true => sentence::p_value(column.score),
                false => sentence::short(column.score),
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {score} | {} | {} | {} |",
                escaped(&column.name),
                if column.drift { "**yes**" } else { "no" },
                column.method,
                sentence::short(column.threshold),
                column
                    .effect_size
                    .map(sentence::percent)
                    .unwrap_or_default(),
                escaped(&column.sentence),
            );
        }
        let quality = self.quality();
        if !quality.is_empty() {
            let _ = writeln!(out, "\n## Data quality\n");
            for line in quality {
                let _ = writeln!(out, "- {}", escaped(&line));
            }
        }
        out
    }
}

/// Without what Markdown or a table would take for its own.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}
