//! Which values of an input go left: a node's question in the terms of our forest.

use model_core::schema::{Feature, FeatureKind, Missing, Range};

use crate::bind::{Bound, Given};
use crate::bits::last;
use crate::source::{Cut, Test};

/// A node's question about an input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Question {
    /// Every application that can come goes to one side.
    Settled {
        /// Whether that is the left one.
        left: bool,
    },
    /// A number up to a cut.
    Cut {
        /// Where.
        at: f64,
        /// Whether such a number goes to what was the right side.
        swapped: bool,
        /// Whether a missing value goes where such a number goes.
        missing_below: bool,
    },
    /// A category of a set; the code behind the last is "other".
    Set {
        /// Whether each code goes left.
        left: Vec<bool>,
        /// Whether a missing value goes left.
        missing_left: bool,
    },
}

/// Why there is no such question, as the end of a sentence.
pub(crate) type Problem = String;

/// What a test of a column asks of the input.
///
/// # Errors
/// Where one cut cannot say it, or a policy would send a value elsewhere.
pub(crate) fn question(
    feature: &Feature,
    column: &Bound,
    test: &Test,
) -> Result<Question, Problem> {
    let goes_left = |x: f64| test.goes_left(column.after_steps(x));
    let missing_left = goes_left(column.missing);
    // Only then a missing value comes here at all.
    let may_miss = feature.missing == Missing::Native;
    let question = match (&column.given, test) {
        (Given::Texts { of, other }, _) => {
            let codes = of.iter().chain([other]);
            let left: Vec<bool> = codes.map(|x| goes_left(*x)).collect();
            if feature.missing == Missing::Other && left.last() != Some(&missing_left) {
                return Err(elsewhere("other"));
            }
            Question::Set { left, missing_left }
        }
        (Given::Constant(x), _) => numbers(&[(f64::MAX, goes_left(*x))], missing_left)?,
        (Given::Boolean([no, yes]), _) => numbers(
            &[(0.0, goes_left(*no)), (f64::MAX, goes_left(*yes))],
            missing_left,
        )?,
        (Given::Itself, Test::Cut(cut)) => {
            let segments = inside(feature, segments(column, cut));
            numbers(&segments, missing_left)?
        }
        (Given::Itself, Test::Set(_)) => {
            return Err("the model takes it as a category: give it type = \"category\"".into());
        }
    };
    if feature.missing == Missing::Zero && sides_of_zero(column, test) != missing_left {
        return Err(elsewhere("zero"));
    }
    Ok(settled(question, may_miss))
}

fn elsewhere(policy: &str) -> Problem {
    format!("missing = \"{policy}\" sends a missing value where the model does not: use native")
}

fn sides_of_zero(column: &Bound, test: &Test) -> bool {
    let zero = match column.given {
        Given::Constant(x) | Given::Boolean([x, _]) => x,
        Given::Itself | Given::Texts { .. } => 0.0,
    };
    test.goes_left(column.after_steps(zero))
}

/// A question with one answer is none.
fn settled(question: Question, may_miss: bool) -> Question {
    match &question {
        Question::Set { left, missing_left } => {
            let first = left.first().copied().unwrap_or_default();
            let one_sided = left.iter().all(|left| *left == first);
            if one_sided && (!may_miss || *missing_left == first) {
                return Question::Settled { left: first };
            }
            question
        }
        Question::Cut {
            at,
            swapped,
            missing_below,
        } if *at == f64::MAX && (!may_miss || *missing_below) => {
            Question::Settled { left: !swapped }
        }
        Question::Cut { .. } | Question::Settled { .. } => question,
    }
}

/// From stretches of numbers, each with its last number and its side.
fn numbers(segments: &[(f64, bool)], missing_left: bool) -> Result<Question, Problem> {
    let (at, left) = match segments {
        [] => return Err("its range holds no number".into()),
        [(_, left)] => (f64::MAX, *left),
        [(at, left), (_, _)] => (*at, *left),
        _ => {
            return Err(
                "numbers that count as missing lie between others that do not, which one cut cannot say: narrow its range (minimum, maximum) so that they are at an end or outside".into(),
            );
        }
    };
    Ok(Question::Cut {
        at,
        swapped: !left,
        missing_below: missing_left == left,
    })
}

/// All numbers from the lowest, in stretches that go to one side each.
fn segments(column: &Bound, cut: &Cut) -> Vec<(f64, bool)> {
    let last_below = last(|x| cut.is_below(column.after_steps(x)));
    let mut ends = vec![f64::MAX];
    ends.extend(last_below);
    if let Some(band) = cut.band() {
        // Only columns without steps have one.
        ends.extend([band.from.next_down(), band.to]);
    }
    ends.retain(|end| end.is_finite());
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    let side = |end: f64| (end, cut.goes_left(column.after_steps(end)));
    merged(ends.into_iter().map(side))
}

/// Neighbours that go to the same side are one stretch.
fn merged(segments: impl Iterator<Item = (f64, bool)>) -> Vec<(f64, bool)> {
    let mut merged: Vec<(f64, bool)> = Vec::new();
    for (end, left) in segments {
        match merged.last_mut() {
            Some(last) if last.1 == left => last.0 = end,
            _ => merged.push((end, left)),
        }
    }
    merged
}

/// The stretches that a value of the feature can lie in; one cut stays one, so that it is
/// where the library has it.
fn inside(feature: &Feature, segments: Vec<(f64, bool)>) -> Vec<(f64, bool)> {
    if segments.len() <= 2 {
        return segments;
    }
    let (lowest, highest) = ends(feature);
    let mut before = f64::NEG_INFINITY;
    let reached = segments.into_iter().filter(|(end, _)| {
        let is_reached = *end >= lowest && before < highest;
        before = *end;
        is_reached
    });
    merged(reached)
}

/// The lowest and the highest number that a feature takes.
fn ends(feature: &Feature) -> (f64, f64) {
    let Some(Range { lower, upper, .. }) = feature.range() else {
        return match feature.kind {
            FeatureKind::Boolean => (0.0, 1.0),
            _ => (f64::MIN, f64::MAX),
        };
    };
    let lowest = lower.map_or(f64::MIN, |bound| match bound.exclusive {
        true => bound.value.next_up(),
        false => bound.value,
    });
    let highest = upper.map_or(f64::MAX, |bound| match bound.exclusive {
        true => bound.value.next_down(),
        false => bound.value,
    });
    (lowest, highest)
}
