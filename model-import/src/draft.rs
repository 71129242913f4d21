//! What a schema for a model is drafted from.

use model_train::infer::{GivenModel, ModelColumn};

use crate::error::ImportError;
use crate::source::{Content, Library, Source};
use crate::{Link, Options, read};

/// The columns that a model decides on, each once, and its classes; the library is told by the
/// file.
///
/// # Errors
/// As [`read`].
pub fn given(bytes: &[u8]) -> Result<GivenModel, ImportError> {
    let mut columns: Vec<ModelColumn> = Vec::new();
    let source = any(bytes)?;
    for column in source.columns {
        let categories = match column.content {
            Content::Number | Content::IsMissing => None,
            Content::Category { names } => Some(names.unwrap_or_default()),
            Content::Texts { of, .. } => Some(of.into_iter().map(|(text, _)| text).collect()),
        };
        match columns.iter_mut().find(|known| known.name == column.name) {
            // One of several columns that are made from one input.
            Some(known) => {
                for text in categories.into_iter().flatten() {
                    let all = known.categories.get_or_insert_default();
                    if !all.contains(&text) {
                        all.push(text);
                    }
                }
            }
            None => columns.push(ModelColumn {
                name: column.name,
                categories,
            }),
        }
    }
    Ok(GivenModel {
        columns,
        classes: source.classes,
    })
}

/// A model of the library that its file is of, whatever makes its sum a probability.
fn any(bytes: &[u8]) -> Result<Source, ImportError> {
    const SKLEARN: &[u8] = b"underwrite-sklearn";
    let mut beginnings = bytes.windows(SKLEARN.len()).take(4096);
    let library = if bytes.starts_with(b"tree") {
        Library::LightGbm
    } else if beginnings.any(|text| text == SKLEARN) {
        Library::Sklearn
    } else {
        Library::XgBoost
    };
    let with = |link| {
        let options = Options {
            link,
            ..Options::default()
        };
        read(library, bytes, &options)
    };
    let linked = || with(Some(Link::Logistic)).or_else(|_| with(Some(Link::Identity)));
    with(None).or_else(|error| linked().map_err(|_| error))
}
