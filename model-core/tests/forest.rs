//! Tree ensembles: every way of evaluating gives the bits of the naive walk, and what is
//! not a forest is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use model_core::forest::*;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A number of any size, often a tame one.
    fn number(&mut self) -> f64 {
        loop {
            let value = match self.below(6) {
                0 => f64::from_bits(self.bits()),
                1 => f64::from_bits(self.bits() >> 12),
                2 => self.below(20) as f64 - 10.0,
                3 => self.below(1_000_000) as f64 * self.below(1_000_000) as f64,
                _ => self.below(1000) as f64 / 128.0,
            };
            if value.is_finite() {
                return value;
            }
        }
    }
}

/// What a random forest is made of.
#[derive(Debug, Clone, Copy)]
struct Shape {
    trees: usize,
    leaves: usize,
    features: usize,
    cuts: usize,
    categories: u32,
    counts: bool,
}

fn forest(shape: Shape, random: &mut Random) -> Forest {
    let features: Vec<Bins> = (0..shape.features).map(|_| bins(shape, random)).collect();
    let mut sets = Vec::new();
    let trees = (0..shape.trees)
        .map(|_| tree(shape, &features, &mut sets, random))
        .collect();
    Forest {
        features,
        category_sets: sets,
        trees,
        aggregation: random.pick(&[
            Aggregation::Sum,
            Aggregation::Mean,
            Aggregation::GroupedSum,
            Aggregation::GroupedMean,
            Aggregation::SingleSum,
        ]),
        base: random.pick(&[0.0, -0.5, 3.25]),
        link: random.pick(&[Link::Identity, Link::Logistic, Link::Sigmoid]),
    }
}

fn bins(shape: Shape, random: &mut Random) -> Bins {
    if random.below(3) == 0 {
        return Bins::Categories(random.below(shape.categories as usize + 1) as u32);
    }
    let mut cuts: Vec<f64> = (0..1 + random.below(shape.cuts))
        .map(|_| random.number())
        .collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup_by(|a, b| a == b);
    Bins::Cuts(cuts)
}

fn tree(shape: Shape, features: &[Bins], sets: &mut Vec<CategorySet>, random: &mut Random) -> Tree {
    // A leaf is replaced by a split until there are enough; preorder stays preorder.
    let mut nodes = vec![leaf(random)];
    for _ in 0..random.below(shape.leaves) {
        let at = random.below(nodes.len());
        if matches!(nodes[at], Node::Leaf { .. }) {
            nodes.splice(
                at..=at,
                [split(features, sets, random), leaf(random), leaf(random)],
            );
        }
    }
    if !shape.counts {
        for node in &mut nodes {
            let (Node::Leaf { count, .. } | Node::Split { count, .. }) = node;
            *count = 0;
        }
    }
    Tree { nodes }
}

fn leaf(random: &mut Random) -> Node {
    let value = random.pick(&[
        -0.0,
        0.1,
        1.0 / 3.0,
        -7.25,
        1e-300,
        12345.678,
        random.0 as f64,
    ]);
    Node::Leaf {
        value,
        count: random.below(1000) as u32,
    }
}

fn split(features: &[Bins], sets: &mut Vec<CategorySet>, random: &mut Random) -> Node {
    let feature = random.below(features.len());
    let split = match &features[feature] {
        Bins::Cuts(cuts) => random.below(cuts.len()),
        Bins::Categories(n) => {
            let members = random.bits();
            sets.push(CategorySet::new(
                *n,
                (0..=*n).filter(|code| members >> (code % 64) & 1 == 1),
            ));
            sets.len() - 1
        }
    };
    Node::Split {
        feature: feature as u16,
        split: split as u32,
        missing_left: random.below(2) == 0,
        count: random.below(1000) as u32,
    }
}

/// Values that are hard for a feature: its cuts and their neighbours, or its codes and
/// what is no code, and what is hard for any.
fn value(bins: &Bins, random: &mut Random) -> f64 {
    const HARD: [f64; 14] = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        5e-324,
        -5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        0.5,
        -1.0,
        4_294_967_296.0,
        1e16,
    ];
    match (bins, random.below(4)) {
        (_, 0) => random.pick(&HARD),
        (Bins::Cuts(_), 1) => random.number(),
        (Bins::Cuts(cuts), _) => {
            let cut = random.pick(cuts);
            random.pick(&[cut, cut.next_up(), cut.next_down()])
        }
        (Bins::Categories(n), _) => random.below(*n as usize + 2) as f64,
    }
}

