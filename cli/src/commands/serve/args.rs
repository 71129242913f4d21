//! The flags of `underwrite serve`. Each can also be set by an environment variable or in
//! `underwrite.toml`, so none has a default here: a default would hide the others.

use std::path::PathBuf;

use super::log::Log;
use super::on_failure::WhenItFails;
use super::origin::Origin;
use super::window_length::WindowLength;

const EXAMPLES: &str = "\
Every flag can also be set by an environment variable (--port by UNDERWRITE_PORT, --api-key by
API_KEY) or in the table [serve] of underwrite.toml (port = 8080). Flags override the environment,
which overrides the file. --print-config shows the result.

Examples:
  underwrite serve --model model.wasm
  underwrite serve --from-hub acme/loan-approval
  underwrite serve --models models/ --host 0.0.0.0 --log json --api-key-file keys.txt

Then, in another window, with a model of data/loan_sample.csv:
  curl http://localhost:8080/predict -H 'content-type: application/json' -d '{
    \"person_age\": 35, \"person_education\": \"Bachelor\", \"person_income\": 65000,
    \"person_emp_exp\": 5, \"person_home_ownership\": \"RENT\", \"loan_amnt\": 10000,
    \"loan_intent\": \"EDUCATION\", \"loan_int_rate\": 11, \"cb_person_cred_hist_length\": 5,
    \"credit_score\": 650, \"previous_loan_defaults_on_file\": \"No\"}'";

