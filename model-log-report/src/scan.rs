//! One pass over the records.

use std::collections::{BTreeMap, HashMap};

use model_log::event::{LoanResult, Override, Performance};
use model_log::{Digest, Kind, LogError, Opened, Outcome, Reader, Role};
use serde::Deserialize;

use crate::{Period, Report};

/// Digits of a digest that stand for a model whose name is not known.
const DIGITS: usize = 12;

/// What was read so far.
#[derive(Default)]
struct Scan {
    /// The decisions of the period, by index.
    decisions: BTreeMap<u64, Decision>,
    /// By the index of the decision.
    words: HashMap<u64, Word>,
    results: HashMap<u64, LoanResult>,
    /// The name of each model file.
    names: HashMap<Digest, String>,
    erased: u64,
}

struct Decision {
    outcome: Outcome,
    model: Digest,
}

/// What a person decided; person and reason are lost where it was erased.
struct Word {
    outcome: Outcome,
    about: Option<(String, String)>,
}

pub(crate) fn read(reader: &Reader, period: Period) -> Result<Report, LogError> {
    let mut scan = Scan::default();
    reader.scan(0, u64::MAX, |record| {
        scan.take(&record, period);
        Ok::<(), LogError>(())
    })?;
    Ok(scan.report(period))
}

impl Scan {
    fn take(&mut self, record: &Opened, period: Period) {
        match (record.kind, record.link) {
            // A request that was refused was not decided.
            (Kind::Decision, None) if record.outcome == Outcome::None => {}
            (Kind::Decision, None) if period.has(record.minute) => self.decision(record),
            (Kind::Override, Some(link)) => {
                let said = record.event::<Override>().ok();
                let word = Word {
                    outcome: record.outcome,
                    about: said.map(|said| (said.by, said.reason)),
                };
                self.words.insert(link, word);
            }
            (Kind::Performance, Some(link)) => {
                // The last word on a loan counts.
                if let Ok(said) = record.event::<Performance>() {
                    self.results.insert(link, said.result);
                }
            }
            _ => {}
        }
    }

    fn decision(&mut self, record: &Opened) {
        match &record.body {
            // A shadow answers nobody.
            Some(body) if body.details.role == Role::Shadow => return,
            Some(body) => {
                let name = || name(&body.answer);
                if let (false, Some(name)) = (self.names.contains_key(&record.model), name()) {
                    self.names.insert(record.model, name);
                }
            }
            None => self.erased += 1,
        }
        let decision = Decision {
            outcome: record.outcome,
            model: record.model,
        };
        self.decisions.insert(record.index, decision);
    }

    fn report(self, period: Period) -> Report {
        let mut report = Report {
            period,
            erased: self.erased,
            ..Report::default()
        };
        for (index, decision) in &self.decisions {
            let word = self.words.get(index);
            let result = self.results.get(index).copied();
            let person = word.map(|word| word.outcome);
            let named = self.names.get(&decision.model).cloned();
            let model = named.unwrap_or_else(|| short(&decision.model));
            let mut groups = vec![&mut report.all, report.models.entry(model).or_default()];
            match word.map(|word| &word.about) {
                Some(Some((by, reason))) => {
                    groups.push(report.people.entry(by.clone()).or_default());
                    groups.push(report.reasons.entry(reason.clone()).or_default());
                }
                Some(None) => report.erased_overrides += 1,
                None => {}
            }
            for group in groups {
                group.add(decision.outcome, person, result);
            }
        }
        report
    }
}

/// The model's name and version, as its answers have them.
fn name(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        model: Model,
    }
    #[derive(Deserialize)]
    struct Model {
        name: String,
        version: String,
    }
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    Some(format!("{} {}", answer.model.name, answer.model.version))
}

fn short(digest: &Digest) -> String {
    let digits: String = digest.to_string().chars().take(DIGITS).collect();
    format!("file sha256:{digits}…")
}
