//! SHA-256, as what identifies models, policies and profiles.

use sha2::{Digest, Sha256};

/// In pieces: a browser's engine swaps slow code for fast code only between calls.
#[inline(never)]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for piece in bytes.chunks(4096) {
        digest.update(piece);
    }
    digest.finalize().into()
}

/// As answers give it: `sha256:` and 64 hexadecimal digits.
#[inline(never)]
pub(crate) fn digest_text(digest: &[u8; 32]) -> String {
    format!("sha256:{}", hex(digest))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
