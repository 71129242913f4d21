//! Champion against challenger, from the counts of a server that runs one in the shadow of the
//! other.
//!
//! The counts say how often both decide the same, who would change sides, and how far apart their
//! probabilities are. They hold no outcomes: whether those who change sides are better or worse
//! is what [`crate::evaluate::compare`] measures, on rows whose outcome is known.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::evaluate::{Interval, wilson};

/// The counter of pairs of outcomes, of results, and the histogram of differences.
const OUTCOMES: &str = "underwrite_shadow_outcomes_total";
const RESULTS: &str = "underwrite_shadow_total";
const DIFFERENCES: &str = "underwrite_shadow_difference";

/// The largest count: above it a number of the text format is not exact.
const LARGEST: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;

/// By how much two counters of the same requests may differ, since others are counted while they
/// are read; of many requests, by a hundredth of them.
const MOST_WHILE_READ: u64 = 5;

/// What a server counted of one challenger.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shadow {
    /// The challenger's name.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Requests that both answered.
    pub compared: u64,
    /// Those that both decided alike.
    pub agreed: u64,
    /// Their share; none where nothing was compared.
    pub agreement: Option<f64>,
    /// Wilson's 95% interval of it.
    pub agreement_interval: Option<Interval>,
    /// Requests that the challenger failed to answer.
    pub failed: u64,
    /// Requests that it was not given, since its queue was full: where they are many, what was
    /// compared may not be like the rest.
    pub dropped: u64,
    /// Requests by both outcomes, in the order of the words.
    pub outcomes: Vec<Sides>,
    /// The mean absolute difference of the probabilities.
    pub mean_difference: Option<f64>,
    /// A difference that 95% of the requests do not exceed: the upper end of a bucket of the
    /// server's histogram.
    pub difference_95: Option<f64>,
}

/// Requests with the same pair of outcomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// What the champion decided: `approve`, `refer`, `decline` or `refused`.
    pub champion: String,
    /// What the challenger would have decided.
    pub challenger: String,
    /// How many.
    pub requests: u64,
}

/// Why there is nothing to report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShadowError {
    /// A sample cannot be read.
    #[error("line {line}: expected a metric with labels and a number, got '{got}'")]
    Sample {
        /// From 1.
        line: usize,
        /// The start of the line.
        got: String,
    },
    /// A sample that came before, as where the metrics of two servers are in one file.
    #[error("line {line}: duplicate sample: expected the metrics of one server, scraped once")]
    Twice {
        /// From 1.
        line: usize,
    },
    /// Two counters of the same requests contradict each other.
    #[error(
        "{RESULTS} counts {results} requests that both answered, {OUTCOMES} {outcomes}: the answer of /metrics is incomplete; fetch it again"
    )]
    Incomplete {
        /// Those that agreed or disagreed.
        results: u64,
        /// Those by both outcomes.
        outcomes: u64,
    },
    /// No challenger was counted.
    #[error(
        "there is no metric {OUTCOMES}: expected what a server answers at /metrics, with a challenger in the shadow that has been asked at least once"
    )]
    NoChallenger,
}

/// Reads what a server's `/metrics` answered, in Prometheus' or OpenMetrics' text format: one
/// entry for each challenger, by model and version.
///
/// # Errors
/// Names the line that cannot be read, or says that no challenger was counted.
///
/// # Example
/// ```
/// use model_train::shadow::read;
///
/// let metrics = "\
/// underwrite_shadow_outcomes_total{model=\"loans\",version=\"2\",champion=\"approve\",challenger=\"approve\"} 90
/// underwrite_shadow_outcomes_total{model=\"loans\",version=\"2\",champion=\"approve\",challenger=\"decline\"} 10
/// underwrite_shadow_total{model=\"loans\",version=\"2\",result=\"agreed\"} 90
/// underwrite_shadow_total{model=\"loans\",version=\"2\",result=\"disagreed\"} 10
/// ";
/// let counted = read(metrics)?;
/// assert_eq!((counted[0].compared, counted[0].agreement), (100, Some(0.9)));
/// # Ok::<(), model_train::shadow::ShadowError>(())
/// ```
pub fn read(metrics: &str) -> Result<Vec<Shadow>, ShadowError> {
    let mut found: BTreeMap<(String, String), Counted> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (index, line) in metrics.lines().enumerate() {
        if ![OUTCOMES, RESULTS, DIFFERENCES]
            .iter()
            .any(|name| line.starts_with(name))
        {
            continue;
        }
        let sample = Sample::parse(line).filter(Sample::is_a_count);
        let sample = sample.ok_or_else(|| ShadowError::Sample {
            line: index + 1,
            got: line.chars().take(60).collect(),
        })?;
        if !seen.insert(sample.series()) {
            return Err(ShadowError::Twice { line: index + 1 });
        }
        let key = (sample.label("model"), sample.label("version"));
        found.entry(key).or_default().add(&sample);
    }
    if let Some(incomplete) = found.values().find_map(Counted::incomplete) {
        return Err(incomplete);
    }
    let found = found.into_iter();
    let shadows: Vec<Shadow> = found
        .filter(|(_, counted)| !counted.outcomes.is_empty())
        .map(|((model, version), counted)| counted.finish(model, version))
        .collect();
    if shadows.is_empty() {
        return Err(ShadowError::NoChallenger);
    }
    Ok(shadows)
}

