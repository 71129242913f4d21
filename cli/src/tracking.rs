//! Trackers from flags, the environment and `underwrite.toml`, and the runs they are sent.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use model_client::{Credentials, RetryPolicy, Secret, one_line, shown_url};
use model_core::artifact::Artifact;
use model_core::schema::{Feature, FeatureKind, Missing, Role};
use model_tracking::folder::RunFolder;
use model_tracking::mlflow::{self, Mlflow};
use model_tracking::run::{Column, ColumnType, Run, Signature};
use model_tracking::tracker::{Delivery, Tracker, push_all};
use model_tracking::wandb::{self, Wandb, WandbOffline};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config_file::{ConfigFile, DEFAULT};
use crate::{progress, secrets, terminal};

/// Default folder of the runs.
pub(crate) const RUNS: &str = "runs";
/// Default experiment; the old services' name.
pub(crate) const EXPERIMENT: &str = "loan-approval-mlops";
const ALIAS: &str = "champion";

/// Where runs are sent, besides their folder. Flags take precedence over environment variables,
/// and these over `[tracking]` in underwrite.toml.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Tracking")]
pub(crate) struct TrackingArgs {
    /// Trackers to send the run to, separated by commas [default: those whose address or key is
    /// set].
    #[arg(long, value_name = "TRACKERS", value_enum, value_delimiter = ',')]
    trackers: Option<Vec<TrackerKind>>,
    /// Address of the MLflow server.
    #[arg(
        long,
        env = "MLFLOW_TRACKING_URI",
        value_name = "URL",
        hide_env_values = true
    )]
    mlflow_tracking_uri: Option<String>,
    /// MLflow experiment.
    #[arg(
        long,
        env = "MLFLOW_EXPERIMENT_NAME",
        hide_env_values = true,
        value_name = "NAME"
    )]
    mlflow_experiment: Option<String>,
    /// User name for the MLflow server.
    #[arg(
        long,
        env = "MLFLOW_TRACKING_USERNAME",
        hide_env_values = true,
        value_name = "NAME"
    )]
    mlflow_username: Option<String>,
    /// File with the MLflow password [default: the variable MLFLOW_TRACKING_PASSWORD].
    #[arg(long, value_name = "FILE")]
    mlflow_password_file: Option<PathBuf>,
    /// File with the MLflow token [default: the variable MLFLOW_TRACKING_TOKEN].
    #[arg(long, value_name = "FILE", conflicts_with = "mlflow_password_file")]
    mlflow_token_file: Option<PathBuf>,
    /// Weights & Biases project [default: loan-approval-mlops].
    #[arg(
        long,
        env = "WANDB_PROJECT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    wandb_project: Option<String>,
    /// Weights & Biases user or team [default: the key's owner].
    #[arg(
        long,
        env = "WANDB_ENTITY",
        hide_env_values = true,
        value_name = "NAME"
    )]
    wandb_entity: Option<String>,
    /// Address of Weights & Biases [default: https://api.wandb.ai].
    #[arg(
        long,
        env = "WANDB_BASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    wandb_base_url: Option<String>,
    /// File with the Weights & Biases API key [default: the variable WANDB_API_KEY].
    #[arg(long, value_name = "FILE")]
    wandb_api_key_file: Option<PathBuf>,
    /// Alias for the newest registered version of the model, or none [default: champion].
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,
}

impl TrackingArgs {
    /// The files that hold secrets, each with its flag.
    pub(crate) fn files(&self) -> [(&'static str, Option<&Path>); 3] {
        [
            (
                "--mlflow-password-file",
                self.mlflow_password_file.as_deref(),
            ),
            ("--mlflow-token-file", self.mlflow_token_file.as_deref()),
            ("--wandb-api-key-file", self.wandb_api_key_file.as_deref()),
        ]
    }
}

/// A tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TrackerKind {
    /// An MLflow server.
    Mlflow,
    /// Weights & Biases.
    Wandb,
    /// A folder for `wandb sync`.
    WandbOffline,
    /// No tracker; the run is only in its folder.
    None,
}

