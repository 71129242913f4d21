//! The comparison report: two models side by side, as one HTML page.

use model_report::chart::Axis;
use model_report::number::{count, fixed, p_is, percent};
use model_report::{Cell, Chart, Fact, Figure, Page, Section, Table, Tone};

use super::words::{Rates, amount, amount_for_one, which_is_bad};
use super::{ReportError, WEIGHTED, between, described, file_name, kind_in_words};
use crate::evaluate::{
    CalibrationBin, Compared, Comparison, Difference, Figure as Measured, Stability, SwapCell,
};

/// Differences of these stand at the top.
const FIRST: [&str; 3] = ["gini", "ks", "log_loss"];

/// The report as one self-contained HTML page.
///
/// # Errors
/// When a chart or the page cannot be rendered, which no data should cause.
pub fn comparison_html(comparison: &Comparison) -> Result<String, ReportError> {
    let [first, second] = &comparison.models;
    let names = names(comparison);
    let mut page = Page::new("Two models side by side").subtitle(format!(
        "First: {}. Second: {}. Both measured on the same {} rows of {}{}; differences are the \
         second less the first.",
        names[0],
        names[1],
        count(comparison.data.rows),
        file_name(&comparison.data.file),
        match comparison.data.without_outcome {
            0 => String::new(),
            1 => ", which has 1 more without an outcome".to_owned(),
            more => format!(", which has {} more without an outcome", count(more)),
        }
    ));
    for fact in facts(comparison) {
        page = page.fact(fact);
    }
    if comparison.data.seen_in_training {
        page = page.notice(
            Tone::Bad,
            "A model was trained on some of these rows, so its metrics are too optimistic. Name \
             rows that neither model has seen with --test-rows.",
        );
    }
    if comparison.data.weighted {
        page = page.notice(Tone::Plain, WEIGHTED);
    }
    page = page
        .section(figures(comparison))
        .section(swap_set(comparison))
        .section(curves(comparison)?)
        .section(deciles(comparison))
        .section(calibration(comparison)?)
        .section(cost(comparison));
    if let Some(stability) = &comparison.reasons {
        page = page.section(reasons(stability));
    }
    for (which, model) in [("First", first), ("Second", second)] {
        let subject = &model.model;
        page = page.provenance(
            format!("{which} model"),
            format!(
                "{} {}, {}, {}",
                subject.name,
                subject.version,
                kind_in_words(&subject.kind),
                subject.digest
            ),
        );
    }
    page.provenance("Measured on", format!("sha256:{}", comparison.data.sha256))
        .provenance(
            "Method",
            format!(
                "{} paired bootstrap resamples, random seed {}",
                comparison.options.resamples, comparison.options.seed
            ),
        )
        .html()
        .map_err(|error| ReportError::Page(error.to_string()))
}

fn reasons(stability: &Stability) -> Section {
    Section::new("reasons", "Reasons").paragraph(format!(
        "Of {} applicants that neither model approves, {} are told the same first reason by both \
         (95% interval {} to {}), and {} of the first model's reasons are also the second's \
         (interval {} to {}). Of one model trained again, with another random seed or on later \
         rows, this is how stable its reasons are.",
        count(stability.rows),
        percent(stability.first),
        percent(stability.first_interval.low),
        percent(stability.first_interval.high),
        percent(stability.kept),
        percent(stability.kept_interval.low),
        percent(stability.kept_interval.high),
    ))
}

/// "gradient boosting 1.2.0"; the digest where that would not tell them apart.
fn names(comparison: &Comparison) -> [String; 2] {
    let name = |model: &Compared| {
        let subject = &model.model;
        format!("{} {}", kind_in_words(&subject.kind), subject.version)
    };
    let [first, second] = &comparison.models;
    let (a, b) = (name(first), name(second));
    if a != b {
        return [a, b];
    }
    let with_digest = |name: String, model: &Compared| {
        let digest = model.model.digest.trim_start_matches("sha256:");
        format!("{name} ({})", digest.get(..8).unwrap_or(digest))
    };
    [with_digest(a, first), with_digest(b, second)]
}

fn facts(comparison: &Comparison) -> Vec<Fact> {
    let mut facts = Vec::new();
    for name in FIRST {
        let Some(difference) = comparison.differences.iter().find(|d| d.name == name) else {
            continue;
        };
        let [a, b] = comparison.models.each_ref().map(|model| {
            let metric = model.metric(name);
            fixed(metric.and_then(|m| m.value).unwrap_or(f64::NAN), 3)
        });
        facts.push(
            Fact::new(
                format!("{}, first to second", title(name)),
                format!("{a} → {b}"),
            )
            .remark(format!(
                "difference {} (95%)",
                between(difference.interval, 3)
            )),
        );
    }
    if let Some(delong) = &comparison.delong {
        facts.push(
            Fact::new("Difference of AUC", signed(delong.difference, 4)).remark(format!(
                "{}; DeLong {}",
                between(Some(delong.interval), 4),
                p_is(delong.p_value)
            )),
        );
    }
    let swaps = &comparison.swap_set;
    let changed = swaps.only_first.share + swaps.only_second.share;
    facts.push(
        Fact::new("Decided otherwise", percent(changed)).remark(format!(
            "{} in, {} out",
            count(swaps.only_second.rows),
            count(swaps.only_first.rows)
        )),
    );
    facts
}

