//! `underwrite log hold`, `release` and `erase`: by the folder's lock, or through the running
//! server.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use model_client::{
    Body, Client, Credentials, Request, Response, RetryPolicy, shown_url, split_credentials,
};
use model_log::{Change, Changed, Options, Writer};

use super::Folder;
use crate::counted::counted;
use crate::{files, secrets, terminal};

const HOLD_EXAMPLES: &str = "\
Examples:
  underwrite log hold decisions 4711 4712 --because 'case 12 of the court'
  underwrite log hold --server http://127.0.0.1:8080 --from indexes.txt --because 'case 12'";
const RELEASE_EXAMPLES: &str = "\
Examples:
  underwrite log release decisions 4711 --because 'case 12 is closed'";
const ERASE_EXAMPLES: &str = "\
Examples:
  underwrite log erase decisions 4711 --because 'request of 2026-11-28' --before-term
  underwrite log retain decisions > beyond.txt
  underwrite log erase decisions --from beyond.txt --because 'retention of 60 months'";

/// What comes before the log's name and id in a line of a list.
pub(super) const LOG: &str = "log=";

/// The shortest term in months. Only a server knows of a shorter one, by its settings: the log
/// does not, and whoever could name any here could erase everything as if it were due.
const SHORTEST: u32 = 60;

/// Protect records against erasure until they are released.
#[derive(Debug, clap::Args)]
#[command(after_help = HOLD_EXAMPLES)]
pub(super) struct Hold {
    #[command(flatten)]
    what: What,
}

/// Lift holds.
#[derive(Debug, clap::Args)]
#[command(after_help = RELEASE_EXAMPLES)]
pub(super) struct Release {
    #[command(flatten)]
    what: What,
}

/// Destroy the keys of records and of the records about them: nobody can read them again.
#[derive(Debug, clap::Args)]
#[command(after_help = ERASE_EXAMPLES)]
pub(super) struct Erase {
    #[command(flatten)]
    what: What,
    /// Erase records even before the end of their retention; the log records that it was early.
    #[arg(long)]
    before_term: bool,
    /// Months of retention, at least 60.
    #[arg(
        long,
        value_name = "MONTHS",
        default_value_t = SHORTEST,
        value_parser = clap::value_parser!(u32).range(i64::from(SHORTEST)..=1200)
    )]
    retention: u32,
}

/// Where and what.
#[derive(Debug, clap::Args)]
struct What {
    /// Folder of the log, unless --server is given, and indexes of records.
    #[arg(value_name = "FOLDER INDEX", required_unless_present = "server")]
    arguments: Vec<String>,
    /// File with indexes, one a line; what follows white space in a line is passed over, but for
    /// log=ORIGIN+ID, which must name this log.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The log that the indexes are of, as ORIGIN+ID: those of another are refused.
    #[arg(long, value_name = "ORIGIN+ID")]
    log: Option<String>,
    /// Why; becomes part of the log.
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Folder of the keys [default: FOLDER/keys].
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

/// The running server that has the log.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// Address of the running server that has the log, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// File with the admin key [default: UNDERWRITE_ADMIN_KEY].
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(super) admin_key_file: Option<PathBuf>,
}

impl Server {
    /// Asks the server.
    pub(super) fn ask(&self, method: &'static str, path: &str, body: Body<'_>) -> Result<Response> {
        let (server, login) = split_credentials(self.server.as_deref().unwrap_or_default());
        let key = secrets::read(self.admin_key_file.as_deref(), "UNDERWRITE_ADMIN_KEY")?;
        let credentials = key.map(Credentials::Bearer).or(login);
        let credentials = credentials.unwrap_or(Credentials::None);
        let advice = "set UNDERWRITE_ADMIN_KEY or --admin-key-file to the server's admin key";
        let once = RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        };
        let client = Client::new("the server", &server, credentials, advice, once);
        let mut request = Request::new(method, format!("{server}{path}"), body);
        request.idempotent = method == "GET";
        let response = client.send(&request)?;
        if response.status >= 400 {
            let detail = client.shortened(&detail(&response.body));
            bail!("{}{path}: {detail}", shown_url(&server));
        }
        Ok(response)
    }
}

