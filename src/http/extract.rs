//! Extractors: requests are parsed and validated here, before their handlers run.

use std::str::FromStr;

use axum::{
    RequestPartsExt,
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use hyper::{HeaderMap, header::AUTHORIZATION, http::request::Parts};
use serde::de::DeserializeOwned;

use super::{
    Shared, body,
    middleware::access_log::Requester,
    problem::{ApiError, Result},
};
use crate::{
    app::{self, Caller, Origin},
    model::Invalid,
};

const JSON: &str = "application/json";
const JSON_OR_FORM: &str = "application/json, application/x-www-form-urlencoded";
const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;

/// A JSON body. Unknown members are an error.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self> {
        body::media_type(request.headers(), JSON)?;
        parse_json(&body::whole(request, app, body::MAX_BODY).await?).map(Self)
    }
}

/// A JSON body that carries a message, or a system prompt, of the greatest length.
pub(super) struct LongJson<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for LongJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self> {
        body::media_type(request.headers(), JSON)?;
        let max = body::max_with_message(&app.config().server);
        parse_json(&body::whole(request, app, max).await?).map(Self)
    }
}

/// The same members as JSON or as a form.
pub(super) struct JsonOrForm<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for JsonOrForm<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self> {
        let media_type = body::media_type(request.headers(), JSON_OR_FORM)?;
        let bytes = body::whole(request, app, body::MAX_BODY).await?;
        if media_type == JSON {
            return parse_json(&bytes).map(Self);
        }
        let form = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(&bytes));
        serde_path_to_error::deserialize(form).map(Self).map_err(|error| {
            let field = error.path().to_string();
            Invalid::new(if field == "." { "body".into() } else { field }, error.into_inner().to_string()).into()
        })
    }
}

/// Parses JSON. Text that is none is malformed; JSON of another form is invalid, and the error names the member.
fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() {
            let field = if field == "." { "body".into() } else { field };
            ApiError::from(Invalid::new(field, plain_message(&cause)))
        } else {
            ApiError::Malformed(format!("the body is not JSON: {cause}"))
        }
    })?;
    reader.end().map_err(|error| ApiError::Malformed(format!("the body goes on after its JSON: {error}")))?;
    // serde takes a list for an object, its items for the members in order; such a body is a mistake.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Invalid::new("body", "must be a JSON object").into());
    }
    Ok(parsed)
}

/// serde's message without the position, which the member's name tells better.
pub(super) fn plain_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |end| text[..end].to_owned())
}

/// The query string. Unknown parameters are an error.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let parsed = serde_urlencoded::from_str(parts.uri.query().unwrap_or_default());
        parsed.map(Self).map_err(|error| Invalid::new("query", error.to_string()).into())
    }
}

/// `?limit=&cursor=`.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many items a page has at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    pub(super) cursor: Option<String>,
}

impl Paging {
    pub(super) fn limit(&self) -> Result<u32> {
        page_size(self.limit)
    }
}

/// The page size: the requested one, or the default.
pub(super) fn page_size(wanted: Option<u32>) -> Result<u32> {
    match wanted.unwrap_or(DEFAULT_PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(Invalid::new("limit", format!("must be from 1 to {MAX_PAGE}")).into()),
    }
}

/// The id in the path. An invalid one is not found.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr> FromRequestParts<Shared> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let text = parts.extract::<Path<String>>().await.map(|Path(text)| text).unwrap_or_default();
        text.parse().map(Self).map_err(|_| app::Error::not_found("object", text).into())
    }
}

/// The names in the path, not validated. One that is not UTF-8 is not found.
pub(super) struct Names<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequestParts<Shared> for Names<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let names = parts.extract::<Path<T>>().await;
        names.map(|Path(names)| Self(names)).map_err(|_| app::Error::not_found("object", parts.uri.path()).into())
    }
}

impl FromRequestParts<Shared> for Origin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        Ok(parts.extensions.get::<Self>().cloned().expect("`middleware` is around every route"))
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            app::Error::Unauthenticated("this needs a login: send `Authorization: Bearer <access token>`".into())
        })?;
        let caller = app.authenticate(token).await?;
        Requester::note(parts, &caller);
        Ok(caller)
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The header `Idempotency-Key`, not validated yet.
pub(super) struct IdempotencyKey(pub(super) Option<String>);

impl FromRequestParts<Shared> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let wrong = |says: &str| ApiError::from(Invalid::new("Idempotency-Key", says));
        let mut lines = parts.headers.get_all("idempotency-key").iter();
        let Some(line) = lines.next() else { return Ok(Self(None)) };
        if lines.next().is_some() {
            return Err(wrong("must be sent once"));
        }
        let key = std::str::from_utf8(line.as_bytes()).map_err(|_| wrong("must be UTF-8 text"))?;
        Ok(Self(Some(key.to_owned())))
    }
}

/// The header `Last-Event-ID`: the number of the last event that the client has seen.
pub(super) struct LastEventId(pub(super) Option<u64>);

impl FromRequestParts<Shared> for LastEventId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        let Some(line) = parts.headers.get("last-event-id") else { return Ok(Self(None)) };
        let digits = line.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|text| text.parse().ok());
        number
            .map(|number| Self(Some(number)))
            .ok_or_else(|| Invalid::new("Last-Event-ID", "must be the `id` of an event of this turn").into())
    }
}
