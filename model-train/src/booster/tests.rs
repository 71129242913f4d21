//! Against a plain reference that sums `f64` over the rows of each side of each split.

use model_core::schema::Monotonic;
use rand::Rng;

use super::bins::Cells;
use super::*;
use crate::values::Values;

/// Columns, answers and weights that were drawn.
struct Data {
    columns: Vec<Values>,
    kinds: Vec<Kind>,
    directions: Vec<Option<Monotonic>>,
    answers: Vec<bool>,
    weights: Vec<f64>,
}

impl Data {
    /// Two columns of numbers, the second with missing ones, and one of five categories.
    fn new(rows: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut columns = vec![Values::default(); 3];
        let (mut answers, mut weights) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let (a, b) = (rng.random::<f64>(), rng.random::<f64>());
            let code = rng.random_range(0..5);
            let is_missing = rng.random_bool(0.2);
            columns[0].push(a);
            columns[1].push(if is_missing { f64::NAN } else { b });
            columns[2].push(f64::from(code));
            let odds = 3.0 * a - 2.0 * b + [0.0, 1.0, -1.0, 0.5, -0.5][code as usize];
            let noise: f64 = rng.random_range(-1.5..1.5);
            answers.push(odds + f64::from(u8::from(is_missing)) + noise > 1.0);
            weights.push(rng.random_range(0.5..2.0));
        }
        Self {
            columns,
            kinds: vec![Kind::Ordered, Kind::Ordered, Kind::Categories(5)],
            directions: vec![None; 3],
            answers,
            weights,
        }
    }

    fn columns(&self) -> Vec<Column<'_>> {
        let columns = self.columns.iter().zip(&self.kinds).zip(&self.directions);
        columns
            .map(|((values, kind), direction)| Column {
                values,
                kind: *kind,
                direction: *direction,
            })
            .collect()
    }

    fn all(&self) -> Vec<usize> {
        (0..self.answers.len()).collect()
    }

    fn binned(&self, max_bins: u16) -> Binned {
        Binned::new(&self.columns(), &self.all(), max_bins)
    }

    fn rows<'a>(&'a self, binned: &'a Binned) -> Rows<'a> {
        Rows {
            binned,
            answers: &self.answers,
            weights: Some(&self.weights),
        }
    }
}

const DRAWS: Draws = Draws { seed: 7, stream: 0 };

/// The gain of a split, and the rows of its sides.
type Sides = Option<(f64, [Vec<usize>; 2])>;

/// The reference: every split of every leaf is tried on the rows themselves.
struct Naive<'a> {
    data: &'a Data,
    params: &'a Params,
    gradients: Vec<f64>,
    hessians: Vec<f64>,
}

impl<'a> Naive<'a> {
    fn new(data: &'a Data, params: &'a Params, margins: &[f64]) -> Self {
        let p = |row: usize| 1.0 / (1.0 + (-margins[row]).exp());
        let answer = |row: usize| f64::from(u8::from(data.answers[row]));
        let rows = 0..margins.len();
        let weights = &data.weights;
        Self {
            gradients: rows
                .clone()
                .map(|r| weights[r] * (p(r) - answer(r)))
                .collect(),
            hessians: rows.map(|r| weights[r] * p(r) * (1.0 - p(r))).collect(),
            data,
            params,
        }
    }

    fn sums(&self, rows: &[usize]) -> (f64, f64) {
        rows.iter().fold((0.0, 0.0), |(g, h), &row| {
            (g + self.gradients[row], h + self.hessians[row])
        })
    }

    fn step(&self, rows: &[usize]) -> f64 {
        let (gradient, hessian) = self.sums(rows);
        let shrunk = (gradient.abs() - self.params.l1).max(0.0);
        -shrunk.copysign(gradient) / (hessian + self.params.l2)
    }

    fn fall(&self, rows: &[usize]) -> f64 {
        let (gradient, hessian) = self.sums(rows);
        let shrunk = (gradient.abs() - self.params.l1).max(0.0);
        shrunk * shrunk / (hessian + self.params.l2)
    }

