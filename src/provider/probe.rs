//! Probe of a provider: whether a chat will work. The list of models cannot tell: many lists are public, and a list may
//! come from an address without a chat endpoint. So a request without messages is sent too: it is refused before it
//! costs anything, and how it is refused tells whether the address, the key and the model's name are right.

use std::{collections::HashSet, time::Duration};

use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{
    Failure, FailureKind, Fault, Provider,
    call::{Upstream, address, not_sent, redirected, refused},
    call_timeouts::CallTimeouts,
};

/// The most of a list of models that is read.
const MAX_LIST: usize = 4 * 1024 * 1024;

/// A problem that the probe found.
#[derive(Debug)]
pub struct Finding {
    /// No chat can work; otherwise it is a warning.
    pub is_failure: bool,
    pub detail: String,
}

/// A request without messages, which every provider refuses.
#[derive(Serialize)]
struct EmptyRequest<'a> {
    model: &'a str,
    max_tokens: u32,
}

impl Provider {
    /// Checks whether these models, by the provider's names, can be used. `timeouts` bounds each of two requests.
    pub async fn probe(&self, models: &[&str], timeouts: Duration) -> Vec<Finding> {
        match self {
            Self::Openai(openai) => openai.upstream().probe("/models", models, timeouts).await,
            Self::Anthropic(anthropic) => anthropic.upstream().probe("/v1/models", models, timeouts).await,
            Self::Mock(_) | Self::Cassette(_) => Vec::new(),
            Self::Recorded(recorder) => Box::pin(recorder.provider().probe(models, timeouts)).await,
        }
    }
}

impl Upstream {
    async fn probe(&self, path: &str, models: &[&str], timeouts: Duration) -> Vec<Finding> {
        let list = address(&self.base_url, path).expect("it was joined to another path when this was made");
        let no_question = EmptyRequest { model: models.first().copied().unwrap_or("none"), max_tokens: 1 };
        let (listed, asked) = tokio::join!(
            timeout(timeouts, self.list(&list)),
            timeout(timeouts, self.answer(self.client.post(self.url.clone()).json(&no_question))),
        );
        let late = || Failure::new(FailureKind::Busy, format!("no answer within {} s", timeouts.as_secs()));
        let (listed, asked) = (listed.unwrap_or_else(|_| Err(late())), asked.unwrap_or_else(|_| Err(late())));
        let mut findings = Vec::new();
        if let Err(failure) = asked
            && shows_that_no_chat_works(&failure)
        {
            findings.push(self.finding(true, "POST", &self.url, failure));
        }
        match listed {
            Ok(names) => findings.extend(unlisted(models, &names, &list)),
            Err(failure) => {
                let is_failure =
                    !matches!(failure.status, Some(400..=499)) || failure.kind.fault() == Fault::Configuration;
                // A server need not have a list.
                let is_failure = is_failure && failure.status != Some(404);
                findings.push(self.finding(is_failure, "GET", &list, failure));
            }
        }
        findings
    }

    /// The names of its models; none where the response is no list of them.
    async fn list(&self, url: &Url) -> Result<HashSet<String>, Failure> {
        let mut response = self.answer(self.client.get(url.clone())).await?;
        let mut body = Vec::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            body.extend_from_slice(&bytes);
            if body.len() > MAX_LIST {
                return Ok(HashSet::new());
            }
        }
        Ok(names_in(&serde_json::from_slice(&body).unwrap_or_default()))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Failure> {
        match request.send().await {
            Ok(response) if response.status().is_redirection() => {
                let status = Some(response.status().as_u16());
                Err(Failure { status, ..redirected(&response) })
            }
            Ok(response) if !response.status().is_success() => {
                let status = response.status();
                Err(Failure { status: Some(status.as_u16()), ..refused(status, "", response).await })
            }
            Ok(response) => Ok(response),
            Err(error) => Err(not_sent(&error, &CallTimeouts::start(self.timeouts, Instant::now()))),
        }
    }

    fn finding(&self, is_failure: bool, method: &str, url: &Url, failure: Failure) -> Finding {
        let detail = self.told(failure, url).detail;
        Finding { is_failure, detail: format!("{method} {url}: {detail}") }
    }
}

/// A refusal is expected. A server that fails on a request without messages may do better with some.
fn shows_that_no_chat_works(failure: &Failure) -> bool {
    match failure.kind.fault() {
        Fault::Configuration => true,
        Fault::Network => failure.kind != FailureKind::Disconnected,
        Fault::Upstream | Fault::Request | Fault::Content => matches!(failure.status, Some(405)),
    }
}

/// `{"data": [{"id": …}]}` (OpenAI, Anthropic), `{"models": [{"name": …}]}` (Ollama, Google), or only a list.
fn names_in(list: &Value) -> HashSet<String> {
    let entries = ["data", "models"].into_iter().filter_map(|key| list.get(key)?.as_array());
    let entries = entries.chain(list.as_array()).flatten();
    let names = entries.flat_map(|entry| {
        let aliases = entry.get("aliases").and_then(Value::as_array).into_iter().flatten();
        ["id", "name", "model", "root"].into_iter().filter_map(move |key| entry.get(key)).chain(aliases)
    });
    names.filter_map(Value::as_str).map(|name| name.trim_start_matches("models/").to_owned()).collect()
}

/// Some servers accept any name, so this is no failure.
fn unlisted(models: &[&str], names: &HashSet<String>, list: &Url) -> Option<Finding> {
    let is_unlisted = |model: &&&str| !names.contains(model.trim_start_matches("models/"));
    let unlisted: Vec<String> = models.iter().filter(is_unlisted).map(|model| format!("`{model}`")).collect();
    (!names.is_empty() && !unlisted.is_empty()).then(|| {
        let names = unlisted.join(", ");
        Finding { is_failure: false, detail: format!("GET {list} does not list {names}") }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_models_are_read_in_every_shape() {
        for (list, names) in [
            (json!({"object": "list", "data": [{"id": "a"}, {"id": "models/b"}]}), &["a", "b"][..]),
            (json!({"models": [{"name": "a:latest", "model": "a"}]}), &["a", "a:latest"]),
            (json!([{"id": "a", "aliases": ["b"]}]), &["a", "b"]),
            (json!({"data": []}), &[]),
            (json!("nothing"), &[]),
        ] {
            assert_eq!(names_in(&list), names.iter().map(|name| (*name).to_owned()).collect(), "{list}");
        }
    }
}
