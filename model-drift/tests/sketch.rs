//! Sketches: merging in any order gives the same bytes, memory is bounded, damage is seen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_drift::live::{Cell, Length, Live, StateError, Window};
use model_drift::sketch::*;

const CAPACITY: Capacity = Capacity {
    buckets: 64,
    names: 32,
};

fn specs() -> Vec<Spec> {
    let mut income = Spec::new("income", Kind::Number);
    (income.lower, income.upper) = (Some(0.0), Some(1e6));
    let mut home = Spec::new("home", Kind::Category);
    home.known = vec!["0".to_owned(), "1".to_owned()];
    vec![income, home, Spec::new("age", Kind::Number)]
}

/// Rows that differ from seed to seed: smooth and signed, many texts, whole numbers.
fn filled(rows: std::ops::Range<u64>) -> Sketch {
    let mut sketch = Sketch::new(specs(), CAPACITY);
    for row in rows {
        let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        let unit = mixed as f64 / (1u64 << 53) as f64;
        sketch.columns[0].push_number((unit - 0.3) * 2e6 * unit);
        sketch.columns[1].push_text(&(mixed % 97).to_string());
        sketch.columns[2].push_number((mixed % 50) as f64);
        if row % 7 == 0 {
            sketch.columns[0].push_missing();
            sketch.columns[0].push_number(f64::INFINITY);
            sketch.columns[2].push_text("old");
        }
    }
    sketch
}

fn merged(parts: &[&Sketch]) -> Sketch {
    let mut sum = parts[0].clone();
    parts[1..].iter().for_each(|part| sum.merge(part).unwrap());
    sum
}

#[test]
fn merging_is_associative_and_commutative_to_the_byte() {
    let whole = filled(0..3000);
    let parts = [filled(0..10), filled(10..900), filled(900..3000)];
    let [a, b, c] = [&parts[0], &parts[1], &parts[2]];
    let right = merged(&[a, &merged(&[b, c])]);
    for sum in [
        merged(&[a, b, c]),
        merged(&[c, b, a]),
        merged(&[b, a, c]),
        right,
    ] {
        assert_eq!(sum.encode(), whole.encode());
        assert_eq!(sum.digest(), whole.digest());
    }
    assert_eq!(merged(&[a, &Sketch::new(specs(), CAPACITY)]), *a);
}

#[test]
fn memory_is_bounded_and_counts_are_complete() {
    let sketch = filled(0..3000);
    let income = sketch.column("income").unwrap();
    let numbers = income.numbers().unwrap();
    assert!(!numbers.is_exact() && numbers.buckets_used() <= 64);
    assert_eq!(
        numbers
            .buckets()
            .iter()
            .map(|bucket| bucket.count)
            .sum::<u64>(),
        3000
    );
    assert_eq!(
        (income.missing, income.infinite, income.rows()),
        (429, 429, 3858)
    );
    let home = sketch.column("home").unwrap();
    let texts = home.categories().unwrap();
    assert!(texts.len() <= 32 && texts.rest() > 0);
    assert_eq!(texts.total(), 3000);
    assert!(sketch.column("age").unwrap().numbers().unwrap().is_exact());
    assert_eq!(sketch.column("age").unwrap().invalid, 429);
    let small = sketch.with_capacity(Capacity {
        buckets: 16,
        ..CAPACITY
    });
    assert!(small.columns[0].numbers().unwrap().buckets_used() <= 16);
}

#[test]
fn buckets_hold_their_numbers() {
    let mut numbers = Numbers::new(16);
    let all: Vec<f64> = (0..500).map(|i| (f64::from(i) - 250.0) * 1.7).collect();
    all.iter().for_each(|number| numbers.push(*number));
    for bucket in numbers.buckets() {
        let inside = all
            .iter()
            .filter(|n| **n >= bucket.lower && **n <= bucket.upper)
            .count();
        assert_eq!(inside as u64, bucket.count, "{bucket:?}");
    }
    assert_eq!(numbers.min(), Some(-425.0));
    assert_eq!(numbers.max(), Some(249.0 * 1.7));
    let mut zeros = Numbers::new(16);
    [0.0, -0.0].iter().for_each(|zero| zeros.push(*zero));
    assert_eq!(zeros.buckets_used(), 1);
}

#[test]
fn stored_form_comes_back_and_damage_is_refused() {
    let sketch = filled(0..300);
    let bytes = sketch.encode();
    assert_eq!(Sketch::decode(&bytes).unwrap(), sketch);
    for len in 0..bytes.len() {
        assert!(Sketch::decode(&bytes[..len]).is_err(), "cut at {len}");
    }
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(Sketch::decode(&altered).is_err(), "byte {at}");
    }
    assert_eq!(Sketch::decode(b"id,age\n"), Err(SketchError::Magic));
    let mut newer = bytes;
    newer[8] = 2;
    assert_eq!(Sketch::decode(&newer), Err(SketchError::Format(2)));
}

