//! Rows without an outcome beside those with one.

use model_report::number::{count, fixed, percent};
use model_report::{Section, Table};

use crate::evaluate::Evaluation;

/// Nothing where every row has an outcome.
pub(super) fn section(evaluation: &Evaluation) -> Option<Section> {
    let population = evaluation.population.as_ref()?;
    let text = format!(
        "{} rows have no outcome, such as applications that were declined. No figure of this page \
         counts them; here they are scored beside the {} rows that have one. Mean probability of \
         {}: {} without an outcome, {} with one. {}: {} and {}. Population stability index of the \
         score: {} (by custom, below 0.10 the populations are alike, above 0.25 they differ).",
        count(population.rows),
        count(evaluation.data.rows),
        evaluation.model.positive_outcome,
        fixed(population.mean_probability, 4),
        fixed(population.mean_probability_known, 4),
        evaluation.model.positive_label,
        percent(population.approval_rate),
        percent(population.approval_rate_known),
        fixed(population.psi, 4)
    );
    let table = Table::new("By bands of the score, from the lowest.")
        .text("Probability")
        .number("With an outcome")
        .number("Without")
        .rows(population.bands.iter().map(|band| {
            vec![
                format!("{} to {}", fixed(band.from, 4), fixed(band.to, 4)).into(),
                percent(band.known).into(),
                percent(band.unknown).into(),
            ]
        }));
    let title = "Population: through the door against booked";
    Some(
        Section::new("population", title)
            .paragraph(text)
            .table(table),
    )
}
