//! Cases that try to make hosts differ, or to break them.

use model_core::json::{Raw, parse};
use model_core::schema::{Feature, FeatureKind, Schema};

/// Hostile cases for a schema, each with what it tries. `valid` is an application that the
/// model accepts.
#[must_use]
pub fn hostile(schema: &Schema, valid: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut cases = whole_bodies(valid);
    for feature in schema.features.iter() {
        for (what, value) in values(feature) {
            let name = format!("{} is {what}", feature.name);
            cases.push((name, replaced(valid, &feature.name, Some(&value))));
        }
        let name = format!("{} is absent", feature.name);
        cases.push((name, replaced(valid, &feature.name, None)));
    }
    cases.extend(fields(schema, valid));
    cases.extend(derived(schema, valid));
    cases
}

/// Values of derived fields beside values of the fields that they need: none, a division by 0,
/// the smallest and the largest, and given values around what is computed.
fn derived(schema: &Schema, valid: &[u8]) -> Vec<(String, Vec<u8>)> {
    const NEEDED: [&str; 9] = [
        "null", "0", "-0", "1", "3", "5e-324", "1e-300", "\"\"", "12000",
    ];
    const GIVEN: [&str; 11] = [
        "null",
        "0",
        "0.08",
        "0.083",
        "0.095",
        "0.098",
        "0.0980001",
        "0.33",
        "0.335",
        "1e15",
        "\"0.08\"",
    ];
    let mut cases = Vec::new();
    for feature in &schema.features {
        let Some(derived) = &feature.derived else {
            continue;
        };
        for needed in derived.formula.fields() {
            let needed = &schema.features[usize::from(needed)].name;
            for value in NEEDED {
                let body = replaced(valid, needed, Some(value));
                for given in [None].into_iter().chain(GIVEN.map(Some)) {
                    let name = format!("{} is {given:?}, {needed} is {value}", feature.name);
                    cases.push((name, replaced(&body, &feature.name, given)));
                }
            }
        }
    }
    cases
}

/// Bodies that are no application at all.
fn whole_bodies(valid: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("white space", b" \t\r\n".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"-0".to_vec()),
        ("an array", b"[]".to_vec()),
        ("a string", b"\"\"".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("a byte order mark", [b"\xef\xbb\xbf", valid].concat()),
        ("a zero byte", b"\0".to_vec()),
        (
            "invalid UTF-8",
            [&valid[..valid.len() - 1], b",\"\xff\":1}"].concat(),
        ),
        ("UTF-16", valid.iter().flat_map(|byte| [*byte, 0]).collect()),
        (
            "a trailing comma",
            [&valid[..valid.len() - 1], b",}"].concat(),
        ),
        ("something behind", [valid, b"{}"].concat()),
        ("white space around", [b"\n \t", valid, b"\r\n"].concat()),
        ("single quotes", b"{'a':1}".to_vec()),
        ("a comment", [b"/**/", valid].concat()),
        ("NaN", b"{\"a\":NaN}".to_vec()),
        (
            "nested arrays",
            [b"[".repeat(100_000), b"]".repeat(100_000)].concat(),
        ),
        ("nested objects", b"{\"a\":".repeat(100_000)),
        (
            "a string of 10 MB",
            [&b"{\"a\":\""[..], &vec![b'x'; 10_000_000], b"\"}"].concat(),
        ),
        (
            "a body of 1 MiB",
            [b"{}", b" ".repeat((1 << 20) - 2).as_slice()].concat(),
        ),
        (
            "a body over 1 MiB",
            [b"{}", b" ".repeat((1 << 20) - 1).as_slice()].concat(),
        ),
        ("many unknown fields", many_fields(20_000)),
        (
            "a long unknown field",
            format!("{{\"{}\":1}}", "é".repeat(5_000)).into_bytes(),
        ),
    ];
    cases.extend(
        (1..valid.len())
            .step_by(7)
            .map(|len| ("cut off", valid[..len].to_vec())),
    );
    let named = cases.into_iter();
    named.map(|(name, body)| (name.to_owned(), body)).collect()
}

