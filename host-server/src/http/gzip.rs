//! Unpacking: a little gzip can hold a lot.

use std::io::Read;

use axum::body::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::buffer::Buffer;
use super::error::ApiError;
use super::memory::Memory;

/// Bytes that are unpacked at once.
const PIECE: usize = 64 << 10;

/// The content of gzip, of one or more members, at most `limit` bytes. It may take a while: not
/// on a thread that serves connections.
///
/// # Errors
/// When it is no gzip, is not whole, is followed by something else, is longer than `limit`
/// unpacked, or there is no memory for it.
pub(crate) fn unpack(packed: &Bytes, limit: usize, memory: &Memory) -> Result<Bytes, ApiError> {
    let mut decoder = MultiGzDecoder::new(&packed[..]);
    let mut bytes = Buffer::new(limit, memory);
    let mut piece = vec![0; PIECE];
    loop {
        let read = decoder
            .read(&mut piece)
            .map_err(|error| ApiError::Malformed {
                detail: format!("The body is said to be gzip, but: {error}"),
            })?;
        if read == 0 {
            return Ok(bytes.into_bytes());
        }
        if bytes.len() + read > limit {
            return Err(ApiError::BodyTooLong { limit });
        }
        bytes.extend(&piece[..read])?;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::caller::Caller;
    use super::super::memory::Budget;
    use super::*;

    fn pack(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn check(packed: Vec<u8>, expect: Result<&[u8], &str>) {
        let memory = Budget::new(4 << 20).of(&Caller::Unknown);
        match (unpack(&packed.into(), 1 << 20, &memory), expect) {
            (Ok(bytes), Ok(expected)) => assert_eq!(bytes, expected),
            (Err(error), Err(sentence)) => {
                assert!(error.detail().contains(sentence), "{}", error.detail());
            }
            (unpacked, _) => panic!("{unpacked:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn all_of_it_counts_and_nothing_else() {
        check(pack(b"one"), Ok(b"one"));
        check([pack(b"one"), pack(b"two")].concat(), Ok(b"onetwo"));
        check(
            [pack(b"one"), b"more".to_vec()].concat(),
            Err("said to be gzip"),
        );
        let whole = pack(b"one");
        check(whole[..whole.len() - 1].to_vec(), Err("said to be gzip"));
        check(Vec::new(), Err("said to be gzip"));
        check(pack(&vec![0; 2 << 20]), Err("longer than 1048576 bytes"));
    }
}
