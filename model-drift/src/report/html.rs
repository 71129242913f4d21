//! One HTML page, in the look of every report.

use model_report::chart::{Axis, Bar};
use model_report::{
    BarChart, Cell, Chart, ChartError, Fact, Figure, Page, Section, Svg, Table, Tone,
};

use super::sentence::{p_value, percent, short};
use super::{ColumnReport, Preset, Report};
use crate::bins::Distribution;
use crate::performance::{Figures, Performance};
use crate::sketch::Role;
use crate::verdict::LEVEL;

/// Columns that get a picture; the others stay in the table.
const PICTURES: usize = 60;

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
        .fact(Fact::new("Verdict", "Cannot say yet").tone(Tone::Warning))
        .fact(
            Fact::new("Requests so far", rows[0].to_string())
                .remark(format!("{} are needed", rows[1])),
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
            page = page.notice(Tone::Warning, note.clone());
        }
        page = page.section(self.table());
        let mut pictures = Section::new("distributions", "Distributions, most drifted first");
        for column in self.by_drift().into_iter().take(PICTURES) {
            pictures = picture(pictures, column)?;
        }
        page = page.section(pictures);
        let quality = self.quality();
        let section = Section::new("quality", "Data quality");
        page = page.section(if quality.is_empty() {
            section.paragraph("Nothing is missing, unknown, out of range or of another type, and no column is new or lost.")
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
                format!("{}, {} rows", self.reference, self.reference_rows),
            )
            .provenance(
                "Current",
                format!("{}, {} rows", self.current, self.current_rows),
            )
            .provenance("Made by", concat!("underwrite ", env!("CARGO_PKG_VERSION")));
        page.html().map_err(|error| HtmlError(error.to_string()))
    }

    fn facts(&self, page: Page) -> Page {
        let (verdict, tone) = match self.dataset_drift {
            true => ("Drift", Tone::Bad),
            false if self.columns.iter().all(ColumnReport::cannot_say) => {
                ("Cannot say", Tone::Warning)
            }
            false if self.drifted() > 0 => ("Some drift", Tone::Warning),
            false => ("No drift found", Tone::Good),
        };
        let of = |role| self.columns.iter().find(|column| column.role == role);
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
                    "with {} of the reference",
                    short(self.reference_rows as f64)
                )),
            );
        for (role, label) in [
            (Role::Target, "Target"),
            (Role::Prediction, "Model's answers"),
        ] {
            if let Some(column) = of(role) {
                let tone = if column.drift { Tone::Bad } else { Tone::Good };
                let text = if column.drift {
                    "drifted"
                } else {
                    "no drift found"
                };
                page = page.fact(
                    Fact::new(label, text)
                        .remark(column.name.clone())
                        .tone(tone),
                );
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
                    .remark("a model telling the batches apart; 0.5 is a coin")
                    .tone(tone),
            );
        }
        page
    }

    fn table(&self) -> Section {
        let mut table = Table::new("Every column, most drifted first")
            .text("Column")
            .text("Verdict")
            .number("Rows moved")
            .number("Score")
            .number("Threshold")
            .text("Test")
            .text("What happened");
        for column in self.by_drift() {
            let (verdict, tone) = verdict(column);
            let moved = match column.effect_size {
                Some(effect) => Cell::new(percent(effect)).share(effect),
                None => Cell::new(""),
            };
            let score = if column.score_is_p_value {
                p_value(column.score)
            } else {
                short(column.score)
            };
            table.push(vec![
                Cell::new(column.name.clone()),
                Cell::new(verdict).tone(tone),
                moved,
                Cell::new(score),
                Cell::new(short(column.threshold)),
                Cell::new(column.method.clone()),
                Cell::new(column.sentence.clone()),
            ]);
        }
        Section::new("columns", "Columns").table(table)
    }

    fn how(&self) -> Section {
        let section = Section::new("how", "How to read this");
        match self.preset {
            Preset::Evidently => section.paragraph(
                "The tests, thresholds and bins are those of Evidently 0.4.33's DataDriftPreset. A \
                 p-value is drift when it is below its threshold, a distance when it is above. The \
                 batch has drifted when half of its columns or more have.",
            ),
            Preset::Default => section
                .paragraph(format!(
                    "A column has drifted when two things hold: chance does not explain the \
                     difference (the score, a p-value corrected for the number of columns after \
                     Benjamini and Hochberg, is below {LEVEL}), and the difference is large enough \
                     to matter (at least 3 % of the rows lie elsewhere). So a large file does not \
                     cry wolf, and in a small one only a large difference counts.",
                ))
                .paragraph(
                    "Rows moved: for numbers the largest gap between the two cumulative \
                     distributions, for categories the total variation distance. Bins come from the \
                     reference alone; bars at the ends include what lies beyond.",
                ),
        }
    }
}

fn verdict(column: &ColumnReport) -> (&'static str, Tone) {
    if column.drift {
        ("drift", Tone::Bad)
    } else if column.cannot_say() {
        ("cannot say", Tone::Warning)
    } else if column.least_visible.is_some_and(|visible| visible > 0.2) {
        ("too few rows to be sure", Tone::Warning)
    } else {
        ("no drift found", Tone::Good)
    }
}

fn picture(section: Section, column: &ColumnReport) -> Result<Section, HtmlError> {
    let (verdict, _) = verdict(column);
    let mut caption = format!("{verdict}. {}", column.sentence);
    caption[..1].make_ascii_uppercase();
    Ok(match &column.distribution {
        Some(Distribution::Numbers {
            edges,
            reference,
            current,
        }) => {
            let chart = overlaid(column, edges, reference, current)?;
            section.figure(Figure::new(chart, caption))
        }
        Some(Distribution::Categories {
            labels,
            reference,
            current,
        }) => section.figure(Figure::new(
            pairs(column, labels, reference, current)?,
            caption,
        )),
        None => section,
    })
}

fn overlaid(
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
fn pairs(
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

/// Takes one figure.
type Take = fn(&Figures) -> Option<f64>;

fn of_performance(performance: &Performance) -> Section {
    let mut table = Table::new("Figures of the model").text("Figure");
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
        table = table.number("At training, test rows");
    }
    let value: [(&str, Take); 7] = [
        ("accuracy", |f| Some(f.accuracy)),
        ("precision", |f| Some(f.precision)),
        ("recall", |f| Some(f.recall)),
        ("f1", |f| Some(f.f1)),
        ("auc", |f| Some(f.auc)),
        ("log_loss", |f| f.log_loss),
        ("brier", |f| f.brier),
    ];
    for (name, value) in value {
        let digits =
            |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.4}"));
        let mut row = vec![Cell::new(name)];
        row.extend(
            sources
                .iter()
                .map(|(_, figures)| Cell::new(digits(value(figures)))),
        );
        if !performance.at_training.is_empty() {
            let then = performance
                .at_training
                .iter()
                .find(|(known, _)| known == name);
            row.push(Cell::new(digits(then.map(|(_, value)| *value))));
        }
        table.push(row);
    }
    Section::new("performance", "The model's performance")
        .paragraph(format!(
            "{} of the current rows are answered with yes; {} rows were refused.",
            percent(performance.share_yes),
            performance.refused
        ))
        .table(table)
        .paragraph(
            "The estimate takes the probabilities at their word: a row with probability p is right \
             with chance p. It holds while the model is calibrated, which drift itself can break.",
        )
}
