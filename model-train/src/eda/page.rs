//! The exploration report as one HTML page.

use model_report::chart::{Axis, Bar};
use model_report::number::{count, fixed, percent, short};
use model_report::{BarChart, Cell, Fact, Figure, HeatMap, Page, Section, Table, Tone};

use super::figures::{category, histogram_of, with_boxes};
use super::{Eda, Finding, LEAK, Numbers, Profile, SUSPECT, Type, Weight, credit};
use crate::report::{ReportError, file_name};

/// Below this share an outcome is rare.
const RARE: f64 = 0.05;
/// Bars of a chart.
const MOST_BARS: usize = 40;

/// The report as one self-contained HTML page.
///
/// # Errors
/// When a chart or the page cannot be rendered, which no data should cause.
pub fn eda_html(eda: &Eda) -> Result<String, ReportError> {
    let name = file_name(&eda.file);
    let mut page = Page::new(format!("Exploration of {name}"))
        .subtitle("What is in the data, before training.");
    for fact in facts(eda) {
        page = page.fact(fact);
    }
    for finding in eda.findings.iter().filter(|f| f.weight == Weight::Problem) {
        page = page.notice(Tone::Bad, finding.text.as_str());
    }
    page.section(findings(eda))
        .section(columns(eda))
        .section(target(eda)?)
        .section(credit::section(eda)?)
        .section(prediction(eda)?)
        .section(numbers(eda)?)
        .section(categories(eda)?)
        .section(associations(eda)?)
        .provenance("File", name)
        .provenance("Digest", format!("sha256:{}", eda.sha256))
        .html()
        .map_err(|error| ReportError::Page(error.to_string()))
}

fn facts(eda: &Eda) -> Vec<Fact> {
    let cells = eda.rows * eda.columns.len();
    let missing: usize = eda.columns.iter().map(|column| column.missing).sum();
    let share = |part: usize, whole: usize| percent(part as f64 / whole.max(1) as f64);
    let numbers = eda.columns.iter().filter(|c| c.kind.is_number()).count();
    let mut facts = vec![
        Fact::new("Rows", count(eda.rows)),
        Fact::new("Columns", count(eda.columns.len())).remark(format!("{numbers} numeric")),
        Fact::new("Missing cells", count(missing)).remark(share(missing, cells)),
        Fact::new("Duplicate rows", count(eda.duplicate_rows))
            .remark(share(eda.duplicate_rows, eda.rows)),
    ];
    if let Some(target) = &eda.target {
        let known = target.positive + target.negative;
        facts.push(
            Fact::new("Bad rate", share(target.negative, known)).remark(format!(
                "{} rows are {}",
                count(target.negative),
                target.negative_outcome
            )),
        );
    }
    let problems = eda
        .findings
        .iter()
        .filter(|f| f.weight != Weight::Note)
        .count();
    let tone = if problems == 0 {
        Tone::Good
    } else {
        Tone::Warning
    };
    facts.push(Fact::new("To check", count(problems)).tone(tone));
    facts
}

fn findings(eda: &Eda) -> Section {
    let mut section = Section::new("findings", "Findings");
    let of = |weight: Weight| eda.findings.iter().filter(move |f| f.weight == weight);
    for finding in of(Weight::Problem) {
        section = section.notice(Tone::Bad, finding.text.as_str());
    }
    for finding in of(Weight::Warning) {
        section = section.notice(Tone::Warning, finding.text.as_str());
    }
    let notes: Vec<String> = of(Weight::Note).map(|f: &Finding| f.text.clone()).collect();
    if !notes.is_empty() {
        section = section.list(notes);
    }
    if eda.findings.is_empty() {
        section = section.notice(Tone::Good, "No problems were found.");
    }
    section
}