/// The samples of one challenger.
#[derive(Debug, Default)]
struct Counted {
    outcomes: Vec<Sides>,
    results: BTreeMap<String, u64>,
    sum: f64,
    count: f64,
    /// Upper ends, and how many differences do not exceed them.
    buckets: Vec<(f64, f64)>,
}

impl Counted {
    fn add(&mut self, sample: &Sample<'_>) {
        match sample.name {
            OUTCOMES => self.outcomes.push(Sides {
                champion: sample.label("champion"),
                challenger: sample.label("challenger"),
                requests: sample.value as u64,
            }),
            RESULTS => {
                let result = sample.label("result");
                self.results.insert(result, sample.value as u64);
            }
            "underwrite_shadow_difference_sum" => self.sum = sample.value,
            "underwrite_shadow_difference_count" => self.count = sample.value,
            "underwrite_shadow_difference_bucket" => {
                if let Ok(end) = sample.label("le").parse() {
                    self.buckets.push((end, sample.value));
                }
            }
            _ => {}
        }
    }

    /// A server counts each comparison in both, one shortly after the other.
    fn incomplete(&self) -> Option<ShadowError> {
        let of = |result: &str| self.results.get(result).copied();
        let results = match (of("agreed"), of("disagreed")) {
            (None, None) => return None,
            (agreed, disagreed) => agreed.unwrap_or(0) + disagreed.unwrap_or(0),
        };
        let add = |sum: u64, sides: &Sides| sum.saturating_add(sides.requests);
        let outcomes = self.outcomes.iter().fold(0, add);
        let while_read = MOST_WHILE_READ.max(results.max(outcomes) / 100);
        (results.abs_diff(outcomes) > while_read)
            .then_some(ShadowError::Incomplete { results, outcomes })
    }

    fn finish(mut self, model: String, version: String) -> Shadow {
        let result = |name: &str| self.results.get(name).copied().unwrap_or(0);
        let add = |sum: u64, sides: &Sides| sum.saturating_add(sides.requests);
        let compared = self.outcomes.iter().fold(0, add);
        let alike = self.outcomes.iter();
        let alike = alike.filter(|sides| sides.champion == sides.challenger);
        let agreed = alike.fold(0, add);
        let (failed, dropped) = (result("failed"), result("dropped"));
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let most = self.buckets.iter();
        let most = most.clone().find(|(_, count)| *count >= 0.95 * self.count);
        let by_words = |sides: &Sides| (sides.champion.clone(), sides.challenger.clone());
        self.outcomes.sort_by_key(by_words);
        Shadow {
            model,
            version,
            compared,
            agreed,
            agreement: (compared > 0).then(|| agreed as f64 / compared as f64),
            agreement_interval: (compared > 0).then(|| wilson(agreed as usize, compared as usize)),
            failed,
            dropped,
            outcomes: self.outcomes,
            mean_difference: (self.count > 0.0).then(|| self.sum / self.count),
            difference_95: most
                .map(|(end, _)| *end)
                .filter(|end| self.count > 0.0 && end.is_finite()),
        }
    }
}

/// A line of the text format.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: f64,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, mut rest) = line.split_once('{')?;
        let mut labels = Vec::new();
        loop {
            let (key, quoted) = rest.split_once("=\"")?;
            let (value, after) = unquoted(quoted)?;
            labels.push((key.trim_start_matches(',').trim(), value));
            rest = after;
            if let Some(after) = rest.strip_prefix('}') {
                // A time stamp or an exemplar may follow.
                let value = after.split_whitespace().next()?.parse().ok()?;
                return Some(Self {
                    name,
                    labels,
                    value,
                });
            }
        }
    }

    /// Whether the value is one that a server can have counted or added up.
    fn is_a_count(&self) -> bool {
        (0.0..=LARGEST).contains(&self.value)
    }

    /// What tells it from the other samples of a server; another label may name the server.
    fn series(&self) -> (&'a str, [String; 6]) {
        let labels = ["model", "version", "champion", "challenger", "result", "le"];
        (self.name, labels.map(|name| self.label(name)))
    }

    fn label(&self, name: &str) -> String {
        let label = self.labels.iter().find(|(key, _)| *key == name);
        label.map_or_else(String::new, |(_, value)| value.clone())
    }
}

