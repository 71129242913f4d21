//! Recourse is exact: every option is approved, and none cheaper exists.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "../../model-core/tests/common/mod.rs"]
mod common;

use common::{EVERYTHING, RULED, RULES, binned, decider, ensemble, forest, linear, natively};
use model_core::artifact::Artifact;
use model_core::decide::{Application, Decider};
use model_core::forest::{Aggregation, Link, Node};
use model_core::model::{Model, ModelKind};
use model_core::policy::Policy;
use model_core::schema::{
    Actionable, Direction, Encoding, Feature, FeatureKind, OutOfRange, Unknown,
};
use model_recourse::{Action, Answer, Budget, Request, flips, search};

/// Numbers that look random, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() * count as f64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A few values of each numeric feature: lowest, highest, step.
const GRIDS: [(&str, f64, f64, f64); 10] = [
    ("income", 0.0, 100_000.0, 20_000.0),
    ("rate", 0.5, 40.0, 7.5),
    ("share", 0.0, 1.0, 0.2),
    ("wealth", -100.0, 200.0, 60.0),
    ("age", 18.0, 100.0, 20.0),
    ("score", 300.0, 850.0, 110.0),
    ("years", 0.0, 180.0, 45.0),
    ("amount", 0.0, 100_000.0, 16_000.0),
    ("none", 0.0, 0.0, 1.0),
    ("nothing", 0.0, 0.0, 1.0),
];

fn action(feature: &Feature, random: &mut Random) -> Option<Action> {
    let is_ordered = feature
        .categories()
        .is_none_or(|c| c.encoding == Encoding::Ordinal);
    let direction = match is_ordered {
        true => random.pick(&[
            Direction::Up,
            Direction::Down,
            Direction::Any,
            Direction::Any,
        ]),
        false => Direction::Any,
    };
    let (lowest, highest, step) = match feature.range() {
        Some(_) => {
            let grid = GRIDS.iter().find(|grid| grid.0 == feature.name)?;
            (grid.1, grid.2, grid.3)
        }
        None => (0.0, f64::INFINITY, 1.0),
    };
    let quantiles = match feature.range() {
        Some(_) if random.next() < 0.5 => {
            let at = |part: f64| lowest + (highest - lowest) * part * part;
            [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(at).to_vec()
        }
        _ => Vec::new(),
    };
    Some(Action {
        feature: feature.name.clone(),
        actionable: Actionable {
            direction,
            step,
            lowest,
            highest,
            cost: random.pick(&[0.5, 1.0, 2.0]),
            quantiles,
        },
    })
}

/// An application as fields and their JSON.
type Fields = Vec<(String, String)>;

fn json(fields: &Fields) -> String {
    let written: Vec<_> = fields.iter().map(|(n, j)| format!("\"{n}\":{j}")).collect();
    format!("{{{}}}", written.join(","))
}

fn value_json(feature: &Feature, value: f64) -> String {
    match &feature.kind {
        FeatureKind::Boolean => (value != 0.0).to_string(),
        FeatureKind::Category(c) => format!("\"{}\"", c.values[value as usize]),
        FeatureKind::Number(_) | FeatureKind::Integer(_) => format!("{value}"),
    }
}

/// A value that the feature takes as it is, now and then one that its policies change.
fn random_value(feature: &Feature, random: &mut Random) -> Option<String> {
    if random.next() < 0.05
        && let Some(replaced) = replaced_value(feature, random)
    {
        return Some(replaced);
    }
    let value = match &feature.kind {
        FeatureKind::Boolean => random.below(2) as f64,
        FeatureKind::Category(c) => random.below(c.values.len()) as f64,
        FeatureKind::Number(_) | FeatureKind::Integer(_) => {
            let grid = GRIDS.iter().find(|grid| grid.0 == feature.name)?;
            let value = grid.1 + (grid.2 - grid.1) * random.next();
            if matches!(feature.kind, FeatureKind::Integer(_)) {
                value.round()
            } else {
                (value * 100.0).round() / 100.0
            }
        }
    };
    Some(value_json(feature, value))
}

/// A number outside the range, or a text that is no category, where a policy takes it.
fn replaced_value(feature: &Feature, random: &mut Random) -> Option<String> {
    match &feature.kind {
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            let bound = random.pick(&[range.lower, range.upper])?;
            let is_upper = range.upper == Some(bound);
            let outside = bound.value + if is_upper { 7.0 } else { -7.0 };
            (range.policy != OutOfRange::Error).then(|| format!("{outside}"))
        }
        FeatureKind::Category(c) => {
            (c.unknown != Unknown::Error).then(|| "\"none of them\"".to_owned())
        }
        FeatureKind::Boolean => None,
    }
}