fn columns(eda: &Eda) -> Section {
    let with_roles = eda.columns.iter().any(|column| !column.role.is_empty());
    let table = Table::new("Every column. Distinct values are counted without missing ones.")
        .text("Column")
        .text("Type")
        .text(if with_roles { "Role" } else { "" })
        .number("Missing")
        .number("Invalid")
        .number("Unique")
        .text("Typical values")
        .rows(eda.columns.iter().map(|column| {
            let missing = column.missing as f64 / eda.rows.max(1) as f64;
            let cell = Cell::new(format!("{} ({})", count(column.missing), percent(missing)));
            vec![
                column.name.as_str().into(),
                column.kind.word().into(),
                column.role.as_str().into(),
                if column.missing > 0 {
                    cell.share(missing)
                } else {
                    "0".into()
                },
                count(column.unreadable).into(),
                count(column.distinct).into(),
                typical(column).into(),
            ]
        }));
    Section::new("columns", "Columns").table(table)
}

/// The typical values of a column; never a text that may name a person.
fn typical(column: &Profile) -> String {
    if let Some(numbers) = column.numbers {
        return format!(
            "{} to {}, median {}",
            short(numbers.minimum),
            short(numbers.maximum),
            short(numbers.median)
        );
    }
    let top: Vec<String> = column
        .shares
        .iter()
        .take(3)
        .map(|share| share.name.clone())
        .collect();
    top.join(", ")
}

fn target(eda: &Eda) -> Result<Section, ReportError> {
    let section = Section::new("target", "Target");
    let Some(target) = &eda.target else {
        return Ok(section);
    };
    let bars = vec![
        Bar::new(&*target.positive_outcome, target.positive as f64),
        Bar::new(&*target.negative_outcome, target.negative as f64),
    ];
    let chart = BarChart::new(
        "Class balance",
        format!(
            "{} rows are {}, {} rows are {}.",
            count(target.positive),
            target.positive_outcome,
            count(target.negative),
            target.negative_outcome
        ),
        Axis::new("Rows"),
        bars,
    )
    .svg()?;
    let known = (target.positive + target.negative).max(1) as f64;
    let (common, rarer) = if target.positive >= target.negative {
        (&target.positive_outcome, &target.negative_outcome)
    } else {
        (&target.negative_outcome, &target.positive_outcome)
    };
    let share = target.positive.max(target.negative) as f64 / known;
    let text = if share > 1.0 - RARE {
        format!(
            "Column {}. Only {} of the rows are {rarer}: a model that always answers {common} is \
             right in {} of them and worth nothing. Accuracy is no baseline here; look at Gini, KS \
             and the average precision of {rarer}, which is {} for a random model.",
            target.name,
            percent(1.0 - share),
            percent(share),
            fixed(1.0 - share, 4)
        )
    } else {
        format!(
            "Column {}. A model that always answers {common} has an accuracy of {} and a Gini of \
             0: those are the baselines to beat.",
            target.name,
            percent(share)
        )
    };
    Ok(section.figure(Figure::new(chart, text)))
}

fn prediction(eda: &Eda) -> Result<Section, ReportError> {
    let mut columns: Vec<(&Profile, f64)> = eda
        .columns
        .iter()
        .filter_map(|column| Some((column, column.single_column_auc?)))
        .collect();
    let section = Section::new("leakage", "Univariate discrimination");
    if columns.is_empty() {
        return Ok(section);
    }
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    let bars = columns.iter().take(MOST_BARS);
    let chart = BarChart::new(
        "ROC AUC of single columns",
        "How well each column alone predicts the target.",
        Axis::new("ROC AUC, out-of-fold").range(0.5, 1.0),
        bars.map(|(column, auc)| Bar::new(&*column.label, auc.max(0.5)))
            .collect(),
    )
    .reference(format!("leakage is likely above {LEAK}"), LEAK)
    .svg()?;
    Ok(section
        .paragraph(format!(
            "Each value is replaced by the share of positives among the other rows with that \
             value (target encoding in five folds; numbers in 32 quantile bins). 0.5 is a random \
             model. Check columns above {SUSPECT}; above {LEAK} a column probably leaks the \
             target."
        ))
        .figure(Figure::new(
            chart,
            "A column close to 0.5 alone may still matter in combination with others.",
        )))
}