/// The text up to the closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# HELP underwrite_shadow A challenger's decisions in the shadow.
underwrite_shadow_total{model=\"a \\\"b\\\", c\",version=\"2\",result=\"agreed\"} 6
underwrite_shadow_total{model=\"a \\\"b\\\", c\",version=\"2\",result=\"dropped\"} 3
underwrite_shadow_outcomes_total{model=\"a \\\"b\\\", c\",version=\"2\",champion=\"decline\",challenger=\"approve\"} 2
underwrite_shadow_outcomes_total{model=\"a \\\"b\\\", c\",version=\"2\",champion=\"approve\",challenger=\"approve\"} 6
underwrite_shadow_difference_sum{model=\"a \\\"b\\\", c\",version=\"2\"} 0.4
underwrite_shadow_difference_count{model=\"a \\\"b\\\", c\",version=\"2\"} 8
underwrite_shadow_difference_bucket{le=\"0.05\",model=\"a \\\"b\\\", c\",version=\"2\"} 5
underwrite_shadow_difference_bucket{le=\"0.1\",model=\"a \\\"b\\\", c\",version=\"2\"} 8
underwrite_shadow_difference_bucket{le=\"+Inf\",model=\"a \\\"b\\\", c\",version=\"2\"} 8
# EOF
";

    #[test]
    fn counts_are_of_one_server_and_can_be_added() {
        let line = METRICS.lines().count() + 2;
        let named = METRICS.replace("version=", "instance=\"b\",version=");
        for other in [METRICS, &named] {
            let twice = format!("{METRICS}{other}");
            assert_eq!(read(&twice).unwrap_err(), ShadowError::Twice { line });
        }
        for count in ["1e30", "18446744073709551615", "-1", "NaN", "+Inf"] {
            let large = METRICS.replace("} 6\n", &format!("}} {count}\n"));
            let error = read(&large).unwrap_err();
            assert!(
                matches!(error, ShadowError::Sample { line: 2, .. }),
                "{error}"
            );
        }
        let largest = METRICS.replace("} 6\n", "} 9007199254740992\n");
        assert_eq!(read(&largest).unwrap()[0].agreed, 1 << 53);
    }

    #[test]
    fn counts_are_those_of_the_server() {
        let [shadow] = &read(METRICS).unwrap()[..] else {
            unreachable!("there is one challenger");
        };
        assert_eq!(shadow.model, "a \"b\", c");
        assert_eq!((shadow.compared, shadow.agreed, shadow.dropped), (8, 6, 3));
        assert_eq!(shadow.agreement, Some(0.75));
        assert_eq!(shadow.mean_difference, Some(0.05));
        assert_eq!(shadow.difference_95, Some(0.1));
        assert_eq!(shadow.outcomes[1].champion, "decline");
    }

    /// The samples of an answer that was cut off after the first pair of outcomes.
    #[test]
    fn counters_that_contradict_each_other_are_refused() {
        let counted = |agreed: u64, disagreed: u64, outcomes: u64| {
            let labels = "model=\"a\",version=\"2\"";
            read(&format!(
                "underwrite_shadow_total{{{labels},result=\"agreed\"}} {agreed}\n\
                 underwrite_shadow_total{{{labels},result=\"disagreed\"}} {disagreed}\n\
                 underwrite_shadow_outcomes_total{{{labels},champion=\"approve\",challenger=\"approve\"}} {outcomes}\n"
            ))
        };
        let error = counted(60, 40, 60).unwrap_err();
        assert_eq!(
            error,
            ShadowError::Incomplete {
                results: 100,
                outcomes: 60
            }
        );
        assert!(error.to_string().contains("fetch it again"), "{error}");
        // Requests that came while the counters were read.
        assert_eq!(counted(60, 0, 62).unwrap()[0].compared, 62);
        assert_eq!(counted(60_000, 0, 60_100).unwrap()[0].compared, 60_100);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(read("up 1\n"), Err(ShadowError::NoChallenger));
        let cut = "up 1\nunderwrite_shadow_outcomes_total{model=\"a";
        let error = read(cut).unwrap_err().to_string();
        assert!(error.starts_with("line 2: expected a metric"), "{error}");
    }
}
