//! Sources of secrets: a string, the name of a variable, or the path of a file that only its owner can read. No message
//! here repeats any part of a secret.

use std::{os::unix::fs::PermissionsExt, path::Path};

use toml::de::{DeTable, DeValue};

use super::{
    Secret,
    environment::LINE_BREAKS,
    input::{Input, Wrong},
    value::{Context, Value},
};

const FORMS: &str = "give a string, { env = \"NAME\" } or { file = \"PATH\" }";

impl Value for Secret {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        let text = match input {
            Input::Text(text) => text.to_owned(),
            Input::Toml(value) => match value.get_ref() {
                DeValue::String(text) => text.trim_end_matches(LINE_BREAKS).to_owned(),
                DeValue::Table(source) => from_source(source, context)?,
                _ => return Err(Wrong::expected(input, "a secret", FORMS)),
            },
        };
        if text.is_empty() {
            return Err(Wrong::new("the secret is empty", FORMS));
        }
        Ok(Secret::new(text))
    }

    fn shown(&self, _: &str) -> String {
        "***".to_owned()
    }
}

fn from_source(source: &DeTable<'_>, context: &Context<'_>) -> Result<String, Wrong> {
    let mut keys = source.iter();
    let (Some((key, value)), None) = (keys.next(), keys.next()) else {
        return Err(Wrong::new("a secret has one source", FORMS));
    };
    let at_value = |wrong: Wrong| Wrong { span: Some(value.span()), ..wrong };
    let name = value.get_ref().as_str().ok_or_else(|| at_value(Wrong::new("expected a string", FORMS)))?;
    match key.get_ref().as_ref() {
        "env" => from_variable(name, context).map_err(at_value),
        "file" => from_file(name, context).map_err(at_value),
        other => Err(Wrong { span: Some(key.span()), ..Wrong::new(format!("unknown source {other:?}"), FORMS) }),
    }
}

fn from_variable(name: &str, context: &Context<'_>) -> Result<String, Wrong> {
    let missing = || Wrong::new(format!("environment variable {name:?} is not set"), "set it, or name another");
    context.environment.variable(name).map(str::to_owned).ok_or_else(missing)
}

/// Reads a secret's file, without the line breaks at its end and the byte order mark that editors and `echo` leave.
fn from_file(path: &str, context: &Context<'_>) -> Result<String, Wrong> {
    let full = context.base_dir.join(path);
    check_permissions(&full)?;
    let text = std::fs::read_to_string(&full).map_err(|error| unreadable(&full, &error))?;
    Ok(text.trim_start_matches('\u{feff}').trim_end_matches(LINE_BREAKS).to_owned())
}

fn check_permissions(path: &Path) -> Result<(), Wrong> {
    let mode = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Wrong::new(format!("{path} is open to others (mode {:04o})", mode & 0o7777), format!("chmod 600 {path}")))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Wrong {
    Wrong::new(format!("cannot read {}: {error}", path.display()), "name a file that can be read")
}

/// The key that signs tokens: HS256 wants as many bytes as its hash has (RFC 7518 §3.2).
pub(super) struct SigningKey(pub Secret);

impl Value for SigningKey {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        let secret = Secret::parse(input, context)?;
        let length = secret.expose().len();
        if length < 32 {
            let remedy = "give at least 32, for example from `openssl rand -base64 48`";
            return Err(Wrong::new(format!("the secret has {length} bytes"), remedy));
        }
        Ok(Self(secret))
    }

    fn shown(&self, _: &str) -> String {
        "***".to_owned()
    }
}

/// An optional key: none where it cannot be read.
pub(super) struct KeyIfAny(pub Option<Secret>);

impl Value for KeyIfAny {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        Ok(Self(Secret::parse(input, context).ok()))
    }

    fn shown(&self, _: &str) -> String {
        "***".to_owned()
    }
}

/// A secret that is sent in a header.
pub(super) struct ApiKey(pub Secret);

impl Value for ApiKey {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        let secret = Secret::parse(input, context)?;
        if !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Wrong::new("the key holds a space, a line break or other bytes no key has", "copy it again"));
        }
        Ok(Self(secret))
    }

    fn shown(&self, _: &str) -> String {
        "***".to_owned()
    }
}
