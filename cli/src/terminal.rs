//! What the program prints: the one way to standard output and standard error. A text of
//! somebody else's file cannot move the cursor, begin a line or rename the window there.

use std::fmt::{self, Arguments};
use std::io::{self, Write};

use model_core::texts::is_control;

/// Standard output.
pub(crate) fn stdout() -> impl Write {
    #[expect(clippy::disallowed_methods, reason = "this is the one way to it")]
    let lines = anstream::stdout();
    Printer {
        lines,
        bytes: io::stdout(),
    }
}

/// Standard error.
pub(crate) fn stderr() -> impl Write {
    #[expect(clippy::disallowed_methods, reason = "this is the one way to it")]
    let [lines, bytes] = [anstream::stderr(), anstream::stderr()];
    // No document goes there, but the style of what is wrong.
    Printer { lines, bytes }
}

/// Prints lines with `write!` and `writeln!`: what one of them formats is a line, or a part of
/// one. A control character in it can only come from a file, a service or an argument, and is
/// shown as `\n` or `\u{1b}`; only the line break at its end is ours.
///
/// Documents such as JSON are written as bytes and pass unchanged.
struct Printer<L, B> {
    lines: L,
    /// The same stream; of standard output nothing is taken from what goes there.
    bytes: B,
}

impl<L: Write, B: Write> Write for Printer<L, B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bytes.flush()
    }

    // Whole, not piece by piece: a piece does not tell where its line ends.
    fn write_fmt(&mut self, line: Arguments<'_>) -> io::Result<()> {
        let mut text = String::new();
        fmt::write(&mut text, line).map_err(io::Error::other)?;
        self.lines.write_all(shown(&text).as_bytes())
    }
}

/// A line as a terminal may show it.
fn shown(text: &str) -> String {
    let (line, end) = match text.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (text, ""),
    };
    let mut shown = String::with_capacity(text.len());
    for c in line.chars() {
        if is_control(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push_str(end);
    shown
}