    /// The best two sides of a leaf.
    fn split(&self, rows: &[usize]) -> Sides {
        let mut best: Sides = None;
        for (values, kind) in self.data.columns.iter().zip(&self.data.kinds) {
            let mut cuts: Vec<f64> = rows.iter().map(|&row| values[row]).collect();
            cuts.retain(|value| !value.is_nan());
            for cut in cuts {
                for missing_left in [false, true] {
                    let goes_left = |row: &&usize| match values[**row] {
                        value if value.is_nan() => missing_left,
                        value if *kind == Kind::Ordered => value <= cut,
                        value => value != cut,
                    };
                    let (left, right): (Vec<_>, Vec<_>) = rows.iter().partition(goes_left);
                    let gain = self.fall(&left) + self.fall(&right) - self.fall(rows);
                    let sides = [&left, &right];
                    let fits = sides.iter().all(|side| {
                        side.len() >= self.params.min_leaf_rows
                            && self.sums(side).1 >= self.params.min_leaf_weight
                    });
                    let is_best = best.as_ref().is_none_or(|(best, _)| gain > *best + 1e-7);
                    if fits && is_best && gain > self.params.min_split_gain.max(1e-9) {
                        best = Some((gain, [left, right]));
                    }
                }
            }
        }
        best
    }

    /// What the tree adds to each row.
    fn steps(&self) -> Vec<f64> {
        let all = self.data.all();
        let mut leaves = vec![(self.split(&all), all, 0)];
        while leaves.len() < self.params.max_leaves {
            let gain =
                |leaf: &(Sides, Vec<usize>, usize)| leaf.0.as_ref().map_or(0.0, |split| split.0);
            let best =
                (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b])));
            let (split, _, depth) = &mut leaves[best.unwrap()];
            let Some((_, sides)) = split.take() else {
                break;
            };
            let depth = *depth;
            leaves.swap_remove(best.unwrap());
            for rows in sides {
                let deeper = depth + 1 < self.params.max_depth;
                let split = if deeper { self.split(&rows) } else { None };
                leaves.push((split, rows, depth + 1));
            }
        }
        let mut steps = vec![f64::NAN; self.data.answers.len()];
        for (_, rows, _) in leaves {
            let step = self.params.learning_rate * self.step(&rows);
            rows.iter().for_each(|&row| steps[row] = step);
        }
        steps
    }
}

#[test]
fn trees_are_those_of_the_reference() {
    let plain = Params {
        max_leaves: 12,
        ..Params::default()
    };
    let penalized = Params {
        l1: 0.4,
        l2: 0.5,
        min_split_gain: 0.3,
        ..plain
    };
    let shallow = Params {
        max_depth: 3,
        min_leaf_rows: 15,
        min_leaf_weight: 2.0,
        learning_rate: 0.4,
        ..plain
    };
    for (seed, params) in [(1, plain), (2, penalized), (3, shallow)] {
        let data = Data::new(250, seed);
        let binned = data.binned(1000);
        let mut booster = Booster::new(data.rows(&binned), &params, DRAWS);
        for tree in 0..6 {
            let expect = Naive::new(&data, &params, booster.margins()).steps();
            let grown = booster.grow();
            let leaves = grown
                .nodes
                .iter()
                .filter(|node| node.split.is_none())
                .count();
            assert!(leaves > 3, "{leaves}");
            for (row, expect) in expect.into_iter().enumerate() {
                let got = grown.step(&binned, row);
                assert!(
                    (got - expect).abs() < 1e-6,
                    "seed {seed}, tree {tree}, row {row}: {got}, reference {expect}"
                );
            }
        }
    }
}

#[test]
fn trees_are_the_same_on_any_number_of_threads() {
    let data = Data::new(70_000, 4);
    for row_share in [1.0, 0.7] {
        let params = Params {
            row_share,
            column_share: 0.6,
            max_leaves: 20,
            ..Params::default()
        };
        let grown = |threads: usize| -> Vec<Tree> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let binned = data.binned(300);
                let mut booster = Booster::new(data.rows(&binned), &params, DRAWS);
                (0..4).map(|_| booster.grow()).collect()
            })
        };
        let one = grown(1);
        assert_eq!(one, grown(2));
        assert_eq!(one, grown(3));
    }
}

/// Margins are what the trees say, whether all rows are fitted on or a sample.
#[test]
fn margins_are_the_sums_of_the_steps() {
    let data = Data::new(20_000, 5);
    let binned = data.binned(64);
    for row_share in [1.0, 0.3] {
        let params = Params {
            row_share,
            ..Params::default()
        };
        let mut booster = Booster::new(data.rows(&binned), &params, DRAWS);
        let trees: Vec<Tree> = (0..5).map(|_| booster.grow()).collect();
        let wanted = (row_share * 20_000.0) as u32;
        assert!(trees.iter().all(|tree| tree.nodes[0].rows == wanted));
        for (row, margin) in booster.margins().iter().enumerate() {
            let steps = trees.iter().map(|tree| tree.step(&binned, row));
            assert_eq!(*margin, steps.fold(booster.base(), |sum, step| sum + step));
        }
    }
}

