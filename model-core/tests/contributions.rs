//! Contributions are exact: compared with every coalition of inputs through the predictor that
//! decides, and the two ways of evaluating trees with one another.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use common::{EVERYTHING, binned, constant, ensemble, forest, linear, natively};
use model_core::artifact::Artifact;
use model_core::calibration::Calibration;
use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, Node, Tree};
use model_core::model::{Model, Predictor};
use model_core::reasons::{Explainer, Profiles, Way};
use model_core::schema::{Feature, FeatureKind, Missing, Schema};

const TOLERANCE: f64 = 1e-12;

/// Numbers that look random and are the same in every run (a 64-bit linear congruential
/// generator with Knuth's constants).
struct Numbers(u64);

impl Numbers {
    fn unit(&mut self) -> f64 {
        self.0 = (self.0.wrapping_mul(6_364_136_223_846_793_005))
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    /// A value that the feature takes; missing now and then where it may stay so.
    fn value(&mut self, feature: &Feature) -> f64 {
        if feature.missing == Missing::Native && self.below(5) == 0 {
            return f64::NAN;
        }
        let range = |lower: f64, upper: f64, at: f64| lower + (upper - lower) * at;
        match &feature.kind {
            FeatureKind::Boolean => self.below(2) as f64,
            FeatureKind::Category(categories) => self.below(categories.values.len()) as f64,
            FeatureKind::Number(bounds) | FeatureKind::Integer(bounds) => {
                let lower = bounds.lower.map_or(-100.0, |bound| bound.value);
                let upper = bounds.upper.map_or(lower + 200.0, |bound| bound.value);
                let inside = range(lower, upper, 0.02 + 0.96 * self.unit());
                match feature.kind {
                    FeatureKind::Integer(_) => inside.round(),
                    _ => inside,
                }
            }
        }
    }

    fn row(&mut self, schema: &Schema) -> Vec<f64> {
        schema.inputs().map(|feature| self.value(feature)).collect()
    }

    fn profiles(&mut self, schema: &Schema, count: usize) -> Profiles {
        let raw: Vec<f64> = (0..count).map(|_| 0.1 + self.unit()).collect();
        let sum: f64 = raw.iter().sum();
        Profiles {
            name: "all".into(),
            weights: raw.iter().map(|weight| weight / sum).collect(),
            values: (0..count).flat_map(|_| self.row(schema)).collect(),
        }
    }

    /// Trees of so many leaves whose splits ask for features again and again.
    fn forest(&mut self, schema: &Schema, trees: usize, leaves: usize) -> Forest {
        let features: Vec<Bins> = schema.inputs().map(bins).collect();
        let mut category_sets = Vec::new();
        let trees = (0..trees).map(|_| {
            let mut nodes = Vec::new();
            self.subtree(leaves, &features, &mut category_sets, &mut nodes);
            Tree { nodes }
        });
        Forest {
            trees: trees.collect(),
            features,
            category_sets,
            aggregation: Aggregation::GroupedSum,
            base: 0.2,
            link: Link::Logistic,
        }
    }

    fn subtree(
        &mut self,
        leaves: usize,
        features: &[Bins],
        sets: &mut Vec<CategorySet>,
        nodes: &mut Vec<Node>,
    ) {
        if leaves == 1 {
            let value = self.unit() - 0.5;
            nodes.push(Node::Leaf { value, count: 1 });
            return;
        }
        let feature = self.below(features.len());
        let split = match &features[feature] {
            Bins::Cuts(cuts) => self.below(cuts.len()),
            Bins::Categories(count) => {
                let members = (0..=*count).filter(|_| self.below(2) == 0);
                sets.push(CategorySet::new(*count, members.collect::<Vec<_>>()));
                sets.len() - 1
            }
        };
        nodes.push(Node::Split {
            feature: feature as u16,
            split: split as u32,
            missing_left: self.below(2) == 0,
            count: 2,
        });
        let left = 1 + self.below(leaves - 1);
        self.subtree(left, features, sets, nodes);
        self.subtree(leaves - left, features, sets, nodes);
    }
}

fn bins(feature: &Feature) -> Bins {
    match &feature.kind {
        FeatureKind::Boolean => Bins::Cuts(vec![0.5]),
        FeatureKind::Category(categories) => Bins::Categories(categories.values.len() as u32),
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            let lower = range.lower.map_or(-100.0, |bound| bound.value);
            let upper = range.upper.map_or(lower + 200.0, |bound| bound.value);
            Bins::Cuts(
                (1..20)
                    .map(|nth| lower + (upper - lower) * f64::from(nth) / 20.0)
                    .collect(),
            )
        }
    }
}

