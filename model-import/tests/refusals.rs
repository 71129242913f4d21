//! What is not imported: each a sentence that names the thing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use common::{Given, SKLEARN, TREES};
use model_import::source::Library;
use model_import::{Link, Options, check_size, read};

fn refused(given: &Given, expect: &str) {
    let error = given.import().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(expect), "expected {expect:?}, got {error:?}");
}

#[test]
fn damaged_and_foreign_files_of_lightgbm() {
    let given = Given::lightgbm;
    let check = |from: &str, to: &str, expect: &str| refused(&given().file(from, to), expect);
    check(
        "tree\nversion",
        "trees\nversion",
        "does not begin with the line 'tree'",
    );
    check("end of trees", "", "truncated");
    // Each takes 16 times its length.
    let endless = "end of trees".to_owned() + &"\n".repeat(2 << 20);
    check("end of trees", &endless, "lines, far more than a model");
    check("Tree=1\n", "Tree=2\n", "tree 2 where tree 1 was expected");
    check(
        "tree_sizes=300 300",
        "tree_sizes=300 300 300",
        "announces 3",
    );
    check("version=v4", "version=v5", "format 'v5'");
    check(
        "threshold=50.5 0",
        "threshold=50.5",
        "threshold has 1 values, expected 2",
    );
    check(
        "threshold=50.5 0",
        "threshold=-inf 0",
        "expected a finite number",
    );
    check(
        "threshold=50.5 0",
        "threshold=50.5 inf",
        "split 1 has no set of categories",
    );
    check(
        "leaf_value=-1.5",
        "leaf_value=1e999",
        "expected a finite number",
    );
    check(
        "left_child=-1 -2",
        "left_child=-1 -9",
        "a child -9 that does not exist",
    );
    check(
        "right_child=1 -3",
        "right_child=0 -3",
        "two splits lead to it",
    );
    check(
        "split_feature=0 1",
        "split_feature=0 7",
        "it asks column 7 of 3",
    );
    check(
        "max_feature_idx=2",
        "max_feature_idx=3",
        "max_feature_idx 3",
    );
    check(
        "cat_boundaries=0 1",
        "cat_boundaries=0 4",
        "cat_threshold has 1 values",
    );
    check(
        "decision_type=10 1",
        "decision_type=14 1",
        "decision_type 14",
    );
    check("[[\"A\"", "[{\"A\"", "pandas_categorical");
    check("num_leaves=2", "num_leaves=0", "has no leaves");
}

#[test]
fn models_of_lightgbm_that_cannot_be_said() {
    let given = Given::lightgbm;
    let check = |from: &str, to: &str, expect: &str| refused(&given().file(from, to), expect);
    check("num_class=1", "num_class=3", "3 classes (multiclass)");
    check("is_linear=0", "is_linear=1", "linear_tree");
    let objective = |name: &str, expect: &str| check("binary sigmoid:1", name, expect);
    objective("lambdarank", "the objective is lambdarank");
    objective("poisson", "the objective is poisson");
    objective("quantile", "the objective is quantile");
    objective(
        "cross_entropy_lambda",
        "the objective is cross_entropy_lambda",
    );
    objective("regression", "--link identity");
    objective("custom", "--link logistic or --link identity");
    objective("binary sigmoid:0", "sigmoid is 0");
    let mut linked = given();
    linked.options.link = Some(Link::Logistic);
    refused(&linked, "leave --link out");
    // Zero counts as missing, lies inside the range, and goes where its neighbours do not.
    let zeros = given().file("decision_type=10 1", "decision_type=4 1");
    let zeros = zeros.schema("minimum = 0", "minimum = -10");
    refused(&zeros, "count as missing lie between others");
}

