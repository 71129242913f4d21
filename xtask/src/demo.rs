//! `cargo xtask demo`: from a clone to a page and a server that decide.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::acceptance::Sample;
use crate::build;
use crate::progress::Weight;
use crate::steps::{Steps, output_of};
use crate::workspace::{self, command};

/// From nothing: [`build::demo`], then training.
const WEIGHTS: [Weight; build::DEMO_STEPS + 1] = [
    Weight {
        seconds: 374.0,
        crates: 385,
    },
    Weight {
        seconds: 14.0,
        crates: 0,
    },
    Weight {
        seconds: 1.0,
        crates: 0,
    },
];

const MODEL: Sample = Sample {
    name: "demo",
    family: "gradient_boosting",
    data: "loan_sample.csv",
    schema: "loan.toml",
    policy: Some("loan_policy.toml"),
};

/// Applications that show what the policy does, one a line.
const APPLICATIONS: &str = "data/loan_applications.ndjson";

/// How long the server may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Builds, trains, packs, and becomes the server.
pub(crate) fn run(port: u16) -> Result<()> {
    // Better now than after the build.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("port {port} cannot be used: choose another one with --port"))?;
    let steps = Steps::weighted(&WEIGHTS);
    build::demo(&steps)?;
    let (program, model) = (program(), model());
    steps.step(
        "Train on data/loan_sample.csv and write target/demo/model.wasm",
        || MODEL.train(&program, &model),
    )?;
    steps.finish("Serving; press Ctrl-C to stop");

    let port = port.to_string();
    command(env::current_exe()?)
        .args(["announce", "--port", &port])
        .spawn()?;
    let mut server = command(&program);
    // This process becomes the server, so that whoever ends it ends the server.
    let error = server
        .arg("serve")
        .arg("--model")
        .arg(&model)
        .args(["--port", &port])
        .exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

/// Waits for the server, sends it the application of the curl line, and prints both.
pub(crate) fn announce(port: u16) -> Result<()> {
    let application = example(&model())?;
    wait_for(port)?;
    let answer = post(port, &application)?;
    println!();
    println!("Page:      http://127.0.0.1:{port}/");
    println!(
        "Request:   curl -s http://127.0.0.1:{port}/predict -H 'content-type: application/json' -d '{application}'"
    );
    println!("Response:  {answer}");
    println!();
    let path = workspace::root().join(APPLICATIONS);
    let applications =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for application in applications.lines() {
        println!("{}", outcome(&post(port, application)?)?);
    }
    Ok(())
}

/// The outcome in an answer, with the score and the rules that matched.
fn outcome(answer: &str) -> Result<String> {
    let answer: Value = serde_json::from_str(answer).context("the server's answer")?;
    let outcome = answer["outcome"]
        .as_str()
        .context("the answer has no outcome")?;
    let score = answer["probability"].as_f64().unwrap_or_default();
    let rules = answer["rules"].as_array().into_iter().flatten();
    let rules: Vec<&str> = rules.filter_map(Value::as_str).collect();
    let by = if rules.is_empty() {
        "the score".to_owned()
    } else {
        format!("rule {}", rules.join(", "))
    };
    Ok(format!("{outcome:<10} probability {score:.3}, by {by}"))
}

fn program() -> PathBuf {
    workspace::built("demo", "underwrite")
}

fn model() -> PathBuf {
    workspace::target().join("demo/model.wasm")
}

/// An application made of the schema's examples, as JSON in one line.
fn example(model: &Path) -> Result<String> {
    let mut inspect = command(program());
    let text = output_of(inspect.arg("inspect").arg(model).arg("--json"))
        .with_context(|| format!("underwrite cannot inspect {}", model.display()))?;
    let description: Value = serde_json::from_str(&text).context("underwrite inspect --json")?;
    let features = description["features"].as_array();
    let features = features.context("underwrite inspect --json has no features")?;
    let inputs = features.iter().filter(|feature| feature["role"] == "input");
    let application: Map<String, Value> = inputs.filter_map(named_value).collect();
    Ok(Value::Object(application).to_string())
}

/// A feature's name with its example, else its first category, else what it is imputed with.
fn named_value(feature: &Value) -> Option<(String, Value)> {
    let name = feature["name"].as_str()?.to_owned();
    let known = [
        &feature["example"],
        &feature["categories"][0]["value"],
        &feature["imputed"],
    ];
    let value = known.into_iter().find(|value| !value.is_null())?;
    Some((name, value.clone()))
}

fn wait_for(port: u16) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if begun.elapsed() > PATIENCE {
            bail!("the server did not come up in {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// What the server answers to `POST /predict`; an error unless it is a decision.
fn post(port: u16, application: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = application.len();
    write!(
        stream,
        "POST /predict HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{application}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the server's answer has no body")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("the server refused the example: {body}");
    }
    Ok(body.to_owned())
}
