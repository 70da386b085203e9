//! Taking requests apart. Whatever is wrong with one is found here, before anything happens.

use std::{str::FromStr, time::Duration};

use axum::{
    RequestPartsExt,
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::{
    Shared,
    fault::{Fault, Result},
};
use crate::{
    app::{self, Caller, Origin},
    model::Invalid,
};

const MAX_BODY: usize = 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;

/// A JSON body. Unknown members are an error.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Json<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Shared) -> Result<Self> {
        expect_type(request.headers(), "application/json")?;
        let bytes = whole_body(request).await?;
        parse_json(&bytes).map(Self)
    }
}

/// The same members as JSON or as a form.
pub(super) struct JsonOrForm<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for JsonOrForm<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Shared) -> Result<Self> {
        if media_type(request.headers()) != Some("application/x-www-form-urlencoded".into()) {
            expect_type(request.headers(), "application/json")?;
            return parse_json(&whole_body(request).await?).map(Self);
        }
        let bytes = whole_body(request).await?;
        let parsed = serde_urlencoded::from_bytes(&bytes);
        parsed.map(Self).map_err(|error| Invalid::new("body", error.to_string()).into())
    }
}

fn expect_type(headers: &HeaderMap, wanted: &str) -> Result<()> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Fault::MediaType("request bodies are taken uncompressed only".into()));
    }
    match media_type(headers) {
        Some(given) if given == wanted => Ok(()),
        Some(given) => Err(Fault::MediaType(format!("the body is `{given}`; send `{wanted}`"))),
        None => Err(Fault::MediaType(format!("the header Content-Type is missing; send `{wanted}`"))),
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

async fn whole_body(request: Request) -> Result<Bytes> {
    let collecting = Limited::new(request.into_body(), MAX_BODY).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collecting).await {
        Err(_) => Err(Fault::TooSlow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Fault::TooLarge),
        Ok(Err(_)) => Err(Fault::Malformed("the request body broke off".into())),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// Text that is no JSON is malformed; JSON that is not what was asked for is invalid and names the member.
fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() {
            let field = if field == "." { "body".into() } else { field };
            Fault::from(Invalid::new(field, plain_message(&cause)))
        } else {
            Fault::Malformed(format!("the body is not JSON: {cause}"))
        }
    })?;
    reader.end().map_err(|error| Fault::Malformed(format!("the body goes on after its JSON: {error}")))?;
    Ok(parsed)
}

/// serde's words without the place, which the member's name tells better.
fn plain_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |end| text[..end].to_owned())
}

/// The query, its unknown parameters an error.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Query<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let parsed = serde_urlencoded::from_str(parts.uri.query().unwrap_or_default());
        parsed.map(Self).map_err(|error| Invalid::new("query", error.to_string()).into())
    }
}

/// `?limit=&cursor=`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    limit: Option<u32>,
    pub(super) cursor: Option<String>,
}

impl Paging {
    pub(super) fn limit(&self) -> Result<u32> {
        match self.limit.unwrap_or(DEFAULT_PAGE) {
            limit @ 1..=MAX_PAGE => Ok(limit),
            _ => Err(Invalid::new("limit", format!("must be from 1 to {MAX_PAGE}")).into()),
        }
    }
}

/// The id in the path. What is no id names nothing, so it is not found.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr> FromRequestParts<Shared> for Id<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let text = parts.extract::<Path<String>>().await.map(|Path(text)| text).unwrap_or_default();
        text.parse().map(Self).map_err(|_| app::Error::not_found("object", text).into())
    }
}

impl FromRequestParts<Shared> for Origin {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        Ok(parts.extensions.get::<Self>().cloned().expect("`edge` is around every route"))
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            app::Error::Unauthenticated("this needs a login: send `Authorization: Bearer <access token>`".into())
        })?;
        Ok(app.authenticate(token).await?)
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the client prefers an event stream.
pub(super) struct WantsEvents(pub(super) bool);

impl FromRequestParts<Shared> for WantsEvents {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let accepts = |line: &str| line.split(',').any(|part| part.trim().starts_with("text/event-stream"));
        let lines = parts.headers.get_all(hyper::header::ACCEPT);
        Ok(Self(lines.iter().filter_map(|line| line.to_str().ok()).any(accepts)))
    }
}