fn many_fields(count: usize) -> Vec<u8> {
    let fields: Vec<_> = (0..count).map(|n| format!("\"f{n}\":{n}")).collect();
    format!("{{{}}}", fields.join(",")).into_bytes()
}

/// Values for one feature, with what they try.
fn values(feature: &Feature) -> Vec<(String, String)> {
    let mut values: Vec<String> = [
        "null",
        "true",
        "false",
        "[]",
        "{}",
        "[[[[1]]]]",
        "0",
        "-0",
        "-0.0",
        "1",
        "12.5",
        "-1",
        "1e999",
        "-1e999",
        "1e-999",
        "5e-324",
        "1.7976931348623157e308",
        "9007199254740993",
        "-9007199254740993",
        "9007199254740993.0",
        "18446744073709551616",
        "0.1",
        "1E+2",
        "\"\"",
        "\"  \"",
        "\"12\"",
        "\" 12 \"",
        "\"1e3\"",
        "\"+5\"",
        "\".5\"",
        "\"5.\"",
        "\"0x10\"",
        "\"1_000\"",
        "\"1,000\"",
        "\"inf\"",
        "\"NaN\"",
        "\"nan\"",
        "\"-0\"",
        "\"yes\"",
        "\"NO\"",
        "\"tRuE\"",
        "\"T\"",
        "\"f\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\\u0031\\u0032\"",
        "\"１２\"",
        "\"٣\"",
        "\"🦀\"",
        "\"e\\u0301\"",
        "0.30000000000000004",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827021181583404541015625",
    ]
    .map(str::to_owned)
    .to_vec();
    match &feature.kind {
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            for bound in [range.lower, range.upper].into_iter().flatten() {
                let near = [bound.value.next_down(), bound.value, bound.value.next_up()];
                values.extend(near.map(|number| number.to_string()));
            }
        }
        FeatureKind::Category(categories) => {
            for category in &categories.values {
                values.push(format!("{category:?}"));
                values.push(format!("{:?}", category.to_lowercase()));
                // A Cyrillic letter that looks the same.
                values.push(format!(
                    "{:?}",
                    category.replace('a', "а").replace('A', "А")
                ));
            }
        }
        FeatureKind::Boolean => {}
    }
    values.push(format!("\"{}\"", "y".repeat(100)));
    values
        .iter()
        .map(|value| (value.clone(), value.clone()))
        .collect()
}

/// Field names that are wrong, twice there, or hidden behind escapes.
fn fields(schema: &Schema, valid: &[u8]) -> Vec<(String, Vec<u8>)> {
    let open = &valid[..valid.len() - 1];
    let with = |field: &str| [open, format!(",{field}}}").as_bytes()].concat();
    let mut cases = vec![
        ("an unknown field".to_owned(), with("\"zzz\":1")),
        ("an empty name".to_owned(), with("\"\":1")),
        (
            "the target".to_owned(),
            with(&format!("\"{}\":1", schema.target.name)),
        ),
    ];
    for feature in &schema.features {
        let name = &feature.name;
        let escaped: String = name
            .chars()
            .map(|c| format!("\\u{:04x}", c as u32))
            .collect();
        cases.push((format!("{name} twice"), with(&format!("\"{name}\":1"))));
        cases.push((
            format!("{name} twice, escaped"),
            with(&format!("\"{escaped}\":1")),
        ));
        cases.push((
            format!("{name} misspelt"),
            with(&format!("\"{}\":1", &name[1..])),
        ));
        cases.push((
            format!("{name} in capitals"),
            with(&format!("\"{}\":1", name.to_uppercase())),
        ));
    }
    cases
}

/// `body` with one field's value replaced, or without the field.
fn replaced(body: &[u8], name: &str, value: Option<&str>) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let object = parse(&text).ok();
    let others = object.into_iter().flat_map(Raw::fields);
    let mut fields: Vec<String> = others
        .filter(|(key, _)| key.text().as_deref() != Some(name))
        .map(|(key, value)| format!("{}:{}", key.json(), value.json()))
        .collect();
    fields.extend(value.map(|value| format!("\"{name}\":{value}")));
    format!("{{{}}}", fields.join(",")).into_bytes()
}
