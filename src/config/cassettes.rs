//! Cassettes: recordings in place of providers. `--record` and `--replay` for one command, else `kind = "cassette"`.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

use super::{CassetteMode, Config, MockScript, Model, Provider, ProviderKind, models};
use crate::model::bytes_without_bom;

/// The part of a recording that names its provider and model.
#[derive(Deserialize)]
struct Recording {
    request: Request,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    /// Recordings of the first version have none, and are not replayed.
    provider: String,
    model: String,
}

/// Makes every provider record into the folder, or replay from it. `is_configured`: the file has providers.
pub(super) fn insert(mut config: Config, tape: Option<&CassetteMode>, is_configured: bool) -> Config {
    match tape {
        None => {}
        Some(CassetteMode::Record(dir)) => {
            let called = config.providers.iter_mut().filter(|provider| provider.kind != ProviderKind::Cassette);
            called.for_each(|provider| provider.dir = Some(dir.clone()));
        }
        Some(CassetteMode::Replay(dir)) => {
            if !is_configured && config.models.is_empty() {
                config.providers = recorded_providers(dir, config.providers);
            }
            let names: Vec<String> = config.providers.iter().map(|provider| provider.name.clone()).collect();
            for provider in &mut config.providers {
                provider.others = names.iter().filter(|name| **name != provider.name).cloned().collect();
                provider.kind = ProviderKind::Cassette;
                provider.dir = Some(dir.clone());
            }
            config.models.iter_mut().for_each(|model| model.script = MockScript::default());
            // No provider is called, so nothing is limited.
            config.limits.clear();
        }
    }
    config
}

/// The providers that have recordings, in the place of the default ones.
fn recorded_providers(dir: &Path, unset: Vec<Provider>) -> Vec<Provider> {
    let names: BTreeSet<String> = recorded(dir).into_iter().map(|request| request.provider).collect();
    match unset.first().filter(|_| !names.is_empty()) {
        Some(first) => names.into_iter().map(|name| Provider { name, ..first.clone() }).collect(),
        None => unset,
    }
}

/// Adds the recorded models of a cassette provider without configured ones, under their own names; where another
/// provider has a model of that name, with the provider's name before it.
pub(super) fn add_recorded(models: &mut Vec<Model>, provider: &Provider) {
    let dir = provider.dir.as_deref().filter(|_| provider.kind == ProviderKind::Cassette);
    let is_idle = models.iter().all(|model| model.provider != provider.name);
    for Request { provider: whose, model } in dir.filter(|_| is_idle).map(recorded).unwrap_or_default() {
        if provider.others.contains(&whose) {
            continue;
        }
        let is_taken = |name: &str| models.iter().find(|known| known.name == name).map(|known| known.provider.clone());
        let known = |name: &str| Model { upstream_name: model.clone(), ..models::known(name, &provider.name, 128_000) };
        match is_taken(&model) {
            None => models.push(known(&model)),
            Some(other) if other != provider.name => models.push(known(&format!("{}/{model}", provider.name))),
            Some(_) => {}
        }
    }
}

fn recorded(dir: &Path) -> BTreeSet<Request> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let request = |path| {
        let bytes = fs::read(path).ok()?;
        Some(serde_json::from_slice::<Recording>(bytes_without_bom(&bytes)).ok()?.request)
    };
    files.filter_map(request).collect()
}
