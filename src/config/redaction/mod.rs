//! Redaction of the secrets of the configuration and of the environment. A prompt may quote them, and a model may
//! repeat them. All text of an exchange that is kept or shown passes [`Redaction::hide`], and passes it whole: a text
//! that was cut before may hold the half of a secret.
//!
//! In a recording a secret is replaced by its name, so that it can be restored on replay.

mod name;
mod stream;
mod value;

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

pub use self::stream::StreamRedactor;
use super::{Config, Environment, Secret};

/// The replacement of a secret.
const HIDDEN: &str = "***";
/// Minimum length in bytes of a secret's beginning that is hidden before an ellipsis.
const TELLING: usize = 8;
/// The ellipses that show that a text was cut.
const CUTS: [&str; 2] = ["…", "..."];

/// The secrets to redact.
#[derive(Clone, Debug, Default)]
pub struct Redaction(Vec<Hidden>);

#[derive(Clone, Debug)]
struct Hidden {
    /// The variable, or the place in the configuration.
    name: String,
    text: Secret,
    /// The secret as it is, and escaped as in JSON, also in a JSON text within JSON.
    forms: Vec<Secret>,
}

/// Values of secrets by their names.
pub type Values = BTreeMap<String, String>;

impl Redaction {
    /// The secrets of the process's environment: by the names of their variables, and by known token formats.
    pub fn of_environment(environment: &Environment) -> Self {
        let mut secrets = Vec::new();
        for (variable, text) in &environment.variables {
            if value::has_known_form(text) || (name::is_secret(variable) && value::is_of_a_secret(text)) {
                secrets.push((variable.clone(), text.clone()));
            }
            let passwords = value::passwords(text).into_iter();
            secrets.extend(passwords.map(|password| (format!("{variable}.password"), password)));
        }
        Self::default().and(secrets)
    }

    /// The secrets of this process's environment.
    pub fn of_process() -> Self {
        Self::of_environment(&Environment::of_process())
    }

    /// Adds the secrets of a configuration.
    pub fn with_config(self, config: &Config) -> Self {
        let text = |secret: &Secret| secret.expose().to_owned();
        let mut secrets: Vec<(String, String)> = Vec::new();
        for provider in &config.providers {
            let key = provider.api_key.as_ref().map(|key| (format!("providers.{}.api_key", provider.name), text(key)));
            secrets.extend(key);
            let headers = provider.headers.iter().filter(|header| header.is_secret);
            let named = |header: &super::Header| format!("providers.{}.headers.{}", provider.name, header.name);
            secrets.extend(headers.map(|header| (named(header), text(&header.value))));
        }
        let signing = config.auth.jwt_secret.iter().chain(&config.auth.previous_jwt_secrets);
        secrets.extend(signing.map(|secret| ("auth.jwt_secret".to_owned(), text(secret))));
        for (name, url) in [("database.url", Some(&config.database.url)), ("redis.url", config.redis.url.as_ref())] {
            let passwords = url.map(|url| value::passwords(url.expose())).unwrap_or_default().into_iter();
            secrets.extend(passwords.map(|password| (format!("{name}.password"), password)));
        }
        self.and(secrets.into_iter().filter(|(_, text)| value::is_of_a_secret(text)).collect())
    }

    fn and(mut self, secrets: Vec<(String, String)>) -> Self {
        for (name, text) in secrets {
            for part in value::parts(&text) {
                if self.0.iter().all(|hidden| hidden.text.expose() != part) {
                    self.0.push(Hidden::new(&name, part));
                }
            }
        }
        self
    }

    /// Replaces every secret of the text by `***`.
    pub fn hide(&self, text: &str) -> String {
        let hidden = self.replaced(text, |_| HIDDEN.into());
        if self.0.is_empty() { hidden } else { self.without_beginnings(hidden) }
    }

