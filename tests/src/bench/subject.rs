//! A synthetic model with the rows it is asked about.

use anyhow::{Context, Result};
use model_core::artifact::{Artifact, Training};
use model_core::calibration::Calibration;
use model_core::forest::{Bins, Forest};
use model_core::json::Writer;
use model_core::model::{Model, ModelKind};
use model_core::preprocess::Preprocessing;
use model_core::schema::Schema;
use model_train::pack::pack;

use crate::synthetic::{FEATURES, Shape, columns};

/// The names of the synthetic features in a request.
pub const REQUEST_KEYS: [&str; FEATURES] = [
    "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
];

/// A forest, packed.
pub struct Subject {
    /// The forest itself.
    pub forest: Forest,
    /// The artifact: header and payload.
    pub artifact: Vec<u8>,
    /// The packed module.
    pub wasm: Vec<u8>,
    /// Rows, feature after feature, none of them missing.
    pub columns: Vec<f64>,
    /// How many rows.
    pub rows: usize,
}

impl Subject {
    /// Grows a forest of this shape and packs it.
    ///
    /// # Errors
    /// When the engine cannot be packed.
    pub fn new(shape: Shape, rows: usize, engine: &[u8], glue: &[u8]) -> Result<Self> {
        let forest = shape.forest(7);
        let schema = Schema::from_toml(&schema_of(&forest))?;
        let artifact = Artifact {
            preprocessing: Preprocessing {
                imputed: vec![0.0; FEATURES],
            },
            kind: ModelKind::RandomForest,
            model: Model::Forest(forest.clone()),
            threshold: 0.5,
            training: Training {
                rows_train: 0,
                rows_test: 0,
                seed: 7,
                data_sha256: String::new(),
                underwrite_version: env!("CARGO_PKG_VERSION").into(),
                metrics: Vec::new(),
            },
            engine_sha256: String::new(),
            golden_rows: Vec::new(),
            calibration: Calibration::None,
            details: Vec::new(),
            schema,
        };
        let artifact = artifact.encode()?;
        Ok(Self {
            wasm: pack(engine, glue, &artifact).context("the engine cannot be packed")?,
            columns: present(columns(rows, 11)),
            forest,
            artifact,
            rows,
        })
    }

    /// Row `row` in row order.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<f64> {
        crate::synthetic::row(&self.columns, self.rows, row)
    }

    /// Row `row` as a request.
    #[must_use]
    pub fn request(&self, row: usize) -> Vec<u8> {
        let mut body = Vec::new();
        Writer::new(&mut body).object(|json| {
            for ((key, bins), value) in REQUEST_KEYS
                .iter()
                .zip(&self.forest.features)
                .zip(self.row(row))
            {
                match bins {
                    Bins::Cuts(_) => json.key(key).number(value),
                    Bins::Categories(_) => json.key(key).text(&format!("c{value}")),
                }
            }
        });
        body
    }
}

/// Missing values become 0: what is timed is the model, not the policies.
fn present(mut columns: Vec<f64>) -> Vec<f64> {
    for value in &mut columns {
        if value.is_nan() {
            *value = 0.0;
        }
    }
    columns
}

fn schema_of(forest: &Forest) -> String {
    let mut text = "name = \"synthetic\"\nversion = \"1\"\n".to_owned();
    for (name, bins) in REQUEST_KEYS.iter().zip(&forest.features) {
        text += &format!("[[feature]]\nname = \"{name}\"\n");
        text += &match bins {
            Bins::Cuts(_) => "type = \"number\"\nmissing = \"impute\"\n".to_owned(),
            Bins::Categories(count) => {
                let names: Vec<_> = (0..*count).map(|code| format!("\"c{code}\"")).collect();
                format!(
                    "type = \"category\"\ncategories = [{}]\nmissing = \"other\"\nunknown = \"other\"\n",
                    names.join(", ")
                )
            }
        };
    }
    text + "[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"\n"
}
