//! PEM (RFC 7468): base64 between two lines that say what it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of base64 in a line.
const COLUMNS: usize = 64;

/// What the label of a block comes after.
const BEGIN: &str = "-----BEGIN ";

/// A block of a PEM file.
pub(crate) struct Block {
    /// Such as `PUBLIC KEY`.
    pub(crate) label: String,
    pub(crate) der: Vec<u8>,
}

/// The text of one block, as OpenSSL writes it.
pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("{BEGIN}{label}-----\n");
    for line in base64.as_bytes().chunks(COLUMNS) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// Whether a block of a private key begins in a text, of whatever kind, encrypted or not.
pub(crate) fn has_private_key(text: &str) -> bool {
    let mut labels = text.split(BEGIN).skip(1);
    labels.any(|begun| {
        let line = begun.lines().next().unwrap_or_default();
        line.contains("PRIVATE KEY")
    })
}

/// All blocks of a text; what stands outside of blocks is skipped, a damaged block left out.
pub(crate) fn read(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once(BEGIN) {
        let Some((label, body)) = begun.split_once("-----") else {
            break;
        };
        let end = format!("-----END {label}-----");
        let Some((base64, after)) = body.split_once(&end) else {
            break;
        };
        let base64: String = base64.split_whitespace().collect();
        if let Ok(der) = STANDARD.decode(base64) {
            let label = label.to_owned();
            blocks.push(Block { label, der });
        }
        rest = after;
    }
    blocks
}