    /// Replaces every secret of the text by its name, and returns those names too.
    pub fn seal(&self, text: &str) -> (String, Vec<String>) {
        let mut names = Vec::new();
        let sealed = self.replaced(text, |hidden| {
            names.push(hidden.name.clone());
            marked(&hidden.name).into()
        });
        (sealed, names)
    }

    /// The values of all secrets, by name.
    pub fn values(&self) -> Values {
        self.0.iter().rev().map(|hidden| (hidden.name.clone(), hidden.text.expose().to_owned())).collect()
    }

    fn replaced<'s>(&'s self, text: &str, mut with: impl FnMut(&'s Hidden) -> Cow<'s, str>) -> String {
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for (start, end, hidden) in self.found(text) {
            out.push_str(&text[done..start]);
            out.push_str(&with(hidden));
            done = end;
        }
        out + &text[done..]
    }

    /// The places of secrets, in order, the longest where several begin. Each form is searched from its last match on,
    /// so that a text full of them takes no longer.
    fn found(&self, text: &str) -> Vec<(usize, usize, &Hidden)> {
        let mut next: Vec<(usize, &str, &Hidden)> = Vec::new();
        for hidden in &self.0 {
            let forms = hidden.forms.iter().map(Secret::expose);
            next.extend(forms.filter_map(|form| Some((text.find(form)?, form, hidden))));
        }
        let mut found = Vec::new();
        while let Some((at, form, hidden)) = next.iter().copied().min_by_key(|(at, form, _)| (*at, Reverse(form.len())))
        {
            let end = at + form.len();
            found.push((at, end, hidden));
            next.retain_mut(|(at, form, _)| {
                if *at >= end {
                    return true;
                }
                text[end..].find(*form).inspect(|offset| *at = end + offset).is_some()
            });
        }
        found
    }

    /// Hides the beginnings of secrets before an ellipsis: a provider may have shortened its message there.
    fn without_beginnings(&self, text: String) -> String {
        if CUTS.iter().all(|cut| !text.contains(cut)) {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((at, cut)) = CUTS.iter().filter_map(|cut| Some((rest.find(cut)?, *cut))).min() {
            let (before, behind) = rest.split_at(at);
            let begun = self.beginning_at_end(before);
            out.push_str(&before[..before.len() - if begun < TELLING { 0 } else { begun }]);
            out.push_str(if begun < TELLING { "" } else { HIDDEN });
            out.push_str(cut);
            rest = &behind[cut.len()..];
        }
        out + rest
    }

    /// How many bytes at the end of the text may be the beginning of a secret.
    fn beginning_at_end(&self, text: &str) -> usize {
        let forms = self.0.iter().flat_map(|hidden| &hidden.forms).map(Secret::expose);
        let of_one = |form: &str| {
            let longest = text.len().min(form.len() - 1);
            (1..=longest).rev().find(|length| text.as_bytes().ends_with(&form.as_bytes()[..*length])).unwrap_or(0)
        };
        forms.map(of_one).max().unwrap_or(0)
    }
}

impl Hidden {
    fn new(name: &str, text: &str) -> Self {
        let json = |text: &str| {
            let quoted = serde_json::to_string(text).expect("a text can be written as JSON");
            quoted[1..quoted.len() - 1].to_owned()
        };
        let (once, twice) = (json(text), json(&json(text)));
        let mut forms = vec![text.to_owned(), once, twice];
        forms.dedup();
        Self { name: name.to_owned(), text: Secret::new(text), forms: forms.into_iter().map(Secret::new).collect() }
    }
}

/// The placeholder of a secret in a recording.
pub fn marked(name: &str) -> String {
    format!("{HIDDEN}{name}{HIDDEN}")
}

/// Restores the values of these names; a secret whose value is not known stays hidden.
pub fn unseal(text: &str, names: &[String], values: &Values) -> String {
    names.iter().fold(text.to_owned(), |text, name| {
        let mark = marked(name);
        if !text.contains(&mark) {
            return text;
        }
        text.replace(&mark, values.get(name).map_or(HIDDEN, String::as_str))
    })
}

#[cfg(test)]
mod tests;
