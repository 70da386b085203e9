//! `/livez` and `/readyz`: is the process there, and should it get requests.

use axum::{Json as Answer, Router, extract::State, routing::get};
use serde::Serialize;

use super::{Shared, fault::Result};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn livez() -> Answer<Health> {
    Answer(Health { status: "ok" })
}

async fn readyz(State(app): State<Shared>) -> Result<Answer<Health>> {
    app.ready().await?;
    Ok(Answer(Health { status: "ok" }))
}
