//! Recordings in the place of providers: `--record` and `--replay` for one command, `kind = "cassette"` for good.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

use super::{Config, MockScript, Model, Provider, ProviderKind, Tape, models};

/// As much of a recording as tells its model.
#[derive(Deserialize)]
struct Recording {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    model: String,
}

/// Puts the folder of recordings before, or behind, every provider.
pub(super) fn insert(mut config: Config, tape: Option<&Tape>) -> Config {
    match tape {
        None => {}
        Some(Tape::Record(dir)) => {
            let called = config.providers.iter_mut().filter(|provider| provider.kind != ProviderKind::Cassette);
            called.for_each(|provider| provider.dir = Some(dir.clone()));
        }
        Some(Tape::Replay(dir)) => {
            for provider in &mut config.providers {
                provider.kind = ProviderKind::Cassette;
                provider.dir = Some(dir.clone());
            }
            config.models.iter_mut().for_each(|model| model.script = MockScript::default());
            // Nobody is asked who could be asked too much.
            config.limits.clear();
        }
    }
    config
}

/// A provider of recordings without a configured model has the recorded ones, under their own names.
pub(super) fn add_recorded(models: &mut Vec<Model>, provider: &Provider) {
    let dir = provider.dir.as_deref().filter(|_| provider.kind == ProviderKind::Cassette);
    let is_idle = models.iter().all(|model| model.provider != provider.name);
    for name in dir.filter(|_| is_idle).map(recorded_models).unwrap_or_default() {
        if models.iter().all(|model| model.name != name) {
            models.push(models::known(&name, &provider.name, 128_000));
        }
    }
}

fn recorded_models(dir: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let model = |path| serde_json::from_slice::<Recording>(&fs::read(path).ok()?).ok().map(|told| told.request.model);
    files.filter_map(model).collect()
}
