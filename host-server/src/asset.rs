//! A file prepared for sending: digested and compressed once, not for each request.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use model_files::sha256_hex;

/// Smaller files do not gain from compression.
const WORTH_COMPRESSING: usize = 1 << 10;

/// A file's bytes, plain and compressed, each with its entity tag.
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) plain: Variant,
    pub(crate) gzip: Option<Variant>,
}

/// One form of an asset.
pub(crate) struct Variant {
    pub(crate) bytes: Bytes,
    /// Quoted, as HTTP has it.
    pub(crate) etag: String,
}

impl Asset {
    pub(crate) fn new(content_type: &'static str, bytes: Bytes) -> Self {
        let digest = sha256_hex(&bytes);
        let gzip = compress(content_type, &bytes).map(|bytes| Variant {
            bytes,
            etag: format!("\"{digest}-gzip\""),
        });
        Self {
            content_type,
            plain: Variant {
                bytes,
                etag: format!("\"{digest}\""),
            },
            gzip,
        }
    }
}

fn compress(content_type: &str, bytes: &[u8]) -> Option<Bytes> {
    let packed_already = content_type.starts_with("image/") && !content_type.contains("svg");
    if packed_already || bytes.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < bytes.len()).then(|| packed.into())
}
