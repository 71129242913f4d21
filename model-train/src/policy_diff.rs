//! Who would be decided differently by another policy or model, and by which rule.

use std::collections::BTreeMap;

use model_core::decide::Decider;
use model_core::policy::Outcome;
use model_report::number::{count, percent};
use model_report::{Cell, Fact, Page, Section, Table, Tone};

use crate::applications::{Applications, check_columns};
use crate::report::ReportError;

/// Changed rows that a report lists.
const LISTED: usize = 200;

/// What an application comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It is decided.
    Decided(Outcome),
    /// The model refuses it.
    Refused,
}

/// An application that is decided differently.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its line in the file; the first is 1.
    pub line: u64,
    /// What it came to before.
    pub old: Answer,
    /// What it comes to now.
    pub new: Answer,
    /// What made the difference.
    pub cause: String,
}

/// Two files' decisions of the same applications.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The applications.
    pub rows: usize,
    /// Those that are decided differently, in the order of the file.
    pub changes: Vec<Change>,
    /// How many came to each pair of answers, the old one first.
    pub table: BTreeMap<(Answer, Answer), usize>,
}

/// What one file made of a row.
struct Decided {
    answer: Answer,
    /// The ids of the rules that said so.
    rules: Vec<String>,
    /// The ids of the matched rules that approve.
    approvals: Vec<String>,
    /// What the score alone decides, by the band where there is one.
    score: Outcome,
}

impl Answer {
    /// `approve`, `refer`, `decline` or `refused`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Decided(outcome) => outcome.word(),
            Self::Refused => "refused",
        }
    }
}

/// Decides the applications of a file by both models, each as it was read by the model's own
/// schema ([`Applications::read_each`]).
///
/// # Errors
/// When the models ask for different columns, or one is of another schema than its
/// applications were read by.
pub fn difference(
    applications: [&Applications; 2],
    old: &mut Decider,
    new: &mut Decider,
) -> Result<Difference, String> {
    check_columns(&new.artifact().schema, &old.artifact().schema)?;
    let [for_old, for_new] = applications;
    let before = decide(for_old, old)?;
    let after = decide(for_new, new)?;
    let mut difference = Difference {
        rows: for_old.rows(),
        changes: Vec::new(),
        table: BTreeMap::new(),
    };
    let rows = for_old.lines.iter().zip(before.iter().zip(&after));
    for (line, (before, after)) in rows {
        let pair = (before.answer, after.answer);
        *difference.table.entry(pair).or_default() += 1;
        if pair.0 != pair.1 {
            difference.changes.push(Change {
                line: *line,
                old: pair.0,
                new: pair.1,
                cause: cause(before, after),
            });
        }
    }
    Ok(difference)
}

fn decide(applications: &Applications, decider: &mut Decider) -> Result<Vec<Decided>, String> {
    let mut decided = Vec::with_capacity(applications.rows());
    applications.judge(decider, |_, judgement, decider| {
        let Some(judgement) = judgement else {
            decided.push(Decided {
                answer: Answer::Refused,
                rules: Vec::new(),
                approvals: Vec::new(),
                score: Outcome::Decline,
            });
            return;
        };
        let policy = decider.artifact().policy.as_ref();
        let rules = policy.map_or(&[][..], |policy| &policy.rules);
        let saying = |wanted: Outcome| {
            let matched = decider.matched_outcomes();
            let matched = matched.filter(|matched| matched.outcome == wanted);
            matched
                .map(|matched| rules[matched.rule].id.clone())
                .collect()
        };
        decided.push(Decided {
            answer: Answer::Decided(judgement.outcome),
            rules: saying(judgement.outcome),
            approvals: saying(Outcome::Approve),
            score: judgement.score,
        });
    })?;
    Ok(decided)
}