#[test]
fn schemas_that_do_not_fit() {
    let check = |from: &str, to: &str, expect: &str| {
        refused(&Given::lightgbm().schema(from, to), expect);
    };
    check(
        "\"income\"",
        "\"incomes\"",
        "a column 'income' that no input of the schema makes (did you mean 'incomes'?)",
    );
    check("[\"A\", \"B\", \"C\"]", "[\"A\", \"B\"]", "does not: 'C'");
    check(
        "columns = { RENT = \"home_RENT\" }\n",
        "",
        "'home_RENT' that no input",
    );
    check(
        "missing = \"native\"",
        "missing = \"impute\"",
        "missing = \"impute\" would fill in",
    );
    check(
        "missing = \"native\"",
        "monotonic = \"decreasing\"",
        "remove monotonic",
    );
    check(
        "[[feature]]\nname = \"paid\"",
        "[[feature]]\nname = \"more\"\ntype = \"number\"\n\n[[feature]]\nname = \"paid\"",
        "does not know the input 'more'",
    );
    let wrong_type = Given::lightgbm().schema(
        "type = \"category\"\ncategories = [\"A\", \"B\", \"C\"]",
        "type = \"number\"",
    );
    refused(
        &wrong_type,
        "the model takes it as a category, the schema as a number",
    );
    let number = Given::lightgbm().schema(
        "name = \"income\"\ntype = \"number\"\nminimum = 0\nmissing = \"native\"",
        "name = \"income\"\ntype = \"category\"\ncategories = [\"1\", \"2\"]",
    );
    refused(&number, "say the number of each category");
    let ignored =
        Given::lightgbm().schema("minimum = 0\nmissing = \"native\"", "role = \"ignored\"");
    refused(&ignored, "gives it the role ignored");
    let other = Given::lightgbm().schema("columns = {", "unknown = \"most_frequent\"\ncolumns = {");
    refused(&other, "unknown = \"most_frequent\" would decide otherwise");
    let unnamed = Given::lightgbm().file("income grade home_RENT", "Column_0 Column_1 Column_2");
    refused(&unnamed, "does not know the names of its columns");
}

#[test]
fn check_rows_that_prove_nothing() {
    let given = Given::lightgbm;
    let mut lacking = given();
    lacking.expected = "p".into();
    refused(&lacking, "no column 'p' with the probabilities");
    refused(
        &given().rows("grade,home", "rank,home"),
        "the column 'grade' is missing",
    );
    refused(
        &given().rows("grade,home", "grade,house"),
        "nor the column 'home_RENT'",
    );
    refused(
        &given().rows("50.6,A,RENT,", "50.6,A,RENT,high"),
        "line 14, column 'expected'",
    );
    refused(&given().rows("50.6,A,", "50.6,D,"), "column 'grade'");
    refused(&given().rows("99,A,", "-99,A,"), "column 'income'");
    let mut header = given();
    header.rows.truncate("income,grade,home,expected\n".len());
    refused(&header, "no rows after the header");
}

#[test]
fn a_model_that_answers_otherwise_is_named_with_the_row() {
    let other = Given::lightgbm().file("leaf_value=-1.5 0.25 2", "leaf_value=-1.5 0.25000001 2");
    refused(&other, "otherwise than LightGBM: line ");
    refused(&other, "nothing was written");
    let other = Given::xgboost().file("0.1,-0.2", "0.10001,-0.2");
    refused(&other, "otherwise than XGBoost");
    let other = Given::sklearn().file("\"intercept\": 0.1", "\"intercept\": 0.10000000001");
    refused(&other, "otherwise than scikit-learn");
}

#[test]
fn damaged_and_foreign_files_of_xgboost() {
    let with = |file: &[u8], expect: &str| {
        let given = Given {
            file: file.to_vec(),
            ..Given::xgboost()
        };
        refused(&given, expect);
    };
    with(b"", "neither JSON nor UBJSON");
    with(b"binf\0\0", "old binary format");
    with(b"\x80\x04\x95", "a pickle, which is never read");
    with(b"{\"learner\": {", "is truncated");
    with(b"{\"learner\": }", "is not JSON");
    with(b"{L\0\0\0\0\0\0\0\x07learner", "truncated");
    with(b"{L\0\0\0\0\0\0\0\x01aS#}", "no type of UBJSON");
    with(
        b"{L\0\0\0\0\0\0\0\x01a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        "truncated",
    );
    with(b"{L\0\0\0\0\0\0\0\x01aZ}}", "goes on for 1 bytes");
    with(b"{\"Config\": {}, \"Model\": {}}", "a snapshot of memory");
    // Values of a byte or two, each of which takes 32 bytes and more.
    const MEGA: usize = 1 << 20;
    let too_much = "MiB of memory when it is read, far more than a model of its length: save";
    for item in ["Z", "[Z]"] {
        let ubj = [b"{i\x01a[", item.repeat(5 * MEGA).as_bytes(), b"]}"].concat();
        with(&ubj, too_much);
    }
    let json = format!("{{\"a\":[{}0]}}", "\"\",".repeat(5 * MEGA));
    with(json.as_bytes(), too_much);
    // Numbers take what they are: it is another thing that is wrong.
    let many = [b"{i\x01a[", &b"i\x07".repeat(5 * MEGA)[..], b"]}"].concat();
    with(&many, "the file has no 'learner'");
    with(b"{\"a\": 1}", "the file has no 'learner'");
    let check = |from: &str, to: &str, expect: &str| {
        refused(&Given::xgboost().file(from, to), expect);
    };
    check(
        "\"left_children\":[1,-1,-1]",
        "\"left_children\":[5,-1,-1]",
        "a child 5 that does not exist",
    );
    check(
        "\"left_children\":[1,-1,-1]",
        "\"left_children\":[0,-1,-1]",
        "two splits lead to it",
    );
    check(
        "\"split_conditions\":[50.5,",
        "\"split_conditions\":[",
        "2 split_conditions",
    );
    check("50.5,-0.7", "1e300,-0.7", "its cut is inf");
    check("50.5,-0.7", "50.5,-7e300", "the leaf's value is -inf");
    check(
        "\"split_type\":[0,0,0]",
        "\"split_type\":[1,0,0]",
        "it has no categories",
    );
}

