//! The order and the words of a report.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use model_drift::compare::{Sides, by_default, by_evidently};
use model_drift::live::{Cell, Length, Live, Window, in_bins};
use model_drift::report::Report;
use model_drift::sketch::{Capacity, Kind, Sketch, Spec};

const COLUMNS: [&str; 4] = ["same", "small", "large", "home"];

/// 2,000 rows; `small` and `large` are shifted by so many standard deviations, about, and so
/// many of 100 rents are mortgages.
fn batch(small: f64, large: f64, mortgages: u64) -> Sketch {
    let kind = |name: &str| match name {
        "home" => Kind::Category,
        _ => Kind::Number,
    };
    let specs = COLUMNS.map(|name| Spec::new(name, kind(name)));
    let mut sketch = Sketch::new(specs.to_vec(), Capacity::EXACT);
    for row in 0..2000u64 {
        let uniform = (row * 7919 % 2000) as f64 / 577.0;
        for (column, shift) in [0.0, small, large].into_iter().enumerate() {
            sketch.columns[column].push_number(uniform + shift);
        }
        let home = if row % 100 < mortgages {
            "MORTGAGE"
        } else {
            "RENT"
        };
        sketch.columns[3].push_text(home);
    }
    sketch
}

fn names(report: &Report) -> Vec<&str> {
    report.columns.iter().map(|c| c.name.as_str()).collect()
}

fn sides<'a>(reference: &'a Sketch, current: &'a Sketch) -> Sides<'a> {
    Sides {
        reference,
        current,
        extra: &[],
        samples: None,
    }
}

#[test]
fn drifted_columns_come_first_and_the_largest_effect_before_all() {
    let (reference, current) = (batch(0.0, 0.0, 40), batch(0.3, 2.0, 55));
    let sides = sides(&reference, &current);
    let report = by_default(&sides, None).unwrap();
    assert_eq!(names(&report), ["large", "home", "small", "same"]);
    assert!(
        report
            .summary()
            .starts_with("3 of 4 columns have drifted: large, home, small.")
    );
    // The JSON has the order of the report.
    let json = serde_json::to_string(&report).unwrap();
    let at = |name: &str| json.find(&format!("\"{name}\":{{")).unwrap();
    assert!(at("large") < at("small") && at("small") < at("same"));
    let report = by_evidently(&sides, None).unwrap();
    assert_eq!(names(&report)[0], "large");
    assert_eq!(names(&report)[3], "same");
}

#[test]
fn numbers_are_written_as_in_every_report() {
    let (reference, current) = (batch(0.0, 0.0, 40), batch(0.0, 2.0, 55));
    let report = by_default(&sides(&reference, &current), None).unwrap();
    let sentence = |name: &str| {
        let column = report.columns.iter().find(|column| column.name == name);
        column.unwrap().sentence.clone()
    };
    assert_eq!(
        sentence("home"),
        "'MORTGAGE' changed from 40.0% to 55.0%. 15.0% of the distribution shifted to other categories."
    );
    assert!(
        sentence("large").ends_with("% of the distribution shifted."),
        "{}",
        sentence("large")
    );
    for text in [report.html().unwrap(), report.markdown()] {
        assert!(text.contains("15.0%") && !text.contains("15 %"));
    }
}

/// A server's windows count in bins of the reference; a chart of them has no holes.
#[test]
fn charts_of_live_windows_have_no_gaps() {
    let count = |shift: f64| {
        let specs = vec![Spec::new("income", Kind::Number)];
        let mut sketch = Sketch::new(specs, Capacity::default());
        for row in 0..5000u64 {
            let uniform = ((row * 7919 % 5000) as f64 + 0.5) / 5000.0;
            // Skewed to the right, as incomes are.
            sketch.columns[0].push_number(20_000.0 * (-(1.0 - uniform).ln()).exp() + shift + 0.37);
        }
        sketch
    };
    let [reference, current] = in_bins(&count(0.0), &count(900.0));
    let report = by_default(&sides(&reference, &current), None).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let bars = json["columns"]["income"]["distribution"]["reference"].clone();
    let bars: Vec<f64> = serde_json::from_value(bars).unwrap();
    assert!(
        bars.len() >= 4 && bars.iter().all(|share| *share > 0.0),
        "{bars:?}"
    );
}

const LIVE: [&str; 4] = ["two", "capped", "from", "steps"];

/// Numbers such as models have, and what they are once values come that were not there: at other
/// values, beyond the highest, below the lowest, and between two.
fn live_rows(is_new: bool) -> Vec<[f64; 4]> {
    let row = |row: u64| {
        let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        let unit = mixed as f64 / (1u64 << 53) as f64;
        let or = |old: f64, new: f64| if is_new { new } else { old };
        [
            if row.is_multiple_of(2) {
                0.1
            } else {
                or(0.2, 9.9)
            },
            if row.is_multiple_of(5) {
                or(1e6, 1e9)
            } else {
                50.0 * unit
            },
            if row.is_multiple_of(8) {
                or(1e3, -1e5)
            } else {
                1e3 - 2e4 * unit.ln_1p() + 3e4 * unit
            },
            if row.is_multiple_of(4) {
                or(20.0, 15.0)
            } else {
                (row % 3) as f64 * 10.0
            },
        ]
    };
    (0..8000).map(row).collect()
}

fn counted(rows: &[[f64; 4]], capacity: Capacity) -> Sketch {
    let specs = LIVE.map(|name| Spec::new(name, Kind::Number));
    let mut sketch = Sketch::new(specs.to_vec(), capacity);
    for row in rows {
        for (column, number) in sketch.columns.iter_mut().zip(row) {
            column.push_number(*number);
        }
    }
    sketch
}

