//! How predictions move with each input: importance and partial dependence.

use model_report::chart::{Axis, Bar};
use model_report::{BarChart, Chart, Figure, Section};

use super::ReportError;
use super::words::bad;
use crate::evaluate::{Dependence, Evaluation};

/// Adds the partial dependence of the first inputs.
pub(super) fn add_to(
    mut section: Section,
    evaluation: &Evaluation,
) -> Result<Section, ReportError> {
    let all = &evaluation.credit.partial_dependence;
    if all.is_empty() {
        return Ok(section);
    }
    section = section.heading("Partial dependence").paragraph(format!(
        "The mean predicted bad rate, the probability of {}, when an input is set to one value in \
         every row. It shows what the model does with an input, not what causes the outcome, and \
         hides effects that differ between applicants.",
        bad(&evaluation.model)
    ));
    for dependence in all {
        section = section.figure(figure(dependence)?);
    }
    Ok(section)
}

fn figure(dependence: &Dependence) -> Result<Figure, ReportError> {
    let rate = |probability: f64| 1.0 - probability;
    let axis = Axis::share("Mean predicted bad rate").fitted().from_zero();
    let rates = dependence.points.iter().map(|p| rate(p.mean_probability));
    let (low, high) = rates.fold((1.0f64, 0.0f64), |(low, high), rate| {
        (low.min(rate), high.max(rate))
    });
    let text = format!(
        "From {} to {}.",
        model_report::number::percent(low),
        model_report::number::percent(high)
    );
    let chart = if dependence.is_number {
        let points = dependence.points.iter();
        Chart::new(
            &dependence.label,
            text.clone(),
            Axis::new(&dependence.label),
            axis,
        )
        .line(
            "model",
            points
                .map(|point| (point.value, rate(point.mean_probability)))
                .collect(),
        )
        .svg()?
    } else {
        let bars = dependence.points.iter();
        let bars = bars.map(|point| Bar::new(&*point.name, rate(point.mean_probability)));
        BarChart::new(&dependence.label, text.clone(), axis, bars.collect()).svg()?
    };
    Ok(Figure::new(chart, text))
}