#[test]
fn models_of_xgboost_that_cannot_be_said() {
    let check = |from: &str, to: &str, expect: &str| {
        refused(&Given::xgboost().file(from, to), expect);
    };
    let objective = |name: &str, expect: &str| check("binary:logistic", name, expect);
    objective("multi:softprob", "'multi:softprob'");
    objective("rank:pairwise", "'rank:pairwise'");
    objective("survival:aft", "'survival:aft'");
    objective("count:poisson", "'count:poisson'");
    objective("binary:hinge", "answers 0 or 1 and no probability");
    objective("reg:squarederror", "--link logistic or --link identity");
    check(
        "\"num_class\":\"0\"",
        "\"num_class\":\"4\"",
        "4 classes (multiclass)",
    );
    check(
        "\"num_target\":\"1\"",
        "\"num_target\":\"2\"",
        "2 targets (multi-output)",
    );
    check("\"name\":\"gbtree\"", "\"name\":\"gblinear\"", "gblinear");
    check(
        "\"size_leaf_vector\":\"1\"",
        "\"size_leaf_vector\":\"3\"",
        "leaves are vectors",
    );
    check("[5E-1]", "[5E-1,5E-1]", "several values");
    check("[5E-1]", "1E0", "base_score is 1");
    check(
        "\"attributes\":{}",
        "\"attributes\":{\"best_iteration\":\"7\"}",
        "best_iteration",
    );
    let mut sentinel =
        Given::xgboost().file("\"default_left\":[1,0,0]", "\"default_left\":[0,0,0]");
    sentinel.options.missing = Some(10.0);
    refused(&sentinel, "count as missing lie between others");
    sentinel.options.missing = Some(f64::NAN);
    refused(&sentinel, "--missing: expected a finite number");
}

#[test]
fn models_of_scikit_learn_that_cannot_be_said() {
    let check = |from: &str, to: &str, expect: &str| {
        refused(&Given::sklearn().file(from, to), expect);
    };
    check("\"LogisticRegression\"", "\"SVC\"", "the estimator is SVC");
    check("[\"0\", \"1\"]", "[\"0\", \"1\", \"2\"]", "3 classes");
    check(
        "[\"0\", \"1\"]",
        "[\"no\", \"maybe\"]",
        "the classes 'no' and 'maybe'",
    );
    check(
        "\"format_version\": 1",
        "\"format_version\": 2",
        "format 2, this program reads 1",
    );
    check(
        "underwrite-sklearn",
        "pmml",
        "not what underwrite.export.sklearn writes",
    );
    check(
        "[0.5, -0.25, -0.75]",
        "[0.5, -0.25]",
        "2 weights for 3 columns",
    );
    check("[\"divide\", 20.0]", "[\"divide\", 0.0]", "divides by 0");
    check(
        "[\"divide\", 20.0]",
        "[\"log\", 2.0]",
        "unknown variant `log`",
    );
    check(
        "\"value\": \"RENT\"",
        "\"value\": \"LEASE\"",
        "does not: 'LEASE'",
    );
    check(
        "\"is\": \"number\"",
        "\"is\": \"text\"",
        "unknown variant `text`",
    );
    check(
        "\"calibration\": null",
        "\"calibration\": {\"type\": \"isotonic\", \"x\": [0.1], \"y\": [0.2], \"of\": \"decision\"}",
        "isotonic on the decision function",
    );
    check(
        "\"calibration\": null",
        "\"calibration\": {\"type\": \"sigmoid\", \"a\": -1.0, \"b\": 0.0, \"of\": \"probability\"}",
        "another number than the model sums up",
    );
    let with = |bytes: &[u8], expect: &str| {
        let error = read(Library::Sklearn, bytes, &Options::default()).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    };
    with(b"\x80\x04\x95", "a pickle, which is never read");
    with(b"PK\x03\x04", "a zip archive");
    with(&SKLEARN.as_bytes()[..300], "truncated");
    let weights = "{\"type\": \"linear\", \"weights\": [0.5, -0.25, -0.75], \"intercept\": 0.1, \"link\": \"logistic\"}";
    let trees = SKLEARN.replace(weights, TREES);
    with(
        trees.replace("\"left\": [1,", "\"left\": [0,").as_bytes(),
        "two splits lead to it",
    );
    with(
        trees.replace("\"cut\": [0.1, ", "\"cut\": [").as_bytes(),
        "cut has 2 entries for 3 nodes",
    );
    with(
        trees
            .replace("\"feature\": [0,", "\"feature\": [9,")
            .as_bytes(),
        "asks column 9 of 3",
    );
}

