//! Inputs that cannot be learned from.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::fmt::Write as _;

use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::features::warnings;
use model_train::fit::{
    ClassWeight, FitError, GradientBoosting, Options, Params, RandomForest, Ridge, fit,
};
use model_train::prepare::Prepared;
use model_train::split::Split;

const OPTIONS: Options = Options {
    seed: 1,
    jobs: 1,
    class_weight: ClassWeight::None,
};

/// Two numbers and a category.
fn prepared(csv: &str, categories: usize) -> Result<(Prepared, Schema), String> {
    let names: Vec<String> = (0..categories).map(|n| format!("\"c{n}\"")).collect();
    let schema = Schema::from_toml(&format!(
        "name = \"test\"\nversion = \"1.0.0\"\n\
         [[feature]]\nname = \"a\"\ntype = \"number\"\nmissing = \"impute\"\n\
         [[feature]]\nname = \"b\"\ntype = \"number\"\nmissing = \"impute\"\n\
         [[feature]]\nname = \"c\"\ntype = \"category\"\ncategories = [{}]\n\
         [[feature]]\nname = \"yes\"\ntype = \"boolean\"\nrole = \"target\"\n",
        names.join(", ")
    ))
    .map_err(|error| error.to_string())?;
    let dataset = Dataset::from_reader(csv.as_bytes(), "data.csv", &schema, |_| {})
        .map_err(|error| error.to_string())?;
    let rows = dataset.rows();
    let split = Split {
        train: (0..rows - 2).collect(),
        test: vec![rows - 2, rows - 1],
    };
    let prepared = Prepared::new(dataset, &schema, split).map_err(|error| error.to_string())?;
    Ok((prepared, schema))
}

fn csv(rows: usize, row: impl Fn(usize) -> String) -> String {
    (0..rows).fold("a,b,c,yes\n".to_owned(), |mut csv, n| {
        writeln!(csv, "{},{}", row(n), n % 2).unwrap();
        csv
    })
}

/// Warned, and every model is fitted all the same.
#[test]
fn a_constant_feature_is_warned_about() {
    let text = csv(60, |n| {
        format!("{},{},c1", n * 7 % 13, if n % 3 == 0 { "" } else { "4.5" })
    });
    let (prepared, schema) = prepared(&text, 3).unwrap();
    let rows = &prepared.split.train;
    let said: Vec<String> = warnings(&prepared, rows, &schema)
        .iter()
        .map(ToString::to_string)
        .collect();
    let sentence = |name| {
        format!(
            "feature '{name}' has the same value in every row to learn from: it tells nothing; consider role = \"ignored\""
        )
    };
    assert_eq!(said, [sentence("b"), sentence("c")]);
    for kind in model_train::fit::KINDS {
        fit(&prepared, rows, &schema, &Params::defaults(kind), &OPTIONS).unwrap();
    }
}

#[test]
fn a_feature_that_is_all_missing_is_an_error() {
    let text = csv(20, |n| format!("{n},,c1"));
    let error = prepared(&text, 3).unwrap_err();
    assert_eq!(
        error,
        "data.csv, column 'b': no training row has a value that is there and inside the range, expected at least one: give the feature role = \"ignored\" in the schema, or leave it out with --features"
    );
}

#[test]
fn too_many_categories_are_an_error() {
    let error = prepared("", 10_000).unwrap_err();
    assert!(
        error.contains(
            "feature 'c', categories: at most 1000 categories, got 10000: merge the rare ones"
        ),
        "{error}"
    );
    let text = csv(41_000, |n| format!("{n},{},c{}", n % 7, n % 1000));
    let (prepared, schema) = prepared(&text, 1000).unwrap();
    let ridge = Params::defaults(ModelKind::Ridge);
    let error = fit(&prepared, &prepared.split.train, &schema, &ridge, &OPTIONS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "40998 rows of 1002 columns are too many numbers to fit on (at most 40000000): feature 'c' alone has 1000 categories; merge the rare ones, order them (encoding = \"ordinal\"), or give it role = \"ignored\""
    );
}

