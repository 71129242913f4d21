//! A model of one number, for tests that score with it.

use model_core::decide::Decider;
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, Params};
use model_train::split::stratified;
use model_train::train::{self, train};

pub(crate) const SCHEMA: &str = r#"
name = "test"
version = "1.2.3"

[[feature]]
name = "debt"
type = "number"
minimum = 0
maximum = 1000

[[feature]]
name = "default"
type = "boolean"
role = "target"
positive = false
"#;

pub(crate) fn decider() -> Decider {
    let rows = (0..400).map(|row| format!("{},{}\n", row % 100, u8::from(row % 100 > 60)));
    let csv = format!("debt,default\n{}", rows.collect::<String>());
    trained(SCHEMA, &csv)
}

/// A model of these rows.
pub(crate) fn trained(schema: &str, csv: &str) -> Decider {
    let schema = Schema::from_toml(schema).unwrap();
    let dataset = Dataset::from_reader(csv.as_bytes(), "d.csv", &schema, |_| ()).unwrap();
    let split = stratified(&dataset.target, 1).unwrap();
    let options = train::Options {
        params: Params::defaults(model_core::model::ModelKind::LogisticRegression),
        class_weight: ClassWeight::None,
        jobs: 1,
        seed: 1,
        calibration: model_core::calibration::Calibration::None,
        threshold: 0.5,
        details: model_core::details::Details::default(),
        engine_sha256: "0".repeat(64),
        underwrite_version: "0.1.0".to_owned(),
    };
    let trained = train(dataset, &schema, split, &options).unwrap();
    Decider::load(&trained.artifact).unwrap()
}
