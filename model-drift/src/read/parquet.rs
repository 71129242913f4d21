//! Parquet: row groups on several threads, in blocks of rows.

use std::path::Path;
use std::sync::Arc;

use model_files::parquet::{ColumnKind, ParquetFile};
use rayon::prelude::*;

use super::{
    Batch, Collector, Layout, OnBlock, Plan, ReadError, ReadErrorKind, keep, read_numbers_as_json,
    specs_of_kinds,
};
use crate::sketch::Kind;

pub(super) fn read(
    path: &Path,
    name: &str,
    plan: &Plan,
    on_block: OnBlock<'_>,
) -> Result<Batch, ReadError> {
    let file = open(path, name, plan)?;
    let header = file.header();
    let wanted = match &plan.specs {
        Some(specs) => specs.clone(),
        None => {
            let kinds = (0..header.len()).map(|column| file.kind(column).map(kind));
            specs_of_kinds(&header, kinds.collect::<Result<_, _>>()?)
        }
    };
    let layout = Layout::new(&header, wanted, plan);
    let start = || Collector::new(layout.specs.clone(), plan);
    let mut is_wanted = vec![false; header.len()];
    for index in layout.read() {
        // What is computed has no column in the file.
        if let Some(is_wanted) = is_wanted.get_mut(index) {
            *is_wanted = true;
        }
    }
    let groups = file.group_rows();
    let mut first = 0;
    let mut starts = Vec::with_capacity(groups.len());
    for rows in groups {
        starts.push(first);
        first += rows;
    }
    let collector = (0..groups.len())
        .into_par_iter()
        .try_fold(start, |mut collector, group| {
            let mut rows = file.group(group, |index| is_wanted[index])?;
            let mut first = starts[group];
            while let Some(block) = rows.next_block()? {
                let read = block.rows as u64;
                if let Some(one_in) = plan.keep_one_in {
                    keep(block, one_in, first);
                }
                layout
                    .show(block, first, &plan.missing, on_block)
                    .map_err(|problem| ReadError::new(name, ReadErrorKind::Other(problem)))?;
                // Strict collectors alone can refuse.
                let _ = collector.push(block, &layout.indices, first);
                first += read;
            }
            Ok::<_, ReadError>(collector)
        })
        .try_reduce(start, |mut one, other| {
            let merged = one.merge(other);
            merged
                .map_err(|error| ReadError::new(name, ReadErrorKind::Other(error.to_string())))?;
            Ok(one)
        })?;
    layout.finish(name, collector)
}

fn open(path: &Path, name: &str, plan: &Plan) -> Result<ParquetFile, ReadError> {
    let mut file = ParquetFile::open(path, name)?;
    if let Some(schema) = &plan.schema {
        read_numbers_as_json(&mut file, schema);
    }
    // A sketch knows its categories without a schema.
    let specs = plan.specs.iter().flatten();
    for spec in specs.filter(|spec| !spec.known.is_empty()) {
        if let Some(column) = file.header().iter().position(|name| *name == spec.name) {
            let known = spec.known.clone();
            let text = move |number: &str| known.iter().find(|text| *text == number).cloned();
            file.read_numbers_as(column, Arc::new(text));
        }
    }
    Ok(file)
}

fn kind(kind: ColumnKind) -> Kind {
    match kind {
        ColumnKind::Number => Kind::Number,
        ColumnKind::Text => Kind::Category,
    }
}