fn random_application(artifact: &Artifact, random: &mut Random) -> Fields {
    let mut fields = Fields::new();
    for feature in artifact.schema.inputs() {
        let may_lack = feature.missing != model_core::schema::Missing::Error;
        if feature.derived.is_some() || (may_lack && random.next() < 0.08) {
            continue;
        }
        if let Some(value) = random_value(feature, random) {
            fields.push((feature.name.clone(), value));
        }
    }
    fields
}

/// The values that may be proposed, beside the application's own, with their costs: written
/// down again, as the documentation says it.
fn proposals(artifact: &Artifact, action: &Action, from: f64) -> Vec<(f64, f64)> {
    let feature = artifact
        .schema
        .features
        .iter()
        .find(|f| f.name == action.feature)
        .unwrap();
    let Actionable {
        direction,
        step,
        lowest,
        highest,
        cost,
        ..
    } = action.actionable;
    let values: Vec<f64> = match &feature.kind {
        FeatureKind::Boolean => vec![0.0, 1.0],
        FeatureKind::Category(c) => (0..c.values.len()).map(|code| code as f64).collect(),
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            let inverse = (1.0 / step).round();
            let at = |k: i32| {
                if step < 1.0 {
                    f64::from(k) / inverse
                } else {
                    f64::from(k) * step
                }
            };
            (-1000..1000)
                .map(at)
                .filter(|v| *v >= lowest && *v <= highest && range.contains(*v))
                .collect()
        }
    };
    let is_nominal = feature
        .categories()
        .is_some_and(|c| c.encoding == Encoding::OneHot);
    let rank = |v: f64| {
        let q = &action.actionable.quantiles;
        let n = q.len() - 1;
        if v <= q[0] {
            return 0.0;
        }
        match (0..n).find(|i| v <= q[i + 1]) {
            Some(i) => (i as f64 + (v - q[i]) / (q[i + 1] - q[i])) / n as f64,
            None => 1.0,
        }
    };
    let allowed = |to: &f64| match direction {
        Direction::Up => *to > from,
        Direction::Down => *to < from,
        Direction::Any => *to != from,
    };
    // From the nearer end of the range where the own lies outside.
    let start = feature.range().map_or(from, |range| {
        let from = range.lower.map_or(from, |bound| from.max(bound.value));
        range.upper.map_or(from, |bound| from.min(bound.value))
    });
    let distance = |to: f64| match &feature.kind {
        FeatureKind::Boolean => 1.0,
        FeatureKind::Category(_) if is_nominal => 1.0,
        FeatureKind::Category(c) => (to - from).abs() / (c.values.len() - 1) as f64,
        _ => {
            let over = (to - start).abs() / (highest - lowest);
            match action.actionable.quantiles.is_empty() {
                true => over,
                false => (rank(to) - rank(start)).abs() + 0.01 * over,
            }
        }
    };
    values
        .into_iter()
        .filter(allowed)
        .map(|to| (to, 0.05 + cost * distance(to)))
        .collect()
}

fn approves(decider: &mut Decider, fields: &Fields) -> bool {
    let (status, body) = common::decide(decider, json(fields));
    status == 200 && body.contains("\"approve\":true")
}

/// What is decided; `None` where the application is refused.
fn outcome(decider: &mut Decider, fields: &Fields) -> Option<String> {
    let (status, body) = common::decide(decider, json(fields));
    let word = |part: &str| part.split('"').next().unwrap().to_owned();
    let stated = body.split("\"outcome\":\"").nth(1).map(word);
    let approves = body.contains("\"approve\":true");
    let implied = if approves { "approve" } else { "decline" };
    (status == 200).then(|| stated.unwrap_or_else(|| implied.into()))
}

