//! What a CSV file says, and what is refused. (model-train's tests of datasets cover the strict
//! reader further.)
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use model_files::csv::{Pieces, StrayQuotes, Table};

type Rows = Vec<(u64, Vec<String>)>;

/// Line and fields of every row, or the error.
fn rows(csv: &[u8], quotes: StrayQuotes) -> Result<Rows, String> {
    let mut table = Table::open_with(csv, "d.csv", quotes).map_err(|e| e.to_string())?;
    let columns = table.header().len();
    let mut rows = Vec::new();
    while let Some(row) = table.next_row().map_err(|e| e.to_string())? {
        let fields = (0..columns).map(|index| row.field(index).to_owned());
        rows.push((row.line, fields.collect()));
    }
    Ok(rows)
}

fn check(csv: &[u8], quotes: StrayQuotes, expect: Result<&[(u64, [&str; 2])], &str>) {
    let expect = expect.map_err(str::to_owned).map(|rows| {
        let owned = |fields: &[&str; 2]| fields.map(str::to_owned).to_vec();
        rows.iter()
            .map(|(line, fields)| (*line, owned(fields)))
            .collect::<Rows>()
    });
    let text = String::from_utf8_lossy(csv);
    assert_eq!(rows(csv, quotes), expect, "{text}");
}

#[test]
fn rows_know_their_lines() {
    for quotes in [StrayQuotes::Refused, StrayQuotes::Kept] {
        check(
            b"\xEF\xBB\xBFa,b\r\n\r\n1,\"two\r\nlines\"\r\n3,\"say \"\"4\"\"\"",
            quotes,
            Ok(&[(3, ["1", "two\r\nlines"]), (5, ["3", "say \"4\""])]),
        );
    }
}

#[test]
fn stray_quotes_are_refused_or_text() {
    let csv = b"a,b\n1,5\" pipe\n2,\"x\"y\n3,z\n";
    check(
        csv,
        StrayQuotes::Refused,
        Err(
            "d.csv, line 2: a quote (\") is in the wrong place or never closed: \
             quote the whole field and double the quotes inside",
        ),
    );
    check(
        csv,
        StrayQuotes::Kept,
        Ok(&[(2, ["1", "5\" pipe"]), (3, ["2", "xy"]), (4, ["3", "z"])]),
    );
}

#[test]
fn an_unclosed_quote_swallows_no_rows() {
    for csv in [
        &b"a,b\n1,\"open\n2,x\n3,y\n"[..],
        b"a,b\n1,\"",
        b"a,b\n1,\"open\n",
        b"a,b\n1,\"\"\"\n",
    ] {
        check(
            csv,
            StrayQuotes::Kept,
            Err("d.csv, line 2: a quote (\") is never closed: close it; the file may be truncated"),
        );
        assert!(rows(csv, StrayQuotes::Refused).is_err());
    }
    let mut long = b"a,b\n1,\"".to_vec();
    long.extend(vec![b'x'; 2 << 20]);
    let error = rows(&long, StrayQuotes::Kept).unwrap_err();
    assert!(
        error.starts_with("d.csv, line 2: the record is longer than 1 MiB"),
        "{error}"
    );
}

#[test]
fn errors_name_the_line_and_the_column() {
    for (csv, expect) in [
        (
            &b""[..],
            "d.csv: the file is empty, expected a header line with the columns' names",
        ),
        (
            b"a,b,a\n",
            "d.csv, line 1, column 'a': the header names this column twice: rename one",
        ),
        (
            b"a,b\n1\n",
            "d.csv, line 2: expected 2 fields as in the header, got 1",
        ),
        (
            b"a,b\n1,x\n2,\xff\n",
            "d.csv, line 3, column 'b': the text is not UTF-8: save the file as UTF-8",
        ),
        // Two halves of a character are not a character.
        (
            b"a,b\n\xc3,\xa9\n",
            "d.csv, line 2, column 'a': the text is not UTF-8: save the file as UTF-8",
        ),
    ] {
        check(csv, StrayQuotes::Refused, Err(expect));
    }
}

/// Rows of the pieces of a file, one after the other, or the error.
fn rows_of_pieces(csv: &[u8]) -> Result<Rows, String> {
    let mut pieces = Pieces::open(csv, "d.csv").map_err(|e| e.to_string())?;
    let columns = pieces.head().header().len();
    let mut rows = Vec::new();
    while let Some(piece) = pieces.next_piece().map_err(|e| e.to_string())? {
        let mut table = pieces.head().table(&piece);
        while let Some(row) = table.next_row().map_err(|e| e.to_string())? {
            let fields = (0..columns).map(|index| row.field(index).to_owned());
            rows.push((row.line, fields.collect()));
        }
    }
    Ok(rows)
}

