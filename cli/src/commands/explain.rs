//! `underwrite explain`: says why a decision came out as it did.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use model_core::decide::Decider;
use model_core::json::Writer;
use model_recourse::{Budget, explain};

use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite explain --model model.wasm --application applicant.json
  underwrite explain --model model.wasm --application applicant.json --language de | jq .reasons
  underwrite explain --model model.wasm --application applicant.json --recourse | jq .recourse
  underwrite explain --model model.wasm --application - < applicant.json";

/// Explain one decision: what each input contributes, and the reasons where it is no approval.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to decide with.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// JSON file with one application; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    application: PathBuf,
    /// Language of the reasons [default: the model's first].
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Add the cheapest changes that would be approved.
    #[arg(long)]
    recourse: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let wasm = files::read(&self.model)?;
        let artifact = files::open_model(&self.model, &wasm)?.artifact();
        let mut decider =
            Decider::load(artifact).with_context(|| self.model.display().to_string())?;
        let mut application = Vec::new();
        let mut source = files::Source::open(&self.application)?;
        source
            .bytes
            .read_to_end(&mut application)
            .with_context(|| source.name.clone())?;
        let question = self.question(&application);
        let mut explanation = Vec::new();
        let status = explain(&mut decider, &question, Budget::default(), &mut explanation);
        if status != 200 {
            bail!(
                "{}: the model refuses the application: {}",
                source.name,
                String::from_utf8_lossy(&explanation)
            );
        }
        explanation.push(b'\n');
        terminal::stdout().write_all(&explanation)?;
        Ok(())
    }

    /// The application alone where nothing else was asked for.
    fn question(&self, application: &[u8]) -> Vec<u8> {
        let Ok(text) = str::from_utf8(application) else {
            return application.to_vec();
        };
        if self.language.is_none() && !self.recourse {
            return application.to_vec();
        }
        let mut question = Vec::new();
        Writer::new(&mut question).object(|json| {
            json.key("application").raw(text.trim());
            if let Some(language) = &self.language {
                json.key("language").text(language);
            }
            json.key("recourse").boolean(self.recourse);
        });
        question
    }
}
