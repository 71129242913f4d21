//! The schema's TOML form: what is accepted, and what it comes to.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::toml::{X, actionable, refuses, said, with};
use model_core::schema::{
    Actionable, Direction, Example, FeatureKind, Missing, Monotonic, Role, Schema, TargetKind,
};

#[test]
fn errors_name_the_column() {
    let check = |lines: &str, line: usize, column: usize| {
        let error = Schema::from_toml(&with(lines)).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{error}");
        let place = format!("line {line}, column {column}: ");
        assert!(error.to_string().starts_with(&place), "{error}");
    };
    check("name = \"x\"\ntype = \"text\"", 5, 8);
    check("name = \"x\"\ntype = \"number\"\n  minimun = 3", 6, 3);
    check(
        "name = \"x\"\ntype = \"number\"\nminimum = 3\nmaximum = 2",
        6,
        1,
    );
    // A formula's error stands within the formula.
    let text = "[[feature]]\nname = \"y\"\ntype = \"number\"\nderived = \"x / größe\"";
    check(&format!("name = \"x\"\ntype = \"number\"\n{text}"), 9, 16);
}

#[test]
fn a_formula_that_never_has_a_result_is_no_fault_of_the_data() {
    let check = |formula: &str, range: &str, expect: &str| {
        let lines = format!(
            "name = \"x\"\ntype = \"number\"\nminimum = 1\nmaximum = 9\n[[feature]]\nname = \"w\"\n\
             type = \"number\"\nderived = \"{formula}\"\n{range}"
        );
        let error = Schema::from_toml(&with(&lines)).unwrap_err();
        assert!(error.message.ends_with(expect), "{error}");
    };
    check(
        "log(-x)",
        "",
        "the formula never has a result, whatever its fields are",
    );
    check(
        "x * 2",
        "minimum = 20",
        "the formula gives 2 to 18, never a value of the field's range",
    );
    check(
        "w + x",
        "",
        "the formula names the field itself: name others",
    );
}

#[test]
fn shipped_schemas_load() {
    let check = |toml: &str, name: &str, inputs: usize| {
        let schema = Schema::from_toml(toml).unwrap();
        assert_eq!((&*schema.name, schema.inputs().count()), (name, inputs));
    };
    check(include_str!("../../data/loan.toml"), "loan-approval", 12);
    check(include_str!("../../data/points.toml"), "points-approval", 5);
    check(
        include_str!("../../data/german_credit.toml"),
        "german-credit",
        18,
    );
}

#[test]
fn defaults_are_as_documented() {
    let schema = Schema::from_toml(&with("name = \"x\"\ntype = \"number\"")).unwrap();
    let x = &schema.features[0];
    assert_eq!(
        (x.role, x.missing, x.display_label()),
        (Role::Input, Missing::Error, "x")
    );
    assert_eq!(x.kind, FeatureKind::Number(Default::default()));
    assert_eq!(
        (schema.max_adjustments, schema.missing_values.texts().len()),
        (None, 0)
    );
    let target = &schema.target;
    assert_eq!(
        (&*target.positive_label, &*target.negative_label),
        ("Approved", "Rejected")
    );
}