#[test]
fn what_a_model_refuses_is_not_decided() {
    let weights = "{\"type\": \"linear\", \"weights\": [0.5, -0.25, -0.75], \"intercept\": 0.1, \"link\": \"logistic\"}";
    let nowhere = TREES.replace("\"missing_left\": [false, false, false], ", "");
    let expected = "name = \"income\"\ntype = \"number\"\nminimum = 0\n";
    for model in [weights, &nowhere] {
        let imputing = || Given::sklearn().file(weights, model);
        let plain = || imputing().file("\"missing\": 40.0, ", "");
        refused(
            &plain(),
            "feature 'income': missing = \"native\", and the model takes no missing values",
        );
        let zero = plain().schema("missing = \"native\"", "missing = \"zero\"");
        refused(
            &zero,
            "missing = \"zero\", and the model takes no missing values",
        );
        let always_there = plain().schema(&format!("{expected}missing = \"native\""), expected);
        let error = always_there.import().map(|_| ());
        let error = error.map_or_else(|error| error.to_string(), |()| String::new());
        assert!(!error.contains("takes no missing values"), "{error}");
        let categories = "categories = [\"A\", \"B\", \"C\"]";
        for policy in ["unknown = \"other\"", "missing = \"other\""] {
            let other = imputing()
                .file("\"other\": null", "\"unknown_is_missing\": true")
                .schema(categories, &format!("{categories}\n{policy}"));
            refused(&other, &format!("feature 'grade': {policy}, "));
        }
    }
    // An encoder that never saw one, which no node asks about.
    let categories = "categories = [\"RENT\", \"OWN\"]";
    let unseen = Given::sklearn()
        .file(weights, TREES)
        .schema(categories, &format!("{categories}\nmissing = \"other\""));
    refused(
        &unseen,
        "feature 'home': missing = \"other\", and the model has never seen a missing value",
    );
    // As an earlier version wrote them.
    let earlier = Given::sklearn()
        .file(weights, TREES)
        .file("LogisticRegression", "GradientBoostingClassifier")
        .file("\"missing\": 40.0, ", "");
    refused(
        &earlier,
        "missing = \"native\", and the model takes no missing values",
    );
    // The same trees, where they say where a missing value goes.
    let somewhere = Given::sklearn()
        .file(weights, TREES)
        .file("\"missing\": 40.0, ", "");
    let error = somewhere.import().map(|_| ()).unwrap_err().to_string();
    assert!(!error.contains("missing"), "{error}");
}

#[test]
fn an_input_that_a_step_never_takes_as_missing_is_not_decided_without() {
    let never = "\"never_missing\": [\"income\", \"gone\"], \"calibration\": null";
    let given = || Given::sklearn().file("\"calibration\": null", never);
    refused(
        &given(),
        "feature 'income': missing = \"native\", and the model refuses a missing value of it: use error",
    );
    let imputed = given().schema("missing = \"native\"", "missing = \"impute\"");
    refused(&imputed, "missing = \"impute\", and the model refuses");
    let mut always_there = given().schema("missing = \"native\"", "");
    let has_income = |row: &&str| !row.starts_with(',');
    let rows: Vec<&str> = always_there.rows.lines().filter(has_income).collect();
    always_there.rows = rows.join("\n");
    assert!(always_there.import().is_ok());
}

