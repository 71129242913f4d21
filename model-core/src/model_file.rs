//! The file `model.wasm` as a container: its seal, its artifact, its custom sections.
//!
//! The layout is written down in `docs/reference/artifact-format.md`. Nothing here runs or
//! compiles WebAssembly; one look at the last [`SEAL_LEN`] bytes tells whether a
//! file is complete and unaltered.

use sha2::{Digest, Sha256};

/// Length in bytes of the seal: the custom section that ends every `model.wasm`.
pub const SEAL_LEN: usize = 75;

/// The name of the section that carries the JavaScript glue (`model.js`).
pub const GLUE_SECTION: &str = "underwrite.glue";

/// The name of the section that carries the types of the glue (`model.d.ts`).
pub const TYPES_SECTION: &str = "underwrite.types";

const SEAL_NAME: &[u8; 15] = b"underwrite.seal";
const SEAL_VERSION: u8 = 1;
const WASM_MAGIC: &[u8; 8] = b"\0asm\x01\0\0\0";

/// Why a file is not a whole `model.wasm`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The file does not start as a WebAssembly module does.
    #[error("not a WebAssembly module: expected it to begin with \\0asm version 1")]
    NotWasm,
    /// The last bytes are not a seal: the file is truncated, or made by another program.
    #[error(
        "no underwrite seal at the end: the file is cut off, or is not a model made by underwrite"
    )]
    NoSeal,
    /// The seal is of a version that this program does not know.
    #[error(
        "the seal is of version {found}, this program reads version {SEAL_VERSION}: use a newer underwrite"
    )]
    SealVersion {
        /// The version in the file.
        found: u8,
    },
    /// The file is shorter or longer than the seal says.
    #[error("the file has {found} bytes, its seal says {expected}: it is cut off or was added to")]
    Length {
        /// Bytes, as the seal says.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The digest in the seal is not the file's.
    #[error("the SHA-256 of the file is not the one in its seal: the file was altered")]
    Digest,
    /// The seal points outside the file.
    #[error("the seal places the artifact outside the file")]
    ArtifactRange,
}

/// A checked `model.wasm`, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct ModelFile<'a> {
    bytes: &'a [u8],
    artifact: &'a [u8],
}

impl<'a> ModelFile<'a> {
    /// Checks the seal over every byte of `bytes`.
    ///
    /// # Errors
    /// When the file is not WebAssembly, is truncated or altered, or has a newer seal.
    pub fn open(bytes: &'a [u8]) -> Result<Self, ModelFileError> {
        let seal = check_ends(bytes, bytes, bytes.len() as u64)?;
        if Sha256::digest(&bytes[..bytes.len() - 32])[..] != seal[43..] {
            return Err(ModelFileError::Digest);
        }
        let artifact = artifact_range(read_u64(&seal[19..27]), read_u64(&seal[27..35]))
            .and_then(|range| bytes.get(range))
            .ok_or(ModelFileError::ArtifactRange)?;
        Ok(Self { bytes, artifact })
    }

    /// The artifact's bytes: header and payload.
    #[must_use]
    pub fn artifact(&self) -> &'a [u8] {
        self.artifact
    }

    /// The content of the first custom section of that name.
    #[must_use]
    pub fn custom_section(&self, name: &str) -> Option<&'a [u8]> {
        custom_section(self.bytes, name)
    }
}

/// Checks what can be checked without reading a file: that it begins as a module, and ends in a
/// seal for a file of `length` bytes, which is returned. `start` are its first bytes, `end` its
/// last ones, at least [`SEAL_LEN`] where it has so many.
///
/// # Errors
/// When the file is not WebAssembly, cut off, longer than its seal says, or of a newer seal.
pub fn check_ends<'a>(
    start: &[u8],
    end: &'a [u8],
    length: u64,
) -> Result<&'a [u8; SEAL_LEN], ModelFileError> {
    if !start.starts_with(WASM_MAGIC) {
        return Err(ModelFileError::NotWasm);
    }
    let (_, seal) = end
        .split_last_chunk::<SEAL_LEN>()
        .ok_or(ModelFileError::NoSeal)?;
    if seal[..18] != seal_head()[..18] {
        return Err(ModelFileError::NoSeal);
    }
    if seal[18] != SEAL_VERSION {
        return Err(ModelFileError::SealVersion { found: seal[18] });
    }
    let expected = read_u64(&seal[35..43]);
    if expected != length {
        return Err(ModelFileError::Length {
            expected,
            found: length,
        });
    }
    Ok(seal)
}

/// Adds the seal to a WebAssembly module that holds the artifact at `offset..offset + len`.
pub fn seal(module: &mut Vec<u8>, offset: u64, len: u64) {
    let total = (module.len() + SEAL_LEN) as u64;
    module.extend_from_slice(&seal_head());
    for number in [offset, len, total] {
        module.extend_from_slice(&number.to_le_bytes());
    }
    let digest = Sha256::digest(&module[..]);
    module.extend_from_slice(&digest);
}

fn seal_head() -> [u8; 19] {
    let mut head = [0; 19];
    head[1] = 73;
    head[2] = 15;
    head[3..18].copy_from_slice(SEAL_NAME);
    head[18] = SEAL_VERSION;
    head
}

fn artifact_range(offset: u64, len: u64) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(len)?).ok()?;
    Some(start..end)
}

fn read_u64(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Walks the sections of a module; `None` as soon as something does not fit.
fn custom_section<'a>(module: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = module.get(WASM_MAGIC.len()..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (len, after) = read_leb128(after)?;
        let body = after.get(..len)?;
        if id == 0 {
            let (name_len, content) = read_leb128(body)?;
            if content.get(..name_len)? == name.as_bytes() {
                return content.get(name_len..);
            }
        }
        rest = after.get(len..)?;
    }
    None
}

fn read_leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty module with one custom section `note` ("hi") and 4 bytes of "artifact".
    fn sealed() -> Vec<u8> {
        let mut module = WASM_MAGIC.to_vec();
        module.extend_from_slice(b"\0\x07\x04notehi");
        let offset = module.len() as u64 + 3;
        module.extend_from_slice(b"\0\x06\x01aDATA");
        seal(&mut module, offset, 4);
        module
    }

    #[test]
    fn opens_what_was_sealed() {
        let file = sealed();
        let open = ModelFile::open(&file).unwrap();
        assert_eq!(open.artifact(), &b"aDATA"[..4]);
        assert_eq!(open.custom_section("note"), Some(&b"hi"[..]));
        assert_eq!(open.custom_section("absent"), None);
    }

    #[test]
    fn refuses_every_truncation_and_every_flipped_byte() {
        let file = sealed();
        for len in 0..file.len() {
            assert!(ModelFile::open(&file[..len]).is_err(), "cut at {len}");
        }
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut altered = file.clone();
                altered[at] ^= 1 << bit;
                assert!(ModelFile::open(&altered).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn names_a_newer_seal() {
        let mut file = sealed();
        let version = file.len() - SEAL_LEN + 18;
        file[version] = 2;
        assert_eq!(
            ModelFile::open(&file).unwrap_err(),
            ModelFileError::SealVersion { found: 2 }
        );
    }
}
