//! One HTML page, in the style of every report.

use model_report::chart::{Axis, Bar};
use model_report::number::{count, fixed, p_value, percent, short};
use model_report::{
    BarChart, Cell, Chart, ChartError, Fact, Figure, Page, Section, Svg, Table, Tone,
};

use super::{ColumnReport, Report, Stability, sentence};
use crate::bins::Distribution;
use crate::performance::{Figures, Performance};
use crate::sketch::Role;

/// Columns that get a chart; the others are in the table only.
const CHARTS: usize = 60;

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be drawn: {0}")]
pub struct HtmlError(String);

impl From<ChartError> for HtmlError {
    fn from(error: ChartError) -> Self {
        Self(error.to_string())
    }
}

/// The page of a live window that has too few rows to compare: `rows` are those that it has
/// and those that it needs.
///
/// # Errors
/// When the page cannot be made.
pub fn waiting_html(title: &str, detail: &str, rows: [u64; 2]) -> Result<String, HtmlError> {
    let page = Page::new("Drift report")
        .subtitle(detail)
        .fact(Fact::new("Verdict", "Not enough data yet").tone(Tone::Warning))
        .fact(
            Fact::new("Requests so far", rows[0].to_string())
                .remark(format!("of {} needed", rows[1])),
        )
        .provenance("Model", title)
        .provenance("Made by", concat!("underwrite ", env!("CARGO_PKG_VERSION")));
    page.html().map_err(|error| HtmlError(error.to_string()))
}

impl Report {
    /// The report as one HTML file that loads nothing.
    ///
    /// # Errors
    /// When a chart cannot be drawn.
    pub fn html(&self) -> Result<String, HtmlError> {
        let mut page = Page::new("Drift report").subtitle(self.summary());
        page = self.facts(page);
        for note in &self.notes {
            page = page.notice(Tone::Plain, note.clone());
        }
        page = page.section(self.table());
        let mut distributions = Section::new("distributions", "Distributions, most drifted first");
        for column in self.columns.iter().take(CHARTS) {
            distributions = add_chart(distributions, column)?;
        }
        page = page.section(distributions);
        let quality = self.quality();
        let section = Section::new("quality", "Data quality");
        page = page.section(if quality.is_empty() {
            section.paragraph("No value is missing, unknown, out of range or of another type, and no column is new or lost.")
        } else {
            section.list(quality)
        });
        if let Some(performance) = &self.performance {
            page = page.section(of_performance(performance));
        }
        page = page
            .section(self.how())
            .provenance(
                "Reference",
                format!(
                    "{}, {} rows",
                    self.reference,
                    count(self.reference_rows as usize)
                ),
            )
            .provenance(
                "Current",
                format!(
                    "{}, {} rows",
                    self.current,
                    count(self.current_rows as usize)
                ),
            )
            .provenance("Made by", concat!("underwrite ", env!("CARGO_PKG_VERSION")));
        page.html().map_err(|error| HtmlError(error.to_string()))
    }

    fn facts(&self, page: Page) -> Page {
        let (verdict, tone) = match self.dataset_drift {
            true => ("Drift", Tone::Bad),
            false if self.columns.iter().all(ColumnReport::is_inconclusive) => {
                ("Inconclusive", Tone::Warning)
            }
            false if self.drifted() > 0 => ("Some drift", Tone::Warning),
            false => ("No drift found", Tone::Good),
        };
        let column_of = |role| self.columns.iter().find(|column| column.role == role);
        let mut page = page
            .fact(Fact::new("Verdict", verdict).tone(tone))
            .fact(
                Fact::new(
                    "Drifted columns",
                    format!("{} of {}", self.drifted(), self.columns.len()),
                )
                .remark(percent(self.share_drifted)),
            )
            .fact(
                Fact::new("Rows compared", short(self.current_rows as f64)).remark(format!(
                    "with {} in the reference",
                    short(self.reference_rows as f64)
                )),
            );
        for (role, label) in [(Role::Target, "Target"), (Role::Prediction, "Score")] {
            if let Some(column) = column_of(role) {
                let tone = if column.drift { Tone::Bad } else { Tone::Good };
                let text = if column.drift {
                    "drifted"
                } else {
                    "no drift found"
                };
                let remark = match column.stability_index {
                    Some(index) => {
                        format!(
                            "{}, {} {}",
                            column.name,
                            column.index_name(),
                            fixed(index, 3)
                        )
                    }
                    None => column.name.clone(),
                };
                page = page.fact(Fact::new(label, text).remark(remark).tone(tone));
            }
        }
        if let Some(classifier) = &self.classifier {
            let tone = if classifier.drift {
                Tone::Bad
            } else {
                Tone::Good
            };
            page = page.fact(
                Fact::new("All columns together", format!("AUC {:.3}", classifier.auc))
                    .remark("domain classifier; 0.5 means that the batches cannot be told apart")
                    .tone(tone),
            );
        }
        page
    }