fn title(name: &str) -> String {
    match name {
        "gini" => "Gini".to_owned(),
        "ks" => "KS".to_owned(),
        _ => described(name).0.to_owned(),
    }
}

/// "+0.0123".
fn signed(value: f64, digits: usize) -> String {
    let text = fixed(value, digits);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

fn figures(comparison: &Comparison) -> Section {
    let names = names(comparison);
    let [first, second] = &comparison.models;
    let row = |difference: &Difference| {
        let of = |model: &Compared| {
            let metric = model.metric(&difference.name);
            let value = fixed(metric.and_then(|m| m.value).unwrap_or(f64::NAN), 4);
            let interval = between(metric.and_then(|m| m.interval), 4);
            [Cell::new(value), Cell::new(interval)]
        };
        let verdict = match difference.interval {
            Some(interval) if interval.low > 0.0 || interval.high < 0.0 => "excludes 0",
            Some(_) => "includes 0",
            None => "–",
        };
        let mut cells = vec![Cell::new(title(&difference.name))];
        cells.extend(of(first));
        cells.extend(of(second));
        cells.push(signed(difference.value.unwrap_or(f64::NAN), 4).into());
        cells.push(between(difference.interval, 4).into());
        cells.push(verdict.into());
        cells
    };
    let table = Table::new(format!(
        "Intervals contain 95% of {} bootstrap resamples; those of the differences are paired: \
         both models on the same resamples.",
        count(comparison.options.resamples)
    ))
    .text("Metric")
    .number(&names[0])
    .number("95% interval")
    .number(&names[1])
    .number("95% interval")
    .number("Difference")
    .number("95% interval")
    .text("Interval")
    .rows(comparison.differences.iter().map(row));
    let section = Section::new("figures", "Figures").table(table);
    match &comparison.delong {
        Some(delong) => section.paragraph(format!(
            "DeLong's test of the two areas under the ROC curve: difference {}, standard error \
             {}, {}.",
            signed(delong.difference, 4),
            fixed(delong.standard_error, 4),
            p_is(delong.p_value)
        )),
        None => section,
    }
}

fn swap_set(comparison: &Comparison) -> Section {
    let swaps = &comparison.swap_set;
    let rates = Rates::new(comparison.models[0].cut_off.bad_rate_all);
    let row = |name: &str, cell: &SwapCell| {
        vec![
            Cell::new(name),
            count(cell.rows).into(),
            Cell::new(percent(cell.share)).share(cell.share),
            count(cell.bad).into(),
            rates.text(cell.bad_rate.unwrap_or(f64::NAN)).into(),
            rates.between(cell.interval).into(),
        ]
    };
    let table = Table::new(format!(
        "Rows by both decisions, each model at its own threshold.{}",
        which_is_bad(&comparison.models[0].model)
    ))
    .text("Decisions")
    .number("Rows")
    .number("Share")
    .number("Bads")
    .number("Bad rate")
    .number("95% interval")
    .rows([
        row("Approved by both", &swaps.both_approve),
        row("Swapped in: only the second approves", &swaps.only_second),
        row("Swapped out: only the first approves", &swaps.only_first),
        row("Declined by both", &swaps.both_decline),
    ]);
    let rate = |model: &Compared| rates.text(model.cut_off.bad_rate.unwrap_or(f64::NAN));
    let [first, second] = &comparison.models;
    Section::new("swaps", "Swap set").table(table).paragraph(format!(
        "The first model approves {} with a bad rate of {}, the second {} with {}. A better model \
         swaps in rows of a lower bad rate than those that it swaps out.",
        percent(first.cut_off.approval_rate),
        rate(first),
        percent(second.cut_off.approval_rate),
        rate(second)
    ))
}

fn curves(comparison: &Comparison) -> Result<Section, ReportError> {
    let names = names(comparison);
    let mut roc = Chart::new(
        "ROC curves",
        "The ROC curves of both models.",
        Axis::share("False positive rate"),
        Axis::share("True positive rate"),
    );
    let mut strategy = Chart::new(
        "Bad rate by approval rate",
        "The bad rate of those approved at each approval rate, of both models.",
        Axis::share("Approval rate"),
        Axis::share("Bad rate of those approved")
            .fitted()
            .from_zero(),
    );
    for (name, model) in names.iter().zip(&comparison.models) {
        let points = model.roc.iter();
        let points = points.map(|p| (p.false_positive_rate, p.true_positive_rate));
        roc = roc.line(name, points.collect());
        let points = model.strategy.iter();
        let points = points.map(|p| (p.approval_rate, p.bad_rate));
        strategy = strategy.line(name, points.collect());
    }
    let roc = roc
        .reference("random model", vec![(0.0, 0.0), (1.0, 1.0)])
        .svg()?;
    Ok(Section::new("curves", "Curves")
        .figure(Figure::new(
            roc,
            "The closer to the upper corner, the better.",
        ))
        .figure(Figure::new(
            strategy.svg()?,
            "At the same approval rate, the lower curve is the better model.",
        )))
}

fn deciles(comparison: &Comparison) -> Section {
    let names = names(comparison);
    let rates = Rates::new(comparison.models[0].cut_off.bad_rate_all);
    let mut section = Section::new("deciles", "Deciles");
    for (name, model) in names.iter().zip(&comparison.models) {
        let caption = format!(
            "Gains table of {name}, the riskiest tenth first.{}",
            which_is_bad(&model.model)
        );
        let table = Table::new(caption)
            .text("Decile")
            .number("Rows")
            .number("Bads")
            .number("Bad rate")
            .number("95% interval")
            .number("Lift")
            .number("Bads captured")
            .rows(model.deciles.iter().map(|decile| {
                vec![
                    super::gains::name(decile).into(),
                    count(decile.rows).into(),
                    count(decile.bad).into(),
                    rates.text(decile.bad_rate).into(),
                    rates.between(Some(decile.bad_rate_interval)).into(),
                    fixed(decile.lift.unwrap_or(f64::NAN), 2).into(),
                    Cell::new(percent(decile.cumulative_bads)).share(decile.cumulative_bads),
                ]
            }));
        section = section.table(table);
    }
    section
}

fn calibration(comparison: &Comparison) -> Result<Section, ReportError> {
    let names = names(comparison);
    let points = |bins: &[CalibrationBin]| -> Vec<(f64, f64)> {
        let bins = bins.iter().rev();
        bins.map(|bin| (1.0 - bin.mean_probability, 1.0 - bin.positive_share))
            .collect()
    };
    let mut chart = Chart::new(
        "Reliability diagram",
        "The observed bad rate by the predicted one, of both models.",
        Axis::share("Mean predicted bad rate").fitted(),
        Axis::share("Observed bad rate").fitted().from_zero(),
    );
    let mut ends = (1.0f64, 0.0f64);
    for (name, model) in names.iter().zip(&comparison.models) {
        let points = points(&model.calibration.bins);
        for (x, _) in &points {
            ends = (ends.0.min(*x), ends.1.max(*x));
        }
        chart = chart.line(name, points);
    }
    let chart = chart
        .reference(
            "perfect calibration",
            vec![(ends.0, ends.0), (ends.1, ends.1)],
        )
        .wide()
        .svg()?;
    let rows = names.iter().zip(&comparison.models);
    let table = super::calibration::states(
        "Calibration of both models.",
        comparison.models[0].cut_off.bad_rate_all,
        rows.map(|(name, model)| (name.as_str(), &model.calibration)),
    );
    Ok(Section::new("calibration", "Calibration")
        .figure(Figure::new(chart, "Ten bins of about equally many rows of each model.").wide())
        .table(table))
}

/// Nothing where no cost is known, or each model knows another.
fn cost(comparison: &Comparison) -> Section {
    let section = Section::new("cost", "Cost");
    let [Some(first), Some(second)] = comparison.models.each_ref().map(|m| m.cost.as_ref()) else {
        return section;
    };
    let names = names(comparison);
    let row = |name: &str, total: f64| {
        vec![
            Cell::new(name),
            amount(total).into(),
            amount_for_one(first.for_one(total)).into(),
            amount(first.approve_everyone - total).into(),
        ]
    };
    let section = match &comparison.cost {
        Some(more) => section.paragraph(more_or_less(more)),
        None => section,
    };
    section.table(
        Table::new(super::gains::terms_in_words(&first.terms))
            .text("Decision")
            .number("Cost")
            .number("Cost per row")
            .number("Saved against approving everyone")
            .rows([
                row(
                    &format!("{} at its threshold", names[0]),
                    first.at_threshold,
                ),
                row(
                    &format!("{} at its threshold", names[1]),
                    second.at_threshold,
                ),
                row("Approve everyone", first.approve_everyone),
                row("Decline everyone", first.decline_everyone),
            ]),
    )
}

/// What the second model costs more or less than the first, and how sure that is.
fn more_or_less(more: &Measured) -> String {
    if more.value == 0.0 {
        return "At their thresholds both models cost the same.".to_owned();
    }
    let word = if more.value < 0.0 { "less" } else { "more" };
    let range = more.interval.map_or_else(String::new, |interval| {
        let includes = if interval.low <= 0.0 && interval.high >= 0.0 {
            ", which includes 0"
        } else {
            ""
        };
        format!(
            " (95% interval of the difference {} to {}{includes})",
            amount(interval.low),
            amount(interval.high)
        )
    });
    format!(
        "At their thresholds the second model costs {} {word} than the first{range}.",
        amount(more.value.abs())
    )
}
