//! Whether the canary answers a request: the same for the same applicant, whenever and on whichever
//! server it is asked.

use std::borrow::Cow;
use std::fmt::{Formatter, Result as FmtResult};

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// What of a request tells it from others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Affinity<'a> {
    /// The client's own id of the request.
    pub(crate) id: Option<&'a str>,
    /// The request's JSON, where it is read before a model is picked.
    pub(crate) body: &'a [u8],
}

/// Bytes of a body of which a field is found in some microseconds.
const SHORT: usize = 4 << 10;

impl<'a> Affinity<'a> {
    /// Whether the body is read in some microseconds.
    pub(crate) fn is_short(self) -> bool {
        self.body.len() <= SHORT
    }

    /// By its id alone, where the body has not been read.
    pub(crate) fn by_id(id: Option<&'a str>) -> Self {
        Self { id, body: b"" }
    }

    /// Where the request stands among all, in 2^-32 of them: by the `field` of its body if that
    /// is named and there, else by its id; `None` where it has neither. `version` is the
    /// canary's: the next canary is asked by others.
    pub(super) fn position(self, field: Option<&str>, version: &str) -> Option<u64> {
        let of_field = field.and_then(|field| text_of(self.body, field));
        let text = of_field.as_deref().or(self.id)?;
        let digest = Sha256::new()
            .chain_update(version)
            .chain_update([0])
            .chain_update(text)
            .finalize();
        let start = digest.first_chunk::<4>()?;
        Some(u64::from(u32::from_be_bytes(*start)))
    }
}

/// A field's text; a number and the text that is written like it are the same. Of a body with many
/// fields only the one is kept.
fn text_of(body: &[u8], field: &str) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let found = deserializer.deserialize_map(FieldOf(field)).ok()?;
    deserializer.end().ok()?;
    let json = found?.get();
    match serde_json::from_str::<String>(json) {
        Ok(text) => Some(text),
        Err(_) if json == "null" => None,
        Err(_) => Some(json.to_owned()),
    }
}

/// Finds a field of an object; where it is there twice, the last, which no model takes.
struct FieldOf<'f>(&'f str);

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for FieldOf<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> FmtResult {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Key(key)) = fields.next_key()? {
            if key == self.0 {
                found = Some(fields.next_value()?);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn position(id: Option<&str>, body: &str, field: Option<&str>) -> Option<u64> {
        let body = body.as_bytes();
        Affinity { id, body }.position(field, "2.0.0")
    }

    #[test]
    fn a_field_goes_before_an_id_and_its_form_does_not_matter() {
        let by_id = position(Some("17"), "{}", Some("customer"));
        assert!(by_id.is_some());
        for body in [r#"{"a": 1, "customer": 17}"#, r#"{"customer": "17"}"#] {
            assert_eq!(position(Some("9"), body, Some("customer")), by_id, "{body}");
            assert_eq!(position(None, body, None), None);
        }
        let twice = r#"{"customer": 4, "a": {"customer": 5}, "customer": 17}"#;
        assert_eq!(position(None, twice, Some("customer")), by_id);
        for body in [
            r#"{"customer": null}"#,
            r#"{"customer": 3} x"#,
            "[3]",
            "[",
            "",
        ] {
            assert_eq!(
                position(Some("17"), body, Some("customer")),
                by_id,
                "{body}"
            );
        }
        assert_eq!(position(None, "{}", Some("customer")), None);
    }

    #[test]
    fn positions_are_spread_evenly_and_differ_between_canaries() {
        let quarter = 1_u64 << 30;
        let within = |version: &str, number: u32| {
            let id = number.to_string();
            let affinity = Affinity {
                id: Some(&id),
                body: b"",
            };
            affinity.position(None, version).unwrap() < quarter
        };
        let first = (0..4000).filter(|&number| within("2.0.0", number)).count();
        // Four standard deviations of a fair draw: sqrt(4000 * 1/4 * 3/4) is 27.
        assert!((890..1110).contains(&first), "{first}");
        let both = |&number: &u32| within("2.0.0", number) && within("2.1.0", number);
        let both = (0..4000).filter(both).count();
        assert!((180..320).contains(&both), "{both}");
    }
}
