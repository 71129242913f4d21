//! Writing files so that a crash or a full disk leaves the old file or the new one, never half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// Writes `bytes` aside, makes sure that they are on the disk, and moves them to `target`.
///
/// # Errors
/// When the folder is not there or not writable, or the disk is full; `target` is then as it was.
pub fn write_whole(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = aside(target)?;
    file.as_file_mut().write_all(bytes)?;
    put(file, target)
}

/// Copies everything that `from` gives to `target`, whole or not at all; answers length and SHA-256.
///
/// # Errors
/// As [`write_whole`], or when `from` fails.
pub fn copy_whole(mut from: impl Read, target: &Path) -> io::Result<(u64, String)> {
    let mut file = aside(target)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            break;
        }
        file.as_file_mut().write_all(&block[..read])?;
        hasher.update(&block[..read]);
        length += read as u64;
    }
    put(file, target)?;
    Ok((length, hex(&hasher.finalize())))
}

/// Adds one line to a file of lines; half a line that a crash left at the end is cut off first.
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
        // A full disk: the lines before this one stay whole.
        let _ = file.set_len(end);
    }
    written
}

/// SHA-256 of a file, lower-case hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut block = vec![0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&block[..read]),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn aside(target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".underwrite-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less the umask, as for any new file; the default is the owner alone.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder(target))
}

fn put(file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(target)?;
    #[cfg(unix)]
    File::open(folder(target))?.sync_all()?;
    Ok(())
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Where the last whole line of the file ends, in bytes.
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
    Ok(end.map_or(0, |place| place as u64 + 1))
}
