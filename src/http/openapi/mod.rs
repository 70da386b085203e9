//! The OpenAPI 3.1 description of the API. It is generated from the routers, in which every route has a description;
//! what `middleware` and `extract` do to all requests is added here, once. The text is committed as `openapi.json` and
//! compared by a test, so that serving it costs nothing.

mod examples;
mod operations;
mod refusals;

use std::{borrow::Cow, collections::BTreeSet};

use axum::{Extension, response::IntoResponse};
use hyper::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Shared, middleware::Prefix};

/// The description as it is committed and served.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

const ABOUT: &str = "\
A multi-user chat service in front of language models. Log in, send a message, and read the reply whole or as it comes; \
a message that was accepted is stored before a model is asked, and its turn ends in a stored state whether or not \
a client still listens.

JSON in and out; times are RFC 3339, in UTC. A member that a request does not have is an error. Lists come in pages: \
follow `next_cursor` until it is `null`. Whatever goes wrong comes as a problem document (RFC 9457), whose `code` is a \
stable word for programs. Every response has an `x-request-id`; name it to an operator.";

const TAGS: [(&str, &str); 8] = [
    ("auth", "Logging in and out."),
    ("users", "The caller's own account, and making one where that is open to all."),
    ("models", "What may be asked."),
    ("conversations", "What belongs together: its messages are what a model remembers."),
    ("messages", "Sending them, and reading them again."),
    ("turns", "What becomes of a message: a turn runs until its reply is stored."),
    ("admin", "For administrators, and the audit log for auditors too. Every act leaves a row there."),
    ("service", "Health, and this description."),
];

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(describe))
}

/// Describe the API
#[utoipa::path(
    get, path = "/openapi.json", security(()),
    responses((status = 200, body = Value, description = "This document, OpenAPI 3.1"))
)]
async fn describe(Extension(Prefix(prefix)): Extension<Prefix>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], below(&prefix))
}

/// The description for a server below a proxy's path prefix.
fn below(prefix: &str) -> Cow<'static, str> {
    if prefix.is_empty() {
        return DOCUMENT.into();
    }
    DOCUMENT.replacen("\"url\": \"/\"", &format!("\"url\": \"{prefix}\""), 1).into()
}

/// Generates the description from the code.
pub fn description() -> String {
    let generated = super::routes().into_openapi();
    let mut document = serde_json::to_value(generated).expect("a description is plain JSON");
    document["info"] = info();
    document["servers"] = json!([{ "url": "/", "description": "The server that this document comes from" }]);
    document["tags"] =
        TAGS.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
    // Either is enough. A public route overrides it.
    document["security"] = json!([{ "access_token": [] }, { "api_key": [] }]);
    tidy(&mut document["components"]["schemas"]);
    add_components(&mut document["components"]);
    operations::complete(&mut document);
    refusals::drop_unused(&mut document);
    examples::add(&mut document);
    let text = serde_json::to_string_pretty(&document).expect("a description is plain JSON");
    text + "\n"
}

fn info() -> Value {
    json!({
        "title": "mcpchat",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": env!("CARGO_PKG_DESCRIPTION"),
        "description": ABOUT,
        "contact": { "name": "The operators of this server" },
        "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
    })
}

/// Marks all members of responses as required: they are written whole, empty ones as `null`. Requests, which refuse
/// unknown members, and problems have optional members. A page refers to its items' schema.
fn tidy(schemas: &mut Value) {
    flatten(schemas);
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if let Some(item) = name.strip_prefix("Page_") {
            schema["properties"]["items"]["items"] = json!({ "$ref": format!("#/components/schemas/{item}") });
        }
        let is_answer =
            name != "Problem" && schema.get("additionalProperties").is_none() && schema.get("properties").is_some();
        if is_answer {
            schema["required"] = members(&schema["properties"]).map(|(name, _)| name.as_str()).collect();
        }
        // Events of two names may have the same data.
        if let Some(Value::Array(choices)) = schema.get_mut("oneOf") {
            let mut known = BTreeSet::new();
            choices.retain(|choice| known.insert(choice["$ref"].to_string()));
        }
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
        properties.for_each(|(_, property)| without_width(property));
    }
}

/// Merges the parts of `allOf` into one object with all their members.
fn flatten(schemas: &mut Value) {
    let known = schemas.clone();
    for (_, schema) in schemas.as_object_mut().into_iter().flatten() {
        let Some(Value::Array(parts)) = schema.get("allOf").cloned() else { continue };
        let all = parts.iter().flat_map(|part| {
            let other = part["$ref"].as_str().and_then(|path| path.rsplit('/').next());
            members(&other.map_or(part, |other| &known[other])["properties"])
        });
        let properties: Map<_, _> = all.map(|(name, value)| (name.clone(), value.clone())).collect();
        *schema = json!({ "type": "object", "description": schema["description"], "properties": properties });
    }
}

/// Drops the width of a number, an internal detail; its bounds say what it may be.
fn without_width(schema: &mut Value) {
    let widths = ["int32", "int64", "double"].map(Value::from);
    if let Some(members) =
        schema.as_object_mut().filter(|members| members.get("format").is_some_and(|it| widths.contains(it)))
    {
        members.remove("format");
    }
}

fn add_components(components: &mut Value) {
    let bearer = |format: &str, says: &str| json!({ "type": "http", "scheme": "bearer", "bearerFormat": format, "description": says });
    components["securitySchemes"] = json!({
        "access_token": bearer("JWT", "The access token of a login; it lives for minutes, and is renewed at `/api/v1/auth/refresh`."),
        "api_key": bearer("mck_<id>_<secret>", "An API key, for programs; it lives until it expires or is revoked."),
    });
    components["parameters"] = json!({ "RequestId": {
        "name": "x-request-id",
        "in": "header",
        "description": "The client's own id for this request, which the response and the log then carry. One that is not 1 to \
                        128 letters, digits and `-_.:/+=` is replaced.",
        "schema": { "type": "string" },
        "example": examples::REQUEST_ID,
    }});
    refusals::describe_extensions(&mut components["schemas"]["Problem"]);
    components["headers"] = refusals::headers();
    components["responses"] = refusals::responses();
}

/// Name and value of each member of an object; none of anything else.
fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flat_map(Map::iter)
}
