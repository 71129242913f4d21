//! What a credit committee asks for first, in a card.

use std::fmt::Write;

use model_report::number::{count, fixed, percent};

use super::markdown::{between, plain};
use crate::evaluate::{Decile, Evaluation, Interval};
use crate::report::{cost_verdict, decile_name};

/// Gini, KS, the rarer outcome, bad rate, calibration and cost, and the gains table.
pub(super) fn committee(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let credit = &evaluation.credit;
    let bad = plain(&evaluation.model.negative_outcome);
    if bad != "bad" {
        writeln!(card, "Bad is {bad}.\n")?;
    }
    writeln!(card, "| figure | value | 95% interval |\n|---|---:|---:|")?;
    let mut line = |name: &str, value: String, interval: String| {
        writeln!(card, "| {name} | {value} | {interval} |")
    };
    if let Some(gini) = credit.gini {
        line("Gini", fixed(gini.value, 4), between(gini.interval, 4))?;
    }
    if let Some(ks) = credit.ks {
        line("KS", fixed(ks.value, 4), between(ks.interval, 4))?;
    }
    if let Some(rarer) = &credit.average_precision_rarer {
        let model = &evaluation.model;
        let outcome = if rarer.positive {
            &model.positive_outcome
        } else {
            &model.negative_outcome
        };
        let name = format!(
            "Average precision of {} (random model: {})",
            plain(outcome),
            fixed(rarer.share, 4)
        );
        line(&name, fixed(rarer.value, 4), between(rarer.interval, 4))?;
    }
    if let Some(cut_off) = credit.cut_off {
        let all = percent(cut_off.bad_rate_all);
        let name = format!("Bad rate of those approved (all rows: {all})");
        let rate = percent(cut_off.bad_rate.unwrap_or(f64::NAN));
        line(&name, rate, percents(cut_off.bad_rate_interval))?;
    }
    if let Some(fit) = &credit.calibration_fit {
        let after = &fit.after;
        for (name, found) in [
            ("Calibration slope (ideal: 1)", &after.slope),
            ("Calibration intercept (ideal: 0)", &after.intercept),
        ] {
            if let Some(found) = found {
                line(
                    name,
                    fixed(found.value, 4),
                    between(Some(found.interval), 4),
                )?;
            }
        }
    }
    writeln!(card)?;
    if let Some(cost) = &credit.cost {
        writeln!(card, "{}\n", cost_verdict(cost))?;
    }
    gains(card, &credit.deciles)
}

fn gains(card: &mut String, deciles: &[Decile]) -> std::fmt::Result {
    if deciles.is_empty() {
        return Ok(());
    }
    writeln!(
        card,
        "Gains table, the riskiest tenth of the scores first:\n"
    )?;
    writeln!(
        card,
        "| decile | rows | bads | bad rate | 95% interval | expected | lift | bads captured \
         |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    )?;
    for decile in deciles {
        writeln!(
            card,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            decile_name(decile),
            count(decile.rows),
            count(decile.bad),
            percent(decile.bad_rate),
            percents(Some(decile.bad_rate_interval)),
            percent(decile.expected_bad_rate),
            fixed(decile.lift.unwrap_or(f64::NAN), 2),
            percent(decile.cumulative_bads)
        )?;
    }
    writeln!(card)
}

fn percents(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |interval| format!("{} to {}", percent(interval.low), percent(interval.high)),
    )
}