/// A server once counted them as the nearest value above that the reference has, and saw no drift.
#[test]
fn a_window_sees_values_that_the_reference_does_not_have() {
    let (old, new) = (live_rows(false), live_rows(true));
    let reference = counted(&old, Capacity::default());
    let window = Window {
        length: Length::Rows(8000),
        panes: 1,
    };
    let mut live = Live::new(&reference, window, 0);
    for row in &new {
        live.push(row.map(Cell::Number), 0);
    }
    let seen = live.sketch();
    let report = by_default(&sides(live.reference(), &seen), None).unwrap();
    let (exact_old, exact_new) = (
        counted(&old, Capacity::EXACT),
        counted(&new, Capacity::EXACT),
    );
    let exact = by_default(&sides(&exact_old, &exact_new), None).unwrap();
    let of = |report: &Report, name: &str| {
        let column = report.columns.iter().find(|column| column.name == name);
        let column = column.unwrap();
        (
            column.drift,
            column.effect_size.unwrap(),
            column.means[0].unwrap(),
        )
    };
    for name in LIVE {
        let ((drift, effect, mean), (_, exact_effect, exact_mean)) =
            (of(&report, name), of(&exact, name));
        assert!(drift, "{name}");
        assert!(
            (effect - exact_effect).abs() < 0.01,
            "{name}: {effect} {exact_effect}"
        );
        assert!(
            (mean / exact_mean - 1.0).abs() < 0.01,
            "{name}: {mean} {exact_mean}"
        );
    }
    // What a window shows can be counted in its bins again.
    let [_, again] = in_bins(&reference, &seen);
    assert_eq!(again.encode(), seen.encode());
}

/// The mean of a window whose rows all have this value, by a reference from `lowest` to 8 more.
fn mean_of(value: f64, lowest: f64) -> f64 {
    let mut reference = Sketch::new(vec![Spec::new("rate", Kind::Number)], Capacity::default());
    for row in 0..1000 {
        reference.columns[0].push_number(lowest + f64::from(row % 129) / 16.0);
    }
    let window = Window {
        length: Length::Rows(100),
        panes: 1,
    };
    let mut live = Live::new(&reference, window, 0);
    for _ in 0..100 {
        live.push([Cell::Number(value)], 0);
    }
    let report = by_default(&sides(live.reference(), &live.sketch()), None).unwrap();
    report.columns[0].means[1].unwrap()
}

#[test]
fn a_window_knows_how_far_beyond_its_reference_values_are() {
    for lowest in [-1e6, -4.0, 0.0, 3.0] {
        let mut distance = 0.51;
        while distance < 8.0 * 1024.0 {
            for (value, end) in [
                (lowest + 8.0 + distance, lowest + 8.0),
                (lowest - distance, lowest),
            ] {
                let ratio = (mean_of(value, lowest) - end) / (value - end);
                assert!(
                    (0.7..1.42).contains(&ratio),
                    "{value} beyond {end}: {ratio}"
                );
            }
            distance *= 1.07;
        }
    }
    assert!((mean_of(8.1, 0.0) - 8.35).abs() < 0.01);
    assert!(mean_of(f64::MAX, 0.0) > 8.0 * 1024.0);
    assert!(mean_of(f64::MIN, 0.0) < -8.0 * 1024.0);
}

/// A score of 0.99 once counted as 1.017, where the training rows had none above 0.97.
#[test]
fn a_window_shows_no_value_outside_its_column_that_was_inside() {
    let spec = Spec {
        lower: Some(0.0),
        upper: Some(1.0),
        ..Spec::new("score", Kind::Number)
    };
    let mut reference = Sketch::new(vec![spec], Capacity::default());
    for row in 0..96 {
        reference.columns[0].push_number(0.02 + f64::from(row) / 100.0);
    }
    for (value, nearest, outside) in [
        (0.99, 0.97..1.0, 0),
        (0.005, 0.0..0.02, 0),
        (1.0, 0.97..1.0, 0),
        (1.02, 1.0..1.1, 100),
        (-0.01, -0.1..0.0, 100),
    ] {
        let window = Window {
            length: Length::Rows(100),
            panes: 1,
        };
        let mut live = Live::new(&reference, window, 0);
        for _ in 0..100 {
            live.push([Cell::Number(value)], 0);
        }
        let seen = live.sketch();
        assert_eq!(seen.columns[0].out_of_range, outside, "{value}");
        let report = by_default(&sides(live.reference(), &seen), None).unwrap();
        let mean = report.columns[0].means[1].unwrap();
        assert!(nearest.contains(&mean), "{value} counts as {mean}");
        let [_, again] = in_bins(&reference, &seen);
        assert_eq!(again.encode(), seen.encode(), "{value}");
    }
}

/// Its buckets are wider, and may end where the reference has no rows.
#[test]
fn a_coarser_sketch_of_the_same_rows_has_not_drifted() {
    let rows = live_rows(false);
    let coarse = Capacity {
        buckets: 64,
        names: 32,
    };
    let [reference, current] = in_bins(
        &counted(&rows, Capacity::default()),
        &counted(&rows, coarse),
    );
    let report = by_default(&sides(&reference, &current), None).unwrap();
    for column in &report.columns {
        let effect = column.effect_size.unwrap();
        assert!(effect < 0.02, "{}: {effect}", column.name);
    }
}