/// `[tracking]` in underwrite.toml; secrets are not accepted here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    trackers: Option<Vec<TrackerKind>>,
    mlflow_tracking_uri: Option<String>,
    mlflow_experiment: Option<String>,
    wandb_project: Option<String>,
    wandb_entity: Option<String>,
    wandb_base_url: Option<String>,
    alias: Option<String>,
    /// [`ConfigFile::was_found`].
    #[serde(skip)]
    was_found: bool,
}

impl Config {
    /// The table of the file; the defaults without a file or a table.
    pub(crate) fn read(config: Option<&ConfigFile>) -> Result<Self> {
        #[derive(Default, Deserialize)]
        struct File {
            #[serde(default)]
            tracking: Config,
        }
        let file: Option<File> = config.map(ConfigFile::parse).transpose()?;
        let was_found = config.is_some_and(ConfigFile::was_found);
        Ok(Self {
            was_found,
            ..file.unwrap_or_default().tracking
        })
    }
}

/// The configured trackers; there may be none.
pub(crate) fn trackers(args: &TrackingArgs, config: &Config) -> Result<Vec<Box<dyn Tracker>>> {
    let settings = Settings::new(args, config);
    let mut trackers = Vec::new();
    for kind in settings.kinds()? {
        let tracker: Option<Box<dyn Tracker>> = match kind {
            TrackerKind::Mlflow => Some(Box::new(settings.mlflow()?)),
            TrackerKind::Wandb => Some(Box::new(settings.wandb()?)),
            TrackerKind::WandbOffline => Some(Box::new(settings.wandb_offline())),
            TrackerKind::None => None,
        };
        trackers.extend(tracker);
    }
    Ok(trackers)
}

/// Sends a run and prints where it is now, or a one-line warning. Returns the names of the trackers
/// that failed, which is not an error: the run is on disk.
pub(crate) fn push(trackers: &[Box<dyn Tracker>], run: &RunFolder) -> Result<Vec<String>> {
    push_to(trackers, run, &mut terminal::stdout())
}

/// The same, printing to `out`.
pub(crate) fn push_to(
    trackers: &[Box<dyn Tracker>],
    run: &RunFolder,
    out: &mut dyn Write,
) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for tracker in trackers {
        let spinner = progress::spinner("Sending the run");
        let deliveries = push_all(std::slice::from_ref(tracker), run);
        spinner.finish_and_clear();
        for delivery in deliveries {
            report(&delivery, run, out)?;
            if delivery.result.is_err() {
                failed.push(delivery.tracker);
            }
        }
    }
    Ok(failed)
}

fn report(delivery: &Delivery, run: &RunFolder, out: &mut dyn Write) -> Result<()> {
    let (name, id) = (&delivery.tracker, &run.run().id);
    match &delivery.result {
        Ok(pushed) => {
            // A part of it is the service's.
            let url = one_line(&pushed.url);
            writeln!(out, "{name}: {url}")?;
            if let Some(note) = &pushed.note {
                writeln!(out, "  {note}")?;
            }
            if name == "wandb-offline" {
                writeln!(out, "  send it with: wandb sync {url}")?;
            }
        }
        Err(error) => {
            let folder = run.path().display();
            let mut stderr = terminal::stderr();
            writeln!(
                stderr,
                "warning: {error}; the run is kept in {folder}, send it later with `underwrite track push {id}`"
            )?;
        }
    }
    Ok(())
}

/// Flags and file combined.
struct Settings<'a> {
    args: &'a TrackingArgs,
    config: &'a Config,
}

impl<'a> Settings<'a> {
    fn new(args: &'a TrackingArgs, config: &'a Config) -> Self {
        Self { args, config }
    }

