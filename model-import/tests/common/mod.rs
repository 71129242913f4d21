//! Small models as files, and a schema and rows that fit them.
#![allow(dead_code, reason = "every test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use model_core::schema::SchemaFile;
use model_import::source::Library;
use model_import::{ImportError, Imported, Job, Options, import, read};

/// A number, a category by name, and an indicator column of another category.
pub(crate) const LIGHTGBM: &str = "tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=income grade home_RENT
feature_infos=[0:100] 0:1:2 [0:1]
tree_sizes=300 300

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
threshold=50.5 0
decision_type=10 1
left_child=-1 -2
right_child=1 -3
leaf_value=-1.5 0.25 2
leaf_count=10 20 30
internal_count=60 50
cat_boundaries=0 1
cat_threshold=5
is_linear=0
shrinkage=1


Tree=1
num_leaves=2
num_cat=0
split_feature=2
threshold=1.0000000180025095e-35
decision_type=2
left_child=-1
right_child=-2
leaf_value=0.125 -0.5
leaf_count=10 20
internal_count=30
is_linear=0
shrinkage=0.1


end of trees

feature_importances:
income=1

parameters:
[categorical_feature: 1]

end of parameters

pandas_categorical:[[\"A\", \"B\", \"C\"]]
";

pub(crate) const SCHEMA: &str = r#"
name = "small"
version = "1.0.0"

[[feature]]
name = "income"
type = "number"
minimum = 0
missing = "native"

[[feature]]
name = "grade"
type = "category"
categories = ["A", "B", "C"]

[[feature]]
name = "home"
type = "category"
categories = ["RENT", "OWN"]
columns = { RENT = "home_RENT" }

[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

/// The log odds that [`LIGHTGBM`] gives.
pub(crate) fn log_odds(income: Option<f64>, grade: &str, home: &str) -> f64 {
    let first = match (income, grade) {
        (Some(income), _) if income <= 50.5 => -1.5,
        (None, _) => -1.5,
        (Some(_), "A" | "C") => 0.25,
        (Some(_), _) => 2.0,
    };
    first + if home == "RENT" { -0.5 } else { 0.125 }
}

/// All kinds of applications with the probabilities of [`LIGHTGBM`].
pub(crate) fn rows() -> String {
    let mut csv = "income,grade,home,expected\n".to_owned();
    for income in [Some(0.0), Some(50.5), Some(50.6), Some(99.0), None] {
        for grade in ["A", "B", "C"] {
            for home in ["RENT", "OWN"] {
                let p = 1.0 / (1.0 + (-log_odds(income, grade, home)).exp());
                let income = income.map_or(String::new(), |income| income.to_string());
                csv.push_str(&format!("{income},{grade},{home},{p}\n"));
            }
        }
    }
    csv
}

/// Everything that an import starts from.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) library: Library,
    pub(crate) file: Vec<u8>,
    pub(crate) schema: String,
    pub(crate) rows: String,
    pub(crate) expected: String,
    pub(crate) options: Options,
}

impl Given {
    pub(crate) fn lightgbm() -> Self {
        Self {
            library: Library::LightGbm,
            file: LIGHTGBM.into(),
            schema: SCHEMA.into(),
            rows: rows(),
            expected: "expected".into(),
            options: Options::default(),
        }
    }

    /// With some text of the file in place of another.
    pub(crate) fn file(mut self, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.file).unwrap();
        assert!(text.contains(from), "{from}");
        self.file = text.replace(from, to).into_bytes();
        self
    }

    /// The same of the schema.
    pub(crate) fn schema(mut self, from: &str, to: &str) -> Self {
        assert!(self.schema.contains(from), "{from}");
        self.schema = self.schema.replacen(from, to, 1);
        self
    }

    /// The same of the rows.
    pub(crate) fn rows(mut self, from: &str, to: &str) -> Self {
        assert!(self.rows.contains(from), "{from}");
        self.rows = self.rows.replace(from, to);
        self
    }

    pub(crate) fn import(&self) -> Result<Imported, ImportError> {
        let source = read(self.library, &self.file, &self.options)?;
        let schema = SchemaFile::from_toml(&self.schema).unwrap();
        let job = Job {
            source: &source,
            source_sha256: "ab".repeat(32),
            schema: &schema,
            rows_name: "rows.csv",
            expected: &self.expected,
            threshold: 0.5,
            engine_sha256: "cd".repeat(32),
            underwrite_version: "0.0.0".into(),
            jobs: 1,
        };
        import(&job, self.rows.as_bytes())
    }
}

/// [`LIGHTGBM`] without its categories, as XGBoost has it.
pub(crate) const XGBOOST: &str = r#"{"learner":{"attributes":{},"feature_names":["income","home_RENT"],
"feature_types":["float","int"],"gradient_booster":{"model":{"gbtree_model_param":
{"num_parallel_tree":"1","num_trees":"2"},"iteration_indptr":[0,1,2],"tree_info":[0,0],"trees":[
{"base_weights":[0,0,0],"categories":[],"categories_nodes":[],"categories_segments":[],
"categories_sizes":[],"default_left":[1,0,0],"id":0,"left_children":[1,-1,-1],
"right_children":[2,-1,-1],"parents":[2147483647,0,0],"split_conditions":[50.5,-0.7,0.3],
"split_indices":[0,0,0],"split_type":[0,0,0],"sum_hessian":[9.5,4.5,5],
"tree_param":{"num_nodes":"3","size_leaf_vector":"1"}},
{"base_weights":[0,0,0],"categories":[],"categories_nodes":[],"categories_segments":[],
"categories_sizes":[],"default_left":[0,0,0],"id":1,"left_children":[1,-1,-1],
"right_children":[2,-1,-1],"parents":[2147483647,0,0],"split_conditions":[1,0.1,-0.2],
"split_indices":[1,0,0],"split_type":[0,0,0],"sum_hessian":[9.5,4.5,5],
"tree_param":{"num_nodes":"3","size_leaf_vector":"1"}}]},"name":"gbtree"},
"learner_model_param":{"base_score":"[5E-1]","num_class":"0","num_feature":"2","num_target":"1"},
"objective":{"name":"binary:logistic"}},"version":[3,4,1]}"#;

