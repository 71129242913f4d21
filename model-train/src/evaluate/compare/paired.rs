//! The paired bootstrap: both models on the same resamples, so that what makes a resample easy
//! or hard for both does not widen the interval of their difference.

use super::Difference;
use crate::evaluate::bootstrap::{
    Draws, Estimate, MOST_ROWS, Scale, figure_interval, percentile_interval,
};
use crate::evaluate::credit::largest_gap;
use crate::evaluate::{FIGURES, Interval, Options, Ranked};

/// Gini and KS come before [`FIGURES`].
const FIRST: [&str; 2] = ["gini", "ks"];

/// Figures of both models, and their differences.
pub(super) struct Paired {
    pub(super) models: [Vec<Estimate>; 2],
    pub(super) differences: Vec<Difference>,
}

/// The interval of each difference is that of Efron and Tibshirani's percentiles of the
/// resampled differences; the single models' intervals come from the same resamples.
///
/// Of many rows, some are resampled and the intervals are scaled: the same as for one model.
pub(super) fn bootstrap(models: [&Ranked; 2], options: &Options) -> Paired {
    if models[0].len() <= MOST_ROWS {
        return resampled(models, options);
    }
    let keep = models[0].sample(MOST_ROWS, options.seed);
    let thin = models.map(|model| model.restricted(&keep));
    let found = resampled([&thin[0], &thin[1]], options);
    let once = Options {
        resamples: 0,
        ..options.clone()
    };
    let own = resampled(models, &once);
    let scale = Scale::new(thin[0].len(), models[0].len());
    let shrunk = |interval: Option<Interval>, center: Option<f64>, value: Option<f64>| {
        Some(scale.shrunk(interval?, center?, value?))
    };
    let [a, b] = found.models;
    let [own_a, own_b] = own.models;
    let merged = |own: Vec<Estimate>, found: Vec<Estimate>| {
        let pairs = own.into_iter().zip(found);
        pairs
            .map(|(own, found)| Estimate {
                interval: shrunk(found.interval, found.value, own.value),
                ..own
            })
            .collect()
    };
    let differences = own.differences.into_iter().zip(found.differences);
    let differences = differences.map(|(own, found)| Difference {
        interval: shrunk(found.interval, found.value, own.value),
        ..own
    });
    Paired {
        models: [merged(own_a, a), merged(own_b, b)],
        differences: differences.collect(),
    }
}

fn resampled(models: [&Ranked; 2], options: &Options) -> Paired {
    let rows = models[0].len();
    let measure = |model: &Ranked, drawn: &[u32]| -> Vec<f64> {
        let mut sorted = Vec::with_capacity(rows);
        model.sort_draws(drawn, &mut sorted);
        let mut curve = Vec::with_capacity(rows + 1);
        curve.push((0.0, 0.0));
        let figures = model.figures(&sorted, |yes, no| curve.push((no, yes)));
        let gini = 2.0 * figures[0] - 1.0;
        [gini, largest_gap(&curve)]
            .into_iter()
            .chain(figures)
            .collect()
    };
    let values = models.map(|model| measure(model, &vec![1; rows]));
    let names: Vec<&str> = FIRST.into_iter().chain(FIGURES).collect();
    let mut drawn: [Vec<Vec<f64>>; 3] = std::array::from_fn(|_| vec![Vec::new(); names.len()]);
    let resamples = Draws::from(options).each(rows, |drawn| {
        let [first, second] = models.map(|model| measure(model, drawn));
        (first, second)
    });
    for (first, second) in resamples {
        for (figure, (a, b)) in first.into_iter().zip(second).enumerate() {
            drawn[0][figure].push(a);
            drawn[1][figure].push(b);
            drawn[2][figure].push(b - a);
        }
    }
    let [first, second, both] = drawn;
    let differences = names
        .iter()
        .zip(values[0].iter().zip(&values[1]))
        .zip(both)
        .map(|((name, (a, b)), drawn)| {
            let value = Some(b - a).filter(|value| value.is_finite());
            Difference {
                name: (*name).to_owned(),
                value,
                interval: value.and_then(|_| percentile_interval(drawn)),
            }
        });
    let differences = differences.collect();
    let [of_first, of_second] = values;
    Paired {
        models: [
            estimates(&names, of_first, first),
            estimates(&names, of_second, second),
        ],
        differences,
    }
}

fn estimates(names: &[&str], values: Vec<f64>, drawn: Vec<Vec<f64>>) -> Vec<Estimate> {
    let figures = names.iter().zip(values).zip(drawn);
    figures
        .map(|((name, value), drawn)| {
            let value = Some(value).filter(|value| value.is_finite());
            Estimate {
                name: (*name).to_owned(),
                value,
                interval: value.and_then(|value| figure_interval(name, value, drawn)),
            }
        })
        .collect()
}
