//! The reader and the writer of JSON, held against `serde_json`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use model_core::json::{Invalid, JsonKind, Raw, Writer, parse};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Texts at the edges of the grammar, right and wrong ones mixed.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "\u{feff}{}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "{}",
    "[]",
    "[,]",
    "{,}",
    "[1,]",
    "[1,,2]",
    "{\"a\":1,}",
    "{\"a\"}",
    "{\"a\":}",
    "{:1}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1}}",
    "[1]]",
    "[1}",
    "{\"a\":1]",
    "{\"a\":{\"b\":[{}]}}",
    "{}{}",
    "1 2",
    "null",
    "nul",
    "nulll",
    "NULL",
    "true",
    "tru",
    "truefalse",
    "True",
    "false",
    "NaN",
    "Infinity",
    "-Infinity",
    "undefined",
    "// c\n1",
    "/* c */1",
    "# c\n1",
    "0",
    "-0",
    "00",
    "01",
    "-01",
    "+1",
    "-",
    "--1",
    "1.",
    ".1",
    "-.1",
    "1.e1",
    "1e",
    "1e+",
    "1e-",
    "1E+05",
    "1e05",
    "0e0",
    "0x10",
    "1_000",
    "1,000",
    "1e999",
    "-1e999",
    "1e-999",
    "9007199254740993",
    "1e1e1",
    "1.2.3",
    "0.0",
    "-0.0e-0",
    "123456789012345678901234567890",
    "\"\"",
    "\"a",
    "a\"",
    "\"\\\"",
    "\"\\\\\"",
    "\"\\a\"",
    "\"\\u\"",
    "\"\\u12\"",
    "\"\\u123g\"",
    "\"\\u+123\"",
    "\"\\U0041\"",
    "\"\\u0041\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\ude00\"",
    "\"\\ud83dx\"",
    "\"\\ud83d\\n\"",
    "\"\\ud83d\\ud83d\\ude00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\udbff\\udfff\"",
    "\"\\ud800\\udc00\"",
    "\"\\ud83d\\\\ude00\"",
    "\"\t\"",
    "\"\n\"",
    "\"\u{0}\"",
    "\"\u{1f}\"",
    "\"\u{7f}\"",
    "\"\u{2028}\"",
    "\"😀é\"",
    "\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"",
    "\u{a0}1",
    "\u{b}1",
    "\u{c}1",
    "\t\n\r 1\t\n\r ",
    "[1 ,2 , 3]",
    " { \"a\" : [ ] , \"b\" : { } } ",
    "{\"a\":1,\"a\":2}",
    "{\"\":\"\"}",
    "{\"\\u0061\":1}",
    "{\"\\ud800\":1}",
    "[[[[[[[[[[]]]]]]]]]]",
    "[[[[[[[[[[]]]]]]]]]",
    "[true,false,null,1,\"x\",{},[]]",
    "\"x\" ",
    "\"x\"y",
    "1a",
    "1 a",
];

#[test]
fn accepts_what_serde_json_accepts() {
    for text in HOSTILE {
        agrees(text);
    }
}

/// A quarter of a million texts that were JSON before a few bytes were changed.
#[test]
fn accepts_what_serde_json_accepts_after_mutations() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut accepted = 0;
    for _ in 0..250_000 {
        let mut text = HOSTILE[random.random_range(0..HOSTILE.len())]
            .as_bytes()
            .to_vec();
        for _ in 0..random.random_range(1..4) {
            mutate(&mut text, &mut random);
        }
        if let Ok(text) = std::str::from_utf8(&text) {
            accepted += usize::from(agrees(text));
        }
    }
    // The mutations must not all be to one side.
    assert!((10_000..240_000).contains(&accepted), "{accepted}");
}