    fn kinds(&self) -> Result<Vec<TrackerKind>> {
        if let Some(kinds) = self
            .args
            .trackers
            .as_ref()
            .or(self.config.trackers.as_ref())
        {
            let none = kinds.contains(&TrackerKind::None);
            ensure!(
                !none || kinds.len() == 1,
                "trackers: 'none' cannot be combined with other trackers"
            );
            return Ok(kinds.clone());
        }
        let mut kinds = Vec::new();
        if self.uri().is_some() {
            kinds.push(TrackerKind::Mlflow);
        }
        match std::env::var("WANDB_MODE").as_deref() {
            Ok("offline") => kinds.push(TrackerKind::WandbOffline),
            Ok("disabled") => {}
            _ if self.wandb_key()?.is_some() => kinds.push(TrackerKind::Wandb),
            _ => {}
        }
        Ok(kinds)
    }

    fn uri(&self) -> Option<String> {
        given(
            &self.args.mlflow_tracking_uri,
            &self.config.mlflow_tracking_uri,
        )
    }

    fn alias(&self) -> Option<String> {
        let alias = given(&self.args.alias, &self.config.alias);
        let alias = alias.unwrap_or_else(|| ALIAS.to_owned());
        (alias != "none").then_some(alias)
    }

    fn mlflow(&self) -> Result<Mlflow> {
        let uri = self.uri().context(
            "tracker mlflow: the address is missing: set MLFLOW_TRACKING_URI or --mlflow-tracking-uri",
        )?;
        ensure!(
            uri.starts_with("http://") || uri.starts_with("https://"),
            "MLFLOW_TRACKING_URI: expected an address that begins with http:// or https://"
        );
        let args = self.args;
        self.announce("MLflow", &uri, &args.mlflow_tracking_uri)?;
        let token = secrets::read(args.mlflow_token_file.as_deref(), "MLFLOW_TRACKING_TOKEN")?;
        let password = secrets::read(
            args.mlflow_password_file.as_deref(),
            "MLFLOW_TRACKING_PASSWORD",
        )?;
        let credentials = match (token, &args.mlflow_username, password) {
            // As in the official client, a user name and password take precedence over a token.
            (_, Some(name), Some(password)) => Credentials::Basic(name.clone(), password),
            (Some(token), _, _) => Credentials::Bearer(token),
            _ => Credentials::None,
        };
        let user = ["USER", "LOGNAME", "USERNAME"].iter();
        let user = user.filter_map(|name| std::env::var(name).ok()).next();
        Ok(Mlflow::new(mlflow::Options {
            uri,
            credentials,
            experiment: given(&args.mlflow_experiment, &self.config.mlflow_experiment),
            user: user.unwrap_or_else(|| "underwrite".to_owned()),
            alias: self.alias(),
            retry: RetryPolicy::default(),
        }))
    }

    /// Says where the credentials will be sent, if only a file that nobody named says so: it may
    /// have come with a folder from somebody else.
    fn announce(&self, service: &str, address: &str, flag: &Option<String>) -> Result<()> {
        let is_flag = flag.as_ref().is_some_and(|flag| !flag.is_empty());
        if self.config.was_found && !is_flag {
            let address = shown_url(address);
            writeln!(
                terminal::stderr(),
                "{DEFAULT} in this folder names {service} at {address}: runs and credentials go there"
            )?;
        }
        Ok(())
    }

    fn wandb_key(&self) -> Result<Option<Secret>> {
        secrets::read(self.args.wandb_api_key_file.as_deref(), "WANDB_API_KEY")
    }

    fn project(&self) -> String {
        let project = given(&self.args.wandb_project, &self.config.wandb_project);
        project.unwrap_or_else(|| wandb::DEFAULT_PROJECT.to_owned())
    }

    fn wandb(&self) -> Result<Wandb> {
        let base_url = given(&self.args.wandb_base_url, &self.config.wandb_base_url);
        if let Some(base_url) = &base_url {
            self.announce("Weights & Biases", base_url, &self.args.wandb_base_url)?;
        }
        Ok(Wandb::new(wandb::Options {
            base_url: base_url.unwrap_or_else(|| wandb::DEFAULT_BASE_URL.to_owned()),
            api_key: self.wandb_key()?.context(
                "tracker wandb: the key is missing: set WANDB_API_KEY or --wandb-api-key-file",
            )?,
            entity: given(&self.args.wandb_entity, &self.config.wandb_entity),
            project: self.project(),
            alias: self.alias(),
            retry: RetryPolicy::default(),
        }))
    }

