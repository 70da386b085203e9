//! What must not be written down: the secrets of the configuration and of the environment, whoever repeats them. A prompt
//! may quote them, and a model may say them back.

use super::{Config, Environment, Secret};

/// Shorter values are no secrets, and stand in ordinary words.
const SHORTEST: usize = 8;
/// Variables with such names hold secrets.
const ENDINGS: [&str; 9] =
    ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSWD", "_PASS", "_CREDENTIAL", "_CREDENTIALS", "_PAT"];
const WORDS: [&str; 3] = ["SECRET", "PASSWORD", "TOKEN"];

/// Texts to be hidden, the longest first.
#[derive(Clone, Debug, Default)]
pub struct Redaction(Vec<Secret>);

impl Redaction {
    /// The secrets of the process's environment, by the names of their variables.
    pub fn of_environment(environment: &Environment) -> Self {
        let named = environment.variables.iter().filter(|(name, _)| is_secret(name));
        let named = named.map(|(_, value)| Secret::new(value));
        Self::default().and(named)
    }

    /// These, and the secrets of a configuration.
    pub fn with_config(self, config: &Config) -> Self {
        let keys = config.providers.iter().filter_map(|provider| provider.api_key.clone());
        let jwt = config.auth.jwt_secret.iter().chain(&config.auth.previous_jwt_secrets).cloned();
        let urls = [Some(&config.database.url), config.redis.url.as_ref()].into_iter().flatten();
        let passwords = urls.filter_map(|url| {
            let url = url::Url::parse(url.expose()).ok()?;
            url.password().map(Secret::new)
        });
        self.and(keys.chain(jwt).chain(passwords))
    }

    fn and(mut self, secrets: impl Iterator<Item = Secret>) -> Self {
        self.0.extend(secrets.filter(|secret| secret.expose().trim().len() >= SHORTEST));
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        self.0.dedup_by(|a, b| a.expose() == b.expose());
        self
    }

    /// The text with `***` in the place of every secret, also where JSON has escaped it.
    pub fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            let secret = secret.expose().trim();
            let text = if text.contains(secret) { text.replace(secret, "***") } else { text };
            let escaped = serde_json::to_string(secret).expect("a text can be written as JSON");
            let escaped = &escaped[1..escaped.len() - 1];
            if escaped != secret && text.contains(escaped) { text.replace(escaped, "***") } else { text }
        })
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ENDINGS.iter().any(|end| name.ends_with(end)) || WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_by_the_names_of_their_variables() {
        let variables = [
            ("DEPLOY_TOKEN", "canary-1234"),
            ("GH_PAT", "canary-1234-longer"),
            ("PASSWORD", "with \"quotes\""),
            ("API_KEY", "short"),
            ("PATH", "/usr/bin:/bin"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let environment = Environment { variables, current_dir: "/".into(), system_dir: "/etc".into() };
        let redaction = Redaction::of_environment(&environment);
        for (text, shown) in [
            ("it is canary-1234-longer, canary-1234", "it is ***, ***"),
            (r#"{"a": "with \"quotes\""}"#, r#"{"a": "***"}"#),
            ("short /usr/bin:/bin", "short /usr/bin:/bin"),
        ] {
            assert_eq!(redaction.hide(text), shown);
        }
    }
}
