//! Each method against SciPy 1.13.1; `figures.py` beside this file prints the figures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_drift::methods::*;
use model_drift::sample::NumberPair;
use model_drift::verdict;

const R: [f64; 24] = [
    1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.0, 10.0, 11.0, 12.0, 12.0, 13.0, 14.0,
    15.0, 16.0, 17.0, 18.0, 19.0, 20.5,
];
const C: [f64; 22] = [
    2.0, 4.0, 5.0, 7.0, 8.0, 9.0, 10.0, 12.0, 12.0, 13.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 20.0,
    21.0, 22.0, 23.0, 24.0, 25.5,
];
const P: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
const Q: [f64; 4] = [0.25, 0.25, 0.2, 0.3];

fn near(got: f64, expected: f64) {
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs(),
        "got {got:e}, expected {expected:e}"
    );
}

#[test]
fn kolmogorov_smirnov_is_exact() {
    let pair = NumberPair::of(&R, &C);
    let distance = kolmogorov_smirnov::distance(&pair.reference, &pair.current);
    near(distance, 0.29545454545454547);
    near(
        kolmogorov_smirnov::p_value(distance, 24, 22),
        0.20774561538353362,
    );
    let pair = NumberPair::of(&R[..22], &C);
    let distance = kolmogorov_smirnov::distance(&pair.reference, &pair.current);
    near(
        kolmogorov_smirnov::p_value(distance, 22, 22),
        0.10926173289185331,
    );
    assert_eq!(kolmogorov_smirnov::p_value(0.0, 5, 7), 1.0);
    assert!(kolmogorov_smirnov::p_value(0.5, 0, 7).is_nan());
}

#[test]
fn one_sample_distribution() {
    // One for each way in which it is computed.
    let figures = [
        (0.01, 20.0, 1.0),
        (0.07, 20.0, 0.9998196821043254),
        (0.2, 20.0, 0.352720173623415),
        (0.27, 100.0, 6.266673841225714e-07),
        (0.05, 500.0, 0.15866260223815365),
        (0.02, 3000.0, 0.17889813623188955),
        (0.6, 10.0, 0.0005681672000000003),
        (0.03, 200_000.0, 8.226548921917665e-157),
        (0.004, 50_000.0, 0.3994316646755731),
    ];
    for (d, n, expected) in figures {
        near(kolmogorov_smirnov::one_sample_tail(d, n), expected);
    }
}

#[test]
fn distances() {
    near(
        wasserstein::distance(&NumberPair::of(&R, &C)),
        4.721590909090909,
    );
    near(jensen_shannon::distance(&P, &Q), 0.163134589911669);
    near(kullback_leibler::divergence(&P, &Q), 0.10045457796290422);
    near(psi::index(&P, &Q), 0.21791550540282828);
    near(hellinger::distance(&P, &Q), 0.16407371346290928);
    near(
        total_variation::distance(&[10, 20, 30, 40], &[25, 25, 20, 30]),
        0.2,
    );
    assert_eq!(
        kullback_leibler::divergence(&[0.5, 0.5], &[1.0, 0.0]),
        f64::INFINITY
    );
    // Divided by the standard deviation: of one value it would be 0, and is 0.001.
    near(
        wasserstein::normed(&NumberPair::of(&[1.0, 1.0], &[2.0])),
        1000.0,
    );
}

#[test]
fn tests_of_categories() {
    let fit = chi_square::goodness_of_fit(&[25, 50, 25], &[30, 50, 20]);
    near(fit.statistic, 2.0);
    near(fit.p_value, 0.36787944117144245);
    let test = chi_square::homogeneity(&[300, 500, 200], &[160, 250, 90]);
    near(test.statistic, 1.124437781109445);
    near(test.p_value, 0.569943018579659);
    assert_eq!(test.freedom, 2);
    near(
        fisher_exact::p_value([8, 15], [20, 20]),
        0.05355099259437413,
    );
    near(z_test::p_value([12, 18], [40, 40]), 0.16585666034291002);
    assert_eq!(z_test::p_value([40, 30], [40, 30]), 1.0);
    // A category that the reference does not have.
    assert_eq!(chi_square::goodness_of_fit(&[9, 0], &[5, 1]).p_value, 0.0);
}

#[test]
fn rare_categories_are_pooled() {
    let mut reference = vec![500, 300];
    let mut current = vec![480, 320];
    let two = chi_square::homogeneity(&reference, &current);
    reference.extend([1; 30]);
    current.extend([1; 30]);
    assert_eq!(two.freedom, 1);
    assert_eq!(chi_square::homogeneity(&reference, &current).freedom, 2);
}

#[test]
fn tests_of_numbers() {
    let pair = NumberPair::of(&R, &C);
    let anderson = anderson_darling::test(&pair.reference, &pair.current).unwrap();
    near(anderson.statistic, 2.8866118468839477);
    near(anderson.p_value, 0.02156911403456106);
    assert_eq!(anderson_darling::test(&[5], &[7]), None);
    // As summed row by row.
    let (reference, current) = ([400_000, 300_000, 300_000], [399_000, 301_000, 300_000]);
    let many = anderson_darling::test(&reference, &current).unwrap();
    near(many.statistic, 0.066_349_784_169_572_13);
    // No loop goes over these.
    let times = |counts: [u64; 3]| counts.map(|count| count * 1_000_000_000);
    let more = anderson_darling::test(&times(reference), &times(reference)).unwrap();
    assert_eq!(more.p_value, 0.25);
    let more = anderson_darling::test(&times(reference), &times(current)).unwrap();
    assert!(more.tail_p_value < 1e-100, "{more:?}");
    let cramer = cramer_von_mises::test(&pair.reference, &pair.current);
    near(cramer.statistic, 0.5297677865612638);
    // SciPy stops the series at terms below 1e-7.
    near(cramer.p_value, 0.033391741209916725);
    let pair = NumberPair::of(&R[..9], &C[..7]);
    let exact = cramer_von_mises::test(&pair.reference, &pair.current);
    near(exact.statistic, 0.33680555555555536);
    near(exact.p_value, 0.11538461538461539);
}

