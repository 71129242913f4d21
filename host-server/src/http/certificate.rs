//! Whose an X.509 certificate is, who issued it, and when it is valid (RFC 5280, section 4.1):
//! nothing else of it.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDateTime};

/// Of an ASN.1 value in DER (ITU-T X.690): the types that lead to the times.
const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Distinguished names, as they are in the certificate: equal names have equal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names<'a> {
    pub(super) subject: &'a [u8],
    pub(super) issuer: &'a [u8],
}

impl<'a> Names<'a> {
    /// `None` when this is no certificate that can be read.
    pub(super) fn read(certificate: &'a [u8]) -> Option<Self> {
        let mut body = from_issuer(certificate)?;
        let issuer = name(&mut body)?;
        // When it is valid.
        any(&mut body)?;
        let subject = name(&mut body)?;
        Some(Self { subject, issuer })
    }
}

/// Takes a distinguished name off the front.
pub(super) fn name<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    Some(value(rest, SEQUENCE)?.1)
}

/// When a certificate is valid, in seconds since 1970, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Validity {
    /// `None` when this is no certificate that can be read.
    pub(super) fn read(certificate: &[u8]) -> Option<Self> {
        let mut body = from_issuer(certificate)?;
        name(&mut body)?;
        let (_, mut validity) = value(&mut body, SEQUENCE)?;
        Some(Self {
            from: time(any(&mut validity)?)?,
            to: time(any(&mut validity)?)?,
        })
    }

    /// Whether a second is in it.
    pub(super) fn contains(self, second: i64) -> bool {
        (self.from..=self.to).contains(&second)
    }
}

/// What a certificate says from its issuer on.
fn from_issuer(certificate: &[u8]) -> Option<&[u8]> {
    let (_, mut outer) = value(&mut &*certificate, SEQUENCE)?;
    let (_, mut body) = value(&mut outer, SEQUENCE)?;
    if body.first() == Some(&EXPLICIT_VERSION) {
        any(&mut body)?;
    }
    // Its serial number, and the algorithm.
    for _ in 0..2 {
        any(&mut body)?;
    }
    Some(body)
}

/// The day of a second, as in `2027-01-31`.
pub(super) fn day(second: i64) -> String {
    let time = DateTime::from_timestamp(second, 0);
    time.map_or_else(String::new, |time| time.format("%Y-%m-%d").to_string())
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Takes a value of this type off the front.
fn value<'a>(rest: &mut &'a [u8], tag: u8) -> Option<(u8, &'a [u8])> {
    any(rest).filter(|(found, _)| *found == tag)
}

/// Takes a value off the front: its type, and its content.
fn any<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, short], after) = rest.split_first_chunk()?;
    let (length, after) = match short {
        0..=0x7f => (usize::from(short), after),
        // As many bytes as the low bits say hold the length.
        0x81..=0x84 => {
            let (bytes, after) = after.split_at_checked(usize::from(short & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            (length, after)
        }
        _ => return None,
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, content))
}

fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let full = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // Years from 50 on are of the last century.
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    /// The start of a certificate with these times, as `openssl asn1parse` shows it.
    fn certificate(times: &[u8]) -> Vec<u8> {
        let length = |content: &[u8]| u8::try_from(content.len()).unwrap_or(0);
        let wrap = |tag: u8, content: &[u8]| [&[tag, length(content)], content].concat();
        let body = [
            wrap(EXPLICIT_VERSION, &[2, 1, 2]),
            wrap(2, &[7]),
            wrap(SEQUENCE, &[]),
            wrap(SEQUENCE, &[]),
            wrap(SEQUENCE, times),
        ];
        wrap(SEQUENCE, &wrap(SEQUENCE, &body.concat()))
    }

    #[test]
    fn the_times_of_both_forms_are_read() {
        let early = [&[UTC_TIME, 13][..], b"700101000001Z"].concat();
        let late = [&[GENERALIZED_TIME, 15][..], b"20500101000000Z"].concat();
        let validity = Validity::read(&certificate(&[early.clone(), late].concat())).unwrap();
        assert_eq!((validity.from, day(validity.to)), (1, "2050-01-01".into()));
        assert!(validity.contains(1) && !validity.contains(0));
        let wrong = [&[UTC_TIME, 13][..], b"701301000001Z"].concat();
        let both = [early, wrong].concat();
        assert_eq!(Validity::read(&certificate(&both)), None);
    }

    #[test]
    fn the_names_are_read() {
        let certificate = certificate(b"12");
        let names = Names::read(&certificate);
        assert_eq!(names, None, "no subject");
        let length = certificate.len();
        let mut with_subject = certificate;
        with_subject.extend([SEQUENCE, 1, b's']);
        // Both sequences around it are longer by that.
        with_subject[1] += 3;
        with_subject[3] += 3;
        assert_eq!(with_subject.len(), length + 3);
        let names = Names::read(&with_subject).unwrap();
        assert_eq!((names.subject, names.issuer), (&b"s"[..], &b""[..]));
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        for bytes in [
            &b""[..],
            b"0",
            b"0\x80",
            b"0\x05abc",
            &[0x30, 0x84, 255, 255, 255, 255],
        ] {
            assert_eq!(Validity::read(bytes), None, "{bytes:?}");
        }
    }
}
