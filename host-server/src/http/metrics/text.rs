//! Metrics as text: OpenMetrics 1.0, and the older text format 0.0.4 that Pushgateway and
//! `promtool check metrics` read.

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Text,
}

impl Format {
    /// What a client that sends `accept` gets: OpenMetrics where it is asked for.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Text,
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

pub(crate) fn encode(registry: &Registry, format: Format) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = text::encode(&mut text, registry);
    match format {
        Format::OpenMetrics => text,
        Format::Text => to_text_format(&text),
    }
}

/// The two formats differ in comments alone: the older one has no `# EOF` and no `# UNIT`,
/// and calls a counter by the name of its samples, with `_total`.
fn to_text_format(open: &str) -> String {
    let mut out = String::with_capacity(open.len() + 256);
    let mut lines = open.lines().peekable();
    while let Some(line) = lines.next() {
        let counter = |line: &str| {
            line.strip_prefix("# TYPE ")
                .and_then(|rest| rest.strip_suffix(" counter"))
                .map(str::to_owned)
        };
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let following = lines.peek().and_then(|next| counter(next));
        match (line.strip_prefix("# HELP "), following, counter(line)) {
            (Some(help), Some(name), _) => {
                let words = help.strip_prefix(name.as_str()).unwrap_or(help);
                out.push_str(&format!("# HELP {name}_total{words}\n"));
            }
            (None, _, Some(name)) => out.push_str(&format!("# TYPE {name}_total counter\n")),
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}
