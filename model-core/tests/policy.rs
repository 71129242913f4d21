//! `policy.toml`: what it says, what is refused and where, and how it decides.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use model_core::policy::{Evaluator, MAX_RULES, Outcome, Policy, PolicyError, PolicyFile};
use model_core::schema::Schema;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 100000
missing = "impute"
[[feature]]
name = "amount"
type = "number"
exclusive_minimum = 0
[[feature]]
name = "purpose"
type = "category"
categories = ["CAR", "HOME"]
[[feature]]
name = "gender"
type = "category"
role = "protected"
categories = ["female", "male"]
[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

fn read(text: &str) -> Result<PolicyFile, PolicyError> {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    Policy::from_toml(text, &schema, &["en".into(), "de".into()])
}

const POLICY: &str = r#"
[policy]
version = "2026-11"
refer = [0.4, 0.6]

[[rule]]
id = "minimum-income"
when = "income < 12000"
then = "decline"
code = "K01"
text = { en = "Income is below the minimum", de = "Einkommen unter der Grenze" }

[[rule]]
id = "large"
stage = "after"
when = "amount > 50000 and probability < 0.8"
then = "refer"
code = "R01"
text = "Large amounts are looked at"

[[rule]]
id = "known"
when = "purpose == 'HOME' and income / amount > 2"
then = "approve"
if_missing = "skip"
code = "A01"
text = { en = "Secured and small", de = "Gesichert und klein" }
"#;

#[test]
fn a_policy_decides_by_the_strictest_and_approves_only_for_the_score() {
    let file = read(POLICY).unwrap();
    assert_eq!(file.refer_position, Some((4, 9)));
    assert_eq!((file.lines[1].id, file.lines[1].when), (14, 16));
    assert_eq!(file.warnings.len(), 1);
    assert_eq!(
        file.warnings[0].to_string(),
        "line 19, column 8: rule 'large': there is no text in 'de': the first language is used"
    );
    let policy = file.policy;
    assert_eq!(policy.rules[1].text.0, ["Large amounts are looked at"; 2]);
    let bytes = bincode::encode_to_vec(&policy, bincode::config::standard()).unwrap();
    let policy = Policy::from_bytes(&bytes).unwrap();
    let schema = Schema::from_toml(SCHEMA).unwrap();
    assert_eq!(policy.check(&schema, 2), Ok(()));
    assert!(policy.check(&schema, 1).is_err());

    let mut evaluator = Evaluator::new(&policy);
    let mut decide = |income: f64, amount: f64, purpose: f64, probability: f64| {
        let values = [income, amount, purpose, f64::NAN, probability];
        let outcome = policy.decide(&values, 0.5, &mut evaluator);
        let codes: Vec<_> = evaluator
            .matched()
            .iter()
            .map(|at| policy.rules[*at].code.clone())
            .collect();
        (outcome, codes.join(" "))
    };
    let says = |outcome, codes: &str| (outcome, codes.to_owned());
    use Outcome::{Approve, Decline, Refer};
    assert_eq!(decide(20e3, 1e4, 0.0, 0.6), says(Approve, ""));
    assert_eq!(decide(20e3, 1e4, 0.0, 0.6_f64.next_down()), says(Refer, ""));
    assert_eq!(decide(20e3, 1e4, 0.0, 0.4), says(Refer, ""));
    assert_eq!(
        decide(20e3, 1e4, 0.0, 0.4_f64.next_down()),
        says(Decline, "")
    );
    assert_eq!(decide(10e3, 1e4, 0.0, 0.9), says(Decline, "K01"));
    // An approving rule replaces what the score says, and no rule.
    assert_eq!(decide(30e3, 1e4, 1.0, 0.1), says(Approve, "A01"));
    assert_eq!(decide(10e3, 1e3, 1.0, 0.1), says(Decline, "K01 A01"));
    assert_eq!(decide(90e4, 60e3, 1.0, 0.1), says(Refer, "R01 A01"));
    // Income was filled in: the knock-out refers, the approval is skipped.
    assert_eq!(decide(f64::NAN, 1e3, 1.0, 0.9), says(Refer, "K01"));
}

#[test]
fn without_a_band_the_threshold_decides() {
    let text = POLICY.replace("refer = [0.4, 0.6]\n", "");
    let policy = read(&text).unwrap().policy;
    assert_eq!(policy.score(0.5, 0.5), Outcome::Approve);
    assert_eq!(policy.score(0.5_f64.next_down(), 0.5), Outcome::Decline);
    assert_eq!(policy.check_threshold(0.9), Ok(()));
    let policy = read(POLICY).unwrap().policy;
    assert_eq!(policy.check_threshold(0.4), Ok(()));
    for threshold in [0.39, 0.6, 0.7] {
        assert_eq!(
            policy.check_threshold(threshold).unwrap_err(),
            format!(
                "refer = [0.4, 0.6] does not hold the model's threshold, {threshold}: a band begins at or below the threshold and ends above it"
            )
        );
    }
}

#[test]
fn errors_name_line_and_column() {
    let check = |from: &str, to: &str, expect: &str| {
        assert!(POLICY.contains(from), "{from}");
        let error = read(&POLICY.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), expect, "{to}");
    };
    check(
        "income < 12000",
        "incom < 12000",
        "line 8, column 9: rule 'minimum-income': unknown name 'incom': did you mean 'income'?",
    );
    check(
        "income < 12000",
        "income < 12000 and",
        "line 8, column 27: rule 'minimum-income': expected a field, a number or '(', got the end of the expression",
    );
    check(
        "probability < 0.8",
        "gender == 'male'",
        "line 16, column 28: rule 'large': 'gender' is a protected column: leave it out, or set allow_protected = true in [policy], which the model card then states",
    );
    check(
        "stage = \"after\"\n",
        "",
        "line 15, column 28: rule 'large': 'probability' is known only after the model: give the rule stage = \"after\"",
    );
    check(
        "income < 12000",
        "1 / income > 3",
        "line 8, column 11: rule 'minimum-income': this may divide by 0, which makes the condition missing: say what follows, if_missing = \"skip\", \"refer\" or \"decline\"",
    );
    check(
        "id = \"large\"",
        "id = \"known\"",
        "line 22, column 6: another rule has the id 'known' already",
    );
    check(
        "id = \"large\"",
        "id = \"Large\"",
        "line 14, column 6: expected an id of 1 to 64 lower-case letters, digits and hyphens, got 'Large'",
    );
    check(
        "\"K01\"",
        "\"K 01\"",
        "line 10, column 8: expected a code of 1 to 32 letters, digits, hyphens, dots and underscores, got 'K 01'",
    );
    check(
        "version = \"2026-11\"",
        "version = \"\"",
        "line 3, column 11: expected a version of 1 to 64 bytes such as 2026-11, got ''",
    );
    check(
        "[0.4, 0.6]",
        "[0.6, 0.4]",
        "line 4, column 9: refer = [0.6, 0.4] is no band of scores: expected two numbers from 0 to 1, the smaller first",
    );
    check(
        "[0.4, 0.6]",
        "[0.4, 0.4]",
        "line 4, column 9: refer = [0.4, 0.4] is no band of scores: expected two numbers from 0 to 1, the smaller first",
    );
    check(
        "[0.4, 0.6]",
        "[nan, 0.4]",
        "line 4, column 9: refer = [NaN, 0.4] is no band of scores: expected two numbers from 0 to 1, the smaller first",
    );
    check(
        "{ en = \"Income is below the minimum\", de",
        "{ de",
        "line 11, column 8: rule 'minimum-income': there is no text in the first language: add en = \"…\"",
    );
    check(
        "{ en = \"Income is below the minimum\", de",
        "{ en = \"x\", fr",
        "line 11, column 8: rule 'minimum-income': 'fr' is not one of the schema's languages: expected en, de",
    );
    check(
        "then = \"refer\"",
        "then = \"accept\"",
        "line 17, column 8: expected one of `decline`, `refer`, `approve`, got `accept`",
    );
    check(
        "then = \"refer\"\n",
        "",
        "line 13, column 1: the key `then` is missing",
    );
    check(
        "code = \"R01\"",
        "kode = \"R01\"",
        "line 18, column 1: unknown key `kode`: expected one of `id`, `stage`, `when`, `then`, `code`, `text`, `if_missing`",
    );
    check(
        "\"Income is below the minimum\"",
        "\"Income is\\u0007 low\"",
        "line 11, column 8: rule 'minimum-income': expected one line without control characters, got U+0007: remove it",
    );
    check(
        "[policy]\nversion = \"2026-11\"\nrefer = [0.4, 0.6]",
        "policy = 3",
        "line 2, column 10: expected a table, got the number 3",
    );
}

