//! Turns the flags, the environment and the file into the server's options.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use host_server::{
    Checked, FileCheck, HttpLimits, Limits, ModelSource, Public, PushOptions, ServeOptions,
    TlsFiles, TraceOptions,
};
use model_train::unpack::unpack;

use super::api_keys;
use super::args::Args;
use super::keys::{key, known, secret};
use super::log::Log;
use super::source::{self, Source};
use crate::config_file::ConfigFile;
use crate::engine::{self, Origin, Unknown};
use crate::files;
use crate::hub;
use crate::settings::{Key, Settings};
use crate::signature;

/// All settings.
pub(super) struct Read {
    /// Without the models.
    pub(super) options: ServeOptions,
    pub(super) source: Option<Source>,
    pub(super) log: Option<Log>,
    /// The text of `--print-config`.
    pub(super) shown: String,
}

pub(super) fn read(args: &Args) -> Result<Read> {
    let file = ConfigFile::open(args.config.as_deref())?;
    let mut from = Settings::open(file.clone())?;
    let trusted_keys = from.path(key("trusted-keys"), args.trusted_keys.clone())?;
    let source = source::read(args, &mut from, trusted_keys.is_some())?;
    // The models are opened last, when all settings are known to be valid.
    let mut options = ServeOptions::new(ModelSource::File(PathBuf::new()));
    options.default_model = from.optional(key("default-model"), args.default_model.clone())?;
    options.name = from.optional(key("name"), args.name.clone())?;
    options.host = from.or(key("host"), args.host.clone(), options.host)?;
    options.port = from.or(key("port"), args.port, options.port)?;
    options.metrics_port = from.optional(key("metrics-port"), args.metrics_port)?;
    options.fastapi_metrics = compat(args, &mut from)?;
    (options.keys, options.key_source) = api_keys::read(args, &mut from)?;
    options.public = public(args, &mut from)?;
    options.loaded_versions = from.or(
        key("loaded-versions"),
        args.loaded_versions,
        options.loaded_versions,
    )?;
    let known_engines_only = from.switch(key("known-engines-only"), args.known_engines_only)?;
    let unknown_scripts = from.switch(key("allow-unknown-scripts"), args.allow_unknown_scripts)?;
    options.check = Some(engine_check(known_engines_only, unknown_scripts));
    options.signatures = signature::check(trusted_keys, matches!(source, Some(Source::Hub(_))))?;
    options.allow_mismatch = from.switch(key("allow-mismatch"), args.allow_mismatch)?;
    options.http = http_limits(args, &mut from)?;
    options.limits = limits(args, &mut from)?;
    options.tls = tls(args, &mut from)?;
    options.cors_origins = from.list(key("cors-origin"), args.cors_origin.clone())?;
    options.page = !from.switch(key("no-page"), args.no_page)?;
    options.drift = super::drift::read(args, &mut from)?;
    options.decision_log = super::decision_log::read(args, &mut from, file.as_ref())?;
    options.push = push(args, &mut from)?;
    options.traces = traces(args, &mut from)?;
    let log = from.optional(key("log"), args.log)?;
    options.access_log = from.switch(key("access-log"), args.access_log)?;
    options.log_client_address = from.switch(key("log-client-address"), args.log_client_address)?;
    options.watch_interval = seconds(
        &mut from,
        key("watch-interval"),
        args.watch_interval,
        options.watch_interval,
    )?;
    from.finish()?;
    Ok(Read {
        options,
        source,
        log,
        shown: from.to_text(),
    })
}