    fn table(&self) -> Section {
        let any = |is_p_value: bool| {
            let mut columns = self.columns.iter();
            columns.any(|column| column.score_is_p_value == is_p_value)
        };
        let (p_values, distances) = (any(true), any(false));
        let mut table = Table::new(
            "Every column, most drifted first. PSI of the score, CSI of the other columns.",
        )
        .text("Column")
        .text("Verdict")
        .number("PSI / CSI")
        .text("Band")
        .number("Effect");
        if p_values {
            table = table.number("p-value");
        }
        if distances {
            table = table.number("Distance");
        }
        table = table.number("Threshold").text("Test").text("Description");
        for column in &self.columns {
            let (verdict, tone) = verdict(column);
            let effect = match column.effect_size {
                Some(effect) => Cell::new(percent(effect)).share(effect),
                None => Cell::new(""),
            };
            let mut row = vec![
                Cell::new(column.name.clone()),
                Cell::new(verdict).tone(tone),
                Cell::new(
                    column
                        .stability_index
                        .map_or_else(String::new, |i| fixed(i, 3)),
                ),
                band(column),
                effect,
            ];
            if p_values {
                let text = column.score_is_p_value.then(|| p_value(column.score));
                row.push(Cell::new(text.unwrap_or_default()));
            }
            if distances {
                let text = (!column.score_is_p_value).then(|| short(column.score));
                row.push(Cell::new(text.unwrap_or_default()));
            }
            row.extend([
                Cell::new(short(column.threshold)),
                Cell::new(column.method.clone()),
                Cell::new(column.sentence.clone()),
            ]);
            table.push(row);
        }
        Section::new("columns", "Columns").table(table)
    }

    fn how(&self) -> Section {
        let mut section = Section::new("how", "How to read this report");
        for paragraph in sentence::method(self) {
            section = section.paragraph(paragraph);
        }
        section
    }
}

/// The customary band of the stability index.
fn band(column: &ColumnReport) -> Cell {
    let Some(stability) = column.stability else {
        return Cell::new("");
    };
    let tone = match stability {
        Stability::Stable => Tone::Plain,
        Stability::Moderate => Tone::Warning,
        Stability::Large => Tone::Bad,
    };
    Cell::new(stability.word()).tone(tone)
}

fn verdict(column: &ColumnReport) -> (&'static str, Tone) {
    if column.drift {
        ("drift", Tone::Bad)
    } else if column.is_inconclusive() {
        ("inconclusive", Tone::Warning)
    } else if column.least_visible.is_some_and(|visible| visible > 0.2) {
        ("too few rows", Tone::Warning)
    } else {
        ("no drift found", Tone::Good)
    }
}

