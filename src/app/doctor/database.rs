//! Is the database there, of this program's schema, and large enough for all replicas?

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{Diagnosis, clocks};
use crate::{
    app::{App, Error},
    config::masked,
    store::Places,
};

const REACHABLE: &str = "database.reachable";
const SCHEMA: &str = "database.schema";
const CONNECTIONS: &str = "database.connections";
const CLOCK: &str = "database.clock";

const PATIENCE: Duration = Duration::from_secs(5);

/// The checks, and whether what is in the database can be looked at.
pub(super) async fn check(app: &App, replicas: u32) -> (Vec<Diagnosis>, bool) {
    let shown = masked(app.config.database.url.expose());
    let since = Instant::now();
    let late = |_| Err(Error::DatabaseAway(format!("no answer within {} s", PATIENCE.as_secs())));
    let schema = match timeout(PATIENCE, app.demand_current_schema()).await.unwrap_or_else(late) {
        Ok(()) => Diagnosis::ok(SCHEMA, "the schema is current"),
        Err(Error::Schema(detail)) if app.store.is_sqlite() && !detail.contains("newer") => {
            Diagnosis::warning(SCHEMA, detail, "any other command brings a SQLite database up to date too")
        }
        Err(Error::Schema(detail)) => {
            Diagnosis::failed(SCHEMA, detail, "`mcpchat migrate --plan` lists what there is and what is not")
        }
        Err(error) => return (vec![unreachable(&shown, &error)], false),
    };
    let took = since.elapsed();
    let reached = Diagnosis::ok(REACHABLE, format!("{shown} answers within {} ms", took.as_millis().max(1)));
    let is_usable = schema.status == super::Standing::Ok;
    let mut checks = vec![reached, schema];
    if !app.store.is_sqlite() {
        checks.push(connections(app, replicas).await);
        checks.push(clock(app).await);
    }
    (checks, is_usable)
}

/// Looking would make it.
pub(super) fn not_yet(file: &Path) -> Diagnosis {
    Diagnosis::skipped(REACHABLE, format!("there is no database yet; the first command makes it in {}", file.display()))
}

fn unreachable(shown: &str, error: &Error) -> Diagnosis {
    let cause = error.cause().map_or_else(|| error.to_string(), |cause| cause.to_string());
    let remedy =
        "see that the server runs and `[database] url` (or DATABASE_URL) names it, with a user that may log in";
    Diagnosis::failed(REACHABLE, format!("{shown} cannot be reached: {cause}"), remedy)
}

async fn connections(app: &App, replicas: u32) -> Diagnosis {
    let remedy = "lower `[database] max_connections` or raise the server's `max_connections`";
    match app.store.places().await {
        Ok(places) => room(places, app.config.database.max_connections, replicas),
        Err(error) => Diagnosis::failed(CONNECTIONS, error.to_string(), remedy),
    }
}

fn room(places: Places, pool: u32, replicas: u32) -> Diagnosis {
    let needed = i64::from(pool) * i64::from(replicas);
    let free = places.all - places.reserved - places.of_others;
    let who = if replicas == 1 { "one replica".to_owned() } else { format!("{replicas} replicas") };
    let detail = format!(
        "{who} with up to {pool} connections need {needed}; of the server's {}, {} are reserved and {} are used by others",
        places.all, places.reserved, places.of_others
    );
    if needed > free {
        let most = (free / i64::from(replicas.max(1))).max(0);
        let remedy =
            format!("set `[database] max_connections` to at most {most}, or raise the server's `max_connections`");
        return Diagnosis::failed(CONNECTIONS, detail, remedy);
    }
    let hint = if replicas == 1 { " (`--replicas N` counts more of them)" } else { "" };
    Diagnosis::ok(CONNECTIONS, detail + hint)
}

async fn clock(app: &App) -> Diagnosis {
    match clocks::ahead(async { app.store.clock().await.map_err(|error| error.to_string()) }).await {
        Ok(ahead) => clocks::verdict(CLOCK, "the database", ahead),
        Err(detail) => Diagnosis::failed(CLOCK, detail, "see `database.reachable`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Standing;

    #[test]
    fn all_replicas_together_must_find_room() {
        let places = Places { all: 100, reserved: 3, of_others: 7 };
        for (pool, replicas, status) in
            [(10, 1, Standing::Ok), (10, 9, Standing::Ok), (10, 10, Standing::Failed), (91, 1, Standing::Failed)]
        {
            assert_eq!(room(places, pool, replicas).status, status, "{pool} × {replicas}");
        }
        assert!(room(places, 10, 10).remedy.unwrap().contains("at most 9"));
    }
}