/// Shapley's formula over all coalitions of inputs, each predicted.
fn brute_force(predictor: &mut Predictor, profiles: &Profiles, row: &[f64]) -> Vec<f64> {
    let inputs = row.len();
    let mut worth = vec![0.0; 1 << inputs];
    let mut mixed = row.to_vec();
    for (nth, weight) in profiles.weights.iter().enumerate() {
        let profile = profiles.row(nth);
        for (coalition, worth) in worth.iter_mut().enumerate() {
            for input in 0..inputs {
                let taken = coalition >> input & 1 == 1;
                mixed[input] = if taken { row[input] } else { profile[input] };
            }
            *worth += weight * predictor.margin_row(&mixed);
        }
    }
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    let share: Vec<f64> = (0..inputs)
        .map(|size| factorial(size) * factorial(inputs - size - 1) / factorial(inputs))
        .collect();
    let values = (0..inputs).map(|input| {
        let without = (0..1usize << inputs).filter(|coalition| coalition >> input & 1 == 0);
        let added = without.map(|coalition| {
            let size = coalition.count_ones() as usize;
            share[size] * (worth[coalition | 1 << input] - worth[coalition])
        });
        added.sum()
    });
    values.collect()
}

fn are_close(found: &[f64], expected: &[f64], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        let scale = expected.abs().max(1.0);
        assert!(
            (found - expected).abs() <= TOLERANCE * scale,
            "{what}: {found} is not {expected}"
        );
    }
}

