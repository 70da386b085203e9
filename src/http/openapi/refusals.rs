//! Error responses by HTTP status: the problem documents and headers that `problem` gives.

use serde_json::{Map, Value, json};

use super::{super::problem::HEAD_TOO_LARGE, examples::REQUEST_ID};

/// The error response with a status of 400 or more.
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Its name among the document's components.
    pub(super) name: &'static str,
    code: &'static str,
    title: &'static str,
    detail: &'static str,
    says: &'static str,
}

macro_rules! refusals {
    ($($status:literal $name:ident $code:literal, $title:literal, $detail:expr, $says:literal;)+) => {
        const ALL: &[Refusal] = &[$(Refusal {
            status: $status,
            name: stringify!($name),
            code: $code,
            title: $title,
            detail: $detail,
            says: $says,
        },)+];
    };
}

refusals! {
    400 Malformed "malformed_body", "Malformed body", "EOF while parsing an object at line 1 column 1",
        "`malformed_body`: the request body is no JSON. `bad_request`: the request breaks the rules of HTTP.";
    401 NotAuthenticated "unauthenticated", "Not authenticated", "this needs a login: send `Authorization: Bearer <access token>`",
        "`unauthenticated`: no token, or one that is expired or revoked.";
    403 Forbidden "forbidden", "Forbidden", "this needs the role `admin`",
        "`forbidden`: the caller's role or the key's scopes do not suffice.";
    404 NotFound "not_found", "Not found", "no conversation `018f2f6e-7c1a-7b3e-9d5a-3c2b1a0f9e8d`",
        "`not_found`: there is none, or it belongs to another user.";
    408 RequestTimeout "request_timeout", "Request timeout", "the request body did not arrive within 30 s",
        "`request_timeout`, `head_timeout`: the request came too slowly.";
    409 Conflict "turn_in_progress", "Conflict", "a turn is running in this conversation; wait for it to end",
        "It contradicts what is there.";
    413 BodyTooLarge "body_too_large", "Body too large", "a request body may have 1 MiB here",
        "`body_too_large`: the request body is longer than 1 MiB or, where it carries a message, than six of the longest message and 64 KiB.";
    414 UrlTooLong "url_too_long", "URL too long", "a URL may have 8 KiB",
        "`url_too_long`: the request's path and query are too long.";
    415 UnsupportedMediaType "unsupported_media_type", "Unsupported media type", "the body is `text/plain`; send `application/json`",
        "`unsupported_media_type`: the request body is of another type. `unsupported_content_coding`: it is compressed.";
    417 ExpectationFailed "expectation_failed", "Expectation failed", "`100-continue` is the only expectation there is",
        "`expectation_failed`: the header `Expect` asks for something else than `100-continue`.";
    422 Invalid "invalid_request", "Invalid request", "limit: must be from 1 to 200",
        "`invalid_request`: a member is missing, unknown, or out of its bounds, and `errors` names it. `unknown_model`: \
         `did_you_mean` names near ones. `idempotency_key_reused`: the key belongs to another request.";
    426 UpgradeRequired "upgrade_required", "Upgrade required", "this is a WebSocket: send a GET over HTTP/1.1 with `Upgrade: websocket`",
        "`upgrade_required`: there is only a WebSocket here.";
    429 RateLimited "rate_limited", "Too many requests", "limit `per-minute` reached: 60 of 60; try again in 12 s",
        "`rate_limited`: a limit is reached. A refused request takes nothing from any limit. \
         `too_many_connections`: too many come from this address.";
    431 HeadTooLarge "head_too_large", "Head too large", HEAD_TOO_LARGE,
        "`head_too_large`: the request's headers are too many or too large.";
    500 Internal "internal", "Internal error", "internal error; the log tells more",
        "`internal`: a mistake of the server's.";
    501 NotImplemented "not_implemented", "Not implemented", "the transfer coding `gzip` is not for servers like this one",
        "`not_implemented`: the request uses a part of HTTP that this server does not have.";
    502 ProviderFailed "provider_protocol", "Bad answer from the provider", "the provider's answer could not be read",
        "The model's provider refused, or its answer could not be used. The turn has failed.";
    503 Unavailable "database_unavailable", "Temporarily unavailable", "the database cannot be reached; try again shortly",
        "`database_unavailable`, `redis_unavailable`, `draining`, or the model's provider cannot be reached.";
    504 ProviderTimeout "provider_timeout", "The provider took too long", "the provider did not answer in time",
        "The model's provider took too long. The turn has failed.";
}

pub(super) fn of(status: u16) -> Option<&'static Refusal> {
    ALL.iter().find(|refusal| refusal.status == status)
}

/// All of them, for the document's components.
pub(super) fn responses() -> Value {
    ALL.iter().map(|refusal| (refusal.name.to_owned(), refusal.response(None))).collect::<Map<_, _>>().into()
}

