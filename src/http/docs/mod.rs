//! `/docs`: the API documentation, one page that works below any path and loads nothing from other servers. The list of
//! operations is in the page itself; a script renders their details from `openapi.json`.

use std::{fmt::Write, sync::LazyLock};

use axum::{
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Shared, openapi};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; form-action 'none'";
const SCRIPT: &str = include_str!("app.js");
const STYLE: &str = include_str!("style.css");
const FRAME: &str = include_str!("page.html");

/// Rendered at the first request.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let document = serde_json::from_str(openapi::DOCUMENT).expect("openapi.json is JSON");
    FRAME.replace("<!-- operations -->", &operations(&document)).replace("<!-- version -->", env!("CARGO_PKG_VERSION"))
});

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(docs))
        // Relative, because a proxy may have put a prefix before it.
        .route("/", get(async || Redirect::temporary("docs")))
        .route("/docs/app.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/docs/style.css", get(async || asset("text/css; charset=utf-8", STYLE)))
}

/// Browse the API
#[utoipa::path(
    get, path = "/docs", security(()),
    responses((status = 200, body = String, content_type = "text/html", description = "This document, for people"))
)]
async fn docs() -> Response {
    asset("text/html; charset=utf-8", PAGE.as_str())
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// Renders a section for each tag, with a line for each of its operations.
fn operations(document: &Value) -> String {
    let mut html = String::new();
    for tag in document["tags"].as_array().into_iter().flatten() {
        let lines: String = described(document).filter(|(_, _, one)| one["tags"][0] == tag["name"]).map(line).collect();
        if !lines.is_empty() {
            let (name, says) = (text(&tag["name"]), text(&tag["description"]));
            writeln!(html, "<section id=\"tag-{name}\"><h2>{name}</h2><p>{says}</p>{lines}</section>")
                .expect("writing to memory");
        }
    }
    html
}

/// Path, method and description of each operation.
fn described(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, one)| (path.as_str(), method.as_str(), one))
    })
}

fn line((path, method, operation): (&str, &str, &Value)) -> String {
    let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
    let says = text(&operation["description"]);
    // A description that only repeats the summary is left out.
    let says = if says.trim_end_matches('.') == summary { String::new() } else { format!("<p>{says}</p>") };
    format!(
        "<details id=\"{id}\" data-path=\"{path}\" data-method=\"{method}\"><summary><b class=\"{method}\">{method}</b> \
         <code>{path}</code> <span>{summary}</span></summary>{says}</details>\n"
    )
}

/// Renders a text as HTML; what stands between backticks is code.
fn text(value: &Value) -> String {
    let plain = value.as_str().unwrap_or_default();
    let escaped = plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let parts = escaped.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}