#[test]
fn a_direction_is_kept_below_other_splits_too() {
    let mut data = Data::new(3_000, 6);
    data.directions[0] = Some(Monotonic::Increasing);
    let binned = data.binned(255);
    let params = Params {
        learning_rate: 0.5,
        ..Params::default()
    };
    let mut booster = Booster::new(data.rows(&binned), &params, DRAWS);
    let trees: Vec<Tree> = (0..10).map(|_| booster.grow()).collect();
    let grid: Values = (0..50).map(|at| f64::from(at) / 50.0).collect();
    let repeated = |number: f64| -> Values { (0..50).map(|_| number).collect() };
    let mut rises = 0;
    for (b, code) in [(0.1, 0.0), (0.5, 1.0), (0.9, 4.0), (f64::NAN, 9.0)] {
        let columns = [grid.clone(), repeated(b), repeated(code)];
        let columns = Data {
            columns: columns.to_vec(),
            ..Data::new(0, 0)
        };
        let rows: Vec<usize> = (0..50).collect();
        let grid = binned.like(&columns.columns(), &rows);
        for tree in &trees {
            let steps: Vec<f64> = rows.iter().map(|row| tree.step(&grid, *row)).collect();
            assert!(steps.is_sorted(), "{steps:?}");
            rises += usize::from(steps[0] < steps[49]);
        }
    }
    assert!(rises > 0);
}

#[test]
fn few_numbers_have_a_bin_each_and_many_share_them() {
    let bins = |numbers: &[f64], max_bins: u16| -> Vec<usize> {
        let values: Values = numbers.iter().copied().collect();
        let column = Column {
            values: &values,
            kind: Kind::Ordered,
            direction: None,
        };
        let rows: Vec<usize> = (0..numbers.len()).collect();
        let binned = Binned::new(&[column], &rows, max_bins);
        rows.iter().map(|row| binned.columns[0].bin(*row)).collect()
    };
    assert_eq!(bins(&[3.0, -1.0, f64::NAN, 3.0, 8.5], 255), [1, 0, 3, 1, 2]);
    assert_eq!(bins(&[0.0, -0.0, 1.0], 255), [0, 0, 1]);
    assert_eq!(bins(&[f64::MIN, f64::MAX], 2), [0, 1]);
    // A number that half of the rows have keeps a bin for itself.
    let numbers: Vec<f64> = (0..1000).map(|row| f64::from((row % 2) * row)).collect();
    let found = bins(&numbers, 10);
    let mut counts = vec![0; 11];
    found.iter().for_each(|bin| counts[*bin] += 1);
    assert_eq!(counts[0], 500);
    assert!(
        counts[1..10].iter().all(|count| (50..=60).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn cells_are_as_small_as_their_bins() {
    let data = Data::new(2_000, 8);
    let cells = |max_bins: u16| data.binned(max_bins).columns.remove(0).cells;
    assert!(matches!(cells(255), Cells::Narrow(_)));
    assert!(matches!(cells(256), Cells::Wide(_)));
}

/// Every set of categories is tried on the rows themselves: none gains more than the one that
/// was split off, where every category has many rows.
#[test]
fn a_set_of_categories_is_the_best_of_all_sets() {
    let mut data = Data::new(30_000, 9);
    data.columns.drain(..2);
    data.kinds.drain(..2);
    data.directions.drain(..2);
    let binned = data.binned(255);
    let gain_of = |max_category_set: usize| {
        let params = Params {
            max_leaves: 2,
            max_category_set,
            ..Params::default()
        };
        let mut booster = Booster::new(data.rows(&binned), &params, DRAWS);
        let margins = booster.margins().to_vec();
        let tree = booster.grow();
        let Some(Left::OneOf(codes)) = tree.nodes[0].split.as_ref().map(|split| &split.left) else {
            panic!("expected a split of categories, got {tree:?}");
        };
        let naive = Naive::new(&data, &params, &margins);
        let gain = |is_left: &dyn Fn(usize) -> bool| -> f64 {
            let side = |left: bool| -> Vec<usize> {
                let code = |row: &usize| data.columns[0][*row] as usize;
                let rows = data.all().into_iter();
                rows.filter(|row| is_left(code(row)) == left).collect()
            };
            naive.fall(&side(true)) + naive.fall(&side(false))
        };
        let all = (1..31).map(|set: usize| gain(&|code| set >> code & 1 == 1));
        (gain(&|code| codes[code]), all.fold(0.0, f64::max))
    };
    let (one, best) = gain_of(1);
    assert!(one < best - 1.0, "{one}, {best}");
    let (set, best) = gain_of(5);
    assert!((set - best).abs() < 1e-6 * best, "{set}, {best}");
}
