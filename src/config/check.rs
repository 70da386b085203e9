//! Cross-checks of values: duplicate names, models without their provider, costs without prices. They run only where
//! every value is valid by itself.

use super::{Audit, Count, Database, Limit, MockScript, Model, Provider, ProviderKind, reader::Reader};
use crate::suggestions;

pub(super) fn providers(reader: &mut Reader<'_>, providers: &[Provider]) {
    unique(reader, "providers", providers.iter().map(|provider| &*provider.name));
}

/// Checks `models` as the file has them.
pub(super) fn models(reader: &mut Reader<'_>, models: &[Model], providers: &[Provider]) {
    unique(reader, "models", models.iter().map(|model| &*model.name));
    for (i, model) in models.iter().enumerate() {
        let Some(provider) = providers.iter().find(|provider| provider.name == model.provider) else {
            let remedy = suggestions::remedy(&model.provider, providers.iter().map(|provider| &*provider.name));
            reader.mistake(&format!("models[{i}].provider"), format!("no provider {:?}", model.provider), remedy);
            continue;
        };
        if provider.kind != ProviderKind::Mock && model.script != MockScript::default() {
            let what = format!("only models of a mock provider follow a script, and {:?} is none", provider.name);
            reader.mistake(&format!("models[{i}].script"), what, "remove it");
        }
    }
}

/// Refuses providers in the file that no model names. A mock provider gets `mock/echo`.
pub(super) fn idle_providers(reader: &mut Reader<'_>, models: &[Model], providers: &[Provider]) {
    for (i, provider) in providers.iter().enumerate() {
        let is_used = models.iter().any(|model| model.provider == provider.name);
        if !is_used && provider.kind != ProviderKind::Mock {
            let remedy = format!("add [[models]] with name and provider = {:?}, or remove it", provider.name);
            reader.mistake(&format!("providers[{i}].name"), format!("{:?} has no model", provider.name), remedy);
        }
    }
}

/// Refuses a cost rule beside a model without a price, which it would not limit.
pub(super) fn limits(reader: &mut Reader<'_>, limits: &[Limit], models: &[Model], providers: &[Provider]) {
    unique(reader, "limits", limits.iter().map(|limit| &*limit.name));
    let Some(limit) = limits.iter().position(|limit| limit.count == Count::Cost) else { return };
    let is_mock = |name: &str| providers.iter().any(|p| p.name == name && p.kind == ProviderKind::Mock);
    let free: Vec<&str> = models
        .iter()
        .filter(|model| model.price.is_none() && !is_mock(&model.provider))
        .map(|model| &*model.name)
        .collect();
    if !free.is_empty() {
        let what = format!("cost cannot be limited: no price for {}", free.join(", "));
        let remedy = "give its [[models]] a price = { input = …, output = … } in US dollars per million tokens";
        reader.mistake(&format!("limits[{limit}].count"), what, remedy);
    }
}

/// Warns of a rule that one reply can use up: replies are cut to what is left of it, and larger requests are refused.
pub(super) fn worst_cases(reader: &mut Reader<'_>, limits: &[Limit], models: &[Model]) {
    for (i, limit) in limits.iter().enumerate() {
        let worst = |model: &Model| match limit.count {
            Count::Messages | Count::Turns => 0,
            Count::Tokens => model.max_output_tokens.into(),
            Count::Cost => {
                model.price.map_or(0, |price| (f64::from(model.max_output_tokens) * price.output * 1e3) as u64)
            }
        };
        let largest = models.iter().max_by_key(|model| worst(model)).filter(|model| worst(model) > limit.max);
        let Some(model) = largest else { continue };
        let amount = |number: u64| match limit.count {
            Count::Cost => format!("${}", number as f64 / 1e9),
            Count::Tokens | Count::Messages | Count::Turns => format!("{number} tokens"),
        };
        let what = format!(
            "one answer of {:?} may take {} (max_output_tokens = {}), and the whole limit is {}: answers are cut to what is left",
            model.name,
            amount(worst(model)),
            model.max_output_tokens,
            amount(limit.max)
        );
        reader.warn(&format!("limits[{i}].max"), what, "raise max, or lower the model's max_output_tokens");
    }
}

/// Demands the signing key's path with PostgreSQL, which has no database file to put the key beside.
pub(super) fn checkpoints(reader: &mut Reader<'_>, audit: &Audit, database: &Database) {
    let is_in_a_file = database.url.expose().starts_with("sqlite:");
    if audit.checkpoint_file.is_some() && audit.signing_key_file.is_none() && !is_in_a_file {
        let what = "with PostgreSQL the file of the key that signs checkpoints has to be named";
        reader.mistake(
            "audit.checkpoint_file",
            what,
            "add signing_key_file to [audit]; the key is made at its first use",
        );
    }
}

fn unique<'n>(reader: &mut Reader<'_>, list: &str, names: impl Iterator<Item = &'n str>) {
    let mut seen: Vec<&str> = Vec::new();
    for (i, name) in names.enumerate() {
        if let Some(first) = seen.iter().position(|other| *other == name) {
            let place = reader.place(&format!("{list}[{first}].name"));
            let place = place.map_or_else(String::new, |place| format!(", first at {place}"));
            let what = format!("{name:?} is there twice{place}");
            reader.mistake(&format!("{list}[{i}].name"), what, "give each its own name");
        }
        seen.push(name);
    }
}
