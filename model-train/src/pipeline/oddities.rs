//! What a person should know of the training rows before a model is made of them.

use model_core::schema::{Feature, FeatureKind, SampleRole};

use super::inputs::Inputs;
use super::job::Warning;
use crate::values::Values;

/// A column alone that puts so many pairs of a yes and a no in order, or so many rows on the
/// right side, was probably written down after the decision.
const LEAK: f64 = 0.999;
/// Rows of a class below which figures say little and a model learns little.
const FEW_ROWS: usize = 20;
/// Mean weight of a row below which penalties and least weights of leaves leave little to learn.
const LIGHT: f64 = 0.1;
/// A value tells something of the target when others have it too: rows a value, in the mean.
const ROWS_A_VALUE: usize = 5;
/// Rows that are looked at where a column has too many different numbers to count.
const SAMPLED_ROWS: usize = 262_144;

pub(super) fn warnings(inputs: &Inputs) -> Vec<Warning> {
    let (yes, no): (Vec<usize>, Vec<usize>) = inputs
        .split
        .train
        .iter()
        .partition(|row| inputs.dataset.target[**row]);
    let target = &inputs.schema.target;
    let classes = [
        (target.outcome_label(true), yes.len()),
        (target.outcome_label(false), no.len()),
    ];
    let few = classes.into_iter().filter(|(_, rows)| *rows < FEW_ROWS);
    let few = few.map(|(label, rows)| Warning::FewRows {
        file: inputs.dataset.name().to_owned(),
        label: label.into_owned(),
        rows,
    });
    let columns = inputs.schema.inputs().zip(&inputs.dataset.columns);
    let leaks = columns.filter(|(feature, values)| tells(feature, values, &yes, &no));
    let leaks = leaks.map(|(feature, _)| Warning::Leak {
        file: inputs.dataset.name().to_owned(),
        column: feature.name.clone(),
    });
    let light = light_weights(inputs);
    few.chain(leaks)
        .chain(groups(inputs))
        .chain(light)
        .collect()
}

/// Weights that make rows worth less than models expect of one.
fn light_weights(inputs: &Inputs) -> Option<Warning> {
    let weights = inputs.dataset.sample.weights_of(&inputs.split.train)?;
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    (mean < LIGHT).then_some(Warning::LightWeights {
        file: inputs.dataset.name().to_owned(),
        column: (inputs.schema.sample_column(SampleRole::Weight)?.name).clone(),
        mean,
    })
}

/// What is odd about the groups.
fn groups(inputs: &Inputs) -> Option<Warning> {
    let groups = inputs.dataset.sample.groups.as_ref()?;
    let column = inputs.schema.sample_column(SampleRole::Group)?.name.clone();
    let file = inputs.dataset.name().to_owned();
    let count = groups.iter().max().map_or(0, |most| *most as usize + 1);
    if count == groups.len() {
        return Some(Warning::GroupsOfOne { file, column });
    }
    let mut trained = vec![false; count];
    for &row in &inputs.split.train {
        trained[groups[row] as usize] = true;
    }
    let test = inputs.split.test.iter().map(|&row| groups[row]);
    let mut shared: Vec<u32> = test.filter(|&group| trained[group as usize]).collect();
    shared.sort_unstable();
    shared.dedup();
    (!shared.is_empty()).then_some(Warning::SharedGroups {
        file,
        column,
        groups: shared.len(),
    })
}

/// Whether a column alone tells the target.
fn tells(feature: &Feature, values: &Values, yes: &[usize], no: &[usize]) -> bool {
    let counts = [yes, no].map(|rows| values.counted(rows, SAMPLED_ROWS));
    // With a handful of values in a class many a column tells them apart by chance.
    let present =
        |counts: &[(f64, u32)]| -> usize { counts.iter().map(|(_, count)| *count as usize).sum() };
    if counts.iter().any(|counts| present(counts) < FEW_ROWS) {
        return false;
    }
    let values = merged(&counts);
    let rows: f64 = values.iter().map(|[yes, no]| yes + no).sum();
    let wrong: f64 = values.iter().map(|[yes, no]| yes.min(*no)).sum();
    let is_shared = values.len() * ROWS_A_VALUE <= yes.len() + no.len();
    let separates = is_shared && wrong <= (1.0 - LEAK) * rows;
    let is_number = matches!(
        feature.kind,
        FeatureKind::Number(_) | FeatureKind::Integer(_)
    );
    let auc = area(&values);
    separates || (is_number && auc.max(1.0 - auc) >= LEAK)
}

/// Rows of a yes and of a no by value, ascending.
fn merged([yes, no]: &[Vec<(f64, u32)>; 2]) -> Vec<[f64; 2]> {
    let (mut yes, mut no) = (yes.iter().peekable(), no.iter().peekable());
    let mut merged = Vec::new();
    loop {
        let next = match (yes.peek(), no.peek()) {
            (None, None) => return merged,
            (Some((value, _)), None) | (None, Some((value, _))) => *value,
            (Some((one, _)), Some((other, _))) => one.min(*other),
        };
        let count = |at: Option<&(f64, u32)>| at.map_or(0.0, |(_, count)| f64::from(*count));
        merged.push([
            count(yes.next_if(|(value, _)| *value == next)),
            count(no.next_if(|(value, _)| *value == next)),
        ]);
    }
}

/// The area under the ROC curve of the values themselves; ties count half.
fn area(values: &[[f64; 2]]) -> f64 {
    let [mut pairs, mut yes_rows, mut no_rows] = [0.0; 3];
    for [yes, no] in values {
        pairs += yes * (no_rows + no / 2.0);
        yes_rows += yes;
        no_rows += no;
    }
    if yes_rows * no_rows > 0.0 {
        pairs / (yes_rows * no_rows)
    } else {
        0.5
    }
}
