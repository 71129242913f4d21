//! The first tables of a committee pack: deciles, and what the cut-off costs.

use model_report::chart::Axis;
use model_report::number::{count, fixed, percent};
use model_report::{Cell, Chart, Figure, Section, Table, Tone};

use super::ReportError;
use super::words::{Rates, amount, amount_for_one, bad, good, score, which_is_bad};
use crate::evaluate::{Cost, CostTerms, Decile, Evaluation, LossGivenDefault};

pub(super) fn deciles(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let section = Section::new("deciles", "Deciles");
    let credit = &evaluation.credit;
    let (Some(last), Some(cut_off)) = (credit.deciles.last(), &credit.cut_off) else {
        return Ok(section);
    };
    let model = &evaluation.model;
    let rates = Rates::new(cut_off.bad_rate_all);
    let expected = credit.deciles.iter().map(|decile| {
        let middle = (decile.first + decile.last) as f64 / 2.0;
        (middle, decile.expected_bad_rate)
    });
    let observed = credit.deciles.iter().map(|decile| {
        let middle = (decile.first + decile.last) as f64 / 2.0;
        let interval = decile.bad_rate_interval;
        (middle, decile.bad_rate, interval.low, interval.high)
    });
    let observed: Vec<_> = observed.collect();
    let chart = Chart::new(
        "Bad rate by decile",
        format!(
            "The bad rate runs from {} in the riskiest decile to {} in the safest.",
            rates.text(credit.deciles[0].bad_rate),
            rates.text(last.bad_rate)
        ),
        Axis::new("Decile of the score, 1 = riskiest").range(0.5, 10.5),
        Axis::share("Bad rate").fitted().from_zero(),
    )
    .estimates(
        "observed",
        observed.iter().map(|o| (o.0, o.1)).collect(),
        observed.iter().map(|o| (o.0, o.2, o.3)).collect(),
    )
    .line("expected by the model", expected.collect())
    .reference(
        "all rows",
        vec![(0.5, cut_off.bad_rate_all), (10.5, cut_off.bad_rate_all)],
    )
    .svg()?;
    let lift = Chart::new(
        "Cumulative lift",
        "The bad rate of the riskiest rows over that of all rows.",
        Axis::share("Share of rows, riskiest first"),
        Axis::new("Lift").from_zero(),
    )
    .line(
        "model",
        credit
            .gains
            .iter()
            // The first rows are too few to say.
            .filter(|point| point.rows >= 0.01)
            .map(|point| (point.rows, point.bads / point.rows))
            .collect(),
    )
    .reference("random model", vec![(0.0, 1.0), (1.0, 1.0)])
    .svg()?;
    Ok(section
        .table(table(evaluation, rates))
        .paragraph(notes(&credit.deciles, bad(model), good(model)))
        .figure(Figure::new(
            chart,
            "Vertical lines are 95% intervals (Wilson). The steeper the curve, the better the \
             scores rank the risk.",
        ))
        .figure(Figure::new(
            lift,
            "How many times as many bads as a random choice of as many rows would hold.",
        )))
}

fn table(evaluation: &Evaluation, rates: Rates) -> Table {
    let model = &evaluation.model;
    let deciles = &evaluation.credit.deciles;
    let highest = deciles
        .iter()
        .map(|decile| decile.bad_rate)
        .fold(0.0, f64::max);
    Table::new(format!(
        "Gains table: rows by score, the riskiest tenth first.{}",
        which_is_bad(model)
    ))
    .text("Decile")
    .number("Score band")
    .number("Rows")
    .number("Bads")
    .number("Bad rate")
    .number("95% interval")
    .number("Expected")
    .number("Lift")
    .number("Bads captured")
    .number("Goods captured")
    .number("KS")
    .rows(deciles.iter().map(|decile| {
        let share = if highest > 0.0 {
            decile.bad_rate / highest
        } else {
            0.0
        };
        vec![
            name(decile).into(),
            format!("{} to {}", score(decile.low), score(decile.high)).into(),
            count(decile.rows).into(),
            count(decile.bad).into(),
            Cell::new(rates.text(decile.bad_rate)).share(share),
            rates.between(Some(decile.bad_rate_interval)).into(),
            rates.text(decile.expected_bad_rate).into(),
            fixed(decile.lift.unwrap_or(f64::NAN), 2).into(),
            Cell::new(percent(decile.cumulative_bads)).share(decile.cumulative_bads),
            percent(decile.cumulative_goods).into(),
            fixed((decile.cumulative_bads - decile.cumulative_goods).abs(), 3).into(),
        ]
    }))
}

/// "3", or "3–5" where ties fill more than one.
pub(crate) fn name(decile: &Decile) -> String {
    if decile.first == decile.last {
        decile.first.to_string()
    } else {
        format!("{}–{}", decile.first, decile.last)
    }
}

