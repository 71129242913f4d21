//! The two files of a run: cases are repeated `[u32 length][bytes]`, answers repeated
//! `[u16 status][u32 length][bytes]`, all little-endian.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// What a host said to one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: Vec<u8>,
}

impl Answer {
    /// Status and body in one.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [&self.status.to_le_bytes(), self.body.as_slice()].concat()
    }
}

/// Writes the cases of a run.
///
/// # Errors
/// When the file cannot be written.
pub fn write_cases(path: &Path, cases: &[Vec<u8>]) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for case in cases {
            let len = u32::try_from(case.len()).map_err(io::Error::other)?;
            file.write_all(&len.to_le_bytes())?;
            file.write_all(case)?;
        }
        file.flush()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a host's answers.
///
/// # Errors
/// When the file cannot be read or is cut short.
pub fn read_answers(path: &Path) -> Result<Vec<Answer>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut rest = bytes.as_slice();
    let mut answers = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<6>() {
        let len = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
        let Some((body, after)) = after.split_at_checked(len) else {
            bail!(
                "{}: cut short after {} answers",
                path.display(),
                answers.len()
            );
        };
        answers.push(Answer {
            status: u16::from_le_bytes([head[0], head[1]]),
            body: body.to_vec(),
        });
        rest = after;
    }
    if !rest.is_empty() {
        bail!(
            "{}: cut short after {} answers",
            path.display(),
            answers.len()
        );
    }
    Ok(answers)
}
