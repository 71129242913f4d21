//! The sections of credit risk: information value, bad rates by bin.

use model_report::chart::{Axis, Bar};
use model_report::number::{count, fixed, percent};
use model_report::{BarChart, Cell, Figure, Section, Table, Tone};

use super::{Characteristic, Eda, Profile, SUSPICIOUS};
use crate::report::ReportError;

/// Charts: of the columns with the greatest information value.
const CHARTS: usize = 12;
/// Below this, a column says next to nothing, by custom.
const WEAK: f64 = 0.02;
/// Up to this, it says a little.
const MEDIUM: f64 = 0.1;
/// Up to this, something; above it, much.
const STRONG: f64 = 0.3;

/// What an information value of a bin of one outcome rests on.
const HALF_A_ROW: &str = "Where a bin has no goods or no bads, half a row is added to both, and \
    its weight of evidence rests on that.";

/// Every figure of an exploration counts rows.
fn unweighted(eda: &Eda) -> &'static str {
    if eda.has_weights {
        " Rows are counted: the column with role = \"weight\" is not applied here."
    } else {
        ""
    }
}

/// Nothing without a target.
pub(super) fn section(eda: &Eda) -> Result<Section, ReportError> {
    let mut section = Section::new("characteristics", "Characteristics");
    let Some(target) = &eda.target else {
        return Ok(section);
    };
    let mut columns: Vec<(&Profile, &Characteristic)> = eda
        .columns
        .iter()
        .filter_map(|column| Some((column, column.characteristic.as_ref()?)))
        .collect();
    if columns.is_empty() {
        return Ok(section);
    }
    columns.sort_by(|a, b| b.1.information_value.total_cmp(&a.1.information_value));
    section = section
        .paragraph(format!(
            "Bad is {}. Numbers are in bins whose bad rate is monotonic, missing values in one of \
             their own. The information value (IV) sums over the bins how differently goods and \
             bads are spread; by custom, below 0.02 is useless, up to 0.1 weak, up to 0.3 medium, \
             up to 0.5 strong, and above that suspicious: such a column may have been recorded \
             after the decision. {} The Gini is that of the column alone; of a category, whose order \
             is learned from other rows, chance leaves a little where there is none.{}",
            target.negative_outcome, HALF_A_ROW, unweighted(eda)
        ))
        .table(table(eda, &columns));
    for (column, characteristic) in columns.iter().take(CHARTS) {
        section = section.figure(chart(eda, column, characteristic)?);
    }
    for (column, characteristic) in &columns {
        let name = &column.label;
        let inside = Section::new("bins", "").table(bins(name, characteristic));
        section = section.details(
            format!("{name}: {} bins", characteristic.bins.len()),
            inside,
        );
    }
    Ok(section)
}

fn bad_rate(eda: &Eda) -> f64 {
    let counts = eda.target.as_ref().map(|t| (t.negative, t.positive));
    let (bad, good) = counts.unwrap_or((0, 0));
    bad as f64 / (bad + good).max(1) as f64
}

/// A rate with as many digits as a rare outcome needs.
fn rate(share: f64) -> String {
    if share < 0.05 {
        format!("{}%", fixed(share * 100.0, 2))
    } else {
        percent(share)
    }
}

fn table(eda: &Eda, columns: &[(&Profile, &Characteristic)]) -> Table {
    let with_time = columns.iter().any(|(_, c)| c.stability_index.is_some());
    let mut table = Table::new(format!(
        "Every column by information value; the bad rate of all rows is {}.",
        rate(bad_rate(eda))
    ))
    .text("Column")
    .number("IV")
    .text("By custom")
    .number("Gini")
    .text("Larger values")
    .number("Lowest bad rate")
    .number("Highest bad rate")
    .number("Missing")
    .number("Bad rate of missing");
    if with_time {
        table = table.number("PSI, first to last period");
    }
    table.rows(columns.iter().map(|(column, characteristic)| {
        let there = characteristic.bins.iter().filter(|bin| !bin.missing);
        let rates = there.map(|bin| bin.bad_rate);
        let (low, high) = rates.fold((1.0f64, 0.0f64), |(low, high), rate| {
            (low.min(rate), high.max(rate))
        });
        let missing = characteristic.bins.iter().find(|bin| bin.missing);
        let iv = characteristic.information_value;
        let mut cells = vec![
            Cell::new(column.label.as_str()),
            fixed(iv, 3).into(),
            custom(iv),
            fixed(characteristic.gini.unwrap_or(f64::NAN), 3).into(),
            characteristic
                .trend
                .map_or("", |trend| match trend {
                    "rises" => "riskier",
                    _ => "safer",
                })
                .into(),
            rate(low).into(),
            rate(high).into(),
            missing
                .map_or_else(|| "0".to_owned(), |bin| count(bin.rows))
                .into(),
            missing
                .map_or_else(String::new, |bin| rate(bin.bad_rate))
                .into(),
        ];
        if with_time {
            let index = characteristic.stability_index;
            cells.push(
                index
                    .map_or_else(String::new, |index| fixed(index, 3))
                    .into(),
            );
        }
        cells
    }))
}

/// What custom calls an information value.
fn custom(iv: f64) -> Cell {
    match iv {
        iv if iv > SUSPICIOUS => Cell::new("suspicious").tone(Tone::Warning),
        iv if iv > STRONG => Cell::new("strong"),
        iv if iv > MEDIUM => Cell::new("medium"),
        iv if iv >= WEAK => Cell::new("weak"),
        _ => Cell::new("useless"),
    }
}

fn chart(
    eda: &Eda,
    column: &Profile,
    characteristic: &Characteristic,
) -> Result<Figure, ReportError> {
    let bars = characteristic.bins.iter().map(|bin| {
        let name = format!("{} ({})", bin.name, count(bin.rows));
        Bar::within(name, bin.bad_rate, bin.interval.low, bin.interval.high)
    });
    let overall = bad_rate(eda);
    let chart = BarChart::new(
        format!("{}: bad rate", column.label),
        format!("The bad rate in each bin of {}.", column.label),
        Axis::share("Bad rate").fitted(),
        bars.collect(),
    )
    .reference(format!("all rows, {}", rate(overall)), overall)
    .svg()?;
    Ok(Figure::new(
        chart,
        format!(
            "IV {}. Lines are 95% intervals (Wilson), rows in brackets.",
            fixed(characteristic.information_value, 3)
        ),
    ))
}

fn bins(label: &str, characteristic: &Characteristic) -> Table {
    Table::new(format!("Bins of {label}."))
        .text("Bin")
        .number("Rows")
        .number("Bads")
        .number("Bad rate")
        .number("95% interval")
        .number("Weight of evidence")
        .number("IV")
        .rows(characteristic.bins.iter().map(|bin| {
            vec![
                Cell::new(bin.name.as_str()),
                count(bin.rows).into(),
                count(bin.bad).into(),
                Cell::new(rate(bin.bad_rate)).share(bin.bad_rate),
                format!("{} to {}", rate(bin.interval.low), rate(bin.interval.high)).into(),
                fixed(bin.weight_of_evidence, 3).into(),
                fixed(bin.information_value, 4).into(),
            ]
        }))
}