/// The sentence in an error's JSON.
fn detail(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let detail = json.as_ref().and_then(|json| json.get("detail")?.as_str());
    detail.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}

impl Hold {
    pub(super) fn run(self) -> Result<()> {
        self.what
            .run("hold", "on hold", Change::default(), SHORTEST)
    }
}

impl Release {
    pub(super) fn run(self) -> Result<()> {
        self.what
            .run("release", "released", Change::default(), SHORTEST)
    }
}

impl Erase {
    pub(super) fn run(self) -> Result<()> {
        let change = Change {
            before_term: self.before_term,
            ..Change::default()
        };
        self.what.run("erase", "erased", change, self.retention)
    }
}

impl What {
    fn run(self, verb: &str, done: &str, change: Change, months: u32) -> Result<()> {
        let (folder, indexes) = match (&self.server.server, &self.arguments[..]) {
            (Some(_), indexes) => (None, indexes),
            (None, [folder, indexes @ ..]) => (Some(PathBuf::from(folder)), indexes),
            (None, []) => bail!("expected the folder of the log, or --server URL"),
        };
        let Named {
            log: named,
            indexes,
        } = self.indexes(indexes)?;
        let change = Change {
            indexes,
            because: self.because.clone(),
            ..change
        };
        let changed: Changed = match folder {
            Some(folder) => {
                let log = Writer::open_existing(
                    &folder,
                    Options {
                        keys: self.keys.clone(),
                        retention_months: months,
                        ..Options::default()
                    },
                )?;
                if let Some(named) = named {
                    let own = log.reader().verifier()?.id();
                    ensure!(
                        named == own,
                        "the records are of the log {named}, and {} has the log {own}: nothing was done",
                        folder.display()
                    );
                }
                let by = "command line";
                let changed = match verb {
                    "hold" => log.hold(&change, by),
                    "release" => log.release(&change, by),
                    _ => log.erase(&change, by),
                };
                let changed = changed?;
                log.close()?;
                changed
            }
            None => {
                let mut body = serde_json::to_value(&change)?;
                if let Some(named) = named {
                    body["log"] = named.into();
                }
                let answer = self
                    .server
                    .ask("POST", &format!("/log/{verb}"), Body::Json(&body))?;
                serde_json::from_slice(&answer.body)
                    .context("the server's answer is not readable")?
            }
        };
        let (records, index) = (changed.records, changed.index);
        writeln!(
            terminal::stdout(),
            "{} {done}: record {index}",
            counted(records, "record")
        )?;
        Ok(())
    }

    fn indexes(&self, arguments: &[String]) -> Result<Named> {
        let mut indexes = Vec::new();
        let mut log = self.log.clone();
        for argument in arguments {
            let index = argument.parse();
            indexes.push(index.with_context(|| format!("`{argument}` is no index of a record"))?);
        }
        if let Some(path) = &self.from {
            let name = path.display();
            let text = String::from_utf8(files::read(path)?);
            let text = text.with_context(|| format!("{name}: not a text"))?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            for (at, line) in text.lines().enumerate() {
                let mut words = line.split_whitespace();
                let Some(first) = words.next() else {
                    continue;
                };
                let index = first.parse();
                indexes.push(index.with_context(|| {
                    format!("{name}, line {}: `{first}` is no index of a record", at + 1)
                })?);
                let Some(named) = words.find_map(|word| word.strip_prefix(LOG)) else {
                    continue;
                };
                let before = log.get_or_insert_with(|| named.to_owned());
                ensure!(
                    before == named,
                    "{name}, line {}: a record of the log {named}, where {before} is expected: make a list for each log",
                    at + 1
                );
            }
        }
        ensure!(
            !indexes.is_empty(),
            "no record is named: expected indexes, or --from FILE"
        );
        Ok(Named { log, indexes })
    }
}

/// Records, and which log they are of where a list says so.
struct Named {
    log: Option<String>,
    indexes: Vec<u64>,
}

/// The log as a command reads it that can also ask the server.
pub(super) fn folder(folder: Option<PathBuf>, keys: Option<PathBuf>) -> Result<Folder> {
    match folder {
        Some(folder) => Ok(Folder { folder, keys }),
        None => bail!("expected the folder of the log, or --server URL"),
    }
}