/// Predicts rows in every way and compares with the naive walk.
fn check(forest: &Forest, rows: usize, random: &mut Random) {
    let naive = NaiveForest::new(forest).unwrap();
    let table: Vec<Vec<f64>> = (0..rows)
        .map(|_| {
            forest
                .features
                .iter()
                .map(|bins| value(bins, random))
                .collect()
        })
        .collect();
    let columns: Vec<f64> = (0..forest.features.len())
        .flat_map(|f| table.iter().map(move |row| row[f]))
        .collect();
    let expected: Vec<u64> = table
        .iter()
        .map(|row| naive.predict(row).to_bits())
        .collect();
    assert!(expected.iter().all(|&bits| !f64::from_bits(bits).is_nan()));
    let mut scratch = Scratch::default();
    for budget in [0, 4 << 10, 64 << 10, TABLE_BUDGET] {
        let compiled = CompiledForest::with_budget(forest, budget).unwrap();
        for (row, &expected) in table.iter().zip(&expected) {
            let found = compiled.predict_row(row, &mut scratch).to_bits();
            assert_eq!(found, expected, "one row, budget {budget}: {row:?}");
        }
        let mut out = vec![f64::NAN; rows];
        compiled.predict_block(&columns, rows, &mut out, &mut scratch);
        let found: Vec<u64> = out.iter().map(|value| value.to_bits()).collect();
        assert_eq!(found, expected, "a block, budget {budget}");
    }
}

fn check_shapes(shapes: &[Shape], rows: usize, seed: u64) {
    let mut random = Random(seed);
    for &shape in shapes {
        for _ in 0..4 {
            check(&forest(shape, &mut random), rows, &mut random);
        }
    }
}

const SMALL: Shape = Shape {
    trees: 5,
    leaves: 12,
    features: 4,
    cuts: 6,
    categories: 5,
    counts: true,
};

#[test]
fn trees_of_every_size_agree_with_the_naive_walk() {
    let sizes = [1, 2, 3, 31, 32, 33, 34, 63, 64, 65, 66, 150, 700];
    let shapes: Vec<Shape> = sizes
        .iter()
        .map(|&leaves| Shape {
            leaves: leaves * 2,
            ..SMALL
        })
        .collect();
    check_shapes(&shapes, 300, 1);
}

#[test]
fn any_number_of_trees_agrees_with_the_naive_walk() {
    let shapes: Vec<Shape> = [1, 15, 16, 17, 40]
        .map(|trees| Shape { trees, ..SMALL })
        .into();
    check_shapes(&shapes, 600, 2);
}

#[test]
fn features_of_every_kind_agree_with_the_naive_walk() {
    let shapes = [
        Shape {
            features: 1,
            ..SMALL
        },
        Shape {
            features: 40,
            leaves: 90,
            ..SMALL
        },
        Shape { cuts: 1, ..SMALL },
        Shape {
            cuts: 3000,
            leaves: 200,
            trees: 20,
            ..SMALL
        },
        Shape {
            categories: 0,
            ..SMALL
        },
        Shape {
            categories: 300,
            leaves: 120,
            ..SMALL
        },
    ];
    check_shapes(&shapes, 400, 3);
}

#[test]
fn counts_do_not_change_predictions() {
    check_shapes(
        &[Shape {
            counts: false,
            leaves: 400,
            ..SMALL
        }],
        300,
        4,
    );
}

#[test]
fn deep_and_lopsided_trees_agree_with_the_naive_walk() {
    let mut random = Random(5);
    let mut forest = forest(SMALL, &mut random);
    forest
        .features
        .push(Bins::Cuts((0..1000).map(f64::from).collect()));
    let feature = forest.features.len() as u16 - 1;
    let split = |cut| Node::Split {
        feature,
        split: cut,
        missing_left: false,
        count: 1,
    };
    let to_the_left = (0..1000)
        .map(|i| split(999 - i))
        .chain((0..1001).map(|_| leaf(&mut random)));
    forest.trees.push(Tree {
        nodes: to_the_left.collect(),
    });
    let to_the_right = (0..1000)
        .flat_map(|i| [split(i), leaf(&mut random)])
        .collect::<Vec<_>>();
    let nodes = to_the_right
        .into_iter()
        .chain([Node::Leaf {
            value: 1.5,
            count: 0,
        }])
        .collect();
    forest.trees.push(Tree { nodes });
    check(&forest, 500, &mut random);
}