#[test]
fn different_columns_do_not_merge() {
    let mut sketch = filled(0..10);
    let mut other = specs();
    other[0].name = "wage".to_owned();
    let error = sketch
        .merge(&Sketch::new(other, CAPACITY))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the columns differ: income, home, age and wage, home, age"
    );
    let mut other = specs();
    other[0].upper = None;
    let error = sketch
        .merge(&Sketch::new(other, CAPACITY))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("column 'income': name, type, role"),
        "{error}"
    );
}

fn row(seed: u64) -> [Cell<'static>; 3] {
    let number = (seed * 37 % 1000) as f64 * 1000.0;
    [
        Cell::Number(number),
        Cell::Text(if seed.is_multiple_of(3) { "0" } else { "1" }),
        Cell::Number(30.0),
    ]
}

#[test]
fn a_window_tumbles_by_count() {
    let window = Window {
        length: Length::Rows(100),
        panes: 1,
    };
    let mut live = Live::new(&filled(0..3000), window, 0);
    (0..100).for_each(|seed| live.push(row(seed), 0));
    assert_eq!(live.rows(), 100);
    (100..130).for_each(|seed| live.push(row(seed), 0));
    // The complete window is what counts, not the 30 rows after it.
    assert_eq!(live.rows(), 100);
    let sketch = live.sketch();
    assert_eq!(sketch.rows(), 100);
    assert_eq!(
        sketch
            .column("home")
            .unwrap()
            .categories()
            .unwrap()
            .count("0"),
        Some(34)
    );
}

#[test]
fn a_window_slides_by_time() {
    let window = Window {
        length: Length::Seconds(60),
        panes: 3,
    };
    let mut live = Live::new(&filled(0..3000), window, 1000);
    for (second, rows) in [(1000, 5), (1061, 7), (1125, 11)] {
        (0..rows).for_each(|seed| live.push(row(seed), second));
    }
    assert_eq!(live.rows(), 23);
    live.turn(1185);
    assert_eq!(live.rows(), 18);
    live.turn(1_000_000);
    assert_eq!(live.rows(), 0);
    live.push(row(1), 1_000_000);
    assert_eq!(live.rows(), 1);
}

/// A block that took days to fill was once called one of the last minute.
#[test]
fn a_window_says_how_old_its_rows_are() {
    let window = Window {
        length: Length::Seconds(60),
        panes: 3,
    };
    let mut live = Live::new(&filled(0..3000), window, 1000).in_blocks(100);
    assert_eq!(live.since(), 1000);
    (0..60).for_each(|seed| live.push(row(seed), 1010));
    let mut restarted = Live::new(&filled(0..3000), window, 5000).in_blocks(100);
    restarted.restore(&live.encode(true)).unwrap();
    for live in [&mut live, &mut restarted] {
        live.turn(9000);
        (60..100).for_each(|seed| live.push(row(seed), 9000));
        assert_eq!((live.rows(), live.since()), (100, 1010));
        (0..100).for_each(|seed| live.push(row(seed), 9070));
        assert_eq!((live.rows(), live.since()), (200, 1010));
        live.turn(9200);
        assert_eq!((live.rows(), live.since()), (100, 9070));
    }
}

/// The rows in one window of its own.
fn counted(reference: &Sketch, rows: std::ops::Range<u64>) -> Sketch {
    let window = Window {
        length: Length::Rows(1_000_000),
        panes: 1,
    };
    let mut live = Live::new(reference, window, 0);
    rows.for_each(|seed| live.push(row(seed), 0));
    live.sketch()
}