/// Drops the responses that no operation refers to.
pub(super) fn drop_unused(document: &mut Value) {
    let paths = document["paths"].to_string();
    if let Some(responses) = document["components"]["responses"].as_object_mut() {
        responses.retain(|name, _| paths.contains(&format!("\"#/components/responses/{name}\"")));
    }
}

impl Refusal {
    /// The response; `says` may begin with the code: `` `turn_in_progress`: … ``.
    pub(super) fn response(&self, says: Option<&str>) -> Value {
        let code = says.and_then(|says| says.strip_prefix('`')?.split('`').next()).unwrap_or(self.code);
        let mut problem = json!({
            "type": format!("urn:mcpchat:problem:{code}"),
            "title": self.title,
            "status": self.status,
            "detail": if code == self.code { self.detail } else { says.unwrap_or_default() },
            "code": code,
            "request_id": REQUEST_ID,
        });
        for (name, value) in self.extensions() {
            problem[name] = value;
        }
        let mut headers = json!({ "x-request-id": { "$ref": "#/components/headers/RequestId" } });
        for (header, component) in self.headers() {
            headers[header] = json!({ "$ref": format!("#/components/headers/{component}") });
        }
        json!({
            "description": says.unwrap_or(self.says),
            "headers": headers,
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" },
                "example": problem,
            }},
        })
    }

    fn extensions(&self) -> Vec<(&'static str, Value)> {
        match self.status {
            422 => vec![("errors", json!([{ "field": "limit", "message": "must be from 1 to 200" }]))],
            429 => vec![
                ("rule", json!("per-minute")),
                ("limit", json!(60)),
                ("used", json!(60)),
                ("retry_after_secs", json!(12)),
                ("never_fits", json!(false)),
                ("decision_id", json!("018f2f6e-7c1a-7b3e-9d5a-3c2b1a0f9e8d")),
            ],
            _ => Vec::new(),
        }
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.status {
            401 => &[("WWW-Authenticate", "Authenticate")],
            429 => {
                &[("Retry-After", "RetryAfter"), ("RateLimit", "RateLimit"), ("RateLimit-Policy", "RateLimitPolicy")]
            }
            503 => &[("Retry-After", "RetryAfter")],
            _ => &[],
        }
    }
}

/// Describes the members of problem documents besides the common ones, and which ones all have over HTTP.
pub(super) fn describe_extensions(problem: &mut Value) {
    let maybe = |says: &str| json!({ "type": ["integer", "null"], "minimum": 0, "description": says });
    let amount = |says: &str| json!({ "type": "number", "minimum": 0, "description": says });
    let id = |says: &str| json!({ "type": "string", "format": "uuid", "description": says });
    let texts = |says: &str| json!({ "type": "array", "items": { "type": "string" }, "description": says });
    for (name, schema) in [
        ("rule", json!({ "type": "string", "description": "`rate_limited`: the limit's name." })),
        ("limit", amount("`rate_limited`: how much it allows; of cost, US dollars.")),
        ("used", amount("`rate_limited`: how much of it is used; of cost, US dollars.")),
        ("reserved", amount("`rate_limited` by tokens or cost: how much of it is reserved for the turns that run.")),
        (
            "reservation",
            amount("`rate_limited` by tokens or cost: what this request would reserve, for its worst case."),
        ),
        ("fitting_max_tokens", maybe("`rate_limited` by tokens or cost: the `max_tokens` that there is room for.")),
        ("retry_after_secs", maybe("`rate_limited`: when another try makes sense; `null` where none ever does.")),
        (
            "never_fits",
            json!({ "type": "boolean", "description": "`rate_limited`: it asks for more than the whole limit." }),
        ),
        ("decision_id", id("`rate_limited`: what to name to an operator.")),
        ("did_you_mean", texts("`unknown_model` and `not_found`: what has a near name.")),
        ("turn_id", id("The turn that failed.")),
    ] {
        problem["properties"][name] = schema;
    }
    problem["required"] = json!(["type", "title", "status", "detail", "code", "request_id"]);
}

/// The headers of responses, for the document's components.
pub(super) fn headers() -> Value {
    let text =
        |says: &str, example: &str| json!({ "description": says, "schema": { "type": "string" }, "example": example });
    let mut request_id = text("The request's id, the client's own if it sent a sane one.", REQUEST_ID);
    request_id["required"] = true.into();
    json!({
        "RequestId": request_id,
        "Authenticate": text("How to authenticate (RFC 9110).", "Bearer"),
        "RetryAfter": {
            "description": "Seconds after which another try makes sense (RFC 9110).",
            "schema": { "type": "integer", "minimum": 0 },
            "example": 12,
        },
        "RateLimit": text("What is left of each limit (draft-ietf-httpapi-ratelimit-headers).", "\"per-minute\";r=0;t=12"),
        "RateLimitPolicy": text("The limits (draft-ietf-httpapi-ratelimit-headers).", "\"per-minute\";q=60;w=60"),
    })
}