/// Every value of an action alone is decided: the nearest on each side with another outcome,
/// all such of a category.
fn check_flips(
    decider: &mut Decider,
    actions: &[Action],
    fields: &Fields,
    application: &Application,
) {
    let artifact = decider.artifact().clone();
    let today = outcome(decider, fields);
    let found = flips(decider, actions, application, Budget::default());
    for action in actions {
        let named = |feature: &&Feature| feature.name == action.feature;
        let input = artifact.schema.inputs().position(|f| named(&f)).unwrap();
        let feature = artifact.schema.inputs().find(named).unwrap();
        let mut expected = Vec::new();
        if let Some(position) = fields.iter().position(|(name, _)| *name == action.feature) {
            let from = application.codes[input];
            let mut any = action.clone();
            any.actionable.direction = Direction::Any;
            let mut values: Vec<f64> = proposals(&artifact, &any, from)
                .into_iter()
                .map(|(to, _)| to)
                .collect();
            values.sort_by(|a, b| (a - from).abs().total_cmp(&(b - from).abs()));
            for to in values {
                let mut changed = fields.clone();
                changed[position].1 = value_json(feature, to);
                let is_new = expected.iter().all(|(known, _): &(f64, String)| {
                    feature.categories().is_some() || (*known < from) != (to < from)
                });
                let there = outcome(decider, &changed);
                if let (true, Some(there)) = (is_new && there != today, there) {
                    expected.push((to, there));
                }
            }
        }
        expected.sort_by(|a, b| a.0.total_cmp(&b.0));
        let of_input = found.iter().filter(|flip| flip.input == input);
        let mut of_input: Vec<(f64, String)> = of_input
            .map(|flip| (flip.value, flip.outcome.word().into()))
            .collect();
        of_input.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(of_input, expected, "{action:#?}\n{}", json(fields));
    }
}

/// An approved combination: the features that change, as bits, and what it costs.
type Found = (u32, f64);

/// Every approved combination of at most `most` changes.
fn brute_force(
    decider: &mut Decider,
    actions: &[Action],
    fields: &Fields,
    codes: &[f64],
    most: usize,
) -> Vec<Found> {
    let artifact = decider.artifact().clone();
    let mut axes = Vec::new();
    for action in actions {
        if let Some(position) = fields.iter().position(|(name, _)| *name == action.feature) {
            let input = artifact
                .schema
                .inputs()
                .position(|f| f.name == action.feature)
                .unwrap();
            axes.push((position, input, proposals(&artifact, action, codes[input])));
        }
    }
    let mut found = Vec::new();
    let mut open = vec![(0, 0u32, 0.0, fields.clone())];
    while let Some((nth, set, cost, fields)) = open.pop() {
        let Some((position, input, proposals)) = axes.get(nth) else {
            if set != 0 && approves(decider, &fields) {
                found.push((set, cost));
            }
            continue;
        };
        open.push((nth + 1, set, cost, fields.clone()));
        if set.count_ones() as usize == most {
            continue;
        }
        let feature = artifact.schema.inputs().nth(*input).unwrap();
        for (to, price) in proposals {
            let mut changed = fields.clone();
            changed[*position].1 = value_json(feature, *to);
            open.push((nth + 1, set | 1 << input, cost + price, changed));
        }
    }
    found
}

/// The cheapest, then the cheapest that does not change all that one before changes.
fn cheapest(mut found: Vec<Found>, options: usize) -> Vec<Found> {
    found.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut kept: Vec<Found> = Vec::new();
    for (set, cost) in found {
        if kept.len() < options && kept.iter().all(|(known, _)| known & set != *known) {
            kept.push((set, cost));
        }
    }
    kept
}

fn randomized(mut artifact: Artifact, random: &mut Random) -> Artifact {
    let (forest, linear) = match &mut artifact.model {
        Model::Linear(linear) => (None, Some(linear)),
        Model::Forest(forest) => (Some(forest), None),
        Model::Ensemble(ensemble) => (Some(&mut ensemble.forest), Some(&mut ensemble.linear)),
    };
    if let Some(forest) = forest {
        if forest.link == Link::Logistic {
            forest.base = 3.0 * random.next() - 1.0;
        }
        for node in forest.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
            if let Node::Leaf { value, .. } = node {
                *value = match forest.link {
                    Link::Identity => random.next(),
                    Link::Logistic | Link::Sigmoid => random.next() - 0.6,
                };
            }
        }
    }
    if let Some(linear) = linear {
        linear.intercept = 3.0 * random.next() - 1.0;
        for term in &mut linear.terms {
            term.weight = random.next() * 2.0 - 1.0;
        }
        for indicator in &mut linear.indicators {
            indicator.weight = random.next() - 0.5;
        }
    }
    artifact
}

fn boosted(toml: &str) -> Artifact {
    let mut artifact = forest(toml);
    if let Model::Forest(forest) = &mut artifact.model {
        forest.aggregation = Aggregation::GroupedSum;
        forest.link = Link::Logistic;
    }
    artifact.kind = ModelKind::GradientBoosting;
    artifact
}

fn ruled(mut artifact: Artifact) -> Artifact {
    let policy = Policy::from_toml(RULES, &artifact.schema, &artifact.schema.languages)
        .unwrap()
        .policy;
    artifact.policy = Some(policy);
    artifact
}

