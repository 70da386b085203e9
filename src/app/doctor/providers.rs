//! Do the providers answer, and take our keys? Only asked on request: it leaves the machine.

use futures_util::future::join_all;

use super::Diagnosis;
use crate::app::{App, status::ProviderCondition};

pub(super) async fn check(app: &App, online: bool) -> Vec<Diagnosis> {
    let providers = app.catalogue.providers();
    if !online {
        let detail = "not asked; `--online` asks it for its list of models";
        return providers.iter().map(|provider| Diagnosis::skipped(id(provider.name()), detail)).collect();
    }
    join_all(providers.iter().map(ProviderCondition::of)).await.into_iter().map(told).collect()
}

fn told(provider: ProviderCondition) -> Diagnosis {
    let (id, condition) = (id(&provider.name), provider.condition);
    match condition.error {
        None => Diagnosis::ok(id, format!("it answers within {:.0} ms", condition.latency_ms.max(1.0))),
        Some(error) => Diagnosis::failed(
            id,
            error,
            "see that its `base_url` and `api_key` are right and this machine may reach it",
        ),
    }
}

fn id(provider: &str) -> String {
    format!("providers.{provider}")
}