/// An engine that this program does not know is no reason to stop a service, unless it is said.
/// Its WebAssembly runs in a sandbox, here and in a page; its JavaScript in none.
fn engine_check(known_only: bool, unknown_scripts: bool) -> FileCheck {
    FileCheck(Arc::new(move |wasm: &[u8]| {
        let unknown = match engine::origin(wasm).map_err(|error| error.to_string())? {
            Origin::Ours | Origin::Released(_) => return Ok(Checked::Good),
            Origin::Other(unknown) => unknown,
        };
        if known_only {
            return Err(format!("{unknown}, and --known-engines-only is set"));
        }
        let (script, said) = match &unknown {
            _ if unknown_scripts => (
                Some(unpack(wasm).map_err(|error| error.to_string())?.glue),
                "and its JavaScript is served, since --allow-unknown-scripts is set",
            ),
            Unknown::Script {
                fitting: Some(fitting),
                ..
            } => (
                Some(fitting.to_vec()),
                "and the engine's own JavaScript is served instead",
            ),
            _ => (
                None,
                "and its JavaScript is not served: the page cannot decide by itself (--allow-unknown-scripts serves it)",
            ),
        };
        Ok(Checked::Doubtful {
            reason: format!("{unknown}: its code is not checked, {said}"),
            script: script.map(Into::into),
        })
    }))
}

fn compat(args: &Args, from: &mut Settings) -> Result<bool> {
    match from.optional(key("metrics-compat"), args.metrics_compat.clone())? {
        None => Ok(false),
        Some(program) if program == "fastapi" => Ok(true),
        Some(other) => bail!("metrics-compat is `{other}`, expected `fastapi`"),
    }
}

fn public(args: &Args, from: &mut Settings) -> Result<Vec<Public>> {
    let parts = from.list(key("public"), args.public.clone())?;
    parts
        .iter()
        .map(|part| match part.as_str() {
            "page" => Ok(Public::Page),
            "metrics" => Ok(Public::Metrics),
            other => bail!("public is `{other}`, expected `page` or `metrics`"),
        })
        .collect()
}

fn http_limits(args: &Args, from: &mut Settings) -> Result<HttpLimits> {
    let usual = HttpLimits::default();
    let rate: Option<NonZeroU32> = from.optional(key("rate-limit"), args.rate_limit)?;
    let connections: NonZeroUsize = from.or(
        key("max-connections"),
        args.max_connections,
        usual.connections,
    )?;
    let head_bytes = from.or(
        key("max-header-bytes"),
        args.max_header_bytes,
        usual.head_bytes,
    )?;
    let least = HttpLimits::LEAST_HEAD;
    ensure!(
        head_bytes >= least,
        "max-header-bytes is {head_bytes}, expected {least} or more"
    );
    Ok(HttpLimits {
        rate,
        connections,
        head_bytes,
        requests: from.or(key("max-requests"), args.max_requests, usual.requests)?,
        head: seconds(from, key("header-timeout"), args.header_timeout, usual.head)?,
        keep_alive: seconds(from, key("keep-alive"), args.keep_alive, usual.keep_alive)?,
        body: seconds(from, key("body-timeout"), args.body_timeout, usual.body)?,
        body_memory: from.or(
            key("max-body-memory"),
            args.max_body_memory,
            usual.body_memory,
        )?,
        least_rate: from.or(key("least-rate"), args.least_rate, usual.least_rate)?,
        batch_rows: from.or(key("batch-rows"), args.batch_rows, usual.batch_rows)?,
        recourse_rows: from.or(
            key("recourse-rows"),
            args.recourse_rows,
            usual.recourse_rows,
        )?,
        batch_bytes: from.or(key("batch-bytes"), args.batch_bytes, usual.batch_bytes)?,
    })
}

fn limits(args: &Args, from: &mut Settings) -> Result<Limits> {
    let usual = Limits::serving();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let decide = from.or(
        key("decide-timeout"),
        args.decide_timeout,
        millis(usual.decide),
    )?;
    let explain = from.or(
        key("explain-timeout"),
        args.explain_timeout,
        millis(usual.explain),
    )?;
    let load = from.optional(key("load-timeout"), args.load_timeout)?;
    let memory = from.or(key("module-memory"), args.module_memory, usual.memory_bytes)?;
    Ok(Limits {
        memory_bytes: memory,
        decide: Duration::from_millis(decide),
        explain: Duration::from_millis(explain),
        load: load.map_or(usual.load, Duration::from_millis),
        load_per_kib: load.map_or(usual.load_per_kib, |_| Duration::ZERO),
        cache: cache(args, from)?,
        compiler: std::env::current_exe().ok(),
        ..usual
    })
}