/// A target of two categories, of which `positive` is to be approved.
const CATEGORY: &str =
    "name = \"risk\"\ntype = \"category\"\ncategories = [\"bad\", \"good\"]\npositive = \"good\"";
const BOOLEAN: &str = "name = \"paid\"\ntype = \"boolean\"";

#[test]
fn a_category_target_says_which_class_each_is() {
    for given in [Given::lightgbm(), Given::xgboost()] {
        let name = given.library.name();
        let given = given.schema(BOOLEAN, CATEGORY);
        refused(
            &given,
            &format!(
                "target 'risk': a file of {name} does not say whether its class 1, which the probability is of, is 'good' or 'bad': say the class of each with codes, such as codes = {{ \"bad\" = 1, \"good\" = 0 }}"
            ),
        );
        let codes = format!("{CATEGORY}\ncodes = {{ bad = 2, good = 1 }}");
        refused(
            &given.schema(CATEGORY, &codes),
            "the model has the classes '0' and '1', the schema 'bad' and 'good': say the class of each with codes",
        );
    }
    let numbers = Given::sklearn().schema(BOOLEAN, CATEGORY);
    refused(&numbers, "the classes '0' and '1', the schema 'bad'");
    let texts = Given::sklearn().file("[\"0\", \"1\"]", "[\"bad\", \"good\"]");
    refused(
        &texts,
        "the schema 'false' and 'true': make it a category with these two",
    );
}

/// The rows of the model with the outcome that is likelier, `paid` yes or no.
fn with_outcomes(yes: &str, no: &str) -> Given {
    let mut given = Given::lightgbm();
    let rows = given.rows.lines().skip(1).map(|row| {
        let p: f64 = row.rsplit(',').next().unwrap().parse().unwrap();
        format!("{row},{}\n", if p >= 0.5 { yes } else { no })
    });
    given.rows = format!(
        "income,grade,home,expected,paid\n{}",
        rows.collect::<String>()
    );
    given
}

#[test]
fn a_model_that_is_the_wrong_way_round_by_its_own_rows_is_not_written() {
    assert_eq!(with_outcomes("yes", "no").import().unwrap().notes.len(), 0);
    refused(
        &with_outcomes("no", "yes"),
        "the model approves applications likely to be paid = true, class 1 of the model, and of 30 check rows those have the lower probabilities (ROC AUC 0.000 against their column 'paid'): it may be the wrong way round; nothing was written; correct positive in the schema",
    );
    let turned = |yes, no| {
        let given = with_outcomes(yes, no);
        given.schema("role = \"target\"", "role = \"target\"\npositive = false")
    };
    assert!(turned("yes", "no").import().is_ok() && turned("no", "yes").import().is_err());
    // Codes in the column in place of the categories.
    let codes = |codes: &str| {
        let target = format!("{}\ncodes = {codes}", CATEGORY.replace("risk", "paid"));
        with_outcomes("1", "0").schema(BOOLEAN, &target)
    };
    assert!(codes("{ bad = 0, good = 1 }").import().is_ok());
    let all_one = |given: Given, cell: &str| given.rows(",no\n", cell).rows(",yes\n", cell);
    // Rows without an outcome say nothing, nor do those of one.
    for cell in [",\n", ",yes\n"] {
        let given = all_one(with_outcomes("no", "yes"), cell);
        assert_eq!(given.import().unwrap().notes.len(), 0);
    }
    refused(
        &all_one(with_outcomes("no", "yes"), ",Default\n"),
        "rows.csv, line 2, column 'paid': expected true, 1, yes",
    );
}

#[test]
fn a_few_rows_against_the_model_are_only_said() {
    let mut given = Given::lightgbm();
    let rows = given
        .rows
        .lines()
        .enumerate()
        .map(|(line, row)| match line {
            0 => format!("{row},paid\n"),
            // One of the lowest was repaid, and one of the highest was not.
            1 => format!("{row},yes\n"),
            26 => format!("{row},no\n"),
            _ => format!("{row},\n"),
        });
    given.rows = rows.collect();
    let notes = given.import().unwrap().notes;
    let [note] = &notes[..] else {
        panic!("{notes:?}");
    };
    assert!(
        note.contains("of 2 check rows those have the lower"),
        "{note}"
    );
}

#[test]
fn a_file_that_is_no_model_is_not_even_read() {
    let error = check_size(1 << 30).unwrap_err().to_string();
    assert!(error.contains("1024 MiB, at most 512 MiB"), "{error}");
    assert!(check_size(1 << 20).is_ok());
}
