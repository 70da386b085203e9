//! Checks of the database: reachability, schema and clock. Those of a PostgreSQL server are in `postgres`.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{Diagnosis, clocks, postgres};
use crate::{
    app::{App, Error},
    config::masked,
    store::{Outage, RIGHTS},
};

const REACHABLE: &str = "database.reachable";
const SCHEMA: &str = "database.schema";
const CLOCK: &str = "database.clock";

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The checks, and whether the data can be checked too.
pub(super) async fn check(app: &App, replicas: u32) -> (Vec<Diagnosis>, bool) {
    let shown = masked(app.config.database.url.expose());
    let since = Instant::now();
    let late =
        |_| Err(Error::DatabaseUnavailable(Outage::passing(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()))));
    let schema = match timeout(CHECK_TIMEOUT, app.demand_current_schema()).await.unwrap_or_else(late) {
        Ok(()) => Diagnosis::ok(SCHEMA, "the schema is current"),
        Err(Error::Schema(detail)) if app.store.is_sqlite() && !detail.contains("newer") => {
            Diagnosis::warning(SCHEMA, detail, "any other command brings a SQLite database up to date too")
        }
        Err(Error::Schema(detail)) => old_schema(app, detail).await,
        Err(error) => return (vec![unreachable(&shown, &error)], false),
    };
    let took = since.elapsed();
    let reached = Diagnosis::ok(REACHABLE, format!("{shown} answers within {} ms", took.as_millis().max(1)));
    let is_usable = schema.status == super::CheckStatus::Ok;
    let mut checks = vec![reached, schema];
    if !app.store.is_sqlite() {
        checks.extend(postgres::check(app, replicas).await);
        checks.push(clock(app).await);
    }
    (checks, is_usable)
}

/// Migrating is no remedy for a role without that right.
async fn old_schema(app: &App, detail: String) -> Diagnosis {
    if app.store.server_health().await.is_ok_and(|condition| !condition.may_create_tables) {
        let detail = format!("{detail}; but this role may not make tables in the schema");
        return Diagnosis::failed(SCHEMA, detail, RIGHTS);
    }
    Diagnosis::failed(SCHEMA, detail, "`mcpchat migrate --plan` lists what there is and what is not")
}

/// Opening it would create it.
pub(super) fn not_yet(file: &Path) -> Diagnosis {
    Diagnosis::skipped(REACHABLE, format!("there is no database yet; the first command makes it in {}", file.display()))
}

fn unreachable(shown: &str, error: &Error) -> Diagnosis {
    let there = "see that the server runs and `[database] url` (or DATABASE_URL) names it";
    match error {
        Error::DatabaseUnavailable(Outage { cause, remedy: Some(remedy) }) => {
            Diagnosis::failed(REACHABLE, format!("{shown} cannot be used: {cause}"), remedy.as_str())
        }
        Error::DatabaseUnavailable(Outage { cause, remedy: None }) => {
            Diagnosis::failed(REACHABLE, format!("{shown} cannot be reached: {cause}"), there)
        }
        error => {
            let cause = error.cause().unwrap_or_else(|| error.to_string());
            Diagnosis::failed(REACHABLE, format!("{shown} cannot be reached: {cause}"), there)
        }
    }
}

async fn clock(app: &App) -> Diagnosis {
    match clocks::ahead(async { app.store.clock().await.map_err(|error| error.to_string()) }).await {
        Ok(ahead) => clocks::verdict(CLOCK, "the database", ahead),
        Err(detail) => Diagnosis::failed(CLOCK, detail, "see `database.reachable`"),
    }
}