#[test]
fn columns_count_what_is_written_not_what_it_means() {
    let check = |when: &str, line: usize, column: usize| {
        let text = POLICY.replacen("\"income < 12000\"", when, 1);
        let error = read(&text).unwrap_err();
        assert_eq!(
            (error.line, error.column),
            (line, column),
            "{when}: {error}"
        );
    };
    check(r"'incom < 1'", 8, 9);
    check(r#""purpose == \"CAR\" and incom < 1""#, 8, 32);
    check("'''\npurpose == \"CAR\"\n  and incom < 1'''", 10, 7);
    check(
        "\"\"\"\\\n  purpose == \\u0022CAR\\u0022 \\\n  and incom < 1\"\"\"",
        10,
        7,
    );
    check("\"purpose == 'é'\"", 8, 20);
}

#[test]
fn a_policy_has_limits_and_is_not_empty() {
    let head = "[policy]\nversion = \"1\"\n";
    let rules = |count: usize| {
        let rule = |at| {
            format!(
                "[[rule]]\nid = \"r{at}\"\nwhen = \"income < {at}\"\nthen = \"decline\"\ncode = \"K\"\ntext = {{ en = \"t\", de = \"t\" }}\n"
            )
        };
        let rules: String = (0..count).map(rule).collect();
        read(&format!("{head}{rules}"))
    };
    assert_eq!(rules(MAX_RULES).unwrap().policy.rules.len(), MAX_RULES);
    assert_eq!(
        rules(10_000).unwrap_err().to_string(),
        "line 30004, column 6: a policy may have 5000 rules, got 10000: combine conditions with 'or'"
    );
    assert_eq!(
        read(head).unwrap_err().to_string(),
        "line 2, column 11: a policy needs at least one [[rule]], or refer = [from, to]"
    );
    assert!(read(&format!("{head}refer = [0.4, 0.5]\n")).is_ok());
    let nested = format!("{}income < 1{}", "(".repeat(1000), ")".repeat(1000));
    let error = read(&POLICY.replacen("income < 12000", &nested, 1)).unwrap_err();
    assert_eq!((error.line, error.column), (8, 9 + 64));
    assert!(error.message.contains("nested 64 deep"));
}

#[test]
fn division_by_what_is_never_0_needs_no_if_missing() {
    let with = |when: &str| read(&POLICY.replacen("income < 12000", when, 1));
    assert!(with("income / amount > 1").is_ok());
    assert!(with("1 / (income + 1) > 1").is_ok());
    assert!(with("1 / (income - 1) > 1").is_err());
    assert!(with("income / 12 > 1").is_ok());
    let text = POLICY.replacen(
        "when = \"income < 12000\"",
        "when = \"1 / income > 3\"\nif_missing = \"refer\"",
        1,
    );
    assert!(read(&text).is_ok());
    assert!(
        read(
            &POLICY
                .replacen("refer = [", "allow_protected = true\nrefer = [", 1)
                .replacen("income < 12000", "gender == 'male'", 1)
        )
        .is_ok()
    );
}

#[test]
fn damaged_bytes_are_refused_or_decide() {
    use rand::{Rng, SeedableRng};
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let policy = read(POLICY).unwrap().policy;
    let bytes = bincode::encode_to_vec(&policy, bincode::config::standard()).unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(14);
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        let at = rng.random_range(0..damaged.len());
        damaged[at] = rng.random();
        if let Ok(policy) = Policy::from_bytes(&damaged)
            && policy.check(&schema, 2).is_ok()
        {
            let mut evaluator = Evaluator::new(&policy);
            policy.decide(&[1.0, 2.0, 0.0, 1.0, 0.5], 0.5, &mut evaluator);
        }
    }
}

