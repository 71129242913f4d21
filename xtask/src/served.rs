//! The suites that run the program with other people's: clients, checkers, Prometheus.

use std::process::Command;

use anyhow::Result;

use crate::acceptance::Parts;
use crate::python::{self, DEPLOY, HTTP, KSERVE, MLSERVER, OPENAPI, SIGNING, TRITON};
use crate::steps::openly;
use crate::system;
use crate::workspace::{self, command};

/// Requests that schemathesis makes up for each operation.
const EXAMPLES: &str = "10";
/// The same ones each time.
const SEED: &str = "1";

/// The old services' clients, and requests made up from the OpenAPI document.
pub(crate) fn http(parts: &Parts) -> Result<()> {
    let mut run = script("http", parts);
    run.env("PYTHON_BIN", python::venv(&HTTP)?);
    openly(run.env("EXAMPLES", EXAMPLES).env("SEED", SEED))
}

/// Clients in three languages, generated from the OpenAPI document.
pub(crate) fn openapi(parts: &Parts) -> Result<()> {
    let mut run = script("openapi", parts);
    openly(run.env("PYTHON_BIN", python::venv(&OPENAPI)?))
}

/// The three clients of the Open Inference Protocol.
pub(crate) fn oip(parts: &Parts) -> Result<()> {
    let mut run = script("oip", parts);
    for (variable, environment) in [
        ("TRITON_BIN", &TRITON),
        ("KSERVE_BIN", &KSERVE),
        ("MLSERVER_BIN", &MLSERVER),
    ] {
        run.env(variable, python::venv(environment)?);
    }
    openly(&mut run)
}

/// What `deploy/` holds.
pub(crate) fn deploy(parts: &Parts) -> Result<()> {
    let monitoring = system::monitoring()?;
    let mut run = script("deploy", parts);
    run.env("PYTHON_BIN", python::venv(&DEPLOY)?)
        .env("PROMETHEUS", monitoring.prometheus)
        .env("PROMTOOL", monitoring.promtool)
        .env("PUSHGATEWAY", monitoring.pushgateway);
    openly(&mut run)
}

/// Signatures before the reference implementation and another one.
pub(crate) fn signing(parts: &Parts) -> Result<()> {
    let mut run = script("signing", parts);
    openly(run.env("PYTHON_BIN", python::venv(&SIGNING)?))
}

/// `run.sh` of a folder of `tests/`.
fn script(folder: &str, parts: &Parts) -> Command {
    let script = workspace::root().join("tests").join(folder).join("run.sh");
    let mut run = command("sh");
    run.arg(script);
    parts.tell(&mut run);
    run
}
