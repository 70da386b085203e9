//! `[[providers]]`, or the providers of the API keys in the environment, or `mock`.

use std::{path::PathBuf, time::Duration};

use super::{
    Header, Mistake, Origin, Provider, ProviderKind, Secret, Setting, Timeouts, headers,
    input::Input,
    reader::Read,
    secret_source::{ApiKey, KeyIfAny},
    section::Section,
    urls::BaseUrl,
    value::{Name, Value},
};

pub(super) fn read(document: &mut Section<'_, '_>) -> Read<Vec<Provider>> {
    match document.tables("providers", provider)? {
        Some(given) if !given.is_empty() => Ok(given),
        _ => by_environment(document),
    }
}

fn provider(s: &mut Section<'_, '_>) -> Read<Provider> {
    let name = s.required::<Name>("name", "name = \"openai\"");
    let kind = s.required::<ProviderKind>("kind", "kind = \"openai\", \"anthropic\", \"mock\" or \"cassette\"");
    let timeouts = s.table("timeouts", timeouts);
    let kind = kind.inspect_err(|_| s.skip(&["base_url", "api_key", "dir", "headers", "max_concurrent"]))?;
    let dir = if kind == ProviderKind::Cassette {
        s.required::<PathBuf>("dir", "dir = \"cassettes\", the folder of the recordings").map(Some)
    } else {
        s.refuse("dir", "only a provider of the kind `cassette` reads recordings").map(|()| None)
    };
    let (base_url, api_key) = match kind {
        ProviderKind::Mock | ProviderKind::Cassette => nowhere(s, kind)?,
        ProviderKind::Openai | ProviderKind::Anthropic => place_and_key(s, kind)?,
    };
    let headers = headers_of(s, kind);
    let max_concurrent = match s.optional("max_concurrent") {
        Ok(Some(max)) => s.check_within("max_concurrent", max, 1..=100_000_u32).map(Some),
        other => other,
    };
    Ok(Provider {
        name: name?.0,
        kind,
        base_url,
        api_key,
        headers: headers?,
        max_concurrent: max_concurrent?,
        timeouts: timeouts?,
        dir: dir?,
        others: Vec::new(),
    })
}

/// Reads the headers. A provider without network calls sends none, and a replay needs none.
fn headers_of(s: &mut Section<'_, '_>, kind: ProviderKind) -> Read<Vec<Header>> {
    match kind {
        ProviderKind::Mock | ProviderKind::Cassette => {
            s.refuse("headers", "a provider that makes no calls sends no headers").map(|()| Vec::new())
        }
        ProviderKind::Openai | ProviderKind::Anthropic if s.reader.context.replays => {
            s.skip(&["headers"]);
            Ok(Vec::new())
        }
        ProviderKind::Openai | ProviderKind::Anthropic => headers::read(s),
    }
}

fn nowhere(s: &mut Section<'_, '_>, kind: ProviderKind) -> Read<(String, Option<Secret>)> {
    let why = match kind {
        ProviderKind::Cassette => "a provider of recordings makes no calls",
        ProviderKind::Mock | ProviderKind::Openai | ProviderKind::Anthropic => "a mock provider makes no calls",
    };
    let base_url = s.refuse("base_url", why);
    let api_key = s.refuse("api_key", why);
    base_url.and(api_key).map(|()| (String::new(), None))
}

fn place_and_key(s: &mut Section<'_, '_>, kind: ProviderKind) -> Read<(String, Option<Secret>)> {
    let base_url = s.get::<BaseUrl>("base_url", origin_of(kind));
    if s.reader.context.replays {
        // What is redacted while recording is redacted on replay too, if it is there.
        let key = s.optional::<KeyIfAny>("api_key").unwrap_or_default().and_then(|key| key.0);
        return Ok((base_url?.0, key));
    }
    let api_key = s.optional::<ApiKey>("api_key");
    let (base_url, api_key) = (base_url?.0, api_key?);
    let api_key = match api_key {
        Some(key) => Some(key.0),
        None => shared_key(s, kind, &base_url)?,
    };
    Ok((base_url, api_key))
}