fn mutate(text: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    const PIECES: &[&str] = &[
        "{", "}", "[", "]", ",", ":", "\"", "\\", "u", "d83d", "\\ude00", "0", "-", "+", ".", "e",
        "E", "1", "null", "true", " ", "\n", "\u{1}", "\"a\":", "[]", "{}", "é", "\u{feff}",
    ];
    let at = random.random_range(0..=text.len());
    match random.random_range(0..4) {
        0 => text.truncate(at),
        1 if at < text.len() => drop(text.remove(at)),
        2 => {
            let other = HOSTILE[random.random_range(0..HOSTILE.len())];
            text.splice(at..at, other.bytes());
        }
        _ => {
            let piece = PIECES[random.random_range(0..PIECES.len())];
            text.splice(at..at, piece.bytes());
        }
    }
}

/// Both readers say the same about a text, and what is taken out of it is the same.
fn agrees(text: &str) -> bool {
    let theirs = serde_json::from_str::<IgnoredAny>(text);
    let ours = parse(text);
    assert_eq!(
        ours.is_ok(),
        theirs.is_ok(),
        "{text:?}: {ours:?}, serde_json: {theirs:?}"
    );
    match ours {
        Ok(value) => same(value, value.json()),
        Err(Invalid { at, .. }) => assert!(at <= text.len(), "{text:?}"),
    }
    ours.is_ok()
}

fn same(ours: Raw<'_>, json: &str) {
    let theirs: &RawValue = serde_json::from_str(json).unwrap();
    assert_eq!(ours.json(), theirs.get());
    match ours.kind() {
        // serde_json refuses half a surrogate pair, for which we have no text.
        JsonKind::String => assert_eq!(
            ours.text().as_deref(),
            serde_json::from_str::<String>(json).ok().as_deref(),
            "{json}"
        ),
        JsonKind::Number => assert_eq!(
            json.parse::<f64>().is_ok_and(f64::is_finite),
            serde_json::from_str::<f64>(json).is_ok(),
            "{json}"
        ),
        JsonKind::Boolean => {
            assert_eq!(json == "true", serde_json::from_str::<bool>(json).unwrap())
        }
        JsonKind::Null => serde_json::from_str::<()>(json).unwrap(),
        JsonKind::Array => {
            let theirs: Vec<&RawValue> = serde_json::from_str(json).unwrap();
            let ours: Vec<Raw<'_>> = ours.items().collect();
            assert_eq!(ours.len(), theirs.len(), "{json}");
            ours.iter()
                .zip(theirs)
                .for_each(|(ours, theirs)| same(*ours, theirs.get()));
        }
        JsonKind::Object => {
            let ours: Vec<_> = ours.fields().collect();
            let Ok(theirs) = serde_json::Deserializer::from_str(json).deserialize_map(Fields)
            else {
                // Only for a key that is no text.
                assert!(ours.iter().any(|(key, _)| key.text().is_none()), "{json}");
                return;
            };
            assert_eq!(ours.len(), theirs.len(), "{json}");
            for ((key, value), (their_key, their_value)) in ours.iter().zip(theirs) {
                assert_eq!(key.text().unwrap(), their_key);
                same(*value, their_value.get());
            }
        }
    }
    if ours.kind() != JsonKind::Array {
        assert_eq!(ours.items().count(), 0);
    }
    if ours.kind() != JsonKind::Object {
        assert_eq!(ours.fields().count(), 0);
    }
}

/// The fields of an object in their order, repeated keys included.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}

#[test]
fn errors_name_the_byte() {
    let check = |text: &str, at: usize, reason: &str| {
        let Invalid {
            at: found,
            reason: why,
        } = parse(text).unwrap_err();
        assert_eq!((found, why), (at, reason), "{text}");
    };
    check("", 0, "a value");
    check("  ", 2, "a value");
    check("{\"a\":1", 6, "',' or '}'");
    check("[1 2]", 3, "',' or ']'");
    check("{a:1}", 1, "a key in double quotes");
    check("{\"a\" 1}", 5, "':'");
    check("{\"a\":1,}", 7, "a key in double quotes");
    check("[1,]", 3, "a value");
    check("{} x", 3, "the end: something follows the JSON value");
    check("\"abc", 4, "the end of the string");
    check("\"\\x\"", 2, "one of \"\\/bfnrtu");
    check("\"\\u12\"", 5, "four hexadecimal digits");
    check("\"a\tb\"", 2, "no control character: write it as \\u00XX");
    check("01", 1, "the end: something follows the JSON value");
    check("1.", 2, "a digit");
    check("-x", 1, "a digit");
    check("[truth]", 1, "true, false or null");
    check("NaN", 0, "a value");
    check(
        &"[".repeat(129),
        128,
        "at most 128 nested arrays and objects",
    );
}