#[test]
fn what_a_row_lacks_is_missing() {
    let mut random = Random(6);
    let forest = forest(SMALL, &mut random);
    let naive = NaiveForest::new(&forest).unwrap();
    let mut scratch = Scratch::default();
    for budget in [0, TABLE_BUDGET] {
        let compiled = CompiledForest::with_budget(&forest, budget).unwrap();
        let missing = naive.predict(&[f64::NAN; 4]).to_bits();
        assert_eq!(naive.predict(&[]).to_bits(), missing);
        assert_eq!(compiled.predict_row(&[], &mut scratch).to_bits(), missing);
        let mut out = [0.0; 3];
        compiled.predict_block(&[], 3, &mut out, &mut scratch);
        assert_eq!(out.map(f64::to_bits), [missing; 3]);
        compiled.predict_block(&[1.0, 2.0], usize::MAX, &mut out, &mut scratch);
    }
}

/// A forest that is valid, and small enough to break by hand.
fn sound() -> Forest {
    let nodes = vec![
        Node::Split {
            feature: 0,
            split: 1,
            missing_left: true,
            count: 3,
        },
        Node::Leaf {
            value: 1.0,
            count: 1,
        },
        Node::Split {
            feature: 1,
            split: 0,
            missing_left: false,
            count: 2,
        },
        Node::Leaf {
            value: 2.0,
            count: 1,
        },
        Node::Leaf {
            value: 3.0,
            count: 1,
        },
    ];
    Forest {
        features: vec![Bins::Cuts(vec![1.0, 2.0]), Bins::Categories(3)],
        category_sets: vec![CategorySet::new(3, [0, 3])],
        trees: vec![Tree { nodes }],
        aggregation: Aggregation::Sum,
        base: 0.5,
        link: Link::Identity,
    }
}

#[test]
fn predictions_are_what_the_trees_say() {
    let compiled = CompiledForest::new(&sound()).unwrap();
    let check = |row: [f64; 2], expect: f64| {
        assert_eq!(
            compiled.predict_row(&row, &mut Scratch::default()),
            expect,
            "{row:?}"
        );
        assert_eq!(
            NaiveForest::new(&sound()).unwrap().predict(&row),
            expect,
            "{row:?}"
        );
    };
    check([2.0, 1.0], 1.5);
    check([f64::NAN, 1.0], 1.5);
    check([2.1, 0.0], 2.5);
    check([2.1, 1.0], 3.5);
    check([2.1, 3.0], 2.5);
    check([2.1, 77.5], 2.5);
    check([2.1, f64::NAN], 3.5);
}

#[test]
fn sums_of_single_precision_are_those_of_f32() {
    let leaves = [0.1f32, 1e-8, 3.3333, -2.7e7, 2.7e7, 1e-3, -0.25, 1.0];
    let trees = leaves.iter().cycle().take(100);
    let mut forest = sound();
    forest.base = f64::from(-0.3f32);
    forest.aggregation = Aggregation::SingleSum;
    let tree = |value: &f32| Tree {
        nodes: vec![leaf_of(f64::from(*value))],
    };
    forest.trees = trees.clone().map(tree).collect();
    let expected = trees.fold(-0.3f32, |sum, value| sum + value);
    let compiled = CompiledForest::new(&forest).unwrap();
    let found = compiled.predict_row(&[0.0, 0.0], &mut Scratch::default());
    assert_eq!(found, f64::from(expected));
    forest.aggregation = Aggregation::Sum;
    let compiled = CompiledForest::new(&forest).unwrap();
    let double = compiled.predict_row(&[0.0, 0.0], &mut Scratch::default());
    assert!(double != found);
}

#[test]
fn single_precision_has_leaves_that_cannot_overflow() {
    check_refused(
        |forest| {
            forest.aggregation = Aggregation::SingleSum;
            set_node(forest, 1, leaf_of(1e34));
        },
        "±1e33",
    );
}

#[test]
fn a_sigmoid_is_the_formula_as_it_is_written() {
    for x in [-800.0, -30.5, -1.25, -0.0, 0.0, 0.1, 2.5, 36.0, 900.0f64] {
        assert_eq!(Link::Sigmoid.apply(x), 1.0 / (1.0 + libm::exp(-x)), "{x}");
        assert!((Link::Sigmoid.apply(x) - Link::Logistic.apply(x)).abs() < 1e-15);
    }
    assert!(Link::Sigmoid.is_logistic() && !Link::Identity.is_logistic());
}