/// What has an order can be followed.
#[test]
fn monotonic_is_for_what_has_an_order() {
    let accepts = |lines: &str, expect: Option<Monotonic>| {
        let schema = Schema::from_toml(&with(&format!("name = \"x\"\n{lines}"))).unwrap();
        assert_eq!(schema.features[0].monotonic, expect);
    };
    let category = "type = \"category\"\ncategories = [\"a\", \"b\"]\n";
    accepts("type = \"number\"", None);
    accepts(
        "type = \"number\"\nmonotonic = \"increasing\"",
        Some(Monotonic::Increasing),
    );
    accepts(
        "type = \"integer\"\nmonotonic = \"decreasing\"",
        Some(Monotonic::Decreasing),
    );
    accepts(
        "type = \"boolean\"\nmonotonic = \"decreasing\"",
        Some(Monotonic::Decreasing),
    );
    let range = "type = \"number\"\nminimum = 0\nmaximum = 9\nmonotonic = \"increasing\"";
    for policy in ["error", "clamp"] {
        accepts(
            &format!("{range}\nout_of_range = \"{policy}\""),
            Some(Monotonic::Increasing),
        );
    }
    accepts(
        &format!("{category}encoding = \"ordinal\"\nmonotonic = \"increasing\""),
        Some(Monotonic::Increasing),
    );
    let refuses = |lines: &str, expect: &str| {
        let error = Schema::from_toml(&with(&format!("name = \"x\"\n{lines}"))).unwrap_err();
        assert_eq!(said(&error), expect);
    };
    refuses(
        &format!("{category}monotonic = \"increasing\""),
        "line 7: feature 'x', monotonic: categories have an order only with encoding = \"ordinal\": remove it",
    );
    refuses(
        "type = \"number\"\nrole = \"protected\"\nmonotonic = \"increasing\"",
        "line 7: feature 'x', monotonic: only an input takes it: remove it",
    );
    refuses(
        &format!("{range}\nout_of_range = \"impute\""),
        "line 8: feature 'x', monotonic: out_of_range = \"impute\" gives a number outside the range the place of the median, which keeps no order: use \"clamp\" or \"error\", or remove monotonic",
    );
    refuses(
        "type = \"number\"\nmonotonic = \"rising\"",
        "line 6: expected `increasing` or `decreasing`, got `rising`",
    );
}

#[test]
fn accepts_every_key() {
    let schema = Schema::from_toml(
        r#"
        name = "a-1"
        version = "10.0.1"
        title = "T"
        description = "D"
        max_adjustments = 0
        missing_values = ["NA"]
        feature = [
          { name = "n", type = "number", role = "input", label = "N", help = "H", unit = "u",
            exclusive_minimum = -1.5, maximum = 7, example = 7, missing = "zero", out_of_range = "impute" },
          { name = "i", type = "integer", minimum = 1, maximum = 1, example = 1, out_of_range = "clamp" },
          { name = "b", type = "boolean", example = true, missing = "impute" },
          { name = "c", type = "category", categories = ["x", "y"], category_labels = { y = "Y" },
            encoding = "ordinal", example = "y", missing = "impute", unknown = "most_frequent" },
          { name = "p", type = "category", role = "protected", categories = ["x", "y"], missing = "other", unknown = "other" },
          { name = "s", type = "category", role = "ignored", example = "Anna" },
          { name = "k", type = "category", role = "target", categories = ["bad", "good"], positive = "good",
            positive_label = "Yes", negative_label = "No" },
        ]
        "#,
    )
    .unwrap();
    let TargetKind::Category { positive, negative } = &schema.target.kind else {
        panic!("a category target, got {:?}", schema.target.kind)
    };
    assert_eq!((&**positive, &**negative), ("good", "bad"));
    assert_eq!(schema.features[1].example, Some(Example::Number(1.0)));
    assert_eq!(schema.features[3].categories().unwrap().labels, ["x", "Y"]);
}

/// Whether each text is the positive outcome, and the two texts, the negative one first.
#[test]
fn the_schema_says_which_value_of_the_target_is_positive() {
    let check = |target: &str, expected: &[(&str, Option<bool>)], texts: [&str; 2]| {
        let schema = Schema::from_toml(&format!(
            "name = \"m\"\nversion = \"1\"\n{X}[[feature]]\nname = \"y\"\nrole = \"target\"\n{target}"
        ))
        .unwrap();
        for (text, outcome) in expected {
            assert_eq!(schema.target.kind.outcome(text), *outcome, "{text}");
        }
        assert_eq!(schema.target.kind.texts(), texts);
        schema.target.kind
    };
    let words = |yes: bool| {
        [
            ("true", Some(yes)),
            ("1", Some(yes)),
            ("YES", Some(yes)),
            ("F", Some(!yes)),
            ("0", Some(!yes)),
            ("no", Some(!yes)),
            ("2", None),
            ("", None),
        ]
    };
    let kind = check("type = \"boolean\"", &words(true), ["false", "true"]);
    assert_eq!(kind, TargetKind::Boolean { positive: true });
    check(
        "type = \"boolean\"\npositive = true",
        &words(true),
        ["false", "true"],
    );
    let kind = check(
        "type = \"boolean\"\npositive = false",
        &words(false),
        ["true", "false"],
    );
    assert_eq!(kind, TargetKind::Boolean { positive: false });
    check(
        "type = \"category\"\ncategories = [\"paid\", \"lost\"]\npositive = \"paid\"",
        &[("paid", Some(true)), ("lost", Some(false)), ("Paid", None)],
        ["lost", "paid"],
    );
}

