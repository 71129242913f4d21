//! The Arrow C stream interface, and the only unsafe code of this crate: tables of other
//! libraries are read where they are. The structures are those of
//! <https://arrow.apache.org/docs/format/CDataInterface.html> and
//! <https://arrow.apache.org/docs/format/CStreamInterface.html>.
//!
//! A few dozen lines take the place of the crate `arrow`, which brings a dozen others: only
//! plain columns are read, and [`model_core::columns`] reads them.
#![allow(
    unsafe_code,
    reason = "buffers of another library are given as addresses; the interface says how long they are and for how long they live"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;

use model_core::columns::{Column, ColumnError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::layout::{Buffers, Field, column};

/// The key of a field's metadata that names its extension type.
const EXTENSION: &str = "ARROW:extension:name";

#[repr(C)]
struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct ArrowArrayStream {
    get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    private_data: *mut c_void,
}

/// A stream of record batches, owned.
pub(crate) struct Stream(ArrowArrayStream);

// SAFETY: the interface allows a stream to be moved to another thread, and asks for one call at
// a time, which `&mut self` guarantees.
unsafe impl Send for Stream {}

/// Rows of a table, owned.
pub(crate) struct Batch(ArrowArray);

// SAFETY: an array is not changed once it was given, and may be released by any thread.
unsafe impl Send for Batch {}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: it was not released before: release sets the field to null.
            unsafe { release(&raw mut self.0) }
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: it was not released before: release sets the field to null.
            unsafe { release(&raw mut self.0) }
        }
    }
}

impl Stream {
    /// Takes the stream out of a capsule, as `__arrow_c_stream__` gives one.
    ///
    /// # Errors
    /// Where the capsule holds something else, or its stream was taken before.
    pub(crate) fn take(capsule: &Bound<'_, PyCapsule>) -> PyResult<Result<Self, ColumnError>> {
        let address = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
        let theirs = address.cast::<ArrowArrayStream>().as_ptr();
        // SAFETY: a capsule of this name holds such a structure. It is moved, as the interface
        // has it: the old place is marked as released.
        let stream = unsafe {
            let stream = ptr::read(theirs);
            (*theirs).release = None;
            stream
        };
        Ok(match stream.release {
            Some(_) => Ok(Self(stream)),
            None => Err(ColumnError::new(
                "the table was read before: make a new one",
            )),
        })
    }

    /// The columns of all batches.
    ///
    /// # Errors
    /// Where the stream has none, or is not one of tables.
    pub(crate) fn fields(&mut self) -> Result<Vec<Field>, ColumnError> {
        let get = self.0.get_schema.ok_or_else(released)?;
        // SAFETY: zeros are null pointers and numbers: a released schema.
        let mut schema: ArrowSchema = unsafe { std::mem::zeroed() };
        // SAFETY: the stream is not released, and the schema is ours to fill.
        let status = unsafe { get(&raw mut self.0, &raw mut schema) };
        if status != 0 {
            return Err(self.failed(status));
        }
        let fields = table_fields(&schema);
        if let Some(release) = schema.release {
            // SAFETY: it is released once, and nothing borrows from it.
            unsafe { release(&raw mut schema) }
        }
        fields
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// What the library that makes the table says.
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, ColumnError> {
        let get = self.0.get_next.ok_or_else(released)?;
        // SAFETY: zeros are null pointers and numbers: a released array.
        let mut batch = Batch(unsafe { std::mem::zeroed() });
        // SAFETY: the stream is not released, and the array is ours to fill.
        let status = unsafe { get(&raw mut self.0, &raw mut batch.0) };
        match (status, batch.0.release) {
            (0, None) => Ok(None),
            (0, Some(_)) => Ok(Some(batch)),
            _ => Err(self.failed(status)),
        }
    }

    fn failed(&mut self, status: c_int) -> ColumnError {
        let message = self.0.get_last_error.and_then(|get| {
            // SAFETY: the stream is not released; the text lives until the next call.
            unsafe { text(get(&raw mut self.0)) }
        });
        let message = message.unwrap_or_else(|| format!("error {status}"));
        ColumnError::new(format!("the table cannot be read: {message}"))
    }
}

fn released() -> ColumnError {
    ColumnError::new("the table cannot be read: its stream has no functions")
}

/// A copy of a text; `None` for null.
///
/// # Safety
/// The address is null, or that of a text that ends in a zero.
unsafe fn text(address: *const c_char) -> Option<String> {
    if address.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    let text = unsafe { CStr::from_ptr(address) };
    Some(text.to_string_lossy().into_owned())
}

/// What the metadata of a field calls its extension type.
///
/// # Safety
/// The address is null, or that of metadata: the number of pairs, then the key and the value of
/// each.
unsafe fn extension(address: *const c_char) -> Option<String> {
    if address.is_null() {
        return None;
    }
    let mut metadata = Metadata(address.cast());
    // SAFETY: no more is read than there is, as the caller says.
    unsafe {
        let pairs = metadata.number();
        (0..pairs).find_map(|_| {
            let (key, value) = (metadata.text(), metadata.text());
            (key == EXTENSION).then_some(value)
        })
    }
}

/// What is left of a field's metadata.
struct Metadata(*const u8);

impl Metadata {
    /// A number of 32 bits, which need not be aligned.
    ///
    /// # Safety
    /// It is there.
    unsafe fn number(&mut self) -> usize {
        // SAFETY: as the caller says.
        unsafe {
            let number = self.0.cast::<i32>().read_unaligned();
            self.0 = self.0.add(size_of::<i32>());
            size(number.into())
        }
    }

