//! A fitted model with the rows it is asked about.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use model_core::artifact::{Artifact, Training, with_policy};
use model_core::calibration::Calibration;
use model_core::forest::Forest;
use model_core::json::Writer;
use model_core::model::Model;
use model_core::policy::Policy;
use model_core::reasons::Profiles;
use model_core::schema::{FeatureKind, Schema};
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, Options, Params, fit};
use model_train::pack::pack;
use model_train::prepare::Prepared;
use model_train::split;

/// What everything that is drawn depends on.
const SEED: u64 = 7;

/// Loan applications: a part to fit on, all of them to ask about.
pub struct Applications {
    /// Where they come from, for people.
    pub source: &'static str,
    schema: Schema,
    prepared: Prepared,
}

impl Applications {
    /// The large loan data in `$UNDERWRITE_LOAN_DATA` when it is there, else the sample.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read() -> Result<Self> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
        let toml = data.join("loan.toml");
        let toml = std::fs::read_to_string(&toml).with_context(|| toml.display().to_string())?;
        let schema = Schema::from_toml(&toml)?;
        let large = env::var_os("UNDERWRITE_LOAN_DATA")
            .map(|folder| PathBuf::from(folder).join("loan_data.csv"));
        let (source, file) = match large {
            Some(file) => ("the large loan data", file),
            None => ("data/loan_sample.csv", data.join("loan_sample.csv")),
        };
        let dataset = Dataset::read(&file, &schema, |_| {})?;
        let split = split::stratified(&dataset.target, SEED)?;
        Ok(Self {
            source,
            prepared: Prepared::new(dataset, &schema, split)?,
            schema,
        })
    }

    /// How many features a row has.
    #[must_use]
    pub fn features(&self) -> usize {
        self.prepared.columns.len()
    }

    /// Whether a feature is one of numbers.
    #[must_use]
    pub fn is_number(&self, feature: usize) -> bool {
        let feature = self.schema.inputs().nth(feature);
        feature.is_some_and(|feature| feature.range().is_some())
    }

    /// Row `row`, feature after feature: rows that are not fitted on come first, and it
    /// begins anew after the last.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<f64> {
        let (test, train) = (&self.prepared.split.test, &self.prepared.split.train);
        let row = row % (test.len() + train.len());
        let row = test.iter().chain(train).nth(row).copied();
        let columns = self.prepared.columns.iter();
        columns
            .map(|column| column[row.unwrap_or_default()])
            .collect()
    }

    /// Row `row` as a request.
    #[must_use]
    pub fn request(&self, row: usize) -> Vec<u8> {
        let mut body = Vec::new();
        Writer::new(&mut body).object(|json| {
            for (feature, value) in self.schema.inputs().zip(self.row(row)) {
                let json = json.key(&feature.name);
                match &feature.kind {
                    FeatureKind::Number(_) | FeatureKind::Integer(_) => json.number(value),
                    FeatureKind::Boolean => json.boolean(value == 1.0),
                    FeatureKind::Category(categories) => {
                        let text = categories.values.get(value as usize);
                        json.text(text.map_or("something else", String::as_str));
                    }
                }
            }
        });
        body
    }
}

/// A forest, packed.
pub struct Subject<'a> {
    /// What it is asked about.
    pub applications: &'a Applications,
    /// The forest itself.
    pub forest: Forest,
    /// The artifact: header and payload.
    pub artifact: Vec<u8>,
    /// The packed module.
    pub wasm: Vec<u8>,
}

impl<'a> Subject<'a> {
    /// Fits a forest and packs it.
    ///
    /// # Errors
    /// When these parameters give no forest, or it cannot be packed.
    pub fn new(
        applications: &'a Applications,
        params: &Params,
        engine: &[u8],
        glue: &[u8],
    ) -> Result<Self> {
        let Applications {
            prepared, schema, ..
        } = applications;
        let options = Options {
            seed: SEED,
            jobs: 2,
            class_weight: ClassWeight::None,
        };
        let Model::Forest(forest) = fit(prepared, &prepared.split.train, schema, params, &options)?
        else {
            bail!("expected parameters of a forest");
        };
        let artifact = Artifact {
            schema: schema.clone(),
            preprocessing: prepared.preprocessing.clone(),
            kind: params.kind(),
            model: Model::Forest(forest.clone()),
            threshold: 0.5,
            training: Training {
                rows_train: prepared.split.train.len() as u64,
                rows_test: 0,
                seed: SEED,
                data_sha256: String::new(),
                underwrite_version: env!("CARGO_PKG_VERSION").into(),
                metrics: Vec::new(),
            },
            engine_sha256: String::new(),
            golden_rows: Vec::new(),
            calibration: Calibration::None,
            details: Vec::new(),
            policy: None,
            profiles: None,
        };
        let artifact = artifact.encode()?;
        Ok(Self {
            applications,
            wasm: pack(engine, glue, &artifact).context("the engine cannot be packed")?,
            forest,
            artifact,
        })
    }

    /// The artifact with `count` rules beside its model: comparisons, sums, ratios and
    /// categories in turn, that decide few applications as lenders' rules do.
    ///
    /// # Errors
    /// When the schema is not that of the loans.
    pub fn with_rules(&self, count: usize) -> Result<Vec<u8>> {
        const CONDITIONS: [(&str, &str); 5] = [
            ("before", "person_income < 4000 + @"),
            ("before", "loan_amnt / person_income > 3 + @"),
            (
                "before",
                "loan_intent in [\"MEDICAL\", \"VENTURE\"] and credit_score < 400 - @",
            ),
            (
                "before",
                "person_age < 20 and loan_amnt - 2 * person_income > 1000 * @",
            ),
            ("after", "probability < 0.01 and person_emp_exp < 1 + @"),
        ];
        let mut toml = "[policy]\nversion = \"bench\"\nrefer = [0.45, 0.55]\n".to_owned();
        for nth in 0..count {
            let (stage, when) = CONDITIONS[nth % CONDITIONS.len()];
            let when = when.replace('@', &nth.to_string()).replace('"', "\\\"");
            toml += &format!(
                "[[rule]]\nid = \"r{nth}\"\nstage = \"{stage}\"\nwhen = \"{when}\"\nthen = \"refer\"\ncode = \"C{nth}\"\ntext = \"A reason\"\nif_missing = \"skip\"\n"
            );
        }
        let schema = &self.applications.schema;
        let file = Policy::from_toml(&toml, schema, &schema.languages)?;
        Ok(with_policy(&self.artifact, Some(&file.policy))?)
    }

    /// The artifact with the first `count` rows as profiles, which is what explaining costs by.
    ///
    /// # Errors
    /// When the rows are no profiles of the schema.
    pub fn with_profiles(&self, count: usize) -> Result<Vec<u8>> {
        let mut artifact = Artifact::decode(&self.artifact)?;
        artifact.profiles = Some(Profiles {
            name: "bench".into(),
            weights: vec![1.0 / count as f64; count],
            values: (0..count)
                .flat_map(|row| self.applications.row(row))
                .collect(),
        });
        Ok(artifact.encode()?)
    }

    /// The size of a tree.
    #[must_use]
    pub fn most_leaves(&self) -> usize {
        let trees = self.forest.trees.iter();
        trees
            .map(|tree| tree.nodes.len().div_ceil(2))
            .max()
            .unwrap_or_default()
    }
}