    fn wandb_offline(&self) -> WandbOffline {
        WandbOffline {
            project: self.project(),
            entity: given(&self.args.wandb_entity, &self.config.wandb_entity),
            alias: self.alias(),
        }
    }
}

fn given(flag: &Option<String>, file: &Option<String>) -> Option<String> {
    let text = flag
        .as_ref()
        .filter(|text| !text.is_empty())
        .or(file.as_ref());
    text.cloned()
}

/// Adds the model's signature, an input example and the dataset's columns to a run.
pub(crate) fn describe(run: &mut Run, artifact: &Artifact) {
    run.signature = Some(signature(artifact));
    run.input_example = input_example(artifact);
    if let Some(dataset) = &mut run.dataset {
        dataset.columns = artifact.schema.features.iter().map(column).collect();
        dataset.columns.push(Column {
            name: artifact.schema.target.name.clone(),
            kind: ColumnType::Long,
            required: true,
        });
    }
}

/// The fields of a request that the model and its rules use, and those of a response that carry the
/// decision.
fn signature(artifact: &Artifact) -> Signature {
    let outputs = [
        ("prediction", ColumnType::Long),
        ("prediction_label", ColumnType::String),
        ("approve", ColumnType::Boolean),
        ("probability", ColumnType::Double),
        ("threshold", ColumnType::Double),
        ("outcome", ColumnType::String),
        ("adjustments", ColumnType::Long),
    ];
    let outputs = outputs.map(|(name, kind)| Column {
        name: name.to_owned(),
        kind,
        required: true,
    });
    // The model reads a table as it reads a request, and names row and column of what it refuses:
    // a stricter type would keep tables from it that it understands.
    let any = |feature: &Feature| {
        let column = column(feature);
        Column {
            kind: ColumnType::Any,
            required: column.required && feature.role == Role::Input,
            ..column
        }
    };
    // MLflow leaves out what is not listed.
    let policy = artifact.policy.as_ref();
    let protected = policy.is_some_and(|policy| policy.allow_protected);
    let is_read = |feature: &&Feature| match feature.role {
        Role::Input => true,
        Role::Protected => protected,
        _ => false,
    };
    Signature {
        inputs: artifact
            .schema
            .features
            .iter()
            .filter(is_read)
            .map(any)
            .collect(),
        outputs: outputs.into(),
    }
}

fn column(feature: &Feature) -> Column {
    Column {
        name: feature.name.clone(),
        kind: match feature.kind {
            FeatureKind::Number(_) => ColumnType::Double,
            FeatureKind::Integer(_) => ColumnType::Long,
            FeatureKind::Boolean => ColumnType::Boolean,
            FeatureKind::Category(_) => ColumnType::String,
        },
        // A derived field is computed where it is not given.
        required: matches!(feature.missing, Missing::Error) && feature.derived.is_none(),
    }
}

/// The synthetic application in the artifact that fills in the most fields.
fn input_example(artifact: &Artifact) -> Option<Map<String, Value>> {
    let decided = artifact
        .golden_rows
        .iter()
        .filter(|row| row.probability >= 0.0);
    let requests = decided.filter_map(|row| serde_json::from_str(&row.request).ok());
    let count = |request: &Map<String, Value>| {
        let inputs = artifact.schema.inputs();
        inputs
            .filter(|input| {
                request
                    .get(&input.name)
                    .is_some_and(|value| !value.is_null())
            })
            .count()
    };
    let fullest = requests.max_by_key(count)?;
    let inputs = artifact.schema.inputs();
    let fields =
        inputs.filter_map(|input| Some((input.name.clone(), fullest.get(&input.name)?.clone())));
    Some(fields.collect())
}
