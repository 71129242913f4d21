//! The digest of a key, as settings have it.

use sha2::{Digest, Sha256};

/// Reads a SHA-256 digest in hexadecimal.
///
/// # Errors
/// What is wrong with it. A key that was put there by mistake is not repeated.
pub(super) fn read(text: &str) -> Result<[u8; 32], &'static str> {
    let digest = from_hex(text)
        .ok_or("expected 64 hexadecimal digits, as `printf %s \"$KEY\" | sha256sum` prints them")?;
    if digest == <[u8; 32]>::from(Sha256::digest(b"")) {
        return Err(
            "it is the digest of an empty key: set KEY before `printf %s \"$KEY\" | sha256sum`",
        );
    }
    Ok(digest)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits_and_of_some_key() {
        assert_eq!(read(&"aB".repeat(32)), Ok([0xab; 32]));
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for text in [
            "",
            "ab",
            &"xy".repeat(32),
            &"+b".repeat(32),
            &"ab".repeat(33),
            &"é".repeat(32),
            nothing,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
