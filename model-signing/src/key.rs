//! Keys: ECDSA on the curve P-256.

use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};

use crate::digest::sha256;
use crate::error::SigningError;
use crate::key_file;
use crate::pem;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// What stands before the point in the `SubjectPublicKeyInfo` (RFC 5480) of a key on P-256:
/// id-ecPublicKey, prime256v1, and a bit string of 65 bytes.
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point: 4, x, y.
const POINT: usize = 65;
const UNCOMPRESSED: u8 = 4;

/// The key that signs. It is never printed.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    public: PublicKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SigningKey({})", self.public.id())
    }
}

impl SigningKey {
    /// A new key, and its PEM file (PKCS#8), which is a secret.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<(String, Self), SigningError> {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| SigningError::Sign)?;
        let key = Self::from_pkcs8(der.as_ref())?;
        Ok((pem::write(PRIVATE, der.as_ref()), key))
    }

    /// The key of a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read, is over 64 KiB, or holds something else than
    /// [`SigningKey::from_pem`] reads.
    pub fn from_file(path: &Path) -> Result<Self, SigningError> {
        key_file::read(path, Self::from_pem)
    }

    /// Reads the text of a PEM file that holds a key on P-256 in PKCS#8, unencrypted.
    ///
    /// # Errors
    /// A sentence that says what the file holds instead.
    pub fn from_pem(text: &str) -> Result<Self, SigningError> {
        let blocks = pem::read(text);
        if let Some(block) = blocks.iter().find(|block| block.label == PRIVATE) {
            return Self::from_pkcs8(&block.der);
        }
        let holds = |label: &str| blocks.iter().any(|block| block.label == label);
        let problem = if holds("EC PRIVATE KEY") {
            "a private key in SEC1; convert it: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW"
        } else if holds("ENCRYPTED PRIVATE KEY") {
            "an encrypted private key; decrypt it: openssl pkcs8 -in OLD -out NEW"
        } else if holds(PUBLIC) {
            "a public key, expected the private one"
        } else {
            "expected a PEM file with -----BEGIN PRIVATE KEY-----, as `underwrite keygen` writes it"
        };
        Err(SigningError::Key(problem.to_owned()))
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, SigningError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random)
            .map_err(|reason| {
                SigningError::Key(format!(
                    "expected an ECDSA key on P-256 (prime256v1) in PKCS#8: {reason}"
                ))
            })?;
        let public = PublicKey::from_point(pair.public_key().as_ref())?;
        Ok(Self {
            pair,
            random,
            public,
        })
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// An ASN.1 signature of SHA-256 over these bytes. Each call gives another one.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = self.pair.sign(&self.random, bytes);
        let signature = signature.map_err(|_| SigningError::Sign)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// The key that checks a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: [u8; POINT],
    pem: String,
    id: String,
}

impl PublicKey {
    /// Reads a PEM file that holds a public key on P-256.
    ///
    /// # Errors
    /// A sentence that says what the file holds instead.
    pub fn from_pem(text: &str) -> Result<Self, SigningError> {
        let blocks = pem::read(text);
        let Some(block) = blocks.iter().find(|block| block.label == PUBLIC) else {
            let private = |label: &str| label.ends_with("PRIVATE KEY");
            let problem = match blocks.iter().any(|block| private(&block.label)) {
                true => {
                    "a private key, expected the public one: keep the private key where models are signed"
                }
                false => "expected a PEM file with -----BEGIN PUBLIC KEY-----",
            };
            return Err(SigningError::Key(problem.to_owned()));
        };
        match block.der.strip_prefix(&SPKI_HEAD) {
            Some(point) => Self::from_point(point),
            None => Err(not_p256()),
        }
    }

    fn from_point(point: &[u8]) -> Result<Self, SigningError> {
        let point: [u8; POINT] = point.try_into().map_err(|_| not_p256())?;
        if point[0] != UNCOMPRESSED {
            return Err(not_p256());
        }
        let pem = pem::write(PUBLIC, &[&SPKI_HEAD[..], &point].concat());
        Ok(Self {
            point,
            id: sha256(pem.as_bytes()),
            pem,
        })
    }

    /// Its PEM file.
    #[must_use]
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// What bundles call it: SHA-256 of its PEM file, 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this key's private half signed these bytes.
    pub(crate) fn is_of(&self, signature: &[u8], bytes: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point);
        key.verify(bytes, signature).is_ok()
    }
}

fn not_p256() -> SigningError {
    let problem = "expected an ECDSA public key on P-256 (prime256v1), uncompressed";
    SigningError::Key(problem.to_owned())
}