fn notes(deciles: &[Decile], bad: &str, good: &str) -> String {
    let mut text = format!(
        "The score is the probability of {good}; bads captured is cumulative. Rows of one score \
         are never divided between deciles."
    );
    let merged = deciles.iter().filter(|d| d.first != d.last).count();
    let rows: usize = deciles.iter().map(|decile| decile.rows).sum();
    if rows < 10 {
        text.push_str(" There are fewer rows than deciles.");
    } else if merged > 0 {
        text.push_str(&format!(
            " {} so many rows of one score that {} more than one decile.",
            if merged == 1 {
                "1 band has"
            } else {
                "Some bands have"
            },
            if merged == 1 { "it fills" } else { "they fill" }
        ));
    }
    let empty: Vec<String> = deciles.iter().filter(|d| d.bad == 0).map(name).collect();
    if !empty.is_empty() {
        text.push_str(&format!(
            " No row of {} {} is {bad}: the interval shows what rate that leaves possible.",
            match &empty[..] {
                [one] if !one.contains('–') => "decile",
                _ => "deciles",
            },
            empty.join(", ")
        ));
    }
    text
}

/// Nothing where no cost is known.
pub(super) fn cost(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let section = Section::new("cost", "Cost");
    let Some(cost) = &evaluation.credit.cost else {
        return Ok(section.clone());
    };
    let line = |name: &str, total: f64, approved: f64| {
        vec![
            Cell::new(name),
            percent(approved).into(),
            amount(total).into(),
            amount_for_one(cost.for_one(total)).into(),
            amount(cost.approve_everyone - total).into(),
        ]
    };
    let approval = evaluation
        .credit
        .cut_off
        .map_or(f64::NAN, |cut_off| cut_off.approval_rate);
    let own = format!(
        "Model at its threshold {}",
        fixed(evaluation.model.threshold, 4)
    );
    let mut own = line(&own, cost.at_threshold, approval);
    own[0] = own[0].clone().tone(if cost.exceeds_declining() {
        Tone::Warning
    } else {
        Tone::Good
    });
    let table = Table::new(terms_in_words(&cost.terms))
        .text("Decision")
        .number("Approved")
        .number("Cost")
        .number("Cost per row")
        .number("Saved against approving everyone")
        .rows([
            own,
            line("Approve everyone", cost.approve_everyone, 1.0),
            line("Decline everyone", cost.decline_everyone, 0.0),
            line(
                "Cheapest cut-off on these rows, by hindsight",
                cost.cheapest.cost,
                cost.cheapest.approval_rate,
            ),
        ]);
    let points: Vec<(f64, f64)> = evaluation
        .credit
        .strategy
        .iter()
        .filter_map(|point| Some((point.approval_rate, point.cost?)))
        .collect();
    let chart = Chart::new(
        "Cost by approval rate",
        "The cost of the errors at each approval rate.",
        Axis::share("Approval rate"),
        Axis::new("Cost").from_zero(),
    )
    .line("model", points)
    .reference(
        "approve everyone",
        vec![(0.0, cost.approve_everyone), (1.0, cost.approve_everyone)],
    )
    .upright("the model's cut-off", approval)
    .wide()
    .svg()?;
    Ok(section.paragraph(verdict(cost)).table(table).figure(
        Figure::new(
            chart,
            "The lowest point is the cheapest cut-off on these rows; it was not known beforehand.",
        )
        .wide(),
    ))
}

/// Whether the model saves money at its threshold.
pub(crate) fn verdict(cost: &Cost) -> String {
    let interval = cost.saved.interval;
    let range = interval.map_or_else(String::new, |interval| {
        format!(
            "95% interval {} to {}",
            amount(interval.low),
            amount(interval.high)
        )
    });
    let (own, all) = (amount(cost.at_threshold), amount(cost.approve_everyone));
    let mut text = if cost.saved.value < 0.0 {
        format!(
            "At its threshold the model costs {own}, more than approving everyone, which costs \
             {all} (saved: {}, {range}).",
            amount(cost.saved.value)
        )
    } else if interval.is_some_and(|interval| interval.low <= 0.0) {
        format!(
            "At its threshold the model costs {own}, approving everyone {all}: it saves {}, but \
             the {range} includes 0.",
            amount(cost.saved.value)
        )
    } else {
        format!(
            "At its threshold the model costs {own}, approving everyone {all}: it saves {} \
             ({range}).",
            amount(cost.saved.value)
        )
    };
    if cost.exceeds_declining() {
        text.push_str(&format!(
            " But declining everyone costs only {}: at this cost the model is of no use at its \
             threshold.",
            amount(cost.decline_everyone)
        ));
    }
    text
}

pub(super) fn terms_in_words(terms: &CostTerms) -> String {
    let each = |cost: f64, what: &str| format!("{} per {what}", model_report::number::short(cost));
    let (bad, good) = (
        each(terms.false_positive, "approved bad"),
        each(terms.false_negative, "declined good"),
    );
    let text = match &terms.exposure {
        None => format!("Cost: {bad}, {good}"),
        Some(column) => format!("Cost, times {column}: {bad}, {good}"),
    };
    match &terms.loss_given_default {
        None => format!("{text}."),
        Some(LossGivenDefault::Share(share)) => {
            format!("{text}; an approved bad loses {} of it.", percent(*share))
        }
        Some(LossGivenDefault::Column(column)) => {
            format!("{text}; an approved bad loses the share in {column}.")
        }
    }
}