/// The length of a name, the number of features and of categories.
#[test]
fn limits_are_as_documented() {
    let check = |toml: &str, expected: Option<&str>| {
        let problem = Schema::from_toml(toml).err().map(|error| error.message);
        assert_eq!(problem.as_deref(), expected);
    };
    let name = |length: usize| {
        with(&format!(
            "name = \"{}\"\ntype = \"number\"",
            "n".repeat(length)
        ))
    };
    let long = format!(
        "feature '{}', name: expected 1 to 128 bytes without control characters",
        "n".repeat(129)
    );
    check(&name(128), None);
    check(&name(129), Some(&long));
    let features = |count: usize| {
        let others: String = (0..count)
            .map(|n| format!("[[feature]]\nname = \"f{n}\"\ntype = \"number\"\n"))
            .collect();
        with("name = \"x\"\ntype = \"number\"") + &others
    };
    check(&features(997), None);
    check(
        &features(998),
        Some("feature: at most 1000 features, got 1001"),
    );
    let categories = |count: usize| {
        let list: Vec<_> = (0..count).map(|n| format!("\"{n}\"")).collect();
        with(&format!(
            "name = \"x\"\ntype = \"category\"\ncategories = [{}]",
            list.join(",")
        ))
    };
    check(&categories(1000), None);
    check(
        &categories(1001),
        Some(
            "feature 'x', categories: at most 1000 categories, got 1001: merge the rare ones, or give the feature role = \"ignored\" if it only names the row",
        ),
    );
}

#[test]
fn finds_the_nearest_feature() {
    let schema = Schema::from_toml(include_str!("../../data/loan.toml")).unwrap();
    let check = |name: &str, expected: Option<&str>| {
        assert_eq!(schema.nearest_feature(name), expected, "{name}");
    };
    check("person_incom", Some("person_income"));
    check("Person_Income", Some("person_income"));
    check("preson_income", Some("person_income"));
    check("person_\u{456}ncome", Some("person_income"));
    check("income", None);
    check("loan_amount", Some("loan_amnt"));
    check("", None);
    check("zzzzzzzz", None);
    check(&"person_income".repeat(1000), None);
}

#[test]
fn an_actionable_field_says_which_way_and_in_which_steps() {
    let schema = Schema::from_toml(&actionable("actionable = \"up\"\nstep = 0.5\nhighest = 90"));
    let feature = schema.unwrap().features.remove(0);
    let expected = Actionable {
        direction: Direction::Up,
        step: 0.5,
        lowest: 0.0,
        highest: 90.0,
        cost: 1.0,
        quantiles: Vec::new(),
    };
    assert_eq!(feature.actionable.as_deref(), Some(&expected));
    let none = Schema::from_toml(&actionable("actionable = \"no\"")).unwrap();
    assert_eq!(none.features[0].actionable, None);
}

#[test]
fn a_target_of_two_categories_may_say_which_class_each_is_in_a_model() {
    let target = |lines: &str| {
        format!(
            r#"name = "test"
version = "1.0.0"

[[feature]]
name = "y"
role = "target"
type = "category"
categories = ["bad", "good"]
positive = "good"
{lines}

[[feature]]
name = "x"
type = "number"
"#
        )
    };
    let file = model_core::schema::SchemaFile::from_toml(&target("codes = { bad = 1, good = 0 }"))
        .unwrap();
    let [coding] = &file.codings[..] else {
        panic!("{:?}", file.codings);
    };
    assert_eq!((coding.feature.as_str(), coding.codes["bad"]), ("y", 1.0));
    let check = |lines: &str, expected: &str| {
        refuses(&target(lines), &format!("line 10: feature 'y', {expected}"));
    };
    check(
        "codes = { bad = 1 }",
        "codes: expected the class of both categories",
    );
    check(
        "codes = { bad = 1, good = 1 }",
        "codes: expected a finite number for each category, each once",
    );
    check(
        "columns = { bad = \"b\", good = \"g\" }",
        "columns: the target does not take it: give the class of each category with codes",
    );
}