#[test]
fn tables_change_neither_an_outcome_nor_what_matched() {
    use rand::seq::IndexedRandom;
    use rand::{Rng, SeedableRng};
    const PARTS: [&str; 16] = [
        "income < 30000",
        "income >= 20000",
        "income == 25000",
        "income != 25000",
        "not income > 60000",
        "30000 > income",
        "amount > 8000",
        "amount / income > 0.25",
        "amount / income <= 0.5",
        "income - 2 * amount < 10000",
        "income < 3 * amount",
        "purpose == 'HOME'",
        "purpose not in ['CAR']",
        "probability < 0.5",
        "probability >= 0.75",
        "(income < 20000 or probability > 0.9)",
    ];
    const NUMBERS: [f64; 7] = [f64::NAN, 0.0, 8000.0, 20e3, 25e3, 30e3, 70e3];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(15);
    let mut matched = [0; 2];
    for count in [1, 2, 50, 63, 64, 65, 200] {
        let mut text = "[policy]\nversion = \"1\"\nrefer = [0.4, 0.6]\n".to_owned();
        for nth in 0..count {
            let parts = (0..=nth % 7).filter_map(|_| PARTS.choose(&mut rng));
            let parts: Vec<&str> = parts.copied().collect();
            let when = parts.join([" and ", " or "][nth % 11 / 10]);
            let then = ["decline", "refer", "approve"][nth % 3];
            let if_missing = ["skip", "refer", "decline"][nth / 3 % 3];
            text += &format!(
                "[[rule]]\nid = \"r{nth}\"\nstage = \"after\"\nwhen = \"{when}\"\nthen = \"{then}\"\nif_missing = \"{if_missing}\"\ncode = \"C\"\ntext = {{ en = \"E\", de = \"D\" }}\n"
            );
        }
        let policy = read(&text).unwrap().policy;
        let (mut tables, mut plain) = (Evaluator::new(&policy), Evaluator::default());
        for _ in 0..2_000 {
            let mut number = || *NUMBERS.choose(&mut rng).unwrap_or(&0.0);
            let (income, amount) = (number(), number());
            let purpose = [0.0, 1.0, f64::NAN][rng.random_range(0..3)];
            let probability = f64::from(rng.random_range(0..=20)) / 20.0;
            let values = [income, amount, purpose, f64::NAN, probability];
            let outcome = policy.decide(&values, 0.5, &mut tables);
            assert_eq!(
                outcome,
                policy.decide(&values, 0.5, &mut plain),
                "{values:?}"
            );
            assert_eq!(tables.matched(), plain.matched(), "{values:?}");
            matched[0] += tables.matched().len();
            matched[1] += count;
        }
    }
    assert!(
        matched[0] * 20 > matched[1] && matched[0] * 2 < matched[1],
        "{matched:?}"
    );
}
