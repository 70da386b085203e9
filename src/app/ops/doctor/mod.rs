//! Diagnosis of an installation: each check has a stable id, and reports what it found and the remedy. Nothing is
//! changed, and no database is created. One file per group of checks.

mod audit;
mod clocks;
mod configuration;
mod database;
mod models;
mod postgres;
mod providers;
mod proxies;
mod redis;
mod secrets;
mod turns;

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    app::{App, Purpose},
    config::{self, Loaded},
    model::words,
    store::Store,
};

words! {
    /// The outcome of a check.
    CheckStatus {
        Ok = "ok",
        /// It works, but should be looked at.
        Warning = "warning",
        Failed = "failed",
        /// Not checked; the detail says why.
        Skipped = "skipped",
    }
}

/// The result of one check.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Stable, so that scripts can rely on it.
    pub id: Cow<'static, str>,
    pub status: CheckStatus,
    pub detail: String,
    /// The remedy.
    pub remedy: Option<String>,
}

impl Diagnosis {
    fn ok(id: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { id: id.into(), status: CheckStatus::Ok, detail: detail.into(), remedy: None }
    }

    fn skipped(id: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { status: CheckStatus::Skipped, ..Self::ok(id, detail) }
    }

    fn warning(id: impl Into<Cow<'static, str>>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: CheckStatus::Warning, remedy: Some(remedy.into()), ..Self::ok(id, detail) }
    }

    fn failed(id: impl Into<Cow<'static, str>>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: CheckStatus::Failed, ..Self::warning(id, detail, remedy) }
    }
}

/// Options of an examination.
#[derive(Clone, Copy, Debug)]
pub struct Examination {
    /// Whether to call the providers.
    pub online: bool,
    /// How many replicas serve, or will, on this database.
    pub replicas: u32,
}

/// Runs all checks. An invalid configuration is a finding too, and then the only one.
pub async fn examine(loaded: Result<Loaded, config::Error>, how: Examination) -> Vec<Diagnosis> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return vec![configuration::invalid(&error)],
    };
    let mut checks = vec![configuration::valid(&loaded)];
    checks.extend(secrets::check(&loaded));
    if let Some(file) = Store::file_of(&loaded.config.database).filter(|file| !file.exists()) {
        checks.push(database::not_yet(&file));
        checks.push(models::check(&loaded.config));
        return checks;
    }
    let app = match App::open(loaded.config.clone(), Purpose::Examination).await {
        Ok(app) => app,
        Err(error) => {
            checks[0] = configuration::unusable(&error);
            return checks;
        }
    };
    let (database, is_usable) = database::check(&app, how.replicas).await;
    checks.extend(database);
    checks.extend(redis::check(&app, how.replicas).await);
    if is_usable {
        checks.extend(audit::check(&app).await);
        checks.extend(turns::check(&app).await);
        checks.push(proxies::check(&app).await);
    }
    checks.extend(providers::check(&app, how.online).await);
    checks.push(models::check(&loaded.config));
    app.store.close().await;
    checks
}
