//! Check that every model has a price.

use super::Diagnosis;
use crate::config::{Config, ProviderKind};

const ID: &str = "models.price";

pub(super) fn check(config: &Config) -> Diagnosis {
    let is_mock = |name: &str| config.providers.iter().any(|one| one.name == name && one.kind == ProviderKind::Mock);
    let without = config.models.iter().filter(|model| model.price.is_none() && !is_mock(&model.provider));
    let names: Vec<&str> = without.map(|model| model.name.as_str()).collect();
    if names.is_empty() {
        return Diagnosis::ok(ID, "every model that costs something has a price");
    }
    let detail = format!("no price for {}: their cost is counted as nothing", names.join(", "));
    Diagnosis::warning(ID, detail, "give their [[models]] a `price`, in US dollars per million tokens")
}
