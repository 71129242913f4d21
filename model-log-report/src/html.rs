//! The report as one page.

use std::collections::BTreeMap;

use model_report::number::{count, percent};
use model_report::{Cell, Fact, Page, Section, Table, Tone};

use crate::counts::{Counts, Fared};
use crate::interval::wilson;
use crate::{Period, Report};

/// Shares of overrides that examiners ask about, and that they question.
const ASKED: f64 = 0.05;
const QUESTIONED: f64 = 0.10;

const MINUTES_PER_DAY: u32 = 24 * 60;

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be written: {0}")]
pub struct HtmlError(String);

impl Report {
    /// The report as one HTML file that loads nothing. `log` is what it calls the log.
    ///
    /// # Errors
    /// When the page cannot be made.
    pub fn html(&self, log: &str) -> Result<String, HtmlError> {
        let all = &self.all;
        let (low, high, referrals) = (all.low_side(), all.high_side(), all.referrals());
        let mut page = Page::new("Decisions and overrides")
            .subtitle(period(self.period))
            .fact(Fact::new("Decisions", number(all.decisions())))
            .fact(
                Fact::new("Decided by people", number(all.by_people()))
                    .remark(share(all.by_people(), all.decisions())),
            )
            .fact(rate(
                "Low-side overrides",
                low,
                "declined, approved by a person",
            ))
            .fact(rate(
                "High-side overrides",
                high,
                "approved, declined by a person",
            ))
            .fact(
                Fact::new("Referrals decided", number(referrals.1))
                    .remark(format!("of {}", number(all.referred()))),
            );
        if self.erased > 0 {
            page = page.notice(
                Tone::Plain,
                format!("The content of {} decisions was erased; their outcomes are counted, what the applications said is gone.", number(self.erased)),
            );
        }
        if self.erased_overrides > 0 {
            page = page.notice(
                Tone::Plain,
                format!("{} decisions of people were erased: they are in the totals, and in no table by person or reason.", number(self.erased_overrides)),
            );
        }
        page = page
            .section(self.outcomes())
            .section(by_group(
                "reasons",
                "By reason",
                "Reason",
                &self.reasons,
                false,
            ))
            .section(by_group(
                "people",
                "By person",
                "Person",
                &self.people,
                false,
            ))
            .section(by_group("models", "By model", "Model", &self.models, true))
            .section(self.fared())
            .section(how())
            .provenance("Log", log)
            .provenance("Made by", concat!("underwrite ", env!("CARGO_PKG_VERSION")));
        page.html().map_err(|error| HtmlError(error.to_string()))
    }

    /// What the model and its rules said, and what people made of it.
    fn outcomes(&self) -> Section {
        let mut table = Table::new("By the model's outcome")
            .text("Model and rules")
            .number("Decisions")
            .number("Approved by a person")
            .number("Declined by a person")
            .number("Not decided by a person");
        let all = &self.all;
        for (at, outcome) in ["Approved", "Referred", "Declined"].into_iter().enumerate() {
            let (decisions, approved, declined) =
                (all.model[at], all.approved[at], all.declined[at]);
            let left = decisions - approved - declined;
            let cells = [decisions, approved, declined, left];
            let cells = cells.map(|cell| Cell::new(number(cell)));
            table.push([vec![Cell::new(outcome)], cells.to_vec()].concat());
        }
        Section::new("outcomes", "Outcomes").table(table)
    }

    /// How approved loans went, by who approved them.
    fn fared(&self) -> Section {
        let mut table = Table::new("Loans by who approved them")
            .text("Approved by")
            .number("Loans")
            .number("Repaid")
            .number("Defaulted")
            .number("Default rate")
            .number("95% interval");
        let all = &self.all;
        let rows: [(&str, Fared); 3] = [
            ("the model and its rules", all.by_model),
            ("a person, after a referral", all.referred_loans),
            ("a person, against the model (low-side)", all.low_side_loans),
        ];
        for (name, fared) in rows {
            let (defaulted, known) = fared.defaults();
            table.push(vec![
                Cell::new(name),
                Cell::new(number(fared.loans)),
                Cell::new(number(fared.repaid)),
                Cell::new(number(defaulted)),
                Cell::new(share(defaulted, known)),
                Cell::new(interval(defaulted, known)),
            ]);
        }
        Section::new("fared", "How the loans fared")
            .paragraph("Rates are of the loans of which it was recorded how they went. Compare them with care: what people approve differs from what the model approves, and loans that went well may be recorded later than those that did not.")
            .table(table)
    }
}