#[test]
fn the_more_rows_the_smaller_is_the_p_value_of_drift() {
    // n rows of one value beside n of another have the statistic n / 8.
    let disjoint = |n: u64| cramer_von_mises::test_with_ties(&[n, 0], &[0, n]);
    let figures = [
        (4, 0.03983321756560759),
        (8, 0.002460452180133964),
        (16, 1.2780736172781673e-5),
        (32, 4.734453032275372e-10),
        (48, 2.008774178694868e-14),
        (64, 9.019756259927726e-19),
        (800, 1.734985188965356e-216),
        (1204, 0.0),
        (1208, 0.0),
        (1_000_000, 0.0),
        (300_000_000, 0.0),
        (1_000_000_000, 0.0),
        (1_000_000_000_000, 0.0),
    ];
    for (n, expected) in figures {
        let p = disjoint(n).p_value;
        assert!((p - expected).abs() < 1e-14, "{n} rows: {p:e}");
        let ranks = cramer_von_mises::test(&[n, 0], &[0, n]);
        // With SciPy's error.
        assert!(n < 1000 || ranks.p_value < 1.2e-5, "{n} rows: {ranks:?}");
    }
    // A whole column moved, and the verdict that people see.
    let (mut reference, mut current) = (vec![1_638_400; 2000], vec![1_638_400; 2000]);
    reference[1000..].fill(0);
    current[..1000].fill(0);
    let pair = NumberPair {
        values: (0..2000).map(f64::from).collect(),
        reference,
        current,
        buckets: Vec::new(),
    };
    let found = verdict::of_numbers(&pair);
    assert_eq!((found.p_value, found.effect), (0.0, 1.0));
}

#[test]
fn anderson_and_darling_add_no_row_after_row() {
    // Beyond 100,000 rows the sums of the variance have a closed form.
    let test = |r: &[u64], c: &[u64]| anderson_darling::test(r, c).unwrap();
    let (r, c) = ([20_000, 30_000, 20_000], [14_000, 21_500, 14_500]);
    near(test(&r, &c).statistic, 4.299542743527017);
    let times = |counts: [u64; 3]| counts.map(|count| count * 10_000_000);
    let many = test(&times(r), &times(c));
    assert_eq!((many.p_value, many.tail_p_value), (0.001, 0.0));
    let same = test(&times(r), &times(r));
    assert!(same.statistic < 0.0 && same.p_value == 0.25, "{same:?}");
}

#[test]
fn ties_are_not_taken_for_drift() {
    // Two batches with the same shares of 20 values, 500 rows each.
    let same = vec![500; 20];
    let tied = cramer_von_mises::test_with_ties(&same, &same);
    assert_eq!((tied.statistic, tied.p_value), (0.0, 1.0));
    // Without ties it is the other form, but for terms of order 1/N.
    let alternating: Vec<f64> = (0..2000).map(|i| f64::from(i) + f64::from(i % 3)).collect();
    let (even, odd) = alternating.split_at(900);
    let shifted: Vec<f64> = odd.iter().map(|v| v - 800.5).collect();
    let pair = NumberPair::of(even, &shifted);
    let ranks = cramer_von_mises::test(&pair.reference, &pair.current);
    let steps = cramer_von_mises::test_with_ties(&pair.reference, &pair.current);
    assert!((ranks.statistic - steps.statistic).abs() < 0.05 * ranks.statistic.abs().max(1.0));
}

#[test]
fn area_under_the_curve() {
    let (auc, p) = domain_classifier::area(&R, &C);
    near(auc, 369.0 / (24.0 * 22.0));
    near(p, 0.010408131699211724);
}

#[test]
fn classifier_sees_what_no_column_shows() {
    let mut state = 7u64;
    let mut bit = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 60) as u16 % 4
    };
    let rows = |same: bool, bit: &mut dyn FnMut() -> u16| -> Vec<Vec<u16>> {
        (0..600)
            .map(|_| {
                let a = bit();
                // Each column alone is even; together they agree or not.
                vec![a, if same { a } else { bit() }]
            })
            .collect()
    };
    let (apart, together) = (rows(false, &mut bit), rows(true, &mut bit));
    let test = domain_classifier::test(&apart, &together, 1).unwrap();
    assert!(test.auc > 0.75 && test.p_value < 1e-9, "{test:?}");
    let other = rows(false, &mut bit);
    let test = domain_classifier::test(&apart, &other, 1).unwrap();
    assert!(test.p_value > 0.001, "{test:?}");
    assert_eq!(domain_classifier::test(&apart[..5], &other, 1), None);
}

#[test]
fn benjamini_and_hochberg() {
    let corrected = verdict::correct(&[0.001, 0.2, 0.03, 0.04, 0.9]);
    for (got, expected) in corrected
        .iter()
        .zip([0.005, 0.25, 0.2 / 3.0, 0.2 / 3.0, 0.9])
    {
        near(*got, expected);
    }
}

#[test]
fn names() {
    for method in Method::ALL {
        assert_eq!(Method::from_name(method.name()), Ok(method));
    }
    let error = Method::from_name("kolmogorov").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no method 'kolmogorov': choose one of ks, wasserstein, jensenshannon, psi, kl_div, hellinger, chisquare, z, anderson, cramer_von_mises, tvd, fisher_exact"
    );
}
