//! The suites that run the server with other people's programs: clients, checkers, Prometheus.

use std::process::Command;

use anyhow::Result;

use crate::acceptance::told_the_parts;
use crate::python::{self, DEPLOY, HTTP, KSERVE, MLSERVER, TRITON};
use crate::steps::openly;
use crate::system::{self, Browser};
use crate::workspace::{self, command};

/// Requests that schemathesis makes up for each operation.
const EXAMPLES: &str = "10";
/// The same ones each time.
const SEED: &str = "1";

/// The old services' clients, and requests made up from the OpenAPI document.
pub(crate) fn http(browser: &Browser) -> Result<()> {
    let mut run = script("http", browser);
    run.env("PYTHON_BIN", python::venv(&HTTP)?);
    openly(run.env("EXAMPLES", EXAMPLES).env("SEED", SEED))
}

/// The three clients of the Open Inference Protocol.
pub(crate) fn oip(browser: &Browser) -> Result<()> {
    let mut run = script("oip", browser);
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
pub(crate) fn deploy(browser: &Browser) -> Result<()> {
    let monitoring = system::monitoring()?;
    let mut run = script("deploy", browser);
    run.env("PYTHON_BIN", python::venv(&DEPLOY)?)
        .env("PROMETHEUS", monitoring.prometheus)
        .env("PROMTOOL", monitoring.promtool)
        .env("PUSHGATEWAY", monitoring.pushgateway);
    openly(&mut run)
}

/// `run.sh` of a folder of `tests/`.
fn script(folder: &str, browser: &Browser) -> Command {
    let script = workspace::root().join("tests").join(folder).join("run.sh");
    let mut run = command("sh");
    run.arg(script);
    told_the_parts(&mut run, browser);
    run
}
