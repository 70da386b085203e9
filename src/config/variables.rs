//! Environment variables and flags that set keys, and variables that look as if they did.

use std::collections::BTreeMap;

use super::{Environment, Mistake, Origin, Overrides, reader::Reader};
use crate::suggestions;

/// Well-known variables and their keys. The variable that spells the key out wins over these.
const WELL_KNOWN: [(&str, &str); 3] =
    [("DATABASE_URL", "database.url"), ("REDIS_URL", "redis.url"), ("MCPCHAT_JWT_SECRET", "auth.jwt_secret")];

/// The layers above the file, by key.
pub(super) fn layers(overrides: &Overrides, environment: &Environment) -> BTreeMap<String, (Origin, String)> {
    let mut layers = BTreeMap::new();
    for (name, key) in WELL_KNOWN {
        if let Some(value) = environment.variable(name) {
            layers.insert(key.to_owned(), (Origin::Environment(name.to_owned()), value.to_owned()));
        }
    }
    for name in environment.variables.keys() {
        let key = key_of(name).filter(|key| variable_of(key) == *name);
        if let (Some(key), Some(value)) = (key, environment.variable(name)) {
            layers.insert(key, (Origin::Environment(name.clone()), value.to_owned()));
        }
    }
    if let Some(address) = overrides.listen {
        layers.insert("server.listen".to_owned(), (Origin::Flag("--listen"), address.to_string()));
    }
    if let Some(listen) = overrides.metrics_listen {
        let text = listen.0.map_or("off".to_owned(), |address| address.to_string());
        layers.insert("server.metrics_listen".to_owned(), (Origin::Flag("--metrics-listen"), text));
    }
    layers
}

/// `MCPCHAT_SERVER__LISTEN` → `server.listen`; the key need not exist.
fn key_of(name: &str) -> Option<String> {
    let name = name.strip_prefix("MCPCHAT_").filter(|rest| !rest.starts_with("TEST_"))?;
    let (section, key) = name.split_once("__")?;
    Some(format!("{}.{}", section.to_lowercase(), key.to_lowercase()))
}

/// Refuses variables that would silently do nothing; called after all keys are read. Other `MCPCHAT_…` variables are
/// left alone: Kubernetes sets `MCPCHAT_PORT` and the like for a service of that name.
pub(super) fn refuse_unknown(reader: &mut Reader<'_>) {
    let environment = reader.context.environment;
    for name in environment.variables.keys().filter(|name| environment.variable(name).is_some()) {
        let Some((what, remedy)) = fault(name, reader.known_scalars()) else { continue };
        reader.note(Mistake {
            origin: Origin::Environment(name.clone()),
            key: String::new(),
            what: what.into(),
            remedy,
        });
    }
}

fn fault<'k>(name: &str, known: impl Iterator<Item = &'k str> + Clone) -> Option<(&'static str, String)> {
    if let Some(key) = key_of(name) {
        if known.clone().any(|known| variable_of(known) == name) {
            return None;
        }
        let near = suggestions::names(&key, known);
        let names: Vec<String> = near.into_iter().map(|key| format!("`{}`", variable_of(key))).collect();
        let remedy = if names.is_empty() {
            "variables set the keys of [server], [database], [redis], [auth] and [audit]; write the others in a file"
                .to_owned()
        } else {
            format!("did you mean {}?", names.join(" or "))
        };
        return Some(("there is no such key that a variable can set", remedy));
    }
    let is_meant = |key: &&str| variable_of(key).replacen("__", "_", 1) == name;
    let meant = known.clone().find(is_meant)?;
    Some(("two underscores end the section", format!("did you mean `{}`?", variable_of(meant))))
}

fn variable_of(key: &str) -> String {
    format!("MCPCHAT_{}", key.to_uppercase().replacen('.', "__", 1))
}
