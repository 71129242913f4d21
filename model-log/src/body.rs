//! The sealed body of a record.
//!
//! What is sealed, integers with the highest byte first:
//!
//! ```text
//! salt 32, length 4, details (JSON), length 4, request, answer
//! ```
//!
//! ChaCha20-Poly1305 (RFC 8439) with the record's own key; the index is authenticated with it.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use serde::Serialize;

use crate::digest::Digest;
use crate::frame::{MAX_SEALED, NONCE};
use crate::record::Details;
use crate::seeds::Key;

const SALT: usize = 32;
/// Bytes of most details.
const DETAILS: usize = 240;
const DOMAIN: &[u8] = b"underwrite decision log 1 body\0";

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Body {
    /// Beside the bytes.
    pub details: Details,
    /// What the module was given.
    #[serde(serialize_with = "as_text")]
    pub request: Vec<u8>,
    /// What the module gave back.
    #[serde(serialize_with = "as_text")]
    pub answer: Vec<u8>,
}

/// The bytes as text; what is not UTF-8 becomes U+FFFD.
fn as_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// Random bytes of one record; never used for another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fresh {
    pub(crate) salt: [u8; SALT],
    pub(crate) nonce: [u8; NONCE],
}

impl Fresh {
    pub(crate) const LEN: usize = SALT + NONCE;

    /// From [`Fresh::LEN`] random bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut fresh = Self {
            salt: [0; SALT],
            nonce: [0; NONCE],
        };
        let (salt, nonce) = bytes.split_at(SALT);
        fresh.salt.copy_from_slice(salt);
        fresh.nonce.copy_from_slice(nonce);
        fresh
    }
}

/// The body does not open: another key, or altered bytes.
#[derive(Debug)]
pub(crate) struct Unopened;

fn cipher(key: &Key) -> Result<LessSafeKey, Unopened> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| Unopened)?;
    Ok(LessSafeKey::new(key))
}

/// SHA-256 over a domain and everything that is sealed, which begins with the salt.
pub(crate) fn commitment(plain: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(DOMAIN);
    context.update(plain);
    Digest::from_ring(context.finish())
}

/// Puts the parts of a body together behind its salt, with room for the tag.
///
/// # Errors
/// The length that the sealed body would have, where that is more than [`MAX_SEALED`].
pub(crate) fn plain(
    salt: &[u8; SALT],
    details: &Details,
    request: &[u8],
    answer: &[u8],
) -> Result<Vec<u8>, usize> {
    // More than the details take that a server writes, so that the piece stays in one place.
    let around = SALT + 4 + DETAILS + 4 + CHACHA20_POLY1305.tag_len();
    let mut bytes = Vec::with_capacity(around + request.len() + answer.len());
    bytes.extend_from_slice(salt);
    bytes.resize(SALT + 4, 0);
    // A map with texts as keys: it cannot fail.
    let _ = serde_json::to_writer(&mut bytes, details);
    let details = bytes.len() - SALT - 4;
    let sealed = bytes.len() + 4 + request.len() + answer.len() + CHACHA20_POLY1305.tag_len();
    if sealed > MAX_SEALED {
        return Err(sealed);
    }
    // Neither is longer than the limit.
    bytes[SALT..SALT + 4].copy_from_slice(&(details as u32).to_be_bytes());
    bytes.extend_from_slice(&(request.len() as u32).to_be_bytes());
    bytes.extend_from_slice(request);
    bytes.extend_from_slice(answer);
    Ok(bytes)
}

/// Seals in place what [`plain`] put together.
pub(crate) fn seal(
    body: &mut Vec<u8>,
    index: u64,
    key: &Key,
    nonce: [u8; NONCE],
) -> Result<(), Unopened> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    cipher(key)?
        .seal_in_place_append_tag(nonce, Aad::from(index.to_be_bytes()), body)
        .map_err(|_| Unopened)
}

/// Opens a body and checks its commitment. `sealed` becomes what was sealed.
pub(crate) fn open<'a>(
    sealed: &'a mut [u8],
    index: u64,
    key: &Key,
    nonce: [u8; NONCE],
    expected: &Digest,
) -> Result<Parts<'a>, Unopened> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plain = cipher(key)?
        .open_in_place(nonce, Aad::from(index.to_be_bytes()), sealed)
        .map_err(|_| Unopened)?;
    if commitment(plain) != *expected {
        return Err(Unopened);
    }
    parts(plain).ok_or(Unopened)
}

/// The parts of what was sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// JSON.
    pub(crate) details: &'a [u8],
    pub(crate) request: &'a [u8],
    pub(crate) answer: &'a [u8],
}

impl Parts<'_> {
    /// The details; `None` when they are not those of this program.
    pub(crate) fn details(&self) -> Option<Details> {
        serde_json::from_slice(self.details).ok()
    }

    pub(crate) fn to_body(self) -> Option<Body> {
        Some(Body {
            details: self.details()?,
            request: self.request.to_vec(),
            answer: self.answer.to_vec(),
        })
    }
}

fn parts(plain: &[u8]) -> Option<Parts<'_>> {
    let (details, rest) = prefixed(plain.get(SALT..)?)?;
    let (request, answer) = prefixed(rest)?;
    Some(Parts {
        details,
        request,
        answer,
    })
}

fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}
