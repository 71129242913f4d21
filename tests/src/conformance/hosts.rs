//! The six hosts. Native runs the core itself, as Python does behind its package; wasmtime uses
//! the plain exports as the server does; the other three use the JavaScript API.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use host_server::{Limits, ModelHost};
use model_core::decide::Decider;
use model_core::model_file::ModelFile;
use model_recourse::{Budget, explain};

use super::cases::is_question;
use super::frames::{Answer, read_answers};

/// Where a model decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// `model-core`, compiled for this machine.
    Native,
    /// The module in wasmtime.
    Wasmtime,
    /// The module in Node.
    Node,
    /// The module in a Web Worker in Chromium.
    Chromium,
    /// The module in workerd, Cloudflare's runtime.
    Workerd,
    /// The Python package.
    Python,
}

/// All of them; the first is what the others are compared with.
pub const HOSTS: [Host; 6] = [
    Host::Native,
    Host::Wasmtime,
    Host::Node,
    Host::Chromium,
    Host::Workerd,
    Host::Python,
];

impl Host {
    /// Its name, as files and messages use it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasmtime => "wasmtime",
            Self::Node => "node",
            Self::Chromium => "chromium",
            Self::Workerd => "workerd",
            Self::Python => "python",
        }
    }

    /// Answers every case. `folder` holds the file `cases`, and takes the host's answers.
    ///
    /// # Errors
    /// When the host cannot be started, fails, or does not answer every case.
    pub fn answers(self, model: &Path, cases: &[Vec<u8>], folder: &Path) -> Result<Vec<Answer>> {
        let answers = match self {
            Self::Native => native(model, cases),
            Self::Wasmtime => wasmtime(model, cases),
            Self::Node | Self::Chromium | Self::Workerd => {
                self.script("node", "mjs", model, folder)
            }
            Self::Python => {
                let python = std::env::var("UNDERWRITE_PYTHON")
                    .context("UNDERWRITE_PYTHON is not set: use cargo xtask conformance")?;
                self.script(&python, "py", model, folder)
            }
        }
        .with_context(|| format!("{} failed", self.name()))?;
        ensure!(
            answers.len() == cases.len(),
            "{} answered {} of {} cases",
            self.name(),
            answers.len(),
            cases.len()
        );
        Ok(answers)
    }

    /// Runs the host's script with this program.
    fn script(
        self,
        program: &str,
        ending: &str,
        model: &Path,
        folder: &Path,
    ) -> Result<Vec<Answer>> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
        let answers = folder.join(format!("answers-{}", self.name()));
        let status = Command::new(program)
            .arg(scripts.join(self.name()).with_extension(ending))
            .args([model, &folder.join("cases"), &answers])
            .status()
            .with_context(|| format!("{program} cannot be started"))?;
        ensure!(
            status.success(),
            "{}.{ending} ended with {status}",
            self.name()
        );
        read_answers(&answers)
    }
}

fn native(model: &Path, cases: &[Vec<u8>]) -> Result<Vec<Answer>> {
    let bytes = std::fs::read(model)?;
    let mut decider = Decider::load(ModelFile::open(&bytes)?.artifact())?;
    let answer = |case: &Vec<u8>| {
        let mut body = Vec::new();
        let status = if is_question(case) {
            explain(&mut decider, case, Budget::default(), &mut body)
        } else {
            decider.decide(case, &mut body)
        };
        Answer { status, body }
    };
    Ok(cases.iter().map(answer).collect())
}

fn wasmtime(model: &Path, cases: &[Vec<u8>]) -> Result<Vec<Answer>> {
    let host = ModelHost::open(model, Limits::default())?;
    let answer = |case: &Vec<u8>| {
        let decision = if is_question(case) {
            host.explain(case)?
        } else {
            host.decide(case)?
        };
        Ok(Answer {
            status: decision.status,
            body: decision.body,
        })
    };
    cases.iter().map(answer).collect()
}