/// What a case came to, so that a test can say that it saw all kinds.
#[derive(Default, Debug)]
struct Seen {
    impossible: u32,
    options: u32,
    approved: u32,
    /// Not approved, with something that might change and is not stated.
    unstated: u32,
}

fn check_case(artifact: &Artifact, random: &mut Random, seen: &mut Seen) {
    let mut artifact = artifact.clone();
    let fields = random_application(&artifact, random);
    if artifact.policy.is_none() {
        // A little above what the application has.
        let (_, body) = common::decide(&mut decider(&artifact), json(&fields));
        let probability = body.split("\"probability\":").nth(1).unwrap();
        let probability: f64 = probability.split(',').next().unwrap().parse().unwrap();
        artifact.threshold = (probability + 0.15 * random.next() * random.next()).min(1.0);
    }
    let mut decider = decider(&artifact);
    let Some(application) = decider.application(json(&fields).as_bytes()) else {
        return;
    };
    let features: Vec<_> = artifact.schema.inputs().cloned().collect();
    let count = 3 + random.below(2);
    let mut actions: Vec<Action> = Vec::new();
    while actions.len() < count {
        let feature = &features[random.below(features.len())];
        let is_new = actions.iter().all(|action| action.feature != feature.name);
        if let (None, true) = (&feature.derived, is_new) {
            actions.extend(action(feature, random));
        }
    }
    check_flips(&mut decider, &actions, &fields, &application);
    let request = Request {
        max_changes: 1 + random.below(3),
        options: 1 + random.below(3),
        ..Request::default()
    };
    let answer = search(
        &mut decider,
        &actions,
        &application,
        &request,
        Budget::default(),
    );
    if approves(&mut decider, &fields) {
        seen.approved += 1;
        assert!(answer.options.is_empty() && !answer.impossible);
        return;
    }
    let found = brute_force(
        &mut decider,
        &actions,
        &fields,
        &application.codes,
        request.max_changes,
    );
    let expected = cheapest(found, request.options);
    let context = || {
        format!(
            "{actions:#?}\n{}\n{request:?}\n{answer:#?}\n{expected:?}",
            json(&fields)
        )
    };
    assert_eq!(answer.options.len(), expected.len(), "{}", context());
    let is_stated = |name: &String| fields.iter().any(|(stated, _)| stated == name);
    let names = actions.iter().map(|action| action.feature.clone());
    let unstated: Vec<String> = names.filter(|name| !is_stated(name)).collect();
    assert_eq!(answer.unstated, unstated, "{}", context());
    // What nobody looked at is in no proof.
    let is_proved = unstated.is_empty();
    let impossible = is_proved && expected.is_empty();
    assert_eq!(answer.impossible, impossible, "{}", context());
    assert_eq!(answer.lower_bound, None, "{}", context());
    seen.unstated += u32::from(!is_proved);
    for (option, (_, cost)) in answer.options.iter().zip(&expected) {
        assert!(
            option.proven == is_proved && (option.cost - cost).abs() < 1e-12,
            "{}",
            context()
        );
        let mut changed = fields.clone();
        for change in &option.changes {
            let feature = &features[change.input];
            let field = changed
                .iter_mut()
                .find(|(name, _)| *name == feature.name)
                .unwrap();
            field.1 = value_json(feature, change.to);
        }
        assert!(approves(&mut decider, &changed), "{}", context());
    }
    seen.options += answer.options.len() as u32;
    seen.impossible += u32::from(answer.impossible);
    // Another order of the features is another order of the search.
    let reversed: Vec<Action> = actions.iter().rev().cloned().collect();
    let other = search(
        &mut decider,
        &reversed,
        &application,
        &request,
        Budget::default(),
    );
    let costs = |answer: &Answer| -> Vec<f64> { answer.options.iter().map(|o| o.cost).collect() };
    for (one, other) in costs(&answer).iter().zip(costs(&other)) {
        assert!((one - other).abs() < 1e-12, "{}", context());
    }
}

fn check_family(family: impl Fn() -> Artifact, seed: u64, cases: u32) {
    let mut random = Random(seed);
    let mut seen = Seen::default();
    for _ in 0..cases {
        let artifact = randomized(family(), &mut random);
        check_case(&artifact, &mut random, &mut seen);
    }
    let Seen {
        impossible,
        options,
        unstated,
        ..
    } = seen;
    assert!(impossible > cases / 50 && options > cases / 8, "{seen:?}");
    assert!(unstated > cases / 50, "{seen:?}");
}

