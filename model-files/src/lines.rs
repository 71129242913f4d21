//! Files of lines that grow at their end, such as JSON Lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Adds one line and syncs it; the file is created if it is not there. An incomplete line
/// that a crash left at the end is removed first.
///
/// # Errors
/// When the file cannot be read or written; the lines before this one stay whole.
pub fn append_line(target: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(target)?;
    let end = end_of_last_line(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    let written = file
        .write_all(format!("{line}\n").as_bytes())
        .and_then(|()| file.sync_data());
    if written.is_err() {
        // The disk is full: take back what was written of this line.
        let _ = file.set_len(end);
    }
    written
}

/// Where the last complete line of the file ends, in bytes.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(0);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(length);
    }
    let mut all = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut all)?;
    let end = all.iter().rposition(|&byte| byte == b'\n');
    Ok(end.map_or(0, |index| index as u64 + 1))
}
