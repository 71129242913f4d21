//! What is no schema: each refusal names the line and says what to do.

mod common;

use common::toml::{X, Y, actionable, refuses, with};
use model_core::schema::Schema;

/// The first feature is named x, on line 4; these lines follow.
#[test]
fn refuses_a_feature_and_names_the_line() {
    let check = |lines: &str, expected: &str| {
        let feature = format!("name = \"x\"\n{lines}");
        refuses(&with(&feature), expected);
    };
    check(
        r#"type = "text""#,
        "line 5: expected one of `number`, `integer`, `boolean`, `category`, got `text`",
    );
    check(r"type = 3", "line 5: expected a text in quotes");
    check(r#"role = "input""#, "line 3: the key `type` is missing");
    check(
        r#"type = "number"
minimun = 0"#,
        "line 6: unknown key `minimun`: expected one of `name`, `type`, `role`, `label`, `help`, `unit`, `example`, `minimum`, `exclusive_minimum`, `maximum`, `exclusive_maximum`, `categories`, `category_labels`, `encoding`, `missing`, `monotonic`, `unknown`, `out_of_range`, `derived`, `round`, `mismatch`, `actionable`, `step`, `lowest`, `highest`, `cost`, `columns`, `codes`, `reason`, `positive`, `positive_label`, `negative_label`, `positive_outcome`, `negative_outcome`",
    );
    check(
        r#"type = "number"
minimum = "0""#,
        r#"line 6: expected a number, got the text "0""#,
    );
    check(
        r#"type = "number"
minimum = nan"#,
        "line 6: feature 'x', minimum: expected a finite number",
    );
    check(
        r#"type = "number"
maximum = inf"#,
        "line 6: feature 'x', maximum: expected a finite number",
    );
    check(
        r#"type = "number"
exclusive_maximum = inf"#,
        "line 6: feature 'x', exclusive_maximum: expected a finite number",
    );
    check(
        r#"type = "number"
minimum = 3
maximum = 2"#,
        "line 6: feature 'x', minimum: the range from 3 to 2 holds no number",
    );
    check(
        r#"type = "number"
exclusive_minimum = 3
maximum = 3"#,
        "line 6: feature 'x', exclusive_minimum: the range from 3 to 3 holds no number",
    );
    check(
        r#"type = "number"
minimum = 3
exclusive_minimum = 3"#,
        "line 7: feature 'x', exclusive_minimum: give the inclusive or the exclusive one, not both",
    );
    check(
        r#"type = "number"
maximum = 3
exclusive_maximum = 3"#,
        "line 7: feature 'x', exclusive_maximum: give the inclusive or the exclusive one, not both",
    );
    check(
        r#"type = "number"
exclusive_minimum = 0
out_of_range = "clamp""#,
        "line 7: feature 'x', out_of_range: clamp needs inclusive bounds: use minimum and maximum, not the exclusive ones",
    );
    check(
        r#"type = "number"
minimum = 1
missing = "zero""#,
        "line 7: feature 'x', missing: zero is outside the feature's own range",
    );
    check(
        r#"type = "number"
missing = "most_frequent""#,
        "line 6: feature 'x', missing: expected one of error, impute, zero, native for this type, got most_frequent",
    );
    check(
        r#"type = "number"
missing = "guess""#,
        "line 6: expected one of `error`, `impute`, `zero`, `most_frequent`, `other`, `native`, got `guess`",
    );
    check(
        r#"type = "number"
unknown = "other""#,
        "line 6: feature 'x', unknown: only a category takes it: remove it",
    );
    check(
        r#"type = "number"
categories = ["a", "b"]"#,
        "line 6: feature 'x', categories: only a category takes it: remove it",
    );
    check(
        r#"type = "number"
encoding = "ordinal""#,
        "line 6: feature 'x', encoding: only a category takes it: remove it",
    );
    check(
        r#"type = "number"
example = "ten""#,
        "line 6: feature 'x', example: expected a number that the feature itself accepts",
    );
    check(
        r#"type = "number"
example = [1]"#,
        "line 6: expected true or false, a number or a text",
    );
    check(
        r#"type = "number"
maximum = 5
example = 6"#,
        "line 7: feature 'x', example: expected a number that the feature itself accepts",
    );
    check(
        r#"type = "number"
example = nan"#,
        "line 6: feature 'x', example: expected a number that the feature itself accepts",
    );
    check(
        r#"type = "number"
positive_label = "Yes""#,
        "line 6: feature 'x', positive_label: only the target takes it: remove it",
    );
    check(
        r#"type = "number"
role = "audit""#,
        "line 6: expected one of `input`, `protected`, `ignored`, `time`, `group`, `weight`, `target`, got `audit`",
    );
    check(
        r#"type = "integer"
minimum = 0.5"#,
        "line 6: feature 'x', minimum: expected a whole number within ±2^53 for an integer, got 0.5",
    );
    check(
        r#"type = "integer"
exclusive_maximum = 1e300"#,
        "line 6: feature 'x', exclusive_maximum: expected a whole number within ±2^53 for an integer, got 1e+300",
    );
    check(
        "type = \"integer\"\nexclusive_minimum = 0\nexclusive_maximum = 1",
        "line 6: feature 'x', exclusive_minimum: the range from 0 to 1 holds no number",
    );
    check(
        "type = \"integer\"\nexclusive_minimum = 9007199254740992",
        "line 6: feature 'x', exclusive_minimum: expected a whole number within ±2^53 for an integer, got 9007199254740992",
    );
    check(
        "type = \"number\"\nexclusive_maximum = 5e-324\nexclusive_minimum = 0",
        "line 7: feature 'x', exclusive_minimum: the range from 0 to 5e-324 holds no number",
    );
    check(
        r#"type = "integer"
example = 1.5"#,
        "line 6: feature 'x', example: expected an integer that the feature itself accepts",
    );
    check(
        r#"type = "integer"
example = 1e300"#,
        "line 6: feature 'x', example: expected an integer that the feature itself accepts",
    );
    check(
        r#"type = "integer"
missing = "other""#,
        "line 6: feature 'x', missing: expected one of error, impute, zero, native for this type, got other",
    );
    check(
        r#"type = "boolean"
missing = "other""#,
        "line 6: feature 'x', missing: expected one of error, impute, most_frequent, zero, native for this type, got other",
    );
    check(
        r#"type = "boolean"
maximum = 1"#,
        "line 6: feature 'x', maximum: only a number or integer takes it: remove it",
    );
    check(
        r#"type = "boolean"
unit = "EUR""#,
        "line 6: feature 'x', unit: only a number or integer takes it: remove it",
    );
    check(
        r#"type = "boolean"
out_of_range = "clamp""#,
        "line 6: feature 'x', out_of_range: only a number or integer takes it: remove it",
    );
    check(
        r#"type = "boolean"
example = "yes""#,
        "line 6: feature 'x', example: expected true or false that the feature itself accepts",
    );
    check(
        r#"type = "category""#,
        r#"line 5: feature 'x', type: a category needs its list: categories = ["…", "…"]"#,
    );
    check(
        r#"type = "category"
categories = ["a"]"#,
        "line 6: feature 'x', categories: expected 2 to 1000 categories, got 1",
    );
    check(
        r#"type = "category"
categories = []"#,
        "line 6: feature 'x', categories: expected 2 to 1000 categories, got 0",
    );
    check(
        r#"type = "category"
categories = ["a", "b", "a"]"#,
        "line 6: feature 'x', categories: 'a' is listed twice",
    );
    check(
        r#"type = "category"
categories = ["a", ""]"#,
        "line 6: feature 'x', categories: '': a category may not be empty or begin or end with white space",
    );
    check(
        r#"type = "category"
categories = ["a", " b"]"#,
        "line 6: feature 'x', categories: ' b': a category may not be empty or begin or end with white space",
    );
    check(
        r#"type = "category"
categories = "a""#,
        r#"line 6: expected a list, got the text "a""#,
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
category_labels = { c = "C" }"#,
        "line 7: feature 'x', category_labels: 'c' is not one of the categories",
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
encoding = "onehot""#,
        "line 7: expected `one_hot` or `ordinal`, got `onehot`",
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
encoding = "ordinal"
unknown = "other""#,
        "line 8: feature 'x', unknown: other has no place in an ordinal order: use error or most_frequent",
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
encoding = "ordinal"
missing = "other""#,
        "line 8: feature 'x', missing: expected one of error, impute, most_frequent, native for this type, got other",
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
missing = "zero""#,
        "line 7: feature 'x', missing: expected one of error, impute, most_frequent, other, native for this type, got zero",
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
unknown = "zero""#,
        "line 7: expected one of `error`, `most_frequent`, `other`, got `zero`",
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
minimum = 0"#,
        "line 7: feature 'x', minimum: only a number or integer takes it: remove it",
    );
    check(
        r#"type = "category"
categories = ["a", "b"]
example = "c""#,
        "line 7: feature 'x', example: expected one of its categories that the feature itself accepts",
    );
    check(
        r#"type = "number"
role = "ignored"
missing = "impute""#,
        "line 7: feature 'x', missing: an ignored feature has no policy: remove it",
    );
    check(
        r#"type = "number"
role = "ignored"
out_of_range = "clamp""#,
        "line 7: feature 'x', out_of_range: an ignored feature has no policy: remove it",
    );
    check(
        r#"type = "number"
role = "ignored"
maximum = inf"#,
        "line 7: feature 'x', maximum: expected a finite number",
    );
    check(
        r#"type = "number"
role = "ignored"
example = nan"#,
        "line 7: feature 'x', example: expected a number that the feature itself accepts",
    );
    check(
        r#"type = "category"
role = "ignored"
unknown = "other""#,
        "line 7: feature 'x', unknown: an ignored feature has no policy: remove it",
    );
    check(
        r#"type = "category"
role = "ignored"
example = 3"#,
        "line 7: feature 'x', example: expected a text",
    );
    check(
        r#"type = "category"
role = "protected""#,
        r#"line 5: feature 'x', type: a category needs its list: categories = ["…", "…"]"#,
    );
    check(
        r#"type = "boolean"
role = "target""#,
        "line 13: feature 'y', role: another feature is the target already",
    );
    check(
        r#"type = "boolean"
codes = { a = 0 }"#,
        "line 6: feature 'x', codes: only a category that is an input or the target takes it: remove it",
    );
    check(
        r#"type = "number"
label = "a"
label = "b""#,
        "line 7: duplicate key",
    );
    check(
        r#"type = "number"
label = "#,
        "line 6: string values must be quoted, expected literal string",
    );
    check(
        r#"type = "number"
max_adjustments = 3"#,
        "line 6: unknown key `max_adjustments`: expected one of `name`, `type`, `role`, `label`, `help`, `unit`, `example`, `minimum`, `exclusive_minimum`, `maximum`, `exclusive_maximum`, `categories`, `category_labels`, `encoding`, `missing`, `monotonic`, `unknown`, `out_of_range`, `derived`, `round`, `mismatch`, `actionable`, `step`, `lowest`, `highest`, `cost`, `columns`, `codes`, `reason`, `positive`, `positive_label`, `negative_label`, `positive_outcome`, `negative_outcome`",
    );
}

#[test]
fn refuses_what_is_no_schema_and_names_the_line() {
    refuses("", "line 1: the key `name` is missing");
    refuses("not toml at all", "line 1: key with no value, expected `=`");
    refuses(
        "name = \"m\nversion = \"1\"",
        "line 1: invalid basic string, expected `\"`",
    );
    refuses(
        "name = \"m\"\nversion = \"1\"\n[[feature\n",
        "line 3: unclosed array table, expected `]]`",
    );
    refuses(
        "version = \"1\"\nfeature = []",
        "line 1: the key `name` is missing",
    );
    refuses(
        "name = \"m\"\nversion = \"1\"",
        "line 1: the key `feature` is missing",
    );
    refuses(
        "name = \"m\"\nversion = \"1\"\nfeature = 3",
        "line 3: expected a list, got the number 3",
    );
}

/// The head begins with the name on line 1; a feature x on the three lines after it, a
/// target y on the three after that.
#[test]
fn refuses_a_head_and_names_the_line() {
    let check = |head: &str, expected: &str| refuses(&format!("{head}\n{X}{Y}"), expected);
    check(
        "name = \"Loan\"\nversion = \"1\"",
        "line 1: name: expected 1 to 64 lower-case letters, digits and hyphens, got 'Loan'",
    );
    check(
        "name = \"m\"\nversion = \"1.x\"",
        "line 2: version: expected digits separated by dots, such as 1.0.0, got '1.x'",
    );
    check(
        "name = \"m\"\nversion = \"1\"\nthreshold = 0.5",
        "line 3: unknown key `threshold`: expected one of `name`, `version`, `title`, `description`, `max_adjustments`, `missing_values`, `languages`, `reasons`, `feature`",
    );
    check(
        "name = \"m\"\nversion = \"1\"\nmax_adjustments = -1",
        "line 3: expected a whole number from 0, got the number -1",
    );
    check(
        "name = \"m\"\nversion = \"1\"\nmax_adjustments = \"few\"",
        "line 3: expected a whole number from 0, got the text \"few\"",
    );
    check(
        "name = \"m\"\nversion = \"1\"\nmissing_values = [\"NA\", \" -\"]",
        "line 3: missing_values: ' -' is empty or begins or ends with white space: remove that",
    );
    check(
        "name = \"m\"\nversion = \"1\"\nmissing_values = [\"\"]",
        "line 3: missing_values: '' is empty or begins or ends with white space: remove that",
    );
}

/// A terminal would act on them, or show them as lines of their own.
#[test]
fn refuses_control_characters_in_texts_for_people() {
    let check = |head: &str, x: &str, y: &str, place: &str, got: &str| {
        refuses(
            &format!(
                "name = \"m\"\nversion = \"1\"\nlanguages = [\"en\", \"de\"]\n{head}\n{X}{x}\n{Y}{y}\n"
            ),
            &format!("{place}: expected one line without control characters, got {got}: remove it"),
        );
    };
    for (escape, got) in [
        ("\\u001b[2J", "U+001B"),
        ("\\n", "U+000A"),
        ("\\u0000", "U+0000"),
        ("\\u007f", "U+007F"),
        ("\\u009b", "U+009B"),
        ("\\u2028", "U+2028"),
        ("\\u202e", "U+202E"),
        ("\\u2066", "U+2066"),
    ] {
        let title = format!("title = \"Loan{escape}s\"");
        check(&title, "", "", "line 4: title", got);
    }
    let title = "title = { en = \"Loan\", de = \"Kre\\u001bdit\" }";
    check(title, "", "", "line 4: title", "U+001B");
    let description = "description = \"One.\\nTwo\\u001b\"";
    check(description, "", "", "line 4: description", "U+001B");
    for (key, place) in [
        ("label", "line 8: feature 'x', label"),
        ("unit", "line 8: feature 'x', unit"),
    ] {
        check("", &format!("{key} = \"a\\nb\""), "", place, "U+000A");
    }
    check(
        "",
        "help = \"a\\rb\"",
        "",
        "line 8: feature 'x', help",
        "U+000D",
    );
    for key in [
        "positive_label",
        "negative_label",
        "positive_outcome",
        "negative_outcome",
    ] {
        let place = format!("line 13: feature 'y', {key}");
        check("", "", &format!("{key} = \"a\\nb\""), &place, "U+000A");
    }

    // A description and a help may have several lines.
    let toml = format!(
        "name = \"m\"\nversion = \"1\"\ndescription = \"\"\"\nOne.\nTwo.\"\"\"\n{X}help = \"One.\\nTwo.\"\n{Y}"
    );
    let schema = Schema::from_toml(&toml).unwrap();
    assert_eq!(schema.description.as_deref(), Some("One.\nTwo."));
    assert_eq!(schema.features[0].help.as_deref(), Some("One.\nTwo."));
    // A category is what the data has. Languages of right-to-left scripts need the marks.
    let toml = format!(
        "name = \"m\"\nversion = \"1\"\ntitle = \"\\u05d0\\u200f!\"\n{}categories = [\"a\\tb\", \"c\"]\n{Y}",
        X.replace("number", "category")
    );
    Schema::from_toml(&toml).unwrap();
}

/// What follows the two lines of a head, so from line 3 on.
#[test]
fn refuses_features_that_do_not_go_together_and_names_the_line() {
    let check = |features: &str, expected: &str| {
        refuses(
            &format!("name = \"m\"\nversion = \"1\"\n{features}"),
            expected,
        );
    };
    let target = |lines: &str| format!("{X}[[feature]]\nname = \"y\"\nrole = \"target\"\n{lines}");
    check(
        "feature = []",
        "line 3: no feature has role = \"target\": the model must learn one column",
    );
    check(
        X,
        "line 5: no feature has role = \"target\": the model must learn one column",
    );
    check(
        Y,
        "line 3: feature: at least one feature with role \"input\" is needed",
    );
    check(
        &format!("{X}role = \"protected\"\n{Y}"),
        "line 3: feature: at least one feature with role \"input\" is needed",
    );
    check(
        &format!("{}{Y}", X.replace('x', "")),
        "line 4: feature '', name: expected 1 to 128 bytes without control characters",
    );
    check(
        &format!("{}{Y}", X.replace('x', "a\\tb")),
        "line 4: feature 'a\tb', name: expected one line without control characters, got U+0009: remove it",
    );
    check(
        &format!("{X}maximum = inf\n{X}{Y}"),
        "line 8: feature 'x', name: another feature has this name already",
    );
    check(
        &format!("{}{Y}", X.replace('x', "y")),
        "line 7: feature 'y', name: another feature has this name already",
    );
    check(
        &format!("{Y}{X}{Y}"),
        "line 13: feature 'y', role: another feature is the target already",
    );
    check(
        &format!(
            "missing_values = [\"a\"]\n{}categories = [\"a\", \"b\"]\n{Y}",
            X.replace("number", "category")
        ),
        "line 7: feature 'x', categories: 'a' is one of missing_values, so it would never be read as a category",
    );
    check(
        &target("type = \"number\""),
        "line 9: feature 'y', type: a target is boolean, or a category with two categories",
    );
    check(
        &target("type = \"boolean\"\nmissing = \"zero\""),
        "line 10: feature 'y', missing: the target does not take it: remove it",
    );
    check(
        &target("type = \"boolean\"\npositive = \"yes\""),
        "line 10: feature 'y', positive: expected true or false without quotes for a boolean, got 'yes'",
    );
    check(
        &target("type = \"boolean\"\npositive = 0"),
        "line 10: expected true, false or a category in quotes",
    );
    check(
        &target("type = \"category\"\ncategories = [\"true\", \"false\"]\npositive = true"),
        "line 11: feature 'y', positive: expected one of the categories in quotes, got true",
    );
    check(
        &target("type = \"category\""),
        "line 6: feature 'y', categories: expected a list of two categories",
    );
    check(
        &target("type = \"category\"\ncategories = [\"a\", \"b\", \"c\"]\npositive = \"a\""),
        "line 10: feature 'y', categories: expected a list of two categories",
    );
    check(
        &target("type = \"category\"\ncategories = [\"a\", \"b\"]"),
        "line 10: feature 'y', categories: which one means yes? positive = \"…\"",
    );
    check(
        &target("type = \"category\"\ncategories = [\"a\", \"b\"]\npositive = \"c\""),
        "line 11: feature 'y', positive: 'c' is not one of the categories",
    );
    check(
        &target("type = \"category\"\ncategories = [\"a\", \"a\"]\npositive = \"a\""),
        "line 10: feature 'y', categories: the two categories must differ",
    );
    check(
        &target("type = \"category\"\ncategories = [\"a\", \"b \"]\npositive = \"a\""),
        "line 10: feature 'y', categories: 'b ': a category may not be empty or begin or end with white space",
    );
}

#[test]
fn what_cannot_be_changed_is_refused_with_its_line() {
    let cases = [
        ("actionable = \"sideways\"", 8, "expected one of"),
        ("actionable = \"up\"", 8, "needs its step"),
        ("step = 5", 8, "it needs actionable"),
        ("actionable = \"no\"\ncost = 2", 9, "it needs actionable"),
        (
            "actionable = \"up\"\nstep = 0",
            9,
            "expected a number above 0, got 0",
        ),
        (
            "actionable = \"up\"\nstep = 1\nhighest = 101",
            10,
            "101 is outside the field's own range",
        ),
        (
            "actionable = \"up\"\nstep = 1\nlowest = 9\nhighest = 8",
            10,
            "9 is above highest, 8",
        ),
        (
            "actionable = \"up\"\nstep = 0.001",
            9,
            "at most 20000 steps may lie between 0 and 100",
        ),
        (
            "actionable = \"up\"\nstep = 1\ncost = -1",
            10,
            "expected a weight from 0 to 1e6, got -1",
        ),
    ];
    for (keys, line, message) in cases {
        let error = Schema::from_toml(&actionable(keys)).unwrap_err();
        assert!(error.message.contains(message), "{keys}: {error}");
        assert_eq!(error.line, line, "{keys}: {error}");
    }
}