#[test]
fn rows_and_parameters_that_cannot_be_fitted_are_errors() {
    let (prepared, schema) =
        prepared(&csv(40, |n| format!("{n},{},c{}", n % 7, n % 3)), 3).unwrap();
    let check = |rows: &[usize], params: Params, class_weight, says: &str| {
        let options = Options {
            class_weight,
            ..OPTIONS
        };
        let error: FitError = fit(&prepared, rows, &schema, &params, &options).unwrap_err();
        assert_eq!(error.to_string(), says);
    };
    let all = &prepared.split.train[..];
    let even: Vec<usize> = all.iter().copied().step_by(2).collect();
    let boosting = |change: fn(&mut GradientBoosting)| {
        let mut params = GradientBoosting::default();
        change(&mut params);
        Params::GradientBoosting(params)
    };
    for kind in model_train::fit::KINDS {
        check(
            &even,
            Params::defaults(kind),
            ClassWeight::Balanced,
            "the 19 rows to fit on contain only one class: expected at least one row of each",
        );
    }
    check(
        &all[..4],
        Params::defaults(ModelKind::Ridge),
        ClassWeight::None,
        "4 rows are too few to fit 5 columns: expected more rows than columns; use fewer features or categories",
    );
    check(
        all,
        Params::Ridge(Ridge { alpha: 0.0 }),
        ClassWeight::None,
        "ridge, alpha: expected above 0, at most 1e6, got 0",
    );
    check(
        all,
        Params::RandomForest(RandomForest {
            column_share: f64::NAN,
            ..RandomForest::default()
        }),
        ClassWeight::None,
        "random_forest, column_share: expected above 0, at most 1, got NaN",
    );
    check(
        all,
        boosting(|params| params.max_leaves = 1),
        ClassWeight::None,
        "gradient_boosting, max_leaves: expected 2 to 4096, got 1",
    );
    check(
        all,
        boosting(|params| params.trees = 0),
        ClassWeight::None,
        "gradient_boosting, trees: expected 1 to 10000, got 0",
    );
    check(
        all,
        boosting(|_| {}),
        ClassWeight::Explicit {
            negative: 1.0,
            positive: -2.0,
        },
        "class weights must be from 1e-6 to 1e6, got 1.0 and -2.0",
    );
    check(
        all,
        boosting(|_| {}),
        ClassWeight::Explicit {
            negative: 1e-300,
            positive: 1.0,
        },
        "class weights must be from 1e-6 to 1e6, got 1e-300 and 1.0",
    );
}

/// A file of parameters says the model and what differs from its defaults; a key that does
/// not exist is refused.
#[test]
fn parameters_are_read_from_toml() {
    let read = |text: &str| toml::from_str::<Params>(text).map_err(|error| error.to_string());
    assert_eq!(
        read("model = \"gradient_boosting\"\ntrees = 7\nl2 = 0.5\n"),
        Ok(Params::GradientBoosting(GradientBoosting {
            trees: 7,
            l2: 0.5,
            ..GradientBoosting::default()
        }))
    );
    assert_eq!(
        read("model = \"ridge\"\n"),
        Ok(Params::Ridge(Ridge::default()))
    );
    let error = read("model = \"ridge\"\nalfa = 1\n").unwrap_err();
    assert!(error.contains("unknown field `alfa`"), "{error}");
    for kind in model_train::fit::KINDS {
        let params = Params::defaults(kind);
        params.check().unwrap();
        assert_eq!(params.kind(), kind);
        let text = toml::to_string(&params).unwrap();
        assert!(
            text.starts_with(&format!("model = \"{}\"\n", kind.word())),
            "{text}"
        );
        assert_eq!(read(&text), Ok(params));
    }
}
