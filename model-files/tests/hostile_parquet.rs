//! Parquet files that claim more than they have, and what bounds the memory of those that do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model_files::parquet::{CsvText, ParquetFile};
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
const PLAIN: i64 = 0;
const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
const DELTA_BYTE_ARRAY: i64 = 7;
const RLE_DICTIONARY: i64 = 8;

/// A struct of Thrift's compact protocol; its fields come in the order of their numbers.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    before: u8,
}

impl Fields {
    fn raw(mut self, number: u8, wire: u8, value: &[u8]) -> Self {
        self.bytes.push((number - self.before) << 4 | wire);
        self.before = number;
        self.bytes.extend(value);
        self
    }

    fn number(self, number: u8, wire: u8, value: i64) -> Self {
        self.raw(number, wire, &zigzag(value))
    }

    fn list(self, number: u8, wire: u8, count: u64, items: &[Vec<u8>]) -> Self {
        let header = [vec![0xf0 | wire], varint(count)].concat();
        self.raw(number, LIST, &[header, items.concat()].concat())
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn zigzag(value: i64) -> Vec<u8> {
    varint((value << 1 ^ value >> 63) as u64)
}

fn binary(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn group(children: i64) -> Vec<u8> {
    Fields::default()
        .number(3, I32, 0)
        .raw(4, BINARY, &binary(b"g"))
        .number(5, I32, children)
        .end()
}

/// A column of texts.
fn column(name: &str) -> Vec<u8> {
    Fields::default()
        .number(1, I32, 6)
        .number(3, I32, 0)
        .raw(4, BINARY, &binary(name.as_bytes()))
        .number(6, I32, 0)
        .end()
}

fn file(pages: &[u8], schema: &[Vec<u8>], groups: (u64, &[Vec<u8>])) -> Vec<u8> {
    let footer = Fields::default()
        .number(1, I32, 1)
        .list(2, STRUCT, schema.len() as u64, schema)
        .number(3, I64, 0)
        .list(4, STRUCT, groups.0, groups.1)
        .end();
    let length = (footer.len() as u32).to_le_bytes();
    [b"PAR1", pages, &footer, &length, b"PAR1"].concat()
}

fn with_schema(schema: &[Vec<u8>]) -> Vec<u8> {
    file(&[], schema, (0, &[]))
}

/// A page, and how many values it says that it has.
struct Page<'p> {
    is_dictionary: bool,
    encoding: i64,
    values: i64,
    data: &'p [u8],
    /// How many bytes it says that they become.
    becomes: usize,
}

/// A file of one row group with one column of texts, named `t`.
fn with_pages(rows: i64, pages: &[Page<'_>]) -> Vec<u8> {
    packed(0, rows, pages)
}

/// The same, packed as the format numbers it.
fn packed(codec: i64, rows: i64, pages: &[Page<'_>]) -> Vec<u8> {
    with_columns(codec, rows, pages, &["t"])
}

/// The same with several columns, all of which are the same pages.
fn with_columns(codec: i64, rows: i64, pages: &[Page<'_>], names: &[&str]) -> Vec<u8> {
    let mut stored = Vec::new();
    let mut data_page = None;
    for page in pages {
        if !page.is_dictionary && data_page.is_none() {
            data_page = Some(stored.len());
        }
        let inner = Fields::default()
            .number(1, I32, page.values)
            .number(2, I32, page.encoding);
        let header = Fields::default()
            .number(1, I32, if page.is_dictionary { 2 } else { 0 })
            .number(2, I32, page.becomes as i64)
            .number(3, I32, page.data.len() as i64);
        let header = if page.is_dictionary {
            header.raw(7, STRUCT, &inner.end())
        } else {
            header.raw(5, STRUCT, &inner.number(3, I32, 3).number(4, I32, 3).end())
        };
        stored.extend(header.end());
        stored.extend(page.data);
    }
    let size = stored.len() as i64;
    let chunk = |name: &&str| {
        let mut metadata = Fields::default()
            .number(1, I32, 6)
            .list(2, I32, 1, &[zigzag(0)])
            .list(3, BINARY, 1, &[binary(name.as_bytes())])
            .number(4, I32, codec)
            .number(5, I64, rows)
            .number(6, I64, size)
            .number(7, I64, size)
            .number(9, I64, 4 + data_page.unwrap() as i64);
        if pages.iter().any(|page| page.is_dictionary) {
            metadata = metadata.number(11, I64, 4);
        }
        Fields::default()
            .number(2, I64, 4)
            .raw(3, STRUCT, &metadata.end())
            .end()
    };
    let chunks: Vec<_> = names.iter().map(chunk).collect();
    let group_ = Fields::default()
        .list(1, STRUCT, chunks.len() as u64, &chunks)
        .number(2, I64, size)
        .number(3, I64, rows);
    let columns = names.iter().map(|name| column(name));
    let schema: Vec<_> = std::iter::once(group(names.len() as i64))
        .chain(columns)
        .collect();
    file(&stored, &schema, (1, &[group_.end()]))
}

/// A text as a dictionary has it.
fn plain(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_le_bytes(), text].concat()
}

/// Indexes of a dictionary: the first text, so many times.
fn first_text(rows: i64) -> Vec<u8> {
    [vec![1], varint(rows as u64 * 2), vec![0]].concat()
}

/// Packed integers in one block: a first one, and then differences of 0.
fn constant(first: i64, count: i64) -> Vec<u8> {
    let block = if count > 1 { vec![0; 2] } else { Vec::new() };
    let block_size = (count as u64).next_multiple_of(128);
    [
        varint(block_size),
        varint(1),
        varint(count as u64),
        zigzag(first),
        block,
    ]
    .concat()
}

fn stored(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut csv = CsvText::open(path, "f").map_err(|error| error.to_string())?;
    let mut text = String::new();
    csv.read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(text)
}

fn check_refused(name: &str, bytes: &[u8], expected: &str) {
    let error = text_of(&stored(name, bytes)).unwrap_err();
    assert!(error.contains(expected), "{name}: {error}");
}

const NESTED: &str = "nested and repeated columns cannot be read: write one value a row";
const NO_FOOTER: &str = "its footer is malformed";
const LONG: &str = "the record is longer than 1 MiB, the most that is read: shorten it";

#[test]
fn nesting_of_any_depth_is_refused() {
    for depth in [1, 31, 33, 20_000, 1_000_000] {
        let mut schema = vec![group(1); depth + 1];
        schema.push(column("t"));
        check_refused("deep.parquet", &with_schema(&schema), NESTED);
    }
}

#[test]
fn a_schema_has_what_it_says() {
    let missing = "a group has fewer columns than it claims";
    let schema = |children| with_schema(&[group(children), column("t")]);
    check_refused("children.parquet", &schema(i64::from(i32::MAX)), missing);
    check_refused("children.parquet", &schema(2), missing);
    check_refused("children.parquet", &schema(-1), NO_FOOTER);
    assert_eq!(text_of(&stored("one.parquet", &schema(1))).unwrap(), "t\n");

    let few = file(&[], &[group(1), column("t")], (i32::MAX as u64, &[]));
    check_refused("groups.parquet", &few, NO_FOOTER);
}

/// The library goes by a field's number, so that a wrong type would hide what it reads.
#[test]
fn fields_of_another_type_are_refused() {
    let hidden = Fields::default()
        .raw(1, BINARY, &binary(&group(i64::from(i32::MAX))))
        .end();
    check_refused("type.parquet", &with_schema(&[hidden]), NO_FOOTER);
    let as_i64 = Fields::default()
        .raw(4, BINARY, &binary(b"g"))
        .number(5, I64, i64::from(i32::MAX))
        .end();
    check_refused("type.parquet", &with_schema(&[as_i64]), NO_FOOTER);
    let logical = Fields::default().raw(1, BINARY, &binary(b"xyz")).end();
    let logical = Fields::default()
        .number(1, I32, 6)
        .number(3, I32, 0)
        .raw(4, BINARY, &binary(b"t"))
        .raw(10, STRUCT, &logical)
        .end();
    check_refused(
        "type.parquet",
        &with_schema(&[group(1), logical]),
        NO_FOOTER,
    );
}

#[test]
fn ten_thousand_columns_are_read_and_no_more() {
    let wide = |columns: usize| {
        let names = (0..columns).map(|index| column(&format!("c{index}")));
        let schema: Vec<_> = std::iter::once(group(columns as i64))
            .chain(names)
            .collect();
        with_schema(&schema)
    };
    let path = stored("wide.parquet", &wide(10_000));
    assert_eq!(
        ParquetFile::open(&path, "f").unwrap().header()[9_999],
        "c9999"
    );
    check_refused(
        "wider.parquet",
        &wide(10_001),
        "the file has more than 10,000 columns, the most that are read: select those you need",
    );
    let twice = with_schema(&[group(2), column("t"), column("t")]);
    check_refused("twice.parquet", &twice, "two columns have this name");
}

/// One text in a dictionary, which says that it has more.
fn of_dictionary(text: &[u8], claimed: i64, rows: i64) -> Vec<u8> {
    let (text, indexes) = (plain(text), first_text(rows));
    let dictionary = Page {
        is_dictionary: true,
        encoding: PLAIN,
        values: claimed,
        data: &text,
        becomes: text.len(),
    };
    let data = Page {
        is_dictionary: false,
        encoding: RLE_DICTIONARY,
        values: rows,
        data: &indexes,
        becomes: indexes.len(),
    };
    with_pages(rows, &[dictionary, data])
}

#[test]
fn a_dictionary_has_what_it_says() {
    let path = stored("dictionary.parquet", &of_dictionary(b"yes", 1, 3));
    assert_eq!(text_of(&path).unwrap(), "t\nyes\nyes\nyes\n");
    for claimed in [2, 50_000_000, i64::from(i32::MAX)] {
        check_refused(
            "dictionary.parquet",
            &of_dictionary(b"yes", claimed, 3),
            "a dictionary has fewer values than it claims",
        );
    }
}

#[test]
fn long_texts_are_refused_and_others_end_a_block() {
    let long = vec![b'y'; (1 << 20) + 1];
    check_refused("long.parquet", &of_dictionary(&long, 1, 100_000), LONG);

    let text = vec![b'y'; 1 << 18];
    let path = stored("block.parquet", &of_dictionary(&text, 1, 1_000));
    let file = ParquetFile::open(&path, "f").unwrap();
    let mut group = file.group(0, |_| true).unwrap();
    let mut rows = Vec::new();
    while let Some(block) = group.next_block().unwrap() {
        rows.push(block.rows);
    }
    // 64 MiB, 256 rows.
    assert_eq!(rows, [256, 256, 256, 232]);
}

/// A page of many texts, which are packed into few bytes.
#[test]
fn a_page_becomes_what_it_says_and_no_more() {
    let texts = plain(&[b'y'; 1_000]).repeat(1_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&texts).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut brotli = Vec::new();
    brotli::CompressorWriter::new(&mut brotli, 4_096, 5, 22)
        .write_all(&texts)
        .unwrap();
    for (codec, data) in [(0, &texts), (2, &gzip), (4, &brotli)] {
        let page = |becomes| {
            let page = Page {
                is_dictionary: false,
                encoding: PLAIN,
                values: 1_000,
                data,
                becomes,
            };
            packed(codec, 1_000, &[page])
        };
        let path = stored("packed.parquet", &page(texts.len()));
        assert_eq!(text_of(&path).unwrap().len(), 2 + 1_000 * 1_001);
        check_refused(
            "packed.parquet",
            &page((128 << 20) + 1),
            "a page has more than 128 MiB",
        );
        if codec != 0 {
            for becomes in [0, 100, texts.len() - 1, texts.len() + 1] {
                let bytes = page(becomes);
                let error = text_of(&stored("packed.parquet", &bytes)).unwrap_err();
                let size = "a page does not have the size that it claims";
                assert!(becomes == 0 || error.contains(size), "{codec}: {error}");
            }
        }
    }
}

/// A frame of Zstandard whose blocks are these: their type, their size and their bytes.
fn zstd(size: usize, blocks: &[(u32, usize, &[u8])]) -> Vec<u8> {
    // The size of all has four bytes, and the window a mebibyte.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x50];
    frame.extend((size as u32).to_le_bytes());
    for (index, (kind, size, bytes)) in blocks.iter().enumerate() {
        let last = u32::from(index + 1 == blocks.len());
        let header = (*size as u32) << 3 | kind << 1 | last;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(*bytes);
    }
    frame
}

/// So many mebibytes of zeros: four bytes for each 128 KiB.
fn zeros(mebibytes: usize) -> Vec<u8> {
    zstd(
        mebibytes << 20,
        &vec![(1, 128 << 10, &[0][..]); mebibytes * 8],
    )
}

/// Texts of no length, as a page has them and as a dictionary does.
#[test]
fn the_pages_of_all_columns_share_their_memory() {
    const ZSTD: i64 = 6;
    const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    const TOO_MUCH: &str = "take more than 768 MiB of memory together, and more than 32 times the size of the file: write smaller pages (`data_page_size=65536` in Polars and pyarrow)";
    const BYTES: usize = 120 << 20;
    const ROWS: i64 = 128;
    let page = |is_dictionary, encoding, values, data, becomes| Page {
        is_dictionary,
        encoding,
        values,
        data,
        becomes,
    };
    let large = zeros(120);
    let indexes = first_text(ROWS);
    let packed_indexes = zstd(indexes.len(), &[(0, indexes.len(), &indexes)]);
    let plain = page(false, PLAIN, ROWS, &large, BYTES);
    let dictionary = [
        page(true, PLAIN, 1, &large, BYTES),
        page(false, RLE_DICTIONARY, ROWS, &packed_indexes, indexes.len()),
    ];
    for pages in [&[plain][..], &dictionary] {
        let path = stored("six.parquet", &with_columns(ZSTD, ROWS, pages, &NAMES[..6]));
        let text = text_of(&path).unwrap();
        assert_eq!(text.lines().count(), 129);
        let seven = with_columns(ZSTD, ROWS, pages, &NAMES);
        check_refused("seven.parquet", &seven, TOO_MUCH);
        // Only those that are read.
        let file = ParquetFile::open(&stored("seven.parquet", &seven), "f").unwrap();
        let mut group = file.group(0, |index| index > 0).unwrap();
        assert_eq!(group.next_block().unwrap().unwrap().rows, 128);
    }
    // Each text of a dictionary takes memory beside its bytes.
    let texts = zeros(16);
    let of_texts = [
        page(true, PLAIN, 1 << 22, &texts, 16 << 20),
        page(false, RLE_DICTIONARY, ROWS, &packed_indexes, indexes.len()),
    ];
    let six = with_columns(ZSTD, ROWS, &of_texts, &NAMES[..6]);
    check_refused("texts.parquet", &six, TOO_MUCH);
    // A page takes the place of the one before it.
    let pages: Vec<_> = (0..7)
        .map(|_| page(false, PLAIN, ROWS, &large, BYTES))
        .collect();
    let one = with_columns(ZSTD, 7 * ROWS, &pages, &NAMES[..1]);
    let text = text_of(&stored("one.parquet", &one)).unwrap();
    assert_eq!(text.lines().count(), 1 + 7 * 128);
    // A longer file may take more.
    let mut longer = with_columns(ZSTD, ROWS, &dictionary, &NAMES);
    let footer = longer.split_off(longer.len() - footer_of(&longer));
    longer.resize(27 << 20, 0);
    longer.extend(footer);
    let text = text_of(&stored("longer.parquet", &longer)).unwrap();
    assert_eq!(text.lines().count(), 129);
}

/// The length of what stands behind the pages.
fn footer_of(file: &[u8]) -> usize {
    let length = file[file.len() - 8..][..4].try_into().unwrap();
    u32::from_le_bytes(length) as usize + 8
}

#[test]
fn a_block_of_many_columns_has_fewer_rows() {
    let fields: String = (0..4_096)
        .map(|i| format!("required int32 c{i}; "))
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message m {{ {fields} }}")).unwrap());
    let path = stored("columns.parquet", b"");
    let sink = std::fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(sink, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    while let Some(mut column) = group.next_column().unwrap() {
        let values = column.typed::<parquet::data_type::Int32Type>();
        values.write_batch(&[7; 300], None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let file = ParquetFile::open(&path, "f").unwrap();
    // A block ends after a million cells of what is read.
    for (wanted, expected) in [(4_096, &[256, 44][..]), (1, &[300][..])] {
        let mut group = file.group(0, |index| index < wanted).unwrap();
        let mut rows = Vec::new();
        while let Some(block) = group.next_block().unwrap() {
            rows.push(block.rows);
        }
        assert_eq!(rows, expected);
    }
}

#[test]
fn lengths_are_looked_over() {
    let page = |encoding, values, data: &[u8]| {
        let page = Page {
            is_dictionary: false,
            encoding,
            values,
            data,
            becomes: data.len(),
        };
        with_pages(values.min(4), &[page])
    };
    let (lengths, shared) = (DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY);
    let two = [constant(2, 4), b"aabbccdd".to_vec()].concat();
    let path = stored("lengths.parquet", &page(lengths, 4, &two));
    assert_eq!(text_of(&path).unwrap(), "t\naa\nbb\ncc\ndd\n");

    let no = "a page does not have the lengths that it claims";
    let many = constant(0, 1 << 40);
    check_refused("lengths.parquet", &page(lengths, 4, &many), no);
    check_refused("lengths.parquet", &page(shared, 4, &many), no);
    let many = [constant(0, 4), many].concat();
    check_refused("lengths.parquet", &page(shared, 4, &many), no);
    let most = constant(0, 1 << 30);
    check_refused(
        "lengths.parquet",
        &page(lengths, 1 << 30, &most),
        "a page has more than 4,194,304 texts",
    );
    // The first text is long, and the others begin with all of it.
    for (length, problem) in [((1 << 20) + 1, LONG), (1 << 20, "")] {
        let prefixes = [
            varint(128),
            varint(1),
            varint(4),
            zigzag(0),
            // The next differences: the length, and 0 twice.
            zigzag(0),
            vec![32],
            (length as u32).to_le_bytes().to_vec(),
            vec![0; 127 * 4],
        ];
        let rest = [
            varint(128),
            varint(1),
            varint(4),
            zigzag(length),
            zigzag(-length),
            vec![32],
        ];
        let mut differences = vec![0; 128 * 4];
        // From the length to 0, and then 0 as it is.
        for slot in 1..3 {
            differences[slot * 4..][..4].copy_from_slice(&(length as u32).to_le_bytes());
        }
        let text = vec![b'x'; length as usize];
        let data = [prefixes.concat(), rest.concat(), differences, text].concat();
        let bytes = page(shared, 4, &data);
        if problem.is_empty() {
            let text = text_of(&stored("prefixes.parquet", &bytes)).unwrap();
            assert_eq!(text.len(), 2 + 4 * (1 + length as usize));
        } else {
            check_refused("prefixes.parquet", &bytes, problem);
        }
    }
}

/// What the library writes in these encodings is read as it was.
#[test]
fn texts_of_every_encoding_are_read() {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut texts: Vec<Option<String>> = Vec::new();
    for row in 0..9_000 {
        let shared = "prefix".repeat(random(40) as usize);
        let text = format!("{shared}{}", random(1_000));
        texts.push((row % 7 > 0).then_some(text));
    }
    for encoding in [
        Encoding::PLAIN,
        Encoding::RLE_DICTIONARY,
        Encoding::DELTA_LENGTH_BYTE_ARRAY,
        Encoding::DELTA_BYTE_ARRAY,
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for field in ["optional binary t (utf8)", "required binary t (utf8)"] {
                for compression in [
                    Compression::UNCOMPRESSED,
                    Compression::GZIP(Default::default()),
                    Compression::BROTLI(Default::default()),
                ] {
                    let properties = WriterProperties::builder()
                        .set_writer_version(version)
                        .set_compression(compression);
                    check_encoding(encoding, properties, field, &texts);
                }
            }
        }
    }
}

fn check_encoding(
    encoding: Encoding,
    properties: WriterPropertiesBuilder,
    field: &str,
    texts: &[Option<String>],
) {
    let is_dictionary = encoding == Encoding::RLE_DICTIONARY;
    let mut properties = properties
        .set_data_page_row_count_limit(1_000)
        .set_dictionary_enabled(is_dictionary);
    if !is_dictionary {
        properties = properties.set_encoding(encoding);
    }
    let path = stored("encoding.parquet", b"");
    let schema = Arc::new(parse_message_type(&format!("message m {{ {field}; }}")).unwrap());
    let sink = std::fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(sink, schema, Arc::new(properties.build())).unwrap();
    let is_optional = field.starts_with("optional");
    let kept: Vec<&Option<String>> = texts
        .iter()
        .filter(|text| is_optional || text.is_some())
        .collect();
    let values: Vec<ByteArray> = kept
        .iter()
        .filter_map(|text| text.as_deref())
        .map(ByteArray::from)
        .collect();
    let levels: Vec<i16> = kept.iter().map(|text| i16::from(text.is_some())).collect();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let levels = is_optional.then_some(levels.as_slice());
    let texts = column.typed::<ByteArrayType>();
    texts.write_batch(&values, levels, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let text = text_of(&path).unwrap();
    let read: Vec<&str> = text.lines().skip(1).collect();
    let written: Vec<&str> = kept.iter().map(|t| t.as_deref().unwrap_or("")).collect();
    assert!(read == written, "{encoding} {field}");
}