/// 128 levels are read, 129 are not, in any mixture, and a megabyte of brackets ends soon.
#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize, object: fn(usize) -> bool| {
        let open: String = (0..depth)
            .map(|d| if object(d) { "{\"k\":" } else { "[" })
            .collect();
        let close: String = (0..depth)
            .rev()
            .map(|d| if object(d) { '}' } else { ']' })
            .collect();
        format!("{open}0{close}")
    };
    let mixtures: [fn(usize) -> bool; 4] = [|_| true, |_| false, |d| d % 2 == 0, |d| d % 3 == 0];
    for object in mixtures {
        assert!(parse(&nested(128, object)).is_ok());
        assert!(parse(&nested(129, object)).is_err());
    }
    for bracket in ["[", "{\"k\":", "]", "{"] {
        assert!(parse(&bracket.repeat(1 << 20)).is_err());
    }
}

#[test]
fn strings_of_every_character_survive() {
    let every: String = (0..=0x2fff)
        .chain(0xd7f0..0x1_0100)
        .filter_map(char::from_u32)
        .collect();
    let mut out = Vec::new();
    Writer::new(&mut out).text(&every);
    let json = String::from_utf8(out).unwrap();
    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), every);
    assert_eq!(parse(&json).unwrap().text().unwrap(), every);
}

#[test]
fn numbers_survive_to_the_bit() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let tame = (-4000..4000).map(|n| f64::from(n) / 16.0);
    let wild = (0..200_000).map(|_| f64::from_bits(random.random()));
    let edges = [
        0.0,
        -0.0,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        1e15,
        1e16,
        1e17,
        1e21,
        1e-7,
        0.1 + 0.2,
    ];
    for number in tame.chain(edges).chain(wild) {
        let mut out = Vec::new();
        Writer::new(&mut out).number(number);
        let json = String::from_utf8(out).unwrap();
        if number.is_finite() {
            assert_eq!(
                json.parse::<f64>().unwrap().to_bits(),
                number.to_bits(),
                "{json}"
            );
            assert_eq!(parse(&json).unwrap().kind(), JsonKind::Number, "{json}");
            assert!(serde_json::from_str::<f64>(&json).is_ok(), "{json}");
        } else {
            assert_eq!(json, "null");
        }
    }
}

/// What the writer writes for a random value is what serde_json writes for it.
#[test]
fn writes_what_serde_json_writes() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..2000 {
        let value = any_value(&mut random, 4);
        let mut out = b"kept".to_vec();
        write(&mut Writer::new(&mut out), &value);
        assert_eq!(String::from_utf8(out).unwrap(), format!("kept{value}"));
    }
}

fn any_value(random: &mut ChaCha8Rng, depth: u32) -> serde_json::Value {
    use serde_json::Value;
    let size = random.random_range(0..4);
    match random.random_range(0..if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => random.random::<bool>().into(),
        2 => random.random::<u64>().into(),
        3 => ["", "a,b", "{", "[", ":", "\"\\\u{1}é"][random.random_range(0..6)].into(),
        4 => (0..size).map(|_| any_value(random, depth - 1)).collect(),
        _ => Value::Object(
            (0..size)
                .map(|n| (n.to_string(), any_value(random, depth - 1)))
                .collect(),
        ),
    }
}

fn write(json: &mut Writer<'_>, value: &serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Null => json.raw("null"),
        Value::Bool(yes) => json.boolean(*yes),
        Value::Number(number) => json.integer(number.as_u64().unwrap()),
        Value::String(text) => json.text(text),
        Value::Array(items) => json.array(items, write),
        Value::Object(fields) => json.object(|json| {
            for (key, value) in fields {
                write(json.key(key), value);
            }
        }),
    }
}
