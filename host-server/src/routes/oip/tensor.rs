//! Tensors: a datatype, a shape, and values as JSON or as bytes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::rows::{Cells, Fixed, Numbers, Span, Unreadable, list, short};

/// The most dimensions that a shape has here.
const DIMENSIONS: usize = 2;

/// An input as it is in a request.
#[derive(Deserialize)]
pub(super) struct Tensor<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    shape: &'a RawValue,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(default, deserialize_with = "short")]
    parameters: Option<Parameters>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Parameters {
    /// The number of bytes it has behind the JSON, when its values are there.
    #[serde(default, deserialize_with = "short")]
    binary_data_size: Option<usize>,
}

/// How many rows a tensor has, and how many values each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) width: usize,
}

impl Tensor<'_> {
    /// Its shape, `[rows]` or `[rows, width]`.
    pub(super) fn shape(&self, body: &[u8]) -> Result<Shape, Unreadable> {
        let wrong = || {
            let (name, shape) = (&self.name, self.shape.get());
            let shape = &shape[..shape.floor_char_boundary(64)];
            Unreadable::Other(format!(
                "input `{name}`: its shape is {shape}, expected [rows] or [rows, width]"
            ))
        };
        let sizes = list(body, self.shape.get().as_bytes(), DIMENSIONS).map_err(|_| wrong())?;
        let sizes: Option<Vec<usize>> = sizes
            .iter()
            .map(|size| std::str::from_utf8(size.of_body(body)).ok()?.parse().ok())
            .collect();
        match sizes.as_deref() {
            Some(&[rows]) => Ok(Shape { rows, width: 1 }),
            Some(&[rows, width]) => Ok(Shape { rows, width }),
            _ => Err(wrong()),
        }
    }

    /// Its values in row-major order, `count` of them; takes its own bytes from the front of
    /// `binary`, a part of `body`.
    pub(super) fn values(
        &self,
        body: &[u8],
        binary: &mut &[u8],
        count: usize,
    ) -> Result<Cells, Unreadable> {
        let size = self
            .parameters
            .as_ref()
            .and_then(|given| given.binary_data_size);
        let cells = match (size, self.data) {
            (Some(_), Some(_)) => {
                let both = "it has `data` and `binary_data_size`: give its values once";
                return Err(self.wrong(both));
            }
            (Some(size), None) => {
                let (bytes, rest) = binary.split_at_checked(size).ok_or_else(|| {
                    self.wrong(&format!(
                        "it says {size} bytes of binary data, {} are left",
                        binary.len()
                    ))
                })?;
                *binary = rest;
                self.read_binary(body, bytes, count)?
            }
            (None, Some(data)) => {
                let json = data.get().as_bytes();
                let values = Cells::flat(body, json, count, DIMENSIONS - 1);
                Cells::Json {
                    spans: values.map_err(|error| match error {
                        Unreadable::TooManyRows => self.wrong(&self.other_count("more", count)),
                        Unreadable::Json(error) => self.wrong(&error.to_string()),
                        other => other,
                    })?,
                    numbers: match &self.datatype[..] {
                        "FP32" => Numbers::Singles,
                        "BYTES" => Numbers::Texts,
                        _ => Numbers::Exact,
                    },
                }
            }
            (None, None) => return Err(self.wrong("it has no data")),
        };
        match cells.len() == count {
            true => Ok(cells),
            false => Err(self.wrong(&self.other_count(&cells.len().to_string(), count))),
        }
    }

    fn other_count(&self, found: &str, count: usize) -> String {
        format!("it has {found} values, its shape {count}")
    }

    fn read_binary(&self, body: &[u8], bytes: &[u8], count: usize) -> Result<Cells, Unreadable> {
        if self.datatype == "BYTES" {
            return texts(body, bytes, count).map_err(|reason| self.wrong(reason));
        }
        let datatype = Fixed::named(&self.datatype).ok_or_else(|| {
            self.wrong(&format!(
                "datatype {} is not taken, expected BOOL, INT8 to INT64, UINT8 to UINT64, FP32, FP64 or BYTES",
                &self.datatype[..self.datatype.floor_char_boundary(64)]
            ))
        })?;
        if !bytes.len().is_multiple_of(datatype.size()) {
            return Err(self.wrong(&format!(
                "{} bytes are no whole {}s",
                bytes.len(),
                self.datatype
            )));
        }
        let span = Span::of(body, bytes);
        Ok(Cells::Binary { datatype, span })
    }

    fn wrong(&self, what: &str) -> Unreadable {
        Unreadable::Other(format!("input `{}`: {what}", self.name))
    }
}

/// Each with its length before it, 4 bytes, little-endian; not more than `most`.
fn texts(body: &[u8], mut bytes: &[u8], most: usize) -> Result<Cells, &'static str> {
    let mut spans = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        if spans.len() == most {
            return Err("it has more values than its shape");
        }
        let length = u32::from_le_bytes(*length) as usize;
        let (text, rest) = rest
            .split_at_checked(length)
            .ok_or("a text is longer than the data")?;
        std::str::from_utf8(text).map_err(|_| "a text is not UTF-8")?;
        spans.push(Span::of(body, text));
        bytes = rest;
    }
    match bytes.is_empty() {
        true => Ok(Cells::Texts(spans)),
        false => Err("the data ends within a length"),
    }
}
