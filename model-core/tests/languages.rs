//! Texts in several languages: read, refused, stored and described.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{EVERYTHING, RULED, decider, linear};
use model_core::artifact::Artifact;
use model_core::schema::{Schema, SchemaFile};
use serde_json::{Value, json};

/// A schema with these languages on line 3 and these lines from line 7 on.
fn schema(languages: &str, lines: &str) -> String {
    format!(
        "name = \"m\"\nversion = \"1\"\nlanguages = {languages}\n[[feature]]\nname = \"x\"\ntype = \"category\"\n{lines}\ncategories = [\"a\", \"b\"]\n[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"\n"
    )
}

fn refuses(languages: &str, lines: &str, expected: &str) {
    let error = Schema::from_toml(&schema(languages, lines)).unwrap_err();
    assert_eq!(format!("line {}: {}", error.line, error.message), expected);
}

#[test]
fn refuses_a_list_that_is_none_of_languages() {
    let check = |languages: &str, expected: &str| {
        refuses(languages, "", &format!("line 3: languages: {expected}"));
    };
    check(
        "[]",
        "expected 1 to 16 languages such as [\"en\", \"de\"], got 0",
    );
    for wrong in ["", "E", "EN", "english", "en_US", "en-", "en-abcdefghi"] {
        let expected = format!("expected a language such as en or pt-BR, got '{wrong}'");
        check(&format!("[\"en\", \"{wrong}\"]"), &expected);
    }
    check("[\"en\", \"de\", \"en\"]", "'en' is listed twice");
    for right in ["[\"de\"]", "[\"en\", \"pt-BR\", \"zh-Hant-TW\", \"gsw\"]"] {
        Schema::from_toml(&schema(right, "")).unwrap();
    }
}

#[test]
fn a_text_needs_the_first_language_and_no_foreign_one() {
    let both = "[\"en\", \"de\"]";
    refuses(
        both,
        "label = { de = \"X\" }",
        "line 7: feature 'x', label: there is no text in the first language: add en = \"…\"",
    );
    refuses(
        both,
        "help = { en = \" \" }",
        "line 7: feature 'x', help: there is no text in the first language: add en = \"…\"",
    );
    refuses(
        both,
        "label = { en = \"X\", fr = \"X\" }",
        "line 7: feature 'x', label: 'fr' is not one of the schema's languages: expected en, de",
    );
    refuses(
        both,
        "category_labels = { a = \"A\", b = { de = \"B\" } }",
        "line 7: feature 'x', category_labels: 'b': there is no text in the first language: add en = \"…\"",
    );
    refuses(
        both,
        "label = 5",
        "line 7: expected a text, or a table of languages such as { en = \"…\", de = \"…\" }",
    );
}

#[test]
fn what_a_language_lacks_is_a_warning_and_falls_back() {
    let text = schema(
        "[\"en\", \"de\"]",
        "label = \"Purpose\"\nhelp = { en = \"H\", de = \"HD\" }\ncategory_labels = { a = { en = \"A\", de = \"AD\" }, b = \"B\" }",
    );
    let file = SchemaFile::from_toml(&text).unwrap();
    let warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 7, column 1: feature 'x', label: there is no text in 'de': the first language is used",
            "line 9, column 1: feature 'x', category_labels: 'b': there is no text in 'de': the first language is used",
        ]
    );
    assert_eq!(file.schema.translations, []);
    let feature = &file.schema.features[0];
    assert_eq!(feature.categories().unwrap().labels, ["A", "B"]);
    let german = &feature.translations[0];
    assert_eq!(german.label.as_deref(), Some("Purpose"));
    assert_eq!(german.help.as_deref(), Some("HD"));
    assert_eq!(german.category_labels, ["AD", "B"]);

    let one = SchemaFile::from_toml(EVERYTHING).unwrap();
    assert_eq!(one.warnings, []);
    assert!(
        one.schema
            .features
            .iter()
            .all(|f| f.translations.is_empty())
    );
}