fn timeouts(s: &mut Section<'_, '_>) -> Read<Timeouts> {
    let range = || Duration::from_millis(1)..=Duration::from_secs(86_400);
    let queue = s.get_within("queue", "60s", range());
    let connect = s.get_within("connect", "5s", range());
    let first_token = s.get_within("first_token", "60s", range());
    let idle = s.get_within("idle", "60s", range());
    let total = s.get_within("total", "600s", range());
    Ok(Timeouts { queue: queue?, connect: connect?, first_token: first_token?, idle: idle?, total: total? })
}

/// The key in the environment belongs to the provider's own service and is sent nowhere else.
fn shared_key(s: &mut Section<'_, '_>, kind: ProviderKind, base_url: &str) -> Read<Option<Secret>> {
    let Some(variable) = variable_of(kind).filter(|_| base_url == origin_of(kind)) else { return Ok(None) };
    match key_in(s, variable)? {
        Some(key) => {
            let (key_of, origin) = (s.full("api_key"), Origin::Environment(variable.to_owned()));
            s.reader.settings.push(Setting { key: key_of, value: "***".to_owned(), origin });
            Ok(Some(key))
        }
        None => Err(s.mistake(
            "api_key",
            format!("{base_url} wants a key"),
            format!("set {variable}, or add api_key = {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"),
        )),
    }
}

fn by_environment(document: &mut Section<'_, '_>) -> Read<Vec<Provider>> {
    let mut found = Vec::new();
    for (name, kind) in [("openai", ProviderKind::Openai), ("anthropic", ProviderKind::Anthropic)] {
        let Some(variable) = variable_of(kind) else { continue };
        if let Some(key) = key_in(document, variable)? {
            note(document, found.len(), "name", name, Origin::Environment(variable.to_owned()));
            note(document, found.len(), "api_key", "***", Origin::Environment(variable.to_owned()));
            found.push(unset(name, kind, Some(key)));
        }
    }
    if found.is_empty() {
        note(document, 0, "name", "mock", Origin::Default);
        found.push(unset("mock", ProviderKind::Mock, None));
    }
    Ok(found)
}

fn note(document: &mut Section<'_, '_>, index: usize, key: &str, shown: &str, origin: Origin) {
    document.reader.settings.push(Setting {
        key: format!("providers[{index}].{key}"),
        value: shown.to_owned(),
        origin,
    });
}

/// A provider with the defaults, which the file does not configure.
fn unset(name: &str, kind: ProviderKind, api_key: Option<Secret>) -> Provider {
    let secs = Duration::from_secs;
    let timeouts =
        Timeouts { queue: secs(60), connect: secs(5), first_token: secs(60), idle: secs(60), total: secs(600) };
    let base_url = origin_of(kind).to_owned();
    let (name, headers) = (name.to_owned(), Vec::new());
    Provider { name, kind, base_url, api_key, headers, max_concurrent: None, timeouts, dir: None, others: Vec::new() }
}

fn key_in(s: &mut Section<'_, '_>, variable: &'static str) -> Read<Option<Secret>> {
    let Some(text) = s.reader.context.environment.variable(variable) else { return Ok(None) };
    match ApiKey::parse(Input::Text(text), &s.reader.context) {
        Ok(key) => Ok(Some(key.0)),
        Err(wrong) => {
            let origin = Origin::Environment(variable.to_owned());
            let mistake = Mistake { origin, key: String::new(), what: wrong.what, remedy: wrong.remedy };
            Err(s.reader.note(mistake))
        }
    }
}

fn variable_of(kind: ProviderKind) -> Option<&'static str> {
    match kind {
        ProviderKind::Openai => Some("OPENAI_API_KEY"),
        ProviderKind::Anthropic => Some("ANTHROPIC_API_KEY"),
        ProviderKind::Mock | ProviderKind::Cassette => None,
    }
}

/// The base URL of the provider's own service.
fn origin_of(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Openai => "https://api.openai.com/v1",
        ProviderKind::Anthropic => "https://api.anthropic.com",
        ProviderKind::Mock | ProviderKind::Cassette => "",
    }
}