/// The folder for compiled modules; `None` without a home folder.
fn cache(args: &Args, from: &mut Settings) -> Result<Option<PathBuf>> {
    let usual = hub::default_cache().with_file_name("modules");
    let given = args.cache_dir.as_ref().map(|dir| dir.display().to_string());
    let folder = from.or(key("cache-dir"), given, usual.display().to_string())?;
    let off = from.switch(key("no-cache"), args.no_cache)?;
    let folder = PathBuf::from(folder);
    if off || (folder == usual && !usual.is_absolute()) {
        return Ok(None);
    }
    files::keep_out_of_logs(&folder.join("module"))?;
    Ok(Some(folder))
}

fn tls(args: &Args, from: &mut Settings) -> Result<Option<TlsFiles>> {
    let certificate = from.path(key("tls-cert"), args.tls_cert.clone())?;
    let private = from.path(key("tls-key"), args.tls_key.clone())?;
    let client_ca = from.path(key("tls-client-ca"), args.tls_client_ca.clone())?;
    match (certificate, private) {
        (None, None) if client_ca.is_some() => {
            bail!("--tls-client-ca needs https: set --tls-cert and --tls-key as well")
        }
        (None, None) => Ok(None),
        (Some(certificate), Some(private)) => Ok(Some(TlsFiles {
            certificate,
            key: private,
            client_ca,
        })),
        _ => bail!("https needs both --tls-cert and --tls-key"),
    }
}

fn push(args: &Args, from: &mut Settings) -> Result<Option<PushOptions>> {
    let gateway = known("pushgateway", "PROM_PUSHGATEWAY");
    let gateway = from.optional(gateway, args.pushgateway.clone())?;
    let job = known("push-job", "PROM_PUSHJOB");
    let job = from.or(job, args.push_job.clone(), "loan_model".to_owned())?;
    let instance = from.optional(key("push-instance"), args.push_instance.clone())?;
    let user = known("push-username", "PROM_USERNAME");
    let user = from.optional(user, args.push_username.clone())?;
    let password = secret("push-password", "PROM_API_KEY");
    let password = from.optional(password, args.push_password.clone())?;
    let file = known("push-password-file", "PROM_API_KEY_FILE");
    let file = from.path(file, args.push_password_file.clone())?;
    let password = match (password, file) {
        (Some(_), Some(_)) => {
            bail!("push-password and push-password-file are both set: keep one of them")
        }
        (None, Some(file)) => Some(password_in(&file)?),
        (given, None) => given,
    };
    let every = Duration::from_secs(15);
    let every = seconds(from, key("push-interval"), args.push_interval, every)?;
    Ok(gateway.map(|gateway| PushOptions {
        gateway,
        job,
        instance,
        login: user.zip(password),
        every,
    }))
}

/// The text of a file, without the line break at its end.
fn password_in(file: &Path) -> Result<String> {
    let name = file.display();
    let text = String::from_utf8(files::read_settings(file)?)
        .map_err(|_| anyhow!("{name}: the password is not UTF-8"))?;
    let password = text.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "{name}: the file has no password");
    Ok(password.to_owned())
}

fn traces(args: &Args, from: &mut Settings) -> Result<Option<TraceOptions>> {
    let endpoint = known("otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT");
    let endpoint = from.optional(endpoint, args.otlp_endpoint.clone())?;
    let service = known("otlp-service", "OTEL_SERVICE_NAME");
    let service = from.or(service, args.otlp_service.clone(), "underwrite".to_owned())?;
    Ok(endpoint.map(|endpoint| TraceOptions { endpoint, service }))
}

/// The longest time that can be set: no clock ends before it.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

fn seconds(from: &mut Settings, key: Key, flag: Option<f64>, usual: Duration) -> Result<Duration> {
    let seconds = from.or(key, flag, usual.as_secs_f64())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() && time <= LONGEST => Ok(time),
        _ => bail!(
            "{} is {seconds}, expected a number of seconds above 0, at most {} (ten years)",
            key.name,
            LONGEST.as_secs()
        ),
    }
}
