//! Tensors: a datatype, a shape, and values as JSON or as bytes.

use serde::Deserialize;
use serde_json::{Map, Value};

/// An input as it is in a request.
#[derive(Deserialize)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    #[serde(default)]
    data: Option<Value>,
}

impl Tensor {
    /// The number of bytes it has behind the JSON, when its values are there.
    fn binary_size(&self) -> Option<usize> {
        let size = self.parameters.as_ref()?.get("binary_data_size")?;
        usize::try_from(size.as_u64()?).ok()
    }

    /// Its values in row-major order; takes its own bytes from the front of `binary`.
    pub(super) fn values(&mut self, binary: &mut &[u8]) -> Result<Vec<Value>, String> {
        let mut values = Vec::new();
        match (self.binary_size(), self.data.take()) {
            (Some(size), _) => {
                let (bytes, rest) = binary.split_at_checked(size).ok_or_else(|| {
                    format!(
                        "input `{}` says {size} bytes of binary data, {} are left",
                        self.name,
                        binary.len()
                    )
                })?;
                *binary = rest;
                read_binary(&self.datatype, bytes, &mut values)
                    .map_err(|reason| format!("input `{}`: {reason}", self.name))?;
            }
            (None, Some(data)) => {
                flatten(data, &mut values);
                if self.datatype == "FP32" {
                    values.iter_mut().for_each(round);
                }
            }
            (None, None) => return Err(format!("input `{}` has no data", self.name)),
        }
        let expected = self
            .shape
            .iter()
            .try_fold(1_usize, |product, &size| product.checked_mul(size));
        if expected != Some(values.len()) {
            return Err(format!(
                "input `{}` has {} values, its shape is {:?}",
                self.name,
                values.len(),
                self.shape
            ));
        }
        Ok(values)
    }
}

/// Nested lists and flat ones say the same.
fn flatten(data: Value, values: &mut Vec<Value>) {
    match data {
        Value::Array(list) => list.into_iter().for_each(|one| flatten(one, values)),
        one => values.push(one),
    }
}

fn read_binary(datatype: &str, bytes: &[u8], values: &mut Vec<Value>) -> Result<(), String> {
    macro_rules! numbers {
        ($type:ty) => {{
            let (cells, rest) = bytes.as_chunks::<{ size_of::<$type>() }>();
            if !rest.is_empty() {
                return Err(format!("{} bytes are no whole {datatype}s", bytes.len()));
            }
            values.extend(
                cells
                    .iter()
                    .map(|cell| Value::from(<$type>::from_le_bytes(*cell))),
            );
        }};
    }
    match datatype {
        "BOOL" => values.extend(bytes.iter().map(|byte| Value::from(*byte != 0))),
        "INT8" => numbers!(i8),
        "INT16" => numbers!(i16),
        "INT32" => numbers!(i32),
        "INT64" => numbers!(i64),
        "UINT8" => numbers!(u8),
        "UINT16" => numbers!(u16),
        "UINT32" => numbers!(u32),
        "UINT64" => numbers!(u64),
        "FP64" => numbers!(f64),
        "FP32" => {
            let (cells, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(format!("{} bytes are no whole FP32s", bytes.len()));
            }
            values.extend(cells.iter().map(|cell| single(f32::from_le_bytes(*cell))));
        }
        "BYTES" => read_texts(bytes, values)?,
        other => {
            return Err(format!(
                "datatype {other} is not taken, expected BOOL, INT8 to INT64, UINT8 to UINT64, FP32, FP64 or BYTES"
            ));
        }
    }
    Ok(())
}

/// 0.1 in single precision means 0.1, not 0.100000001490116.
fn single(number: f32) -> Value {
    number
        .to_string()
        .parse::<f64>()
        .map_or(Value::Null, Value::from)
}

/// As JSON a number in single precision has the digits of the double.
fn round(value: &mut Value) {
    if let Some(number) = value.as_f64() {
        *value = single(number as f32);
    }
}

/// Each with its length before it, 4 bytes, little-endian.
fn read_texts(mut bytes: &[u8], values: &mut Vec<Value>) -> Result<(), String> {
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (text, rest) = rest
            .split_at_checked(length)
            .ok_or("a text is longer than the data")?;
        let text = std::str::from_utf8(text).map_err(|_| "a text is not UTF-8")?;
        values.push(Value::from(text));
        bytes = rest;
    }
    match bytes.is_empty() {
        true => Ok(()),
        false => Err("the data ends within a length".to_owned()),
    }
}

/// An output's values as bytes.
pub(super) fn write_binary(values: &[Value], datatype: &str, out: &mut Vec<u8>) {
    for value in values {
        match datatype {
            "INT64" => out.extend(value.as_i64().unwrap_or_default().to_le_bytes()),
            "FP64" => out.extend(value.as_f64().unwrap_or_default().to_le_bytes()),
            _ => {
                let text = value.as_str().unwrap_or_default();
                out.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}
