//! The recorded form of a request: what determines the reply, canonical, without what differs from call to call.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{recording_store::lines, redactor::Redactor};
use crate::{
    config,
    model::Sampling,
    provider::{Request, request::role},
};

/// The hash's characters in a file name.
const HASH_CHARS: usize = 16;
const SLUG_CHARS: usize = 40;

/// Texts are lists of lines, so that a change of one is a line of a diff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RecordedRequest {
    /// By the operator's name for it: two may serve a model of the same name. Recordings of the first version have
    /// none.
    #[serde(default)]
    pub(super) provider: String,
    /// By the provider's name for it.
    pub(super) model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<Vec<String>>,
    pub(super) messages: Vec<ErrorContent>,
    pub(super) max_tokens: u32,
    #[serde(flatten)]
    pub(super) sampling: Sampling,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErrorContent {
    pub(super) role: String,
    pub(super) content: Vec<String>,
}

impl RecordedRequest {
    pub(super) fn new(provider: &str, model: &config::Model, request: &Request, seal: &mut Redactor<'_>) -> Self {
        let schema = request.response_format.as_ref().map(|format| {
            let text = serde_json::to_string(&format.schema).expect("a JSON object can be written as JSON");
            serde_json::from_str(&seal.text(&text)).unwrap_or_default()
        });
        // Line endings of another system do not make another prompt.
        let mut text = |text: &str| lines(&seal.text(&text.replace("\r\n", "\n")));
        Self {
            provider: provider.to_owned(),
            model: model.upstream_name.clone(),
            system: request.instructions().map(&mut text),
            messages: request
                .said()
                .iter()
                .map(|(author, said)| ErrorContent { role: role(*author).to_owned(), content: text(said) })
                .collect(),
            max_tokens: request.max_tokens,
            sampling: Sampling {
                stop: request.sampling.stop.iter().map(|stop| seal.text(stop)).collect(),
                ..request.sampling.clone()
            },
            schema,
        }
    }

    /// The same request to another provider.
    pub(super) fn of(&self, provider: &str) -> Self {
        Self { provider: provider.to_owned(), ..self.clone() }
    }

    /// The model and the request's hash: readable and unique.
    pub(super) fn file_name(&self) -> String {
        let canonical = serde_json::to_vec(&self.members()).expect("a request is plain JSON");
        let hash = hex::encode(Sha256::digest(canonical));
        let slug: String = self
            .model
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c.to_ascii_lowercase() } else { '-' })
            .take(SLUG_CHARS)
            .collect();
        format!("{}-{}.json", slug.trim_matches(['.', '-']), &hash[..HASH_CHARS])
    }

    /// All members, sorted by name.
    pub(super) fn members(&self) -> serde_json::Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => unreachable!("a request is a JSON object"),
        }
    }

    /// The last message.
    pub(super) fn question(&self) -> String {
        self.messages.last().map(|said| said.content.join("\n")).unwrap_or_default()
    }
}