#[test]
fn a_schema_and_its_target_have_texts_of_their_own() {
    let label = "label = { en = \"X\", de = \"X\" }\ncategory_labels = {}";
    let plain = schema("[\"en\", \"de\"]", label);
    let text = |title: &str, positive: &str| {
        format!("title = {title}\n{plain}positive_label = {positive}\n")
    };
    let both = "{ en = \"Granted\", de = \"Bewilligt\" }";
    let file = SchemaFile::from_toml(&text("\"Loans\"", both)).unwrap();
    let warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["line 1, column 1: title: there is no text in 'de': the first language is used"]
    );
    let schema = file.schema;
    assert_eq!(schema.title.as_deref(), Some("Loans"));
    assert_eq!(schema.target.positive_label, "Granted");
    let german = &schema.translations[0];
    assert_eq!(german.label.as_deref(), Some("Loans"));
    assert_eq!(german.help, None);
    assert_eq!(german.category_labels, ["Rejected", "Bewilligt"]);

    let refused = |text: &str| Schema::from_toml(text).unwrap_err().to_string();
    assert_eq!(
        refused(&text("{ de = \"Kredite\" }", both)),
        "line 1, column 1: title: there is no text in the first language: add en = \"…\""
    );
    assert_eq!(
        refused(&text("\"Loans\"", "{ en = \"Granted\", fr = \"Accordé\" }")),
        "line 15, column 1: feature 'y', positive_label: 'fr' is not one of the schema's languages: expected en, de"
    );
}

#[test]
fn an_artifact_keeps_the_texts() {
    let artifact = linear(RULED);
    let bytes = artifact.encode().unwrap();
    assert_eq!(Artifact::decode(&bytes).unwrap(), artifact);

    let mut lacking = artifact.clone();
    lacking.schema.features[0]
        .translations
        .push(Default::default());
    assert_eq!(
        lacking.encode().unwrap_err().to_string(),
        "the artifact contradicts itself: feature 'amount', label: expected its texts in each language"
    );
    let mut lacking = artifact.clone();
    lacking.schema.translations[0].category_labels.pop();
    assert_eq!(
        lacking.encode().unwrap_err().to_string(),
        "the artifact contradicts itself: title: expected its texts in each language"
    );
    // As a file of an earlier version has it.
    let mut earlier = artifact;
    earlier.schema.translations.clear();
    let bytes = earlier.encode().unwrap();
    assert_eq!(Artifact::decode(&bytes).unwrap(), earlier);
}

#[test]
fn a_description_gives_each_language_where_there_are_several() {
    let described = |artifact: &Artifact| -> Value {
        let mut out = Vec::new();
        decider(artifact).describe(&mut out);
        serde_json::from_slice(&out).unwrap()
    };
    let description = described(&linear(RULED));
    assert_eq!(description["languages"], json!(["en", "de"]));
    let model = &description["model"];
    assert_eq!(model["title"], "Loans");
    assert_eq!(model["titles"], json!({"en": "Loans", "de": "Kredite"}));
    let same = "Decides about loans.";
    assert_eq!(model["descriptions"], json!({"en": same, "de": same}));
    let target = &description["target"];
    assert_eq!(target["positive_label"], "Yes");
    assert_eq!(target["positive_labels"], json!({"en": "Yes", "de": "Ja"}));
    assert_eq!(target["negative_labels"], json!({"en": "No", "de": "Nein"}));
    let amount = &description["features"][0];
    assert_eq!(amount["label"], "Amount");
    assert_eq!(amount["labels"], json!({"en": "Amount", "de": "Betrag"}));
    assert_eq!(amount["help"], "What is asked for");
    let helps = json!({"en": "What is asked for", "de": "Was gewünscht ist"});
    assert_eq!(amount["helps"], helps);
    // The name stands in for a label, the category for its label.
    let income = &description["features"][3];
    assert_eq!(income["labels"], json!({"en": "income", "de": "income"}));
    assert_eq!(income.get("helps"), None);
    assert_eq!(
        description["features"][5]["categories"],
        json!([
            {"value": "CAR", "label": "Car", "labels": {"en": "Car", "de": "Auto"}},
            {"value": "HOME", "label": "Home", "labels": {"en": "Home", "de": "Home"}},
            {"value": "Größe", "label": "Größe", "labels": {"en": "Größe", "de": "Größe"}},
        ])
    );

    let one = described(&linear(EVERYTHING));
    assert_eq!(one["languages"], json!(["en"]));
    let keys = one.to_string();
    for key in [
        "titles",
        "descriptions",
        "labels",
        "helps",
        "positive_labels",
    ] {
        assert!(!keys.contains(&format!("\"{key}\"")), "{key}");
    }
}