/// The rules that decide now, or those that no longer do.
fn cause(before: &Decided, after: &Decided) -> String {
    let named = |what: &str, rules: &[String]| format!("{what} {}", rules.join(", "));
    if after.answer == Answer::Refused || before.answer == Answer::Refused {
        return "the schema".to_owned();
    }
    if after.answer > before.answer {
        return match (after.rules.is_empty(), before.approvals.is_empty()) {
            (false, _) => named("rule", &after.rules),
            (true, false) => named("no longer rule", &before.approvals),
            (true, true) => score(before, after).to_owned(),
        };
    }
    match (before.rules.is_empty(), after.approvals.is_empty()) {
        (false, _) => named("no longer rule", &before.rules),
        (true, false) => named("rule", &after.approvals),
        (true, true) => score(before, after).to_owned(),
    }
}

/// What the score had to do with it.
fn score(before: &Decided, after: &Decided) -> &'static str {
    match (before.score, after.score) {
        (_, Outcome::Refer) => "the refer band",
        (Outcome::Refer, _) => "no longer the refer band",
        _ => "the score",
    }
}

impl Difference {
    /// How many changed from one answer to another for one cause, the most frequent first.
    #[must_use]
    pub fn by_cause(&self) -> Vec<((Answer, Answer, &str), usize)> {
        let mut causes = BTreeMap::new();
        for change in &self.changes {
            let key = (change.old, change.new, change.cause.as_str());
            *causes.entry(key).or_insert(0) += 1;
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        causes
    }

    /// A page with the table of answers, the causes, and the first changed rows. `old` and
    /// `new` are what it calls the files.
    ///
    /// # Errors
    /// When the page cannot be drawn.
    pub fn html(&self, old: &str, new: &str, data: &str) -> Result<String, ReportError> {
        let changed = self.changes.len();
        let share = changed as f64 / self.rows.max(1) as f64;
        let tone = if changed == 0 {
            Tone::Good
        } else {
            Tone::Warning
        };
        let page = Page::new("Policy difference")
            .subtitle(format!("{old} and {new} on {data}"))
            .fact(Fact::new("Applications", count(self.rows)))
            .fact(Fact::new("Decided differently", count(changed)).tone(tone))
            .fact(Fact::new("Share", percent(share)))
            .section(Section::new("answers", "Outcomes, before and after").table(self.answers()))
            .section(Section::new("causes", "What made the difference").table(self.causes()))
            .section(Section::new("rows", "Applications").table(self.listed()));
        page.html()
            .map_err(|error| ReportError::Page(error.to_string()))
    }

    fn answers(&self) -> Table {
        let rows = self.table.iter().map(|((old, new), rows)| {
            vec![
                Cell::new(old.word()),
                Cell::new(new.word()),
                Cell::new(count(*rows)),
            ]
        });
        Table::new("Applications by outcome")
            .text("Before")
            .text("After")
            .number("Applications")
            .rows(rows)
    }

    fn causes(&self) -> Table {
        let causes = self.by_cause().into_iter();
        let rows = causes.map(|((old, new, cause), rows)| {
            vec![
                Cell::new(old.word()),
                Cell::new(new.word()),
                Cell::new(cause),
                Cell::new(count(rows)),
            ]
        });
        Table::new("Changed applications by cause")
            .text("Before")
            .text("After")
            .text("By")
            .number("Applications")
            .rows(rows)
    }

    fn listed(&self) -> Table {
        let caption = match self.changes.len() {
            more if more > LISTED => format!("The first {LISTED} of {} changed", count(more)),
            _ => "Changed applications".to_owned(),
        };
        let rows = self.changes.iter().take(LISTED).map(|change| {
            vec![
                Cell::new(change.line.to_string()),
                Cell::new(change.old.word()),
                Cell::new(change.new.word()),
                Cell::new(change.cause.as_str()),
            ]
        });
        Table::new(caption)
            .number("Line")
            .text("Before")
            .text("After")
            .text("By")
            .rows(rows)
    }
}