#[test]
fn pieces_are_the_file() {
    let long = |text: &str, times: usize| format!("a,b\n{}", text.repeat(times)).into_bytes();
    // More than a piece each: plain, with quoted line endings, other line endings, empty lines
    // and byte order marks at the front of rows.
    let sound = [
        long("1,22\n", 500_000),
        long("1,\"two\nlines, \"\"quoted\"\"\"\n", 90_000),
        long("1,22\r\n\r\n", 300_000),
        long("1,22\r", 500_000),
        long("\u{feff}1,22\n", 300_000),
        b"a,b".to_vec(),
        b"a,b\n".to_vec(),
        b"a,b\r\n1,2".to_vec(),
    ];
    // An error far into the file, and what follows it.
    let with = |wrong: &str| {
        let mut text = long("1,22\n", 400_000);
        text.extend_from_slice(wrong.as_bytes());
        text.extend(std::iter::repeat_n(b"3,4\n", 300_000).flatten());
        text
    };
    let wrong = [
        with("1,2,3\n"),
        with("1,a\"b\n"),
        with("\"1\"x,2\n"),
        with("1,\"never closed\n"),
        with(&format!("1,{}\n", "9".repeat(1 << 21))),
    ];
    for csv in sound.iter().chain(&wrong) {
        let whole = rows(csv, StrayQuotes::Refused);
        let start = String::from_utf8_lossy(&csv[..csv.len().min(60)]).into_owned();
        assert!(whole == rows_of_pieces(csv), "{start:?}");
    }
    for csv in &wrong {
        let error = rows(csv, StrayQuotes::Refused).unwrap_err();
        assert_eq!(Err(error), rows_of_pieces(csv));
    }
}

/// Hands out one byte at a time, so that no record is whole in a buffer.
struct Dripping<'a>(&'a [u8]);

impl std::io::Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

/// Its line, its bytes and its fields.
type Record = (u64, Vec<u8>, Vec<String>);

/// Line, bytes and fields of every row, then the error, if there is one; the bytes that were read
/// and how lines end.
fn everything(source: impl std::io::Read) -> (Vec<Record>, String) {
    let mut table = Table::open(source, "d.csv").unwrap();
    let columns = table.header().len();
    let mut rows = Vec::new();
    let error = loop {
        match table.next_row() {
            Ok(Some(row)) => {
                let fields = (0..=columns).map(|index| row.field(index).to_owned());
                rows.push((row.line, row.raw.to_vec(), fields.collect()));
            }
            Ok(None) => break String::new(),
            Err(error) => break error.to_string(),
        }
    };
    let end = format!(
        "{error}, {} bytes, {:?}",
        table.bytes_read(),
        table.line_end()
    );
    (rows, end)
}

#[test]
fn records_in_one_buffer_are_those_of_many() {
    // A generator of our own, so that a failure can be repeated.
    let mut state = 7u64;
    let mut pick = |of: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % of
    };
    const PARTS: [&[u8]; 20] = [
        b"1",
        b"22.5",
        b"RENT",
        b"",
        b"\xc3\xa9",
        b"a long field, in words: none",
        b" ",
        b"x",
        b"\n",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r",
        b",",
        b",",
        b",",
        b"\"q\"",
        b"\"",
        b"\xff",
        b"\xef\xbb\xbf",
    ];
    for _ in 0..3000 {
        // Some texts are sound for long, others have every oddity.
        let (parts, fields) = (8 + pick(13), 1 + pick(3));
        let mut csv = vec!["a", "a,b", "a,b,c"][fields - 1].as_bytes().to_vec();
        csv.extend_from_slice([b"\n".as_slice(), b"\r\n"][pick(2)]);
        for _ in 0..pick(40) {
            for field in 0..fields {
                csv.extend_from_slice(PARTS[pick(parts)]);
                csv.extend_from_slice([b"\n", b","][usize::from(field + 1 < fields)]);
            }
        }
        let shown = String::from_utf8_lossy(&csv);
        assert_eq!(
            everything(csv.as_slice()),
            everything(Dripping(&csv)),
            "{shown:?}"
        );
    }
}