fn numbers(eda: &Eda) -> Result<Section, ReportError> {
    let mut section = Section::new("numbers", "Numbers");
    let numbers: Vec<(&Profile, Numbers)> = eda
        .columns
        .iter()
        .filter_map(|column| Some((column, column.numbers?)))
        .collect();
    if numbers.is_empty() {
        return Ok(section);
    }
    let table = Table::new(
        "Outliers are more than 1.5 interquartile ranges outside the quartiles (Tukey).",
    )
    .text("Column")
    .number("Mean")
    .number("Std. deviation")
    .number("Min.")
    .number("25%")
    .number("Median")
    .number("75%")
    .number("Max.")
    .number("Zeros")
    .number("Outliers")
    .rows(numbers.iter().map(|(column, n)| {
        let mut row: Vec<Cell> = vec![column.label.as_str().into()];
        let quantities = [
            n.mean,
            n.deviation,
            n.minimum,
            n.first_quartile,
            n.median,
            n.third_quartile,
            n.maximum,
        ];
        row.extend(quantities.map(|value| Cell::new(short(value))));
        row.extend([n.zeros, n.outliers].map(|rows| Cell::new(count(rows))));
        row
    }));
    section = section.table(table);
    for (column, _) in numbers {
        if column.role == "target" {
            continue;
        }
        if let Some(histogram) = &column.histogram {
            let figure = histogram_of(eda, column, histogram)?;
            section = section.figure(with_boxes(eda, column, figure)?);
        }
    }
    Ok(section)
}

fn categories(eda: &Eda) -> Result<Section, ReportError> {
    let mut section = Section::new("categories", "Categories");
    let groups = eda.columns.iter().filter(|column| {
        matches!(column.kind, Type::Category | Type::Boolean) && column.role != "target"
    });
    let overall = eda
        .target
        .as_ref()
        .map(|target| target.positive as f64 / (target.positive + target.negative).max(1) as f64);
    for column in groups {
        section = section.figure(category(eda, column, overall)?);
    }
    Ok(section)
}

fn associations(eda: &Eda) -> Result<Section, ReportError> {
    let section = Section::new("associations", "Associations");
    let columns = &eda.associations.columns;
    if columns.len() < 2 {
        return Ok(section);
    }
    let values = &eda.associations.values;
    let mut pairs: Vec<(&str, &str, f64)> = Vec::new();
    for (row, first) in columns.iter().enumerate() {
        for (column, second) in columns.iter().enumerate().skip(row + 1) {
            if let Some(value) = values[row * columns.len() + column] {
                pairs.push((first, second, value));
            }
        }
    }
    pairs.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
    let table = Table::new("The strongest associations, by absolute value.")
        .text("Column")
        .text("and")
        .number("Association")
        .rows(pairs.iter().take(12).map(|(first, second, value)| {
            vec![(*first).into(), (*second).into(), fixed(*value, 3).into()]
        }));
    let strongest = pairs
        .first()
        .map_or_else(String::new, |(first, second, value)| {
            format!(
                "The strongest association is {} between {first} and {second}.",
                fixed(*value, 2)
            )
        });
    let map = HeatMap::new(
        "Associations between columns",
        strongest,
        columns.clone(),
        columns.clone(),
        values
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect(),
    )
    .svg()?;
    Ok(section
        .figure(
            Figure::new(
                map,
                "Spearman's rank correlation between numbers (yes is 1, no is 0), from -1 to 1; \
                 Cramér's V between categories and the correlation ratio between a category \
                 and a number, from 0 to 1.",
            )
            .wide(),
        )
        .table(table))
}
