//! Checkpoints: C2SP tlog-checkpoint in a C2SP signed-note, signed with Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::digest::Digest;
use crate::tree::Hash;

const ED25519_KEY: u8 = 1;
const DASH: &str = "\u{2014} ";

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// The root of the tree.
    pub root: Digest,
}

/// Why a note is not a checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The text is no verifier key.
    #[error("not a verifier key: expected ORIGIN+HASH+BASE64 with an Ed25519 key")]
    Key,
    /// The text is no note.
    #[error("not a signed note with a checkpoint: {0}")]
    Malformed(&'static str),
    /// Nobody with this key signed it.
    #[error("no signature by the key {0}")]
    NotSigned(String),
    /// The signature is not one of the text.
    #[error(
        "the signature by the key {0} does not fit: the text was altered, or another key signed it"
    )]
    Signature(String),
}

/// Whether a name can be the origin of a log: no spaces, no `+`, not empty.
pub(crate) fn is_origin(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, public: &[u8]) -> [u8; 4] {
    let bytes = [name.as_bytes(), b"\n", &[ED25519_KEY], public].concat();
    let digest = Digest::from_content(&bytes).0;
    [digest[0], digest[1], digest[2], digest[3]]
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let root = STANDARD.encode(self.root.0);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split_terminator('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: Digest(STANDARD.decode(root).ok()?.try_into().ok()?),
        };
        // Only what we would write: no extension, no leading zero.
        (checkpoint.to_text() == text).then_some(checkpoint)
    }
}

/// Signs checkpoints.
#[derive(Debug)]
pub(crate) struct Signer {
    origin: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(crate) fn new(origin: &str, pair: Ed25519KeyPair) -> Self {
        let origin = origin.to_owned();
        Self { origin, pair }
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier {
            origin: self.origin.clone(),
            public: self.pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn sign(&self, size: u64, root: Hash) -> String {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root: Digest(root),
        };
        let text = checkpoint.to_text();
        let mut signature = key_id(&self.origin, self.pair.public_key().as_ref()).to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        let signature = STANDARD.encode(signature);
        format!("{text}\n{DASH}{} {signature}\n", self.origin)
    }
}

/// Checks checkpoints: a public key and the origin it signs for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    origin: String,
    public: Vec<u8>,
}

impl Verifier {
    /// Reads a verifier key: `ORIGIN+HASH+BASE64`.
    ///
    /// # Errors
    /// When it is none, or not one of Ed25519.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim_end().splitn(3, '+');
        let (origin, hash, key) = (parts.next(), parts.next(), parts.next());
        let (Some(origin), Some(hash), Some(key)) = (origin, hash, key) else {
            return Err(NoteError::Key);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let [ED25519_KEY, public @ ..] = &key[..] else {
            return Err(NoteError::Key);
        };
        let verifier = Self {
            origin: origin.to_owned(),
            public: public.to_vec(),
        };
        let fits = public.len() == 32 && is_origin(origin) && verifier.hash() == hash;
        if fits {
            Ok(verifier)
        } else {
            Err(NoteError::Key)
        }
    }

    /// The name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Which log it is: `ORIGIN+HASH`, the name and the id of this key. Logs may share an origin, and
    /// each has keys of its own.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}+{}", self.origin, self.hash())
    }

    fn hash(&self) -> String {
        let id = key_id(&self.origin, &self.public);
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks the signature of a note and reads its checkpoint. Signatures by other keys, such
    /// as those of witnesses, are passed over.
    ///
    /// # Errors
    /// When it is no note of this log, or was not signed by this key.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = note
            .rsplit_once("\n\n")
            .ok_or(NoteError::Malformed("no blank line before the signatures"))?;
        let text = format!("{text}\n");
        let id = key_id(&self.origin, &self.public);
        let mut signed = false;
        if !signatures.ends_with('\n') {
            return Err(NoteError::Malformed("the last line is not ended"));
        }
        for line in signatures.split_terminator('\n') {
            let (name, signature) = line
                .strip_prefix(DASH)
                .and_then(|line| line.split_once(' '))
                .ok_or(NoteError::Malformed("a line is no signature"))?;
            let signature = STANDARD
                .decode(signature)
                .map_err(|_| NoteError::Malformed("a signature is not base64"))?;
            if name != self.origin || !signature.starts_with(&id) {
                continue;
            }
            UnparsedPublicKey::new(&ED25519, &self.public)
                .verify(text.as_bytes(), &signature[4..])
                .map_err(|_| NoteError::Signature(self.to_string()))?;
            signed = true;
        }
        if !signed {
            return Err(NoteError::NotSigned(self.to_string()));
        }
        let checkpoint = Checkpoint::parse(&text)
            .ok_or(NoteError::Malformed("expected origin, size and root"))?;
        if checkpoint.origin != self.origin {
            return Err(NoteError::Malformed("the origin is another log's"));
        }
        Ok(checkpoint)
    }
}

impl std::fmt::Display for Verifier {
    /// As a verifier key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = [&[ED25519_KEY], &self.public[..]].concat();
        write!(f, "{}+{}", self.id(), STANDARD.encode(key))
    }
}
