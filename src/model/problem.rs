//! The error format of the program: over HTTP, in an event stream, on stderr with `--json`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A value that cannot be accepted, and what an acceptable one looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, ToSchema)]
#[error("{field}: {message}")]
pub struct Invalid {
    pub field: String,
    pub message: String,
}

impl Invalid {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// A problem document (RFC 9457). Its members beside the standard ones depend on `code`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    /// The HTTP status; absent (0) for what no HTTP is part of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub status: u16,
    pub detail: String,
    /// A stable word for programs.
    pub code: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Invalid>,
    #[serde(flatten)]
    pub extensions: Map<String, Value>,
}

fn is_zero(status: &u16) -> bool {
    *status == 0
}
