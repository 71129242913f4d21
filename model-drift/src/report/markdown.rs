//! Markdown, for a comment on a pull request or a page of a wiki.

use std::fmt::Write as _;

use model_core::texts::is_control;
use model_report::number::{count, fixed, p_is, percent, short};

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
            count(self.reference_rows as usize),
            escaped(&self.current),
            count(self.current_rows as usize)
        );
        for note in &self.notes {
            let _ = writeln!(out, "> {}\n", escaped(note));
        }
        let _ = writeln!(
            out,
            "| Column | Drift | Test | p-value or distance | Threshold | PSI / CSI | Effect | Description |"
        );
        let _ = writeln!(out, "|---|---|---|--:|--:|--:|--:|---|");
        for column in &self.columns {
            let score = if column.score_is_p_value {
                p_is(column.score)
            } else {
                format!("d = {}", short(column.score))
            };
            let index = match (column.stability_index, column.stability) {
                (Some(index), Some(band)) => format!("{} ({})", fixed(index, 3), band.word()),
                _ => String::new(),
            };
            let moved = column.effect_size.map(percent).unwrap_or_default();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                escaped(&column.name),
                if column.drift { "**yes**" } else { "no" },
                column.method,
                escaped(&score),
                short(column.threshold),
                index,
                escaped(&moved),
                escaped(&column.sentence),
            );
        }
        let _ = writeln!(out);
        for paragraph in sentence::method(self) {
            let _ = writeln!(out, "{}\n", escaped(&paragraph));
        }
        let quality = self.quality();
        if !quality.is_empty() {
            let _ = writeln!(out, "## Data quality\n");
            for line in quality {
                let _ = writeln!(out, "- {}", escaped(&line));
            }
        }
        out
    }
}

/// With everything escaped that Markdown or a table would interpret.
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
            // A terminal would act on it.
            c if is_control(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}
