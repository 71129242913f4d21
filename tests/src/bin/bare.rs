//! The bare handler that the server is measured against: axum that parses JSON and echoes it.

use std::io::Write;

use anyhow::Result;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "Serving on http://{}/", listener.local_addr()?)?;
    stdout.flush()?;
    let router = Router::new().route("/predict", post(async |Json(body): Json<Value>| Json(body)));
    Ok(axum::serve(listener, router).await?)
}