/// A table of overrides by something; of models, with what they decided.
fn by_group(
    id: &str,
    title: &str,
    column: &str,
    groups: &BTreeMap<String, Counts>,
    has_rates: bool,
) -> Section {
    let section = Section::new(id, title);
    if groups.is_empty() {
        return section;
    }
    let table = Table::new(title).text(column);
    let mut table = match has_rates {
        true => table.number("Decisions"),
        false => table.number("Decided"),
    }
    .number("Low-side")
    .number("High-side")
    .number("Referrals approved")
    .number("Referrals declined");
    if has_rates {
        table = table.number("Low-side rate").number("High-side rate");
    } else {
        table = table.number("Approved").number("95% interval");
    }
    for (name, counts) in groups {
        let (low, high) = (counts.low_side(), counts.high_side());
        let (approved, decided) = counts.referrals();
        let first = match has_rates {
            true => counts.decisions(),
            false => counts.by_people(),
        };
        let numbers = [first, low.0, high.0, approved, decided - approved];
        let mut row = vec![Cell::new(name.clone())];
        row.extend(numbers.map(|cell| Cell::new(number(cell))));
        row.extend(match has_rates {
            true => [low, high].map(|(count, of)| with_interval(count, of)),
            false => {
                let approved: u64 = counts.approved.iter().sum();
                let cell = Cell::new(share(approved, first));
                [cell, Cell::new(interval(approved, first))]
            }
        });
        table.push(row);
    }
    section.table(table)
}

fn how() -> Section {
    Section::new("how", "How to read it").list(vec![
        "A low-side override approves what the model and its rules declined; a high-side override declines what they approved. Rates are of the declined and of the approved applications.".to_owned(),
        "A referral is no override: a person was asked to decide it.".to_owned(),
        "Intervals are Wilson score intervals, 95%. A rate that is marked is above 5% or 10% with its whole interval.".to_owned(),
        "With four eyes a decision counts for the person who proposed it. Of several records of a loan's performance the last counts.".to_owned(),
    ])
}

fn rate(name: &str, (count, of): (u64, u64), what: &str) -> Fact {
    let remark = match wilson(count, of) {
        Some(_) => format!("{what}; {}, {}", share(count, of), interval(count, of)),
        None => what.to_owned(),
    };
    Fact::new(name, number(count))
        .remark(remark)
        .tone(tone(count, of))
}

fn with_interval(count: u64, of: u64) -> Cell {
    let text = match wilson(count, of) {
        Some(_) => format!("{} ({})", share(count, of), interval(count, of)),
        None => "–".to_owned(),
    };
    Cell::new(text).tone(tone(count, of))
}

/// Only a rate that is too high for chance is marked.
fn tone(count: u64, of: u64) -> Tone {
    match wilson(count, of) {
        Some((low, _)) if low > QUESTIONED => Tone::Bad,
        Some((low, _)) if low > ASKED => Tone::Warning,
        _ => Tone::Plain,
    }
}

fn interval(part: u64, of: u64) -> String {
    match wilson(part, of) {
        Some((low, high)) => format!("{} to {}", percent(low), percent(high)),
        None => "–".to_owned(),
    }
}

fn share(part: u64, of: u64) -> String {
    match of {
        0 => "–".to_owned(),
        of => percent(part as f64 / of as f64),
    }
}

fn number(value: u64) -> String {
    count(usize::try_from(value).unwrap_or(usize::MAX))
}

fn period(period: Period) -> String {
    match (period.from, period.to) {
        (None, None) => "All decisions of the log".to_owned(),
        (Some(from), None) => format!("Decisions from {} on", day(from)),
        (None, Some(to)) => format!("Decisions before {}", day(to)),
        (Some(from), Some(to)) => format!("Decisions from {} to before {}", day(from), day(to)),
    }
}

/// The day of a minute, UTC, as `2026-11-28` (H. Hinnant, *chrono-compatible date algorithms*).
fn day(minute: u32) -> String {
    let days = minute / MINUTES_PER_DAY + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (
        of_year - (153 * shifted + 2) / 5 + 1,
        if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        },
    );
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