/// What a window showed at different times once told of single rows.
#[test]
fn a_window_shows_whole_blocks_alone() {
    let reference = filled(0..3000);
    for (length, panes) in [
        (Length::Rows(101), 1),
        (Length::Rows(250), 1),
        (Length::Rows(100), 3),
        (Length::Rows(30), 4),
        (Length::Seconds(7), 3),
        (Length::Seconds(200), 1),
    ] {
        let window = Window { length, panes };
        let mut live = Live::new(&reference, window, 0).in_blocks(100);
        // Where each block ends.
        let mut ends = vec![0];
        let mut changes = live.changes();
        for seed in 0..1_500 {
            let now = seed / 20;
            live.turn(now);
            live.push(row(seed), now);
            if live.changes() == changes {
                continue;
            }
            changes = live.changes();
            if live.rows() == 0 {
                continue;
            }
            // It begins where a block did.
            let shown = live.sketch().encode();
            let mut possible = ends.iter().map(|start| start + live.rows()).rev();
            let end = possible.find(|end| {
                *end <= seed + 1 && counted(&reference, end - live.rows()..*end).encode() == shown
            });
            let end = end.unwrap_or_else(|| panic!("{window:?} after {seed}: {ends:?}"));
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        let blocks: Vec<u64> = ends.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(
            blocks.iter().all(|rows| *rows >= 100),
            "{window:?}: {ends:?}"
        );
        assert!(blocks.len() > 5, "{window:?}: {ends:?}");
    }
}

/// Each pane has a block at least: a window once covered so many times as many rows as were asked for.
#[test]
fn a_window_in_blocks_covers_what_was_asked_for() {
    let reference = filled(0..3000);
    for (rows, panes, expected) in [
        (42, 24, (101, 10)),
        (30, 4, (120, 1)),
        (5, 10, (100, 1)),
        (0, 3, (100, 1)),
        (100, 24, (100, 24)),
        (250, 2, (250, 2)),
    ] {
        let length = Length::Rows(rows);
        let mut live = Live::new(&reference, Window { length, panes }, 0).in_blocks(100);
        let window = live.window();
        let (pane, panes) = expected;
        let length = Length::Rows(pane);
        assert_eq!(window, Window { length, panes }, "{rows}");
        (0..6_000).for_each(|seed| live.push(row(seed), 0));
        assert!(
            live.rows() <= pane * panes as u64,
            "{rows}: {}",
            live.rows()
        );
    }
}

#[test]
fn rows_of_an_open_block_are_kept_where_they_may_be() {
    let reference = filled(0..3000);
    let window = Window {
        length: Length::Seconds(3600),
        panes: 4,
    };
    let mut live = Live::new(&reference, window, 0).in_blocks(100);
    (0..150).for_each(|seed| live.push(row(seed), 0));
    for (with_open, rows) in [(true, 200), (false, 100)] {
        let mut restarted = Live::new(&reference, window, 0).in_blocks(100);
        restarted.restore(&live.encode(with_open)).unwrap();
        assert_eq!(restarted.rows(), 100);
        (0..50).for_each(|seed| restarted.push(row(seed), 0));
        assert_eq!(restarted.rows(), rows);
    }
}

#[test]
fn windows_of_servers_merge_and_survive_a_restart() {
    let reference = filled(0..3000);
    let window = Window {
        length: Length::Rows(1000),
        panes: 4,
    };
    let mut both = Live::new(&reference, window, 0);
    let mut servers = [both.clone(), both.clone()];
    for seed in 0..500 {
        both.push(row(seed), 0);
        servers[(seed % 2) as usize].push(row(seed), 0);
    }
    let sum = merged(&[&servers[0].sketch(), &servers[1].sketch()]);
    assert_eq!(sum.encode(), both.sketch().encode());

    let state = both.encode(true);
    let mut restarted = Live::new(&reference, window, 77);
    restarted.restore(&state).unwrap();
    assert_eq!(restarted.encode(true), state);
    for len in [0, 10, state.len() - 1] {
        assert!(restarted.restore(&state[..len]).is_err());
    }
    let mut altered = state.clone();
    altered[200] ^= 1;
    assert_eq!(restarted.restore(&altered), Err(StateError::Damaged));
    let mut other = Live::new(&filled(0..2000), window, 0);
    assert_eq!(other.restore(&state), Err(StateError::Other));
    assert_eq!(restarted.encode(true), state);
}

#[test]
fn memory_of_a_window_is_bounded() {
    let specs: Vec<Spec> = (0..200)
        .map(|i| Spec::new(format!("c{i}"), Kind::Number))
        .collect();
    let mut reference = Sketch::new(specs, Capacity::default());
    for column in &mut reference.columns {
        (0..5000).for_each(|i| column.push_number(f64::from(i)));
    }
    let live = Live::new(
        &reference,
        Window {
            length: Length::Rows(10),
            panes: 64,
        },
        0,
    );
    assert!(live.bytes() <= 1 << 20, "{}", live.bytes());
    // Fewer panes are longer ones.
    let Window { length, panes } = live.window();
    assert!(panes < 64);
    assert_eq!(length, Length::Rows(640_u64.div_ceil(panes as u64)));
    let live = Live::new(
        &reference.with_capacity(CAPACITY),
        Window {
            length: Length::Rows(10),
            panes: 1,
        },
        0,
    );
    assert!(live.bytes() <= 1 << 20);
    assert_eq!(live.reference().rows(), 5000);
}

#[test]
fn many_numbers_at_once_are_the_same_counts() {
    let mut state = 3u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    for (capacity, spread) in [(16, 7), (64, 100), (64, 1 << 30), (4096, 1 << 30)] {
        let numbers: Vec<f64> = (0..30_000)
            .map(|row| match next() % 50 {
                0 => f64::NAN,
                1 => f64::INFINITY,
                2 => -0.0,
                3 => -((next() % spread) as f64),
                _ => (next() % spread) as f64 / 8.0 + f64::from(row % 3),
            })
            .collect();
        let spec = Spec {
            lower: Some(0.0),
            ..Spec::new("income", Kind::Number)
        };
        let names = 16;
        let mut one_by_one = Column::new(
            spec,
            Capacity {
                buckets: capacity,
                names,
            },
        );
        let mut at_once = one_by_one.clone();
        numbers
            .iter()
            .for_each(|number| one_by_one.push_number(*number));
        for part in numbers.chunks(8192) {
            at_once.push_numbers(part);
        }
        assert_eq!(at_once, one_by_one, "{capacity} buckets, {spread}");
    }
}
