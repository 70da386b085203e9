//! Check of the configuration: whether a service can be built from it.

use super::Diagnosis;
use crate::{
    app::Error,
    config::{self, Loaded},
};

const ID: &str = "configuration";

pub(super) fn valid(loaded: &Loaded) -> Diagnosis {
    let from = match &loaded.file {
        Some(file) => file.display().to_string(),
        None => "no file; defaults and environment".to_owned(),
    };
    let detail = format!("the configuration is valid ({from})");
    if let Some(ignored_file) = &loaded.ignored_file {
        return Diagnosis::warning(ID, format!("{detail}; {}", ignored_file.what), &ignored_file.remedy);
    }
    if loaded.warnings.is_empty() {
        return Diagnosis::ok(ID, detail);
    }
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    Diagnosis::warning(ID, warnings.join("\n"), "it can be used as it is; see that it is what was meant")
}

pub(super) fn invalid(error: &config::Error) -> Diagnosis {
    Diagnosis::failed(ID, error.to_string(), "correct what is named; `mcpchat config example` has every key")
}

/// Each value is valid by itself, but no service can be built from them.
pub(super) fn unusable(error: &Error) -> Diagnosis {
    Diagnosis::failed(
        ID,
        error.to_string(),
        "correct what is named; `mcpchat config show --origin` tells where it is set",
    )
}