    /// A text behind its length in bytes.
    ///
    /// # Safety
    /// It is there.
    unsafe fn text(&mut self) -> String {
        // SAFETY: as the caller says.
        unsafe {
            let length = self.number();
            let bytes = slice::from_raw_parts(self.0, length);
            self.0 = self.0.add(length);
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}

fn table_fields(schema: &ArrowSchema) -> Result<Vec<Field>, ColumnError> {
    let table = field(schema);
    if table.format != "+s" {
        let message = "expected a table of named columns, got a single column";
        return Err(ColumnError::new(message));
    }
    let count = usize::try_from(schema.n_children).unwrap_or(0);
    let fields = (0..count).map(|index| {
        // SAFETY: there are so many children, none of them null.
        field(unsafe { &**schema.children.add(index) })
    });
    Ok(fields.collect())
}

fn field(schema: &ArrowSchema) -> Field {
    // SAFETY: name and format are texts or null, as is the metadata, and a dictionary lives as
    // long as its field.
    unsafe {
        Field {
            name: text(schema.name).unwrap_or_default(),
            format: text(schema.format).unwrap_or_default(),
            extension: extension(schema.metadata),
            dictionary: schema.dictionary.as_ref().map(|of| Box::new(field(of))),
        }
    }
}

impl Batch {
    pub(crate) fn rows(&self) -> usize {
        size(self.0.length)
    }

    /// A column of the batch.
    ///
    /// # Errors
    /// Where it is of a type that cannot be read, or shorter than the batch.
    pub(crate) fn column<'b>(
        &'b self,
        index: usize,
        field: &Field,
    ) -> Result<Column<'b>, ColumnError> {
        if index >= size(self.0.n_children) {
            return Err(ColumnError::new("the batch lacks the column"));
        }
        if self.0.null_count != 0 && self.buffer(&self.0, 0).is_some() {
            let message = "expected a table, got rows that are missing as a whole";
            return Err(ColumnError::new(message));
        }
        // SAFETY: there are more children than `index`, none of them null; they live as long
        // as the batch.
        let array: &'b ArrowArray = unsafe { &**self.0.children.add(index) };
        let skipped = size(self.0.offset);
        if size(array.length) < skipped + self.rows() {
            return Err(ColumnError::new("it has fewer rows than the table"));
        }
        self.read(array, field, skipped, self.rows())
    }

    /// `rows` of an array behind those that are `skipped`.
    fn read<'b>(
        &'b self,
        array: &'b ArrowArray,
        field: &Field,
        skipped: usize,
        rows: usize,
    ) -> Result<Column<'b>, ColumnError> {
        let dictionary = match &field.dictionary {
            Some(of) => {
                // SAFETY: the dictionary lives as long as its array.
                let entries = unsafe { array.dictionary.as_ref() }
                    .ok_or_else(|| ColumnError::new("its dictionary is missing"))?;
                Some(self.read(entries, of, 0, size(entries.length))?)
            }
            None => None,
        };
        let buffers = Addresses { batch: self, array };
        let offset = size(array.offset) + skipped;
        column(field, offset, rows, &buffers, dictionary)
    }

    fn buffer<'b>(&'b self, array: &'b ArrowArray, index: usize) -> Option<NonNull<u8>> {
        if index >= size(array.n_buffers) {
            return None;
        }
        // SAFETY: there are more buffers than `index`.
        let address = unsafe { *array.buffers.add(index) };
        NonNull::new(address.cast_mut().cast())
    }
}

/// A count of the interface, which is never negative.
fn size(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// The buffers of an array, which does not say how long they are.
struct Addresses<'b> {
    batch: &'b Batch,
    array: &'b ArrowArray,
}

impl<'b> Buffers<'b> for Addresses<'b> {
    fn count(&self) -> usize {
        size(self.array.n_buffers)
    }

    fn get(&self, index: usize, length: usize) -> Option<&'b [u8]> {
        if length == 0 {
            return Some(&[]);
        }
        let address = self.batch.buffer(self.array, index)?;
        // SAFETY: the interface prescribes at least so many bytes for the array's type, length
        // and offset; they live and stay as they are until the batch is released.
        Some(unsafe { slice::from_raw_parts(address.as_ptr(), length) })
    }
}