impl Given {
    pub(crate) fn xgboost() -> Self {
        let mut csv = "income,home_RENT,expected\n".to_owned();
        for income in [
            Some(0f32),
            Some(50.5f32.next_down()),
            Some(50.5),
            Some(99.0),
            None,
        ] {
            for rent in [0, 1] {
                let first = if income.is_none_or(|x| x < 50.5) {
                    -0.7f32
                } else {
                    0.3
                };
                let sum = first + if rent == 1 { -0.2 } else { 0.1 };
                let p = 1.0 / (1.0 + (-sum).exp());
                let income = income.map_or(String::new(), |income| income.to_string());
                csv.push_str(&format!("{income},{rent},{p}\n"));
            }
        }
        let grade = "\n[[feature]]\nname = \"grade\"\ntype = \"category\"\ncategories = [\"A\", \"B\", \"C\"]\n";
        Self {
            library: Library::XgBoost,
            file: XGBOOST.into(),
            schema: SCHEMA.replace(grade, ""),
            rows: csv,
            expected: "expected".into(),
            options: Options::default(),
        }
    }

    pub(crate) fn sklearn() -> Self {
        Self {
            library: Library::Sklearn,
            file: SKLEARN.into(),
            ..Self::sklearn_rows()
        }
    }

    fn sklearn_rows() -> Self {
        let mut csv = "income,grade,home,expected\n".to_owned();
        for income in [Some(10.0), Some(60.0), None] {
            for (grade, code) in [("A", 0.0), ("B", 1.0), ("C", 2.0)] {
                for home in ["RENT", "OWN"] {
                    let scaled = (income.unwrap_or(40.0) - 50.0) / 20.0;
                    let rent = f64::from(u8::from(home == "RENT"));
                    let sum: f64 = 0.1 + 0.5 * scaled - 0.25 * code - 0.75 * rent;
                    let p = 1.0 / (1.0 + (-sum).exp());
                    let income = income.map_or(String::new(), |income| income.to_string());
                    csv.push_str(&format!("{income},{grade},{home},{p}\n"));
                }
            }
        }
        Self {
            library: Library::Sklearn,
            file: Vec::new(),
            schema: SCHEMA.replace("columns = { RENT = \"home_RENT\" }\n", ""),
            rows: csv,
            expected: "expected".into(),
            options: Options::default(),
        }
    }
}

/// A pipeline of an imputer, a scaler, an ordinal and a one-hot encoder before a regression.
pub(crate) const SKLEARN: &str = r#"{"format": "underwrite-sklearn", "format_version": 1,
"library": {"name": "scikit-learn", "version": "1.9.1"}, "estimator": "LogisticRegression",
"classes": ["0", "1"], "columns": [
{"input": "income", "is": "number", "missing": 40.0, "steps": [["subtract", 50.0], ["divide", 20.0]]},
{"input": "grade", "is": "code", "codes": {"A": 0.0, "B": 1.0, "C": 2.0}, "other": null, "missing": null},
{"input": "home", "is": "category", "value": "RENT"}],
"model": {"type": "linear", "weights": [0.5, -0.25, -0.75], "intercept": 0.1, "link": "logistic"},
"calibration": null}"#;

/// The same with trees.
pub(crate) const TREES: &str = r#"{"type": "trees", "compare": "f32", "sum": "mean", "base": 0.0, "link": "identity",
"trees": [{"feature": [0, -1, -1], "cut": [0.1, 0, 0], "left": [1, -1, -1], "right": [2, -1, -1],
"missing_left": [false, false, false], "value": [0, 0.25, 0.75], "count": [3, 2, 1]}]}"#;