/// Serve models over HTTP, with a web page, until ctrl-c
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Model file (model.wasm) to serve
    #[arg(long, value_name = "FILE", conflicts_with_all = ["models", "from_hub"])]
    pub(super) model: Option<PathBuf>,
    /// Folder of models to serve, laid out as NAME/VERSION/model.wasm
    #[arg(long, value_name = "FOLDER", conflicts_with = "from_hub")]
    pub(super) models: Option<PathBuf>,
    /// Hugging Face Hub repository whose model.wasm to serve; the cached file is used when the Hub
    /// does not answer [env: HF_MODEL_REPO]
    #[arg(long, value_name = "OWNER/NAME")]
    pub(super) from_hub: Option<String>,
    /// Branch, tag or commit of the repository [default: main]
    #[arg(long)]
    pub(super) revision: Option<String>,
    /// Address of the Hub [default: https://huggingface.co] [env: HF_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub(super) hub_endpoint: Option<String>,
    /// File with the Hub token [default: the environment variable HF_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(super) hub_token_file: Option<PathBuf>,
    /// Cache folder for fetched files [default: underwrite/hub in the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    pub(super) hub_cache: Option<PathBuf>,
    /// Model that answers requests that name none [default: the first by name]
    #[arg(long, value_name = "NAME")]
    pub(super) default_model: Option<String>,
    /// Maximum number of loaded versions per model, including champion, challenger and previous
    /// champion, and always at least one more; others load on first use [default: 16]
    #[arg(long, value_name = "NUMBER")]
    pub(super) loaded_versions: Option<std::num::NonZeroUsize>,
    /// Refuse models whose engine is neither the one of this program nor a released one
    #[arg(long)]
    pub(super) known_engines_only: bool,
    /// Serve the JavaScript of models whose engine or JavaScript is neither that of this program
    /// nor a released one: pages run it outside the sandbox of WebAssembly
    #[arg(long, conflicts_with = "known_engines_only")]
    pub(super) allow_unknown_scripts: bool,
    /// Folder of public keys (*.pem): refuse models that none of them signed [default: none, and
    /// signatures are not checked]
    #[arg(long, value_name = "FOLDER")]
    pub(super) trusted_keys: Option<PathBuf>,
    /// Load models whose name or version differs from their folder, or whose inputs differ from
    /// the model they replace
    #[arg(long)]
    pub(super) allow_mismatch: bool,
    /// API name in GET / [default: the model's title and " API"]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Host name or address to listen on [default: 127.0.0.1]
    #[arg(long)]
    pub(super) host: Option<String>,
    /// Port to listen on; 0 lets the system choose [default: 8080]
    #[arg(long)]
    pub(super) port: Option<u16>,
    /// Separate port for /metrics and /drift [default: --port]
    #[arg(long, value_name = "PORT")]
    pub(super) metrics_port: Option<u16>,
    /// Also expose metrics under another program's names
    #[arg(long, value_name = "PROGRAM", value_parser = ["fastapi"])]
    pub(super) metrics_compat: Option<String>,
    /// API key for decisions; repeatable [default: none needed] [env: API_KEY]
    #[arg(long, value_name = "KEY")]
    pub(super) api_key: Vec<String>,
    /// File with API keys for decisions, one a line as NAME KEY, read again when it changes;
    /// repeatable [default: none] [env: API_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub(super) api_key_file: Vec<String>,
    /// API key for everything, including reload and rollback; repeatable [default: both disabled]
    /// [env: ADMIN_KEY]
    #[arg(long, value_name = "KEY")]
    pub(super) admin_key: Vec<String>,
    /// File with API keys for everything, as --api-key-file [default: none] [env: ADMIN_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub(super) admin_key_file: Vec<String>,
    /// API key for /metrics and /drift; repeatable [default: none needed] [env: METRICS_KEY]
    #[arg(long, value_name = "KEY")]
    pub(super) metrics_key: Vec<String>,
    /// File with API keys for /metrics and /drift, as --api-key-file [default: none]
    /// [env: METRICS_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub(super) metrics_key_file: Vec<String>,
    /// Part that needs no key even where keys are set: page (with the model's file) or metrics;
    /// repeatable [default: none]
    #[arg(long, value_name = "PART", value_parser = ["page", "metrics"])]
    pub(super) public: Vec<String>,
    /// Rate limit for each key, in requests per second [default: unlimited]
    #[arg(long, value_name = "NUMBER")]
    pub(super) rate_limit: Option<std::num::NonZeroU32>,
    /// Maximum number of open connections; beyond it, 503 [default: 10000]
    #[arg(long, value_name = "NUMBER")]
    pub(super) max_connections: Option<std::num::NonZeroUsize>,
    /// Maximum number of requests in progress; beyond it, 503 [default: 1024]
    #[arg(long, value_name = "NUMBER")]
    pub(super) max_requests: Option<std::num::NonZeroUsize>,
    /// Timeout for a request's head, in seconds [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(super) header_timeout: Option<f64>,
    /// Maximum length of a request's head (method, path and headers), in bytes, at least 8192;
    /// beyond it, 431 [default: 16384]
    #[arg(long, value_name = "BYTES")]
    pub(super) max_header_bytes: Option<usize>,
    /// Time that an idle connection stays open for the next request, in seconds; longer than a load
    /// balancer keeps its own [default: 75]
    #[arg(long, value_name = "SECONDS")]
    pub(super) keep_alive: Option<f64>,
    /// Timeout for a request's body, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(super) body_timeout: Option<f64>,
    /// Timeout for one decision, after which the module is stopped, in milliseconds [default: 40]
    #[arg(long, value_name = "MILLISECONDS")]
    pub(super) decide_timeout: Option<u64>,
    /// Timeout for one explanation, after which the module is stopped, in milliseconds
    /// [default: 1000]
    #[arg(long, value_name = "MILLISECONDS")]
    pub(super) explain_timeout: Option<u64>,
    /// Timeout for a module to load its model, after which it is refused, in milliseconds
    /// [default: 40, plus 1 per KiB of the file]
    #[arg(long, value_name = "MILLISECONDS")]
    pub(super) load_timeout: Option<u64>,
    /// Memory for the bodies and answers of all requests together, in bytes; beyond it, 503
    /// [default: 134217728]
    #[arg(long, value_name = "BYTES")]
    pub(super) max_body_memory: Option<usize>,
    /// Slowest average rate of a streamed body or answer, in bytes per second [default: 1024]
    #[arg(long, value_name = "BYTES")]
    pub(super) least_rate: Option<u32>,
    /// Maximum number of rows in a batch [default: 100000]
    #[arg(long, value_name = "NUMBER")]
    pub(super) batch_rows: Option<usize>,
    /// Maximum number of rows in an array that ask /explain for recourse [default: 1000]
    #[arg(long, value_name = "NUMBER")]
    pub(super) recourse_rows: Option<usize>,
    /// Maximum size of a batch that is not NDJSON, in bytes [default: 67108864]
    #[arg(long, value_name = "BYTES")]
    pub(super) batch_bytes: Option<usize>,
    /// Memory limit of one module instance, in bytes [default: 268435456]
    #[arg(long, value_name = "BYTES")]
    pub(super) module_memory: Option<usize>,
    /// Cache folder for compiled modules, for a faster start; only the server's user may have write
    /// access [default: underwrite/modules in the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Compile the module at every start
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Certificate chain for https (PEM file); needs --tls-key
    #[arg(long, value_name = "FILE")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Private key for https (PEM file); needs --tls-cert
    #[arg(long, value_name = "FILE")]
    pub(super) tls_key: Option<PathBuf>,
    /// Certificates of the authorities (PEM file) whose clients may connect; clients without a
    /// certificate are then refused [default: any client]
    #[arg(long, value_name = "FILE")]
    pub(super) tls_client_ca: Option<PathBuf>,
    /// Origin whose pages may call the API, or * for any; repeatable [default: none]
    #[arg(long, value_name = "ORIGIN")]
    pub(super) cors_origin: Vec<String>,
    /// Serve only the API: no web page, no model file to download
    #[arg(long)]
    pub(super) no_page: bool,
    /// Disable drift monitoring
    #[arg(long)]
    pub(super) no_drift: bool,
    /// Length of the drift window: a number of requests (10000) or a time (90s, 30m, 24h, 7d)
    /// [default: 24h]
    #[arg(long, value_name = "LENGTH")]
    pub(super) drift_window: Option<WindowLength>,
    /// Number of parts in which a sliding drift window forgets; 1 makes it tumble [default: 24]
    #[arg(long, value_name = "NUMBER")]
    pub(super) drift_panes: Option<usize>,
    /// Folder that keeps drift windows between starts [default: none]
    #[arg(long, value_name = "FOLDER")]
    pub(super) drift_state: Option<PathBuf>,
    /// Folder that records each decision before it is answered; created where there is none
    /// [default: none]
    #[arg(long, value_name = "FOLDER")]
    pub(super) decision_log: Option<PathBuf>,
    /// Folder of the decision log's keys [default: keys in the log's folder]
    #[arg(long, value_name = "FOLDER")]
    pub(super) decision_log_keys: Option<PathBuf>,
    /// Name of a new decision log, in its checkpoints [default: underwrite]
    #[arg(long, value_name = "NAME")]
    pub(super) decision_log_origin: Option<Origin>,
    /// Handling of decisions that cannot be recorded: refuse (503) or serve (counted and logged)
    /// [default: refuse]
    #[arg(long, value_name = "WHAT")]
    pub(super) decision_log_on_failure: Option<WhenItFails>,
    /// Pushgateway to push metrics to [default: none] [env: PROM_PUSHGATEWAY]
    #[arg(long, value_name = "URL")]
    pub(super) pushgateway: Option<String>,
    /// Job label of pushed metrics [default: loan_model] [env: PROM_PUSHJOB]
    #[arg(long, value_name = "NAME")]
    pub(super) push_job: Option<String>,
    /// Instance label of pushed metrics [default: none]
    #[arg(long, value_name = "NAME")]
    pub(super) push_instance: Option<String>,
    /// User name for the Pushgateway [env: PROM_USERNAME]
    #[arg(long, value_name = "NAME")]
    pub(super) push_username: Option<String>,
    /// Password for the Pushgateway [env: PROM_API_KEY]
    #[arg(long, value_name = "PASSWORD")]
    pub(super) push_password: Option<String>,
    /// File with the password for the Pushgateway [env: PROM_API_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub(super) push_password_file: Option<PathBuf>,
    /// Time between pushes, in seconds [default: 15]
    #[arg(long, value_name = "SECONDS")]
    pub(super) push_interval: Option<f64>,
    /// OpenTelemetry collector to export request spans to, by OTLP over HTTP [default: none]
    /// [env: OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub(super) otlp_endpoint: Option<String>,
    /// Service name of exported spans [default: underwrite] [env: OTEL_SERVICE_NAME]
    #[arg(long, value_name = "NAME")]
    pub(super) otlp_service: Option<String>,
    /// Format of the log on standard error [default: text on a terminal, else json]
    #[arg(long, value_enum)]
    pub(super) log: Option<Log>,
    /// Log the route, status, duration and key name of each request; never its content
    #[arg(long)]
    pub(super) access_log: bool,
    /// Add to that log the address that each request came from
    #[arg(long)]
    pub(super) log_client_address: bool,
    /// Time between looks at models, keys and certificates on file systems that report no changes,
    /// in seconds [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(super) watch_interval: Option<f64>,
    /// Configuration file [default: underwrite.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print all settings and their sources, with secrets hidden, and exit
    #[arg(long)]
    pub(super) print_config: bool,
}