fn check_refused(change: impl FnOnce(&mut Forest), expect: &str) {
    let mut forest = sound();
    change(&mut forest);
    let found = CompiledForest::new(&forest).unwrap_err().to_string();
    assert!(
        found.contains(expect),
        "expected {expect:?}, found {found:?}"
    );
    assert_eq!(NaiveForest::new(&forest).unwrap_err().to_string(), found);
}

fn set_node(forest: &mut Forest, at: usize, node: Node) {
    forest.trees[0].nodes[at] = node;
}

fn split_on(feature: u16, split: u32) -> Node {
    Node::Split {
        feature,
        split,
        missing_left: false,
        count: 0,
    }
}

fn leaf_of(value: f64) -> Node {
    Node::Leaf { value, count: 0 }
}

#[test]
fn indices_out_of_range_are_refused() {
    check_refused(
        |f| set_node(f, 0, split_on(2, 0)),
        "tree 0, node 0: the split names a feature",
    );
    check_refused(
        |f| set_node(f, 0, split_on(u16::MAX, 0)),
        "a feature that does not exist",
    );
    check_refused(
        |f| set_node(f, 0, split_on(0, 2)),
        "node 0: the split names a cut",
    );
    check_refused(
        |f| set_node(f, 2, split_on(1, 1)),
        "node 2: the split names a category set",
    );
    check_refused(
        |f| f.category_sets[0].words.push(0),
        "the category set does not fit",
    );
    check_refused(
        |f| f.category_sets[0].words.clear(),
        "the category set does not fit",
    );
    check_refused(
        |f| f.category_sets[0].words[0] = 16,
        "the category set does not fit",
    );
    check_refused(
        |f| f.features[1] = Bins::Categories(64),
        "the category set does not fit",
    );
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e301] {
        check_refused(
            |f| set_node(f, 3, leaf_of(value)),
            "node 3: the leaf's value",
        );
        check_refused(|f| f.base = value, "the forest's base");
    }
    for value in [f64::NAN, f64::INFINITY, 1.0, 0.5] {
        check_refused(
            |f| f.features[0] = Bins::Cuts(vec![1.0, value]),
            "feature 0: cut 1",
        );
    }
    check_refused(
        |f| f.features[0] = Bins::Cuts(vec![-0.0, 0.0]),
        "feature 0: cut 1",
    );
}

#[test]
fn nodes_that_are_no_tree_are_refused() {
    check_refused(|f| f.trees.clear(), "no trees");
    check_refused(
        |f| f.trees[0].nodes.clear(),
        "tree 0: 0 nodes are not one whole tree",
    );
    check_refused(|f| f.trees[0].nodes.push(leaf_of(1.0)), "tree 0: 6 nodes");
    check_refused(
        |f| {
            f.trees.push(Tree {
                nodes: vec![split_on(0, 0); 2],
            })
        },
        "tree 1: 2 nodes",
    );
    for shorter in 1..5 {
        check_refused(
            |f| f.trees[0].nodes.truncate(shorter),
            "are not one whole tree",
        );
    }
}

#[test]
fn more_than_the_limits_is_refused() {
    check_refused(
        |f| f.features.resize(MAX_FEATURES + 1, Bins::Cuts(vec![])),
        "4097 features, at most 4096",
    );
    check_refused(
        |f| f.features[1] = Bins::Categories(65_536),
        "categories in a feature",
    );
    check_refused(|f| f.features[1] = Bins::Categories(u32::MAX), "categories");
    check_refused(
        |f| f.trees.resize(MAX_TREES + 1, Tree { nodes: vec![] }),
        "65537 trees",
    );
    check_refused(
        |f| f.trees[0].nodes = vec![split_on(0, 0); MAX_NODES + 1],
        "nodes, at most",
    );
    check_refused(
        |f| {
            f.category_sets
                .resize(MAX_SET_WORDS + 1, f.category_sets[0].clone())
        },
        "category sets",
    );
    let cuts = || Bins::Cuts((0..=MAX_CUTS).map(|cut| cut as f64).collect());
    check_refused(|f| f.features[0] = cuts(), "cuts");
    let wide = |f: &mut Forest| f.features.resize(20, Bins::Categories(65_535));
    check_refused(wide, "cuts and categories, at most");
    let deep = std::iter::repeat_n(split_on(0, 0), MAX_DEPTH + 1);
    let nodes = || {
        deep.clone()
            .chain(std::iter::repeat_n(leaf_of(1.0), MAX_DEPTH + 2))
            .collect()
    };
    check_refused(|f| f.trees[0].nodes = nodes(), "levels in a tree");
}