fn same_bits(one: &[f64], other: &[f64]) -> bool {
    let mut pairs = one.iter().zip(other);
    pairs.all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Checks both ways for rows of a model; with `brute`, against every coalition too.
fn check(artifact: &Artifact, profiles: usize, rows: usize, brute: bool) {
    let (model, schema) = (&artifact.model, &artifact.schema);
    model.check(schema).unwrap();
    let mut numbers = Numbers(7 + profiles as u64);
    let profiles = numbers.profiles(schema, profiles);
    profiles.check(schema).unwrap();
    let mut predictor = Predictor::new(model, &Calibration::None).unwrap();
    let [walk, tables] =
        [Way::Walk, Way::Tables].map(|way| Explainer::new(model, &mut predictor, &profiles, way));
    for _ in 0..rows {
        let row = numbers.row(schema);
        let found = tables.contributions(model, &row);
        let walked = walk.contributions(model, &row);
        are_close(&found, &walked, "the two ways");
        if profiles.weights.len() < 4 {
            // Tables for few profiles add up as the walk does.
            assert!(same_bits(&found, &walked));
        }
        let sum: f64 = found.iter().sum();
        let margin = predictor.margin_row(&row);
        are_close(&[sum], &[margin - walk.base()], "the sum");
        if brute {
            let expected = brute_force(&mut predictor, &profiles, &row);
            are_close(&found, &expected, "brute force");
        }
        // Asked again, the same bits.
        assert!(same_bits(&found, &tables.contributions(model, &row)));
    }
}

#[test]
fn every_family_equals_brute_force() {
    for toml in [EVERYTHING, &natively()] {
        for artifact in [linear(toml), binned(toml), forest(toml), ensemble(toml)] {
            check(&artifact, 3, 2, true);
            check(&artifact, 1, 1, true);
        }
    }
    for artifact in [forest(&natively()), ensemble(EVERYTHING)] {
        check(&artifact, 5, 1, true);
    }
    check(&constant(EVERYTHING, 0.3), 2, 1, true);
}

#[test]
fn trees_that_ask_again_equal_brute_force() {
    let mut artifact = forest(&natively());
    for (trees, leaves) in [(3, 20), (2, 64), (2, 90)] {
        artifact.model = Model::Forest(Numbers(3).forest(&artifact.schema, trees, leaves));
        check(&artifact, 2, 2, true);
        check(&artifact, 4, 1, true);
    }
}

/// The mean of the trees where the forest says so.
#[test]
fn a_mean_of_trees_is_shared_out() {
    let mut artifact = forest(EVERYTHING);
    let mut trees = Numbers(5).forest(&artifact.schema, 7, 12);
    trees.aggregation = Aggregation::GroupedMean;
    trees.link = Link::Identity;
    artifact.model = Model::Forest(trees);
    check(&artifact, 2, 1, true);
}

#[test]
fn both_ways_agree_on_large_forests() {
    let mut artifact = forest(&natively());
    for (trees, leaves, profiles) in [(60, 31, 32), (40, 48, 64), (3, 300, 20), (5, 1, 3)] {
        artifact.model = Model::Forest(Numbers(11).forest(&artifact.schema, trees, leaves));
        check(&artifact, profiles, 20, false);
        check(&artifact, 1, 20, false);
        check(&artifact, 3, 20, false);
    }
}

/// More features than are summed at once, and more than tables take.
#[test]
fn both_ways_agree_on_many_features() {
    for inputs in [24, 40] {
        let mut toml = "name = \"m\"\nversion = \"1\"\n".to_owned();
        for nth in 0..inputs {
            toml += &format!("[[feature]]\nname = \"x{nth}\"\ntype = \"number\"\n");
            toml += "missing = \"native\"\n";
        }
        toml += "[[feature]]\nname = \"y\"\nrole = \"target\"\ntype = \"boolean\"\n";
        let mut artifact = forest(&toml);
        artifact.model = Model::Forest(Numbers(13).forest(&artifact.schema, 20, 64));
        check(&artifact, 7, 20, false);
        check(&artifact, 2, 20, false);
    }
}

/// Where the margin never falls with an input and an application has at least what every
/// profile has, the input is never counted against it.
#[test]
fn who_beats_every_profile_in_a_monotonic_input_is_not_told_so() {
    beats_every_profile(2_000);
}

#[test]
#[ignore = "cargo xtask long reasons"]
fn who_beats_every_profile_is_not_told_so_in_100000_rows() {
    beats_every_profile(100_000);
}

fn beats_every_profile(rows: usize) {
    let mut artifact = forest(EVERYTHING);
    let features = bins(artifact.schema.inputs().next().unwrap());
    let Bins::Cuts(cuts) = &features else {
        panic!("income is a number")
    };
    // Random trees, and above each a split on the first input whose right side is better in
    // every leaf.
    let mut numbers = Numbers(17);
    let mut forest = numbers.forest(&artifact.schema, 60, 8);
    let mut category_sets = forest.category_sets.clone();
    for tree in &mut forest.trees {
        let mut nodes = vec![Node::Split {
            feature: 0,
            split: numbers.below(cuts.len()) as u32,
            missing_left: true,
            count: 2,
        }];
        let mut low = Vec::new();
        numbers.subtree(8, &forest.features, &mut category_sets, &mut low);
        for node in &mut low {
            without_first_input(node);
        }
        nodes.extend(low.iter().copied());
        nodes.extend(low.into_iter().map(|node| match node {
            Node::Leaf { value, count } => Node::Leaf {
                value: value + 0.3,
                count,
            },
            split => split,
        }));
        tree.nodes = nodes;
    }
    forest.category_sets = category_sets;
    artifact.model = Model::Forest(forest);
    let (model, schema) = (&artifact.model, &artifact.schema);
    model.check(schema).unwrap();
    let profiles = numbers.profiles(schema, 16);
    let best = (0..16).map(|nth| profiles.row(nth)[0]).fold(0.0, f64::max);
    let mut predictor = Predictor::new(model, &Calibration::None).unwrap();
    let explainer = Explainer::new(model, &mut predictor, &profiles, Way::Tables);
    let mut below = 0;
    for _ in 0..rows {
        let mut row = numbers.row(schema);
        let own = explainer.contributions(model, &row)[0];
        below += usize::from(own < 0.0);
        row[0] = row[0].max(best);
        let contribution = explainer.contributions(model, &row)[0];
        assert!(contribution >= -TOLERANCE, "{contribution} for {row:?}");
    }
    assert!(
        below > rows / 10,
        "the input is counted against {below} rows only"
    );
}

/// The second input's split for one on the first.
fn without_first_input(node: &mut Node) {
    if let Node::Split { feature, .. } = node
        && *feature == 0
    {
        *feature = 1;
    }
}