fn check_linear(cases: u32) {
    check_family(|| linear(EVERYTHING), 1, cases);
    check_family(|| binned(&natively()), 2, cases);
}

fn check_forests(cases: u32) {
    check_family(|| forest(EVERYTHING), 3, cases);
    check_family(|| forest(&natively()), 4, cases);
}

fn check_boosted(cases: u32) {
    check_family(|| boosted(EVERYTHING), 5, cases);
    check_family(|| boosted(&natively()), 6, cases);
}

fn check_ensembles(cases: u32) {
    check_family(|| ensemble(EVERYTHING), 7, cases);
    check_family(|| ensemble(&natively()), 8, cases);
}

fn check_rules(cases: u32) {
    check_family(|| ruled(linear(RULED)), 9, cases);
    check_family(|| ruled(boosted(RULED)), 10, cases);
    check_family(|| ruled(ensemble(RULED)), 11, cases);
}

#[test]
fn linear_models_agree_with_brute_force() {
    check_linear(200);
}

#[test]
fn forests_agree_with_brute_force() {
    check_forests(200);
}

#[test]
fn boosted_trees_agree_with_brute_force() {
    check_boosted(200);
}

/// Leaves so great that the small ones are lost in their sums or not, by the order of the sum:
/// what a bound adds up must be rounded as the model rounds it.
#[test]
fn extreme_leaves_agree_with_brute_force() {
    let mut random = Random(14);
    let mut seen = Seen::default();
    for _ in 0..400 {
        let mut artifact = randomized(boosted(EVERYTHING), &mut random);
        if let Model::Forest(forest) = &mut artifact.model {
            for node in forest.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
                if let Node::Leaf { value, .. } = node {
                    *value += random.pick(&[0.0, 4e15, -4e15]);
                }
            }
        }
        check_case(&artifact, &mut random, &mut seen);
    }
    assert!(seen.impossible > 8 && seen.options > 50, "{seen:?}");
}

#[test]
fn ensembles_agree_with_brute_force() {
    check_ensembles(200);
}

#[test]
fn rules_and_derived_fields_agree_with_brute_force() {
    check_rules(200);
}

/// Eleven kinds of models, more than 10,000 cases in all.
#[test]
#[ignore = "cargo xtask long reasons"]
fn ten_thousand_cases_agree_with_brute_force() {
    const CASES: u32 = 910;
    check_linear(CASES);
    check_forests(CASES);
    check_boosted(CASES);
    check_ensembles(CASES);
    check_rules(CASES);
}

/// A forest of which no bound tells much, and far too little budget for a proof.
#[test]
fn a_short_budget_gives_valid_options_and_a_lower_bound() {
    let mut random = Random(12);
    let (mut with_options, mut with_bounds) = (0, 0);
    for _ in 0..60 {
        let mut artifact = randomized(boosted(EVERYTHING), &mut random);
        let fields = random_application(&artifact, &mut random);
        artifact.threshold = 0.6;
        let mut decider = decider(&artifact);
        let Some(application) = decider.application(json(&fields).as_bytes()) else {
            continue;
        };
        let features: Vec<_> = artifact.schema.inputs().cloned().collect();
        let actions: Vec<_> = features
            .iter()
            .filter_map(|f| action(f, &mut random))
            .collect();
        for evaluations in [0, 1, 40, 100, 200, 600] {
            let budget = Budget { evaluations };
            let request = Request::default();
            let answer = search(&mut decider, &actions, &application, &request, budget);
            assert!(answer.evaluations <= evaluations + 4, "{answer:?}");
            let exact = search(
                &mut decider,
                &actions,
                &application,
                &request,
                Budget::default(),
            );
            for option in &answer.options {
                assert!(option.cost >= exact.options[0].cost - 1e-12);
                let mut changed = fields.clone();
                for change in &option.changes {
                    let feature = &features[change.input];
                    let field = changed
                        .iter_mut()
                        .find(|(name, _)| *name == feature.name)
                        .unwrap();
                    field.1 = value_json(feature, change.to);
                }
                assert!(approves(&mut decider, &changed));
                with_options += u32::from(!option.proven);
            }
            if let Some(bound) = answer.lower_bound {
                with_bounds += 1;
                let unknown = exact
                    .options
                    .get(answer.options.iter().filter(|o| o.proven).count());
                assert!(unknown.is_none_or(|option| option.cost >= bound - 1e-12));
            }
        }
    }
    assert!(
        with_options > 2 && with_bounds > 20,
        "{with_options} {with_bounds}"
    );
}
