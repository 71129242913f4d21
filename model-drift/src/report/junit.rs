//! JUnit XML, which CI systems show as tests: one a column, failed when it has drifted.
//! The form is the one that Jenkins' xunit-plugin documents.

use std::fmt::Write as _;

use super::{ColumnReport, Report};

impl Report {
    /// The report as JUnit XML.
    #[must_use]
    pub fn junit(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let failures = self.drifted();
        let _ = writeln!(
            out,
            "<testsuites><testsuite name=\"drift\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{}\">",
            self.columns.len(),
            self.columns.iter().filter(|column| skipped(column)).count()
        );
        for column in &self.columns {
            let name = escaped(&column.name);
            let _ = write!(out, "<testcase classname=\"drift\" name=\"{name}\"");
            let sentence = escaped(&column.sentence);
            if column.drift {
                let _ = writeln!(
                    out,
                    "><failure message=\"{sentence}\">{}: score {:e}, threshold {:e}</failure></testcase>",
                    escaped(&column.method),
                    column.score,
                    column.threshold
                );
            } else if skipped(column) {
                let _ = writeln!(out, "><skipped message=\"{sentence}\"/></testcase>");
            } else {
                let _ = writeln!(out, "/>");
            }
        }
        out.push_str("</testsuite></testsuites>\n");
        out
    }
}

/// Nothing could be said about it.
fn skipped(column: &ColumnReport) -> bool {
    !column.drift && (column.reference.valid == 0 || column.current.valid == 0)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no other control characters.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
