//! Expressions against a naive interpreter, their errors, and damaged programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use model_core::expression::{Expression, MAX_NESTING, MAX_OPS, Op, round};
use model_core::schema::{Names, Purpose, Schema};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
minimum = 0
[[feature]]
name = "Loan amount"
type = "number"
[[feature]]
name = "defaulted"
type = "boolean"
[[feature]]
name = "purpose"
type = "category"
categories = ["CAR", "HOME", "it's", "3"]
[[feature]]
name = "gender"
type = "category"
role = "protected"
categories = ["female", "male"]
[[feature]]
name = "note"
type = "category"
role = "ignored"
[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

const BEFORE: Purpose = Purpose::Rule {
    after_model: false,
    allow_protected: false,
};
const AFTER: Purpose = Purpose::Rule {
    after_model: true,
    allow_protected: true,
};
const MISSING: f64 = f64::NAN;

fn schema() -> Schema {
    Schema::from_toml(SCHEMA).unwrap()
}

/// `income`, `Loan amount`, `defaulted`, `purpose`, `gender`, `note`, the probability.
fn check(text: &str, values: [f64; 7], expect: f64) {
    let schema = schema();
    let names = Names::new(&schema, AFTER);
    let parsed = Expression::condition(text, &names).unwrap_or_else(|e| panic!("{text}: {e}"));
    let value = parsed.expression.evaluate(&values, &mut Vec::new());
    let same = value == expect || (value.is_nan() && expect.is_nan());
    assert!(same, "{text}: {value}, expected {expect}");
    let types = names.types();
    assert_eq!(parsed.expression.check(&types, true), Ok(()), "{text}");
    assert_eq!(parsed.positions.len(), parsed.expression.ops().len());
}

#[test]
fn conditions_hold_or_do_not_or_are_missing() {
    let row = [100.0, 20.0, 1.0, 2.0, 0.0, MISSING, 0.5];
    for (text, expect) in [
        ("income < 100", 0.0),
        ("income <= 100", 1.0),
        ("99.5 < income", 1.0),
        ("-1e2 > -income", 0.0),
        ("income != 100", 0.0),
        ("`Loan amount` / income == .2", 1.0),
        ("income - `Loan amount` - 30 == 50", 1.0),
        ("income / 10 / 2 == 5", 1.0),
        ("2 * (income + 1) == 202", 1.0),
        ("income > 12 * 8 + 3", 1.0),
        ("income / (`Loan amount` - 20) > 1", MISSING),
        ("0 / (income - 100) == 0", MISSING),
        ("income * 1e308 > 1", MISSING),
        ("defaulted", 1.0),
        ("not defaulted", 0.0),
        ("defaulted == false", 0.0),
        ("true == defaulted", 1.0),
        ("defaulted != true", 0.0),
        (r#"purpose in ["CAR", "it's"]"#, 1.0),
        (r"purpose in ['it\'s',]", 1.0),
        (r#"purpose not in ["CAR", "it's"]"#, 0.0),
        (r#"purpose == "HOME""#, 0.0),
        (r#""3" != purpose"#, 1.0),
        ("probability >= 0.5 and income < 200", 1.0),
        (r#"gender == "female""#, 1.0),
        // `and` binds more than `or`, a comparison more than `not`.
        ("income > 1000 and income > 0 or defaulted", 1.0),
        ("income > 1000 and (income > 0 or defaulted)", 0.0),
        ("not income > 1000", 1.0),
        ("not not defaulted and income > 0", 1.0),
    ] {
        check(text, row, expect);
    }
    let holes = [MISSING, 20.0, MISSING, MISSING, MISSING, MISSING, 0.5];
    for (text, expect) in [
        ("income < 100", MISSING),
        ("income != 100", MISSING),
        ("income < 100 and probability > 0.9", 0.0),
        ("probability > 0.9 and income < 100", 0.0),
        ("income < 100 or probability < 0.9", 1.0),
        ("income < 100 or probability > 0.9", MISSING),
        ("not defaulted", MISSING),
        (r#"purpose in ["CAR"]"#, MISSING),
        (r#"purpose not in ["CAR"]"#, MISSING),
        ("income - income == 0", MISSING),
    ] {
        check(text, holes, expect);
    }
    // The code after the last category is none of them.
    check(
        r#"purpose in ["CAR", "3"]"#,
        [0., 0., 0., 4., 0., 0., 0.],
        0.0,
    );
}

#[test]
fn formulas_have_functions_and_round_ties_to_even() {
    let schema = schema();
    let names = Names::new(&schema, Purpose::Derived);
    let value = |text: &str, income: f64| {
        let parsed = Expression::formula(text, &names).unwrap();
        let value = parsed.expression.evaluate(&[income, 8.0], &mut Vec::new());
        assert_eq!(parsed.expression.check(&names.types(), false), Ok(()));
        value
    };
    assert_eq!(value("min(income, `Loan amount`)", 3.0), 3.0);
    assert_eq!(value("max(income, 2 * `Loan amount`) + 1", 3.0), 17.0);
    assert_eq!(value("log(income)", 1.0), 0.0);
    assert!(value("log(income)", 0.0).is_nan());
    assert!(value("max(income, 1)", MISSING).is_nan());
    assert_eq!(round(0.125, 2), 0.12);
    assert_eq!(round(0.375, 2), 0.38);
    assert_eq!(round(-2.5, 0), -2.0);
    assert!(round(1e300, 15).is_nan());
}

#[test]
fn errors_say_where_and_what_to_do() {
    let schema = schema();
    for (text, at, message) in [
        (
            "",
            0,
            "expected a field, a number or '(', got the end of the expression",
        ),
        (
            "incone < 1",
            0,
            "unknown name 'incone': did you mean 'income'?",
        ),
        (
            "1 < wealth",
            4,
            "unknown name 'wealth': the schema has no such feature",
        ),
        (
            "income < 1 and gender == 'male'",
            15,
            "'gender' is a protected column: leave it out, or set allow_protected = true in [policy], which the model card then states",
        ),
        (
            "note == 'x'",
            0,
            "the schema ignores 'note': give it role = \"input\", or leave it out here",
        ),
        (
            "approved",
            0,
            "'approved' is what the model answers: it is no input",
        ),
        (
            "probability > 0.5",
            0,
            "'probability' is known only after the model: give the rule stage = \"after\"",
        ),
        (
            "`probability` > 0.5",
            0,
            "unknown name 'probability': the schema has no such feature",
        ),
        (
            "income",
            0,
            "expected a condition such as a < 1, got a number",
        ),
        (
            "purpose",
            0,
            "expected a condition such as a < 1, got a category: compare it, as in field in [\"A\", \"B\"]",
        ),
        (
            "1 < 2",
            0,
            "expected a condition or formula that names at least one field",
        ),
        ("income = 5", 7, "unexpected '=': write == to compare"),
        ("income <> 5", 7, "unexpected '<>': write !="),
        ("income =< 5", 7, "unexpected '=<': write <="),
        ("income => 5", 7, "unexpected '=>': write >="),
        ("income ≤ 5", 7, "unexpected '≤': write <="),
        (
            "income < 40%",
            11,
            "unexpected '%': write a share as a number, such as 0.4 for 40 %",
        ),
        (
            "income < 12,000",
            11,
            "unexpected ',': write numbers without commas, such as 12000 or 0.5",
        ),
        (
            "(income < 12,000) and defaulted",
            12,
            "unexpected ',': write numbers without commas, such as 12000 or 0.5",
        ),
        (
            "income < 12 000",
            12,
            "expected one number, got two: write numbers without spaces, such as 12000",
        ),
        (
            "income == null",
            10,
            "no value is compared with a missing one: what follows where a field is missing is the rule's if_missing, or the schema's missing",
        ),
        ("income is 5", 7, "unexpected name: write == to compare"),
        (
            "purpose == CAR",
            11,
            "expected a category in quotes, got the name CAR: write 'CAR'",
        ),
        (
            "purpose in [CAR]",
            12,
            "expected a category in quotes, got the name CAR: write 'CAR'",
        ),
        (
            "defaulted > 0",
            10,
            "the yes/no field 'defaulted' cannot be compared with a number: write defaulted or defaulted == false",
        ),
        ("income < 5 && defaulted", 11, "unexpected '&': write and"),
        ("!defaulted", 0, "unexpected '!': write not"),
        (
            "income < 5 AND defaulted",
            11,
            "unexpected name: write 'and' in lower case",
        ),
        ("income < 5)", 10, "unexpected ')': there is no '(' for it"),
        (
            "(income < 5",
            11,
            "expected ')', got the end of the expression",
        ),
        (
            "1 < income < 5",
            11,
            "a comparison has two sides: write a < b and b < c",
        ),
        (
            "income < 'CAR'",
            7,
            "a number cannot be compared with the text 'CAR'",
        ),
        (
            "purpose < 'CAR'",
            8,
            "categories have no order here: use ==, != or in",
        ),
        (
            "purpose == 'car'",
            11,
            "'car' is not one of the categories: expected 'CAR', 'HOME', 'it's', '3'",
        ),
        (
            "purpose in ['CAR', 'CAR']",
            19,
            "'CAR' is in the list already",
        ),
        (
            "purpose in []",
            12,
            "expected a category in quotes, got ']'",
        ),
        (
            "purpose in [3]",
            12,
            "expected a category in quotes, got the number 3",
        ),
        (
            "purpose in 'CAR'",
            11,
            "expected a list such as [\"A\", \"B\"], got the text 'CAR'",
        ),
        (
            "income in ['CAR']",
            0,
            "'in' expects a category before it, got a number",
        ),
        (
            "defaulted + 1 > 0",
            0,
            "arithmetic expects numbers, got the yes/no field 'defaulted'",
        ),
        (
            "income and defaulted",
            0,
            "'and', 'or' and 'not' combine conditions such as a < 1, got a number",
        ),
        (
            "defaulted == defaulted",
            10,
            "two conditions cannot be compared: combine them with and, or, not",
        ),
        (
            "income < 12k",
            9,
            "'12k' is not a number: write it as 12000, 0.5 or 1e6",
        ),
        (
            "income < 1e999",
            9,
            "'1e999' is not a number: write it as 12000, 0.5 or 1e6",
        ),
        (
            "purpose == 'CAR",
            11,
            "the text that begins here has no closing '",
        ),
        ("income > 1 / 0", 11, "this has no finite result"),
        (
            "min(income, 5) < 2",
            0,
            "'min' is for derived fields only: derive a field in the schema and compare that",
        ),
        (
            "sqrt(income) < 2",
            0,
            "unknown function 'sqrt': there are min, max and log",
        ),
        (
            "größe < 1",
            0,
            "unknown name 'größe': the schema has no such feature",
        ),
        (
            "income € 1",
            7,
            "unexpected '€': expressions have no such character",
        ),
    ] {
        let error = Expression::condition(text, &Names::new(&schema, BEFORE)).unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
    }
    let derived = |text| Expression::formula(text, &Names::new(&schema, Purpose::Derived));
    assert!(
        derived("probability")
            .unwrap_err()
            .message
            .contains("before the model")
    );
    assert!(
        derived("income < 1")
            .unwrap_err()
            .message
            .starts_with("expected a number")
    );
    assert!(
        derived("min(income)")
            .unwrap_err()
            .message
            .contains("a second number")
    );
}

#[test]
fn size_and_nesting_have_limits() {
    let schema = schema();
    let names = Names::new(&schema, BEFORE);
    let nested = |depth: usize| {
        let text = format!("{}income < 1{}", "(".repeat(depth), ")".repeat(depth));
        Expression::condition(&text, &names).map_err(|error| (error.at, error.message))
    };
    assert!(nested(MAX_NESTING).is_ok());
    let (at, message) = nested(1000).unwrap_err();
    assert_eq!(at, MAX_NESTING);
    assert_eq!(
        message,
        "brackets, 'not' and minus signs may be nested 64 deep: split the expression"
    );
    assert!(Expression::condition(&"not ".repeat(100_000), &names).is_err());
    assert!(Expression::condition(&"-".repeat(100_000), &names).is_err());
    let long = |count: usize| vec!["income < 1"; count].join(" or ");
    assert!(Expression::condition(&long(MAX_OPS / 2), &names).is_ok());
    let error = Expression::condition(&long(MAX_OPS), &names).unwrap_err();
    assert_eq!(
        error.message,
        "at most 4096 operations fit in one expression: split it"
    );
    // As deep as the parser allows at every level at once: the check takes it too.
    let deep = |inner: &str| {
        format!(
            "{}{inner}{}",
            "income < 1 or defaulted and (".repeat(63),
            ")".repeat(63)
        )
    };
    let parsed = Expression::condition(&deep("1 < income + 2 * income"), &names).unwrap();
    assert_eq!(parsed.expression.check(&names.types(), true), Ok(()));
}

/// An expression as a tree, with its text.
enum Tree {
    Number(f64),
    Field(usize),
    Set(Vec<usize>),
    Operation(&'static str, Vec<Tree>),
}

const NAMES: [&str; 7] = [
    "income",
    "`Loan amount`",
    "defaulted",
    "purpose",
    "gender",
    "note",
    "probability",
];
const CATEGORIES: [&str; 4] = ["CAR", "HOME", "it's", "3"];

fn number_tree(rng: &mut ChaCha8Rng, depth: u32) -> Tree {
    match rng.random_range(0..if depth == 0 { 2 } else { 6 }) {
        0 => Tree::Number(f64::from(rng.random_range(0..5)) / 2.0),
        1 => Tree::Field([0, 1, 6][rng.random_range(0..3)]),
        at => {
            let sign = ["+", "-", "*", "/"][at - 2];
            let sides = vec![number_tree(rng, depth - 1), number_tree(rng, depth - 1)];
            Tree::Operation(sign, sides)
        }
    }
}

fn condition_tree(rng: &mut ChaCha8Rng, depth: u32) -> Tree {
    match rng.random_range(0..if depth == 0 { 3 } else { 6 }) {
        0 => Tree::Field(2),
        1 => {
            let first = rng.random_range(0..4);
            Tree::Set(
                (first..4)
                    .filter(|code| *code == first || rng.random_bool(0.5))
                    .collect(),
            )
        }
        2 => {
            let sign = ["<", "<=", ">", ">=", "==", "!="][rng.random_range(0..6)];
            Tree::Operation(sign, vec![number_tree(rng, 2), number_tree(rng, 1)])
        }
        3 => Tree::Operation("not", vec![condition_tree(rng, depth - 1)]),
        at => {
            let word = ["and", "or"][at - 4];
            let sides = vec![
                condition_tree(rng, depth - 1),
                condition_tree(rng, depth - 1),
            ];
            Tree::Operation(word, sides)
        }
    }
}

fn write(tree: &Tree) -> String {
    match tree {
        Tree::Number(number) => format!("{number}"),
        Tree::Field(field) => NAMES[*field].into(),
        Tree::Set(codes) => {
            let quoted: Vec<_> = codes
                .iter()
                .map(|code| format!("\"{}\"", CATEGORIES[*code]))
                .collect();
            format!("purpose in [{}]", quoted.join(", "))
        }
        Tree::Operation(word, of) if of.len() == 1 => format!("{word} ({})", write(&of[0])),
        Tree::Operation(word, of) => format!("({} {word} {})", write(&of[0]), write(&of[1])),
    }
}

/// As the documentation says it, with `None` for missing.
fn interpret(tree: &Tree, row: &[Option<f64>]) -> Option<f64> {
    let truth = |holds: bool| Some(f64::from(u8::from(holds)));
    match tree {
        Tree::Number(number) => Some(*number),
        Tree::Field(field) => row[*field],
        Tree::Set(codes) => truth(codes.contains(&(row[3]? as usize))),
        Tree::Operation(word, of) => {
            let left = interpret(&of[0], row);
            let right = of.get(1).map_or(Some(0.0), |right| interpret(right, row));
            match *word {
                "and" if left == Some(0.0) || right == Some(0.0) => return Some(0.0),
                "or" if left == Some(1.0) || right == Some(1.0) => return Some(1.0),
                _ => {}
            }
            let (left, right) = (left?, right?);
            match *word {
                "and" => truth(left == 1.0 && right == 1.0),
                "or" => truth(left == 1.0 || right == 1.0),
                "not" => truth(left == 0.0),
                "<" => truth(left < right),
                "<=" => truth(left <= right),
                ">" => truth(left > right),
                ">=" => truth(left >= right),
                "==" => truth(left == right),
                "!=" => truth(left != right),
                "+" => Some(left + right),
                "-" => Some(left - right),
                "*" => Some(left * right),
                _ if right == 0.0 => None,
                _ => Some(left / right),
            }
            .filter(|number| number.is_finite())
        }
    }
}

fn row(rng: &mut ChaCha8Rng) -> Vec<Option<f64>> {
    let mut value = |count: u32, step: f64| {
        (!rng.random_bool(0.15)).then(|| f64::from(rng.random_range(0..count)) * step)
    };
    vec![
        value(6, 0.5),
        value(6, 0.5),
        value(2, 1.0),
        value(5, 1.0),
        value(2, 1.0),
        None,
        value(5, 0.25),
    ]
}

#[test]
fn evaluation_agrees_with_a_naive_interpreter_before_and_after_storage() {
    let schema = schema();
    let names = Names::new(&schema, AFTER);
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let mut compared = 0;
    let mut seen = [0; 3];
    for _ in 0..3000 {
        let tree = condition_tree(&mut rng, 4);
        let text = write(&tree);
        // Of constants alone, or a division of constants by 0: refused, which is tested above.
        let Ok(parsed) = Expression::condition(&text, &names) else {
            continue;
        };
        let bytes =
            bincode::encode_to_vec(&parsed.expression, bincode::config::standard()).unwrap();
        let stored = Expression::from_bytes(&bytes).unwrap();
        assert_eq!(stored, parsed.expression);
        for _ in 0..20 {
            let row = row(&mut rng);
            let values: Vec<f64> = row.iter().map(|value| value.unwrap_or(MISSING)).collect();
            let value = stored.evaluate(&values, &mut Vec::new());
            let expect = interpret(&tree, &row);
            assert_eq!(
                (!value.is_nan()).then_some(value),
                expect,
                "{text} of {row:?}"
            );
            seen[expect.map_or(2, |value| value as usize)] += 1;
            compared += 1;
        }
    }
    assert!(
        compared > 40_000 && seen.iter().all(|count| *count > 2000),
        "{seen:?}"
    );
}

#[test]
fn a_damaged_program_is_refused_or_harmless() {
    let schema = schema();
    let names = Names::new(&schema, AFTER);
    let types = names.types();
    let text = "income / `Loan amount` > 0.4 and (purpose in ['CAR'] or not defaulted) or probability < 0.2";
    let good = Expression::condition(text, &names).unwrap().expression;
    let bytes = bincode::encode_to_vec(&good, bincode::config::standard()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..damaged.len());
            damaged[at] = rng.random();
        }
        damaged.truncate(rng.random_range(1..=damaged.len()));
        if let Ok(expression) = Expression::from_bytes(&damaged)
            && expression.check(&types, true).is_ok()
        {
            let value = expression.evaluate(&[1.0; 7], &mut Vec::new());
            assert!(value.is_nan() || value == 0.0 || value == 1.0);
            accepted += 1;
        }
    }
    assert!(accepted > 0);
    for ops in [
        vec![],
        vec![Op::And],
        vec![Op::Field(2), Op::Field(2)],
        vec![Op::Field(0)],
        vec![Op::Field(99)],
        vec![Op::Field(5)],
        vec![Op::In {
            field: 3,
            word: 0,
            mask: 1 << 4,
        }],
        vec![Op::In {
            field: 3,
            word: 1,
            mask: 1,
        }],
        vec![Op::In {
            field: 3,
            word: 0,
            mask: 0,
        }],
        vec![
            Op::Number(f64::NAN),
            Op::Number(1.0),
            Op::Compare(model_core::expression::Comparison::Less),
        ],
    ] {
        assert!(
            Expression::from_ops(ops.clone(), &types, true).is_err(),
            "{ops:?}"
        );
    }
}