fn add_chart(section: Section, column: &ColumnReport) -> Result<Section, HtmlError> {
    let (verdict, _) = verdict(column);
    let mut caption = format!("{verdict}. {}", column.sentence);
    caption[..1].make_ascii_uppercase();
    Ok(match &column.distribution {
        Some(Distribution::Numbers {
            edges,
            reference,
            current,
        }) => {
            let chart = histograms(column, edges, reference, current)?;
            section.figure(Figure::new(chart, caption))
        }
        Some(Distribution::Categories {
            labels,
            reference,
            current,
        }) => section.figure(Figure::new(
            category_bars(column, labels, reference, current)?,
            caption,
        )),
        None => section,
    })
}

fn histograms(
    column: &ColumnReport,
    edges: &[f64],
    reference: &[f64],
    current: &[f64],
) -> Result<Svg, HtmlError> {
    let bars = |shares: &[f64]| -> Vec<(f64, f64, f64)> {
        let ends = edges.windows(2).map(|edge| (edge[0], edge[1]));
        ends.zip(shares)
            .map(|((low, high), share)| (low, high, *share))
            .collect()
    };
    let description = format!(
        "Shares of rows by value of {}, reference and current batch. {}",
        column.name, column.sentence
    );
    let chart = Chart::new(
        &column.name,
        description,
        Axis::new(""),
        Axis::share("share of rows").fitted().from_zero(),
    )
    .histogram("reference", bars(reference))
    .histogram("current", bars(current));
    Ok(chart.svg()?)
}

/// Two bars for each category.
fn category_bars(
    column: &ColumnReport,
    labels: &[String],
    reference: &[f64],
    current: &[f64],
) -> Result<Svg, HtmlError> {
    let bars = labels
        .iter()
        .zip(reference)
        .zip(current)
        .flat_map(|((label, r), c)| {
            [
                Bar::new(format!("{label}, reference"), *r),
                Bar::new(format!("{label}, current"), *c),
            ]
        });
    let axis = Axis::share("share of rows").fitted().from_zero();
    Ok(BarChart::new(&column.name, column.sentence.clone(), axis, bars.collect()).svg()?)
}

/// Reads one metric.
type Metric = fn(&Figures) -> Option<f64>;

fn of_performance(performance: &Performance) -> Section {
    let mut table = Table::new("Metrics of the model").text("Metric");
    let mut sources: Vec<(&str, &Figures)> = Vec::new();
    if let Some(measured) = &performance.measured {
        sources.push(("Measured with labels", measured));
    }
    if let Some(estimated) = &performance.estimated {
        sources.push(("Estimated without labels", estimated));
    }
    for (name, _) in &sources {
        table = table.number(*name);
    }
    if !performance.at_training.is_empty() {
        table = table.number("Training (test rows)");
    }
    let metrics: [(&str, Metric); 7] = [
        ("accuracy", |f| Some(f.accuracy)),
        ("precision", |f| Some(f.precision)),
        ("recall", |f| Some(f.recall)),
        ("f1", |f| Some(f.f1)),
        ("auc", |f| Some(f.auc)),
        ("log_loss", |f| f.log_loss),
        ("brier", |f| f.brier),
    ];
    for (name, value) in metrics {
        let digits = |value: Option<f64>| value.map_or(String::new(), |value| fixed(value, 4));
        let mut row = vec![Cell::new(name)];
        row.extend(
            sources
                .iter()
                .map(|(_, figures)| Cell::new(digits(value(figures)))),
        );
        if !performance.at_training.is_empty() {
            // Training calls it by its full name.
            let name = if name == "auc" { "roc_auc" } else { name };
            let then = performance
                .at_training
                .iter()
                .find(|(known, _)| known == name);
            row.push(Cell::new(digits(then.map(|(_, value)| *value))));
        }
        table.push(row);
    }
    Section::new("performance", "Model performance")
        .paragraph(format!(
            "At its threshold the model approves {} of the current rows; {} refused.",
            percent(performance.share_yes),
            match performance.refused {
                1 => "1 row was".to_owned(),
                refused => format!("{refused} rows were"),
            }
        ))
        .table(table)
        .paragraph(
            "The estimate (confidence-based performance estimation) takes a row with score p as \
             positive with probability p. It is valid while the model is calibrated, which drift \
             itself can break.",
        )
}
