//! The flags of `underwrite serve`. Each can also be an environment variable or a line in
//! `underwrite.toml`: so none has a default here.

use std::path::PathBuf;

use super::drift::WindowLength;
use super::log::Log;

const EXAMPLES: &str = "\
Every flag can also be set by the environment (--port by UNDERWRITE_PORT; --api-key by API_KEY)
and in the table [serve] of underwrite.toml (port = 8080). A flag wins over the environment,
that over the file. --print-config shows the result.

Examples:
  underwrite serve --model model.wasm
  underwrite serve --from-hub acme/loan-approval
  underwrite serve --models models/ --host 0.0.0.0 --port 80 --log json --admin-key \"$KEY\"

Then, in another window:
  curl localhost:8080/predict -H 'content-type: application/json' -d '{\"person_income\": 65000}'";

/// Serve models over HTTP, with a page, until ctrl-c.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to serve.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["models", "from_hub"])]
    pub(super) model: Option<PathBuf>,
    /// A folder with NAME/VERSION/model.wasm, all to be served.
    #[arg(long, value_name = "FOLDER", conflicts_with = "from_hub")]
    pub(super) models: Option<PathBuf>,
    /// The model.wasm of a repository of the Hugging Face Hub; without the network the newest
    /// one that was fetched before (HF_MODEL_REPO).
    #[arg(long, value_name = "OWNER/NAME")]
    pub(super) from_hub: Option<String>,
    /// The repository's branch, tag or commit (default: main).
    #[arg(long)]
    pub(super) revision: Option<String>,
    /// Address of the Hub (default: https://huggingface.co; HF_ENDPOINT).
    #[arg(long, value_name = "URL")]
    pub(super) hub_endpoint: Option<String>,
    /// File with the Hub's token (default: the environment variable HF_TOKEN).
    #[arg(long, value_name = "FILE")]
    pub(super) hub_token_file: Option<PathBuf>,
    /// Folder that keeps fetched files (default: underwrite/hub in the user's cache folder).
    #[arg(long, value_name = "FOLDER")]
    pub(super) hub_cache: Option<PathBuf>,
    /// The model of the folder that answers where none is named (default: the first by name).
    #[arg(long, value_name = "NAME")]
    pub(super) default_model: Option<String>,
    /// Take models whose name or version is not their folder's, or whose inputs are not those
    /// of the one they replace.
    #[arg(long)]
    pub(super) allow_mismatch: bool,
    /// The name that GET / gives (default: the model's title, and " API").
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Name or address to listen on (default: 127.0.0.1).
    #[arg(long)]
    pub(super) host: Option<String>,
    /// Port to listen on; 0 lets the system choose one (default: 8080).
    #[arg(long)]
    pub(super) port: Option<u16>,
    /// A port of their own for the metrics (default: /metrics on --port).
    #[arg(long, value_name = "PORT")]
    pub(super) metrics_port: Option<u16>,
    /// Also give metrics under another program's names: `fastapi`.
    #[arg(long, value_name = "PROGRAM", value_parser = ["fastapi"])]
    pub(super) metrics_compat: Option<String>,
    /// A key that may ask for decisions; can be repeated (default: none is needed; API_KEY).
    #[arg(long, value_name = "KEY")]
    pub(super) api_key: Vec<String>,
    /// A key that may do everything, also reload models; can be repeated (default: nobody may).
    #[arg(long, value_name = "KEY")]
    pub(super) admin_key: Vec<String>,
    /// A key that may read metrics; can be repeated (default: none is needed).
    #[arg(long, value_name = "KEY")]
    pub(super) metrics_key: Vec<String>,
    /// What is open to everybody although there are keys: the page with the model's file, or
    /// the metrics; can be repeated (default: neither).
    #[arg(long, value_name = "PART", value_parser = ["page", "metrics"])]
    pub(super) public: Vec<String>,
    /// Requests a second for each key (default: any number).
    #[arg(long, value_name = "NUMBER")]
    pub(super) rate_limit: Option<std::num::NonZeroU32>,
    /// Connections at once; one more is turned away with 503 (default: 10000).
    #[arg(long, value_name = "NUMBER")]
    pub(super) max_connections: Option<std::num::NonZeroUsize>,
    /// Requests at once; one more is answered 503 (default: 1024).
    #[arg(long, value_name = "NUMBER")]
    pub(super) max_requests: Option<std::num::NonZeroUsize>,
    /// Time for a request's head, and for the next request on a connection, in seconds
    /// (default: 10).
    #[arg(long, value_name = "SECONDS")]
    pub(super) header_timeout: Option<f64>,
    /// Time for a request's body, in seconds (default: 30).
    #[arg(long, value_name = "SECONDS")]
    pub(super) body_timeout: Option<f64>,
    /// Time for one decision before the module is stopped, in milliseconds (default: 40).
    #[arg(long, value_name = "MILLISECONDS")]
    pub(super) decide_timeout: Option<u64>,
    /// Time for a module to load its model before it is refused, in milliseconds (default:
    /// 40, and 1 more for each KiB of the file).
    #[arg(long, value_name = "MILLISECONDS")]
    pub(super) load_timeout: Option<u64>,
    /// Bytes that the bodies and answers of all requests hold together (default: 134217728).
    #[arg(long, value_name = "BYTES")]
    pub(super) max_body_memory: Option<usize>,
    /// The least that a client brings or takes of a stream, in bytes a second on average
    /// (default: 1024).
    #[arg(long, value_name = "BYTES")]
    pub(super) least_rate: Option<u32>,
    /// Rows of a batch (default: 100000).
    #[arg(long, value_name = "NUMBER")]
    pub(super) batch_rows: Option<usize>,
    /// Bytes of a batch that is not NDJSON (default: 67108864).
    #[arg(long, value_name = "BYTES")]
    pub(super) batch_bytes: Option<usize>,
    /// Memory that one instance of a module may have, in bytes (default: 268435456).
    #[arg(long, value_name = "BYTES")]
    pub(super) module_memory: Option<usize>,
    /// The folder that keeps compiled modules, for a faster start; only the server's user may be
    /// able to write to it (default: underwrite/modules in the user's cache folder).
    #[arg(long, value_name = "FOLDER")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Compile the module at every start.
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Serve https: the certificate and its chain, PEM.
    #[arg(long, value_name = "FILE")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Serve https: the certificate's private key, PEM.
    #[arg(long, value_name = "FILE")]
    pub(super) tls_key: Option<PathBuf>,
    /// An origin whose pages may call the API, or *; can be repeated (default: none).
    #[arg(long, value_name = "ORIGIN")]
    pub(super) cors_origin: Vec<String>,
    /// Serve the API alone: no page, and no model file to download.
    #[arg(long)]
    pub(super) no_page: bool,
    /// Do not watch whether requests drift away from the training rows.
    #[arg(long)]
    pub(super) no_drift: bool,
    /// What drift looks back on: a number of requests, such as 10000, or a time, such as 90s,
    /// 30m, 24h or 7d (default: 24h).
    #[arg(long, value_name = "LENGTH")]
    pub(super) drift_window: Option<WindowLength>,
    /// Parts that the window forgets one after the other; 1 begins it anew when it is full
    /// (default: 24).
    #[arg(long, value_name = "NUMBER")]
    pub(super) drift_panes: Option<usize>,
    /// A folder in which drift windows outlive the server (default: none).
    #[arg(long, value_name = "FOLDER")]
    pub(super) drift_state: Option<PathBuf>,
    /// Push metrics to this Pushgateway (default: no; PROM_PUSHGATEWAY).
    #[arg(long, value_name = "URL")]
    pub(super) pushgateway: Option<String>,
    /// The job that is pushed as (default: loan_model; PROM_PUSHJOB).
    #[arg(long, value_name = "NAME")]
    pub(super) push_job: Option<String>,
    /// The instance that is pushed as (default: none).
    #[arg(long, value_name = "NAME")]
    pub(super) push_instance: Option<String>,
    /// The Pushgateway's user (PROM_USERNAME).
    #[arg(long, value_name = "NAME")]
    pub(super) push_username: Option<String>,
    /// The user's password (PROM_API_KEY).
    #[arg(long, value_name = "PASSWORD")]
    pub(super) push_password: Option<String>,
    /// Time between pushes, in seconds (default: 15).
    #[arg(long, value_name = "SECONDS")]
    pub(super) push_interval: Option<f64>,
    /// Export a span of each request to this OpenTelemetry collector, by OTLP over HTTP
    /// (default: no; OTEL_EXPORTER_OTLP_ENDPOINT).
    #[arg(long, value_name = "URL")]
    pub(super) otlp_endpoint: Option<String>,
    /// The service that spans are of (default: underwrite; OTEL_SERVICE_NAME).
    #[arg(long, value_name = "NAME")]
    pub(super) otlp_service: Option<String>,
    /// How to write the log, on standard error (default: text on a terminal, else json).
    #[arg(long, value_enum)]
    pub(super) log: Option<Log>,
    /// Log each request: its route, status and time, nothing of its content.
    #[arg(long)]
    pub(super) access_log: bool,
    /// The file with settings (default: underwrite.toml, if it is there).
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print all settings and where each came from, secrets hidden, and end.
    #[arg(long)]
    pub(super) print_config: bool,
}
