//! Checks of the providers: reachability, keys and models. Only with `--online`, because it leaves the machine.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::Diagnosis;
use crate::{app::App, provider::Provider};

/// The time limit of each request.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

const REMEDY: &str = "see that its `base_url` ends before the path that is asked, that its `api_key` and its models' \
                      `upstream_name` are right, and that this machine may reach it";

pub(super) async fn check(app: &App, online: bool) -> Vec<Diagnosis> {
    let providers = app.catalogue.providers();
    if !online {
        let detail = "not asked; `--online` asks it for its list of models and sends it a question without messages";
        return providers.iter().map(|provider| Diagnosis::skipped(id(provider.name()), detail)).collect();
    }
    join_all(providers.iter().map(|provider| probe(app, provider))).await
}

async fn probe(app: &App, provider: &Provider) -> Diagnosis {
    let models = app.config.models.iter().filter(|model| model.provider == provider.name());
    let models: Vec<&str> = models.map(|model| model.upstream_name.as_str()).collect();
    let since = Instant::now();
    let findings = provider.probe(&models, CHECK_TIMEOUT).await;
    let id = id(provider.name());
    let is_failed = findings.iter().any(|finding| finding.is_failure);
    let detail = findings.into_iter().map(|finding| finding.detail).collect::<Vec<_>>().join("; ");
    if detail.is_empty() {
        return Diagnosis::ok(id, format!("it answers within {} ms", since.elapsed().as_millis().max(1)));
    }
    if is_failed { Diagnosis::failed(id, detail, REMEDY) } else { Diagnosis::warning(id, detail, REMEDY) }
}

fn id(provider: &str) -> String {
    format!("providers.{provider}")
}
