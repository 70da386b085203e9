//! Checks of the PostgreSQL server: writability, durability, pooler, and connections for all replicas.

use super::Diagnosis;
use crate::{
    app::App,
    store::{ConnectionSlots, ServerHealth},
};

const WRITABLE: &str = "database.writable";
const DURABILITY: &str = "database.durability";
const POOLER: &str = "database.pooler";
const CONNECTIONS: &str = "database.connections";

pub(super) async fn check(app: &App, replicas: u32) -> Vec<Diagnosis> {
    let condition = match app.store.server_health().await {
        Ok(condition) => condition,
        Err(error) => return vec![Diagnosis::failed(WRITABLE, error.to_string(), "see `database.reachable`")],
    };
    let pool = app.config.database.max_connections;
    let room = match app.store.places().await {
        Ok(_) if app.store.is_pooled() => {
            Diagnosis::skipped(CONNECTIONS, "the pooler decides how many connections the server gets")
        }
        Ok(places) => room(places, pool, replicas),
        Err(error) => Diagnosis::failed(CONNECTIONS, error.to_string(), "see `database.reachable`"),
    };
    vec![writable(condition), durability(condition), pooler(app.store.is_pooled()), room]
}

fn writable(condition: ServerHealth) -> Diagnosis {
    let remedy = "name the primary in `[database] url`; `/readyz` is 503 until then";
    if condition.is_standby {
        return Diagnosis::failed(WRITABLE, "the server is a standby: it takes no changes", remedy);
    }
    if condition.is_read_only {
        let remedy = "`alter role … set default_transaction_read_only = off`, or of the database or the server";
        return Diagnosis::failed(WRITABLE, "transactions are read-only: default_transaction_read_only is on", remedy);
    }
    Diagnosis::ok(WRITABLE, "the database takes changes")
}

fn durability(condition: ServerHealth) -> Diagnosis {
    if !condition.fsync {
        let detail =
            "fsync is off: after a crash of the machine what was acknowledged is lost, and the database perhaps too";
        return Diagnosis::failed(DURABILITY, detail, "set `fsync = on` in postgresql.conf");
    }
    if !condition.full_page_writes {
        let detail = "full_page_writes is off: a page that a crash has torn cannot be mended";
        let remedy = "set `full_page_writes = on` in postgresql.conf, unless the file system writes whole pages (ZFS)";
        return Diagnosis::failed(DURABILITY, detail, remedy);
    }
    Diagnosis::ok(DURABILITY, "a commit is on the disk before it is acknowledged")
}

fn pooler(is_pooled: bool) -> Diagnosis {
    if !is_pooled {
        return Diagnosis::ok(POOLER, "no connection pooler stands before the server");
    }
    let detail = "a connection pooler stands before the server: each statement is a transaction of its own and takes four \
                  round trips instead of one";
    let remedy = "mcpchat has a pool of its own; where the server has room for it, name the server itself";
    Diagnosis::warning(POOLER, detail, remedy)
}

fn room(places: ConnectionSlots, pool: u32, replicas: u32) -> Diagnosis {
    let needed = i64::from(pool) * i64::from(replicas);
    let who = if replicas == 1 { "one replica".to_owned() } else { format!("{replicas} replicas") };
    let mut detail = format!(
        "{who} with up to {pool} connections need {needed}; of the server's {}, {} are reserved and {} are used by others",
        places.all, places.reserved, places.of_others
    );
    let mut free = places.all - places.reserved - places.of_others;
    let mut raise = "the server's `max_connections`";
    for (limit, used, whose, raised) in [
        (places.role_limit, places.of_role, "role", "the role's (`alter role … connection limit`)"),
        (places.database_limit, places.of_database, "database", "the database's (`alter database … connection limit`)"),
    ] {
        let Some(limit) = limit else { continue };
        detail += &format!("; the {whose} may have {limit}, of which others use {used}");
        if limit - used < free {
            (free, raise) = (limit - used, raised);
        }
    }
    if needed > free {
        let most = (free / i64::from(replicas.max(1))).max(0);
        let remedy = format!("set `[database] max_connections` to at most {most}, or raise {raise}");
        return Diagnosis::failed(CONNECTIONS, detail, remedy);
    }
    let hint = if replicas == 1 { " (`--replicas N` counts more of them)" } else { "" };
    Diagnosis::ok(CONNECTIONS, detail + hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::ops::doctor::CheckStatus;

    const PLACES: ConnectionSlots = ConnectionSlots {
        all: 100,
        reserved: 3,
        of_others: 7,
        role_limit: None,
        of_role: 0,
        database_limit: None,
        of_database: 0,
    };

    #[test]
    fn all_replicas_together_must_find_room() {
        let of_role = ConnectionSlots { role_limit: Some(25), of_role: 2, ..PLACES };
        let of_database = ConnectionSlots { database_limit: Some(9), of_database: 1, ..of_role };
        for (places, pool, replicas, status) in [
            (PLACES, 10, 1, CheckStatus::Ok),
            (PLACES, 10, 9, CheckStatus::Ok),
            (PLACES, 10, 10, CheckStatus::Failed),
            (PLACES, 91, 1, CheckStatus::Failed),
            (of_role, 10, 2, CheckStatus::Ok),
            (of_role, 10, 3, CheckStatus::Failed),
            (of_database, 8, 1, CheckStatus::Ok),
            (of_database, 10, 1, CheckStatus::Failed),
        ] {
            assert_eq!(room(places, pool, replicas).status, status, "{pool} × {replicas} in {places:?}");
        }
        assert!(room(PLACES, 10, 10).remedy.unwrap().contains("at most 9"));
        assert!(room(of_database, 10, 1).remedy.unwrap().contains("at most 8, or raise the database's"));
    }

    #[test]
    fn a_server_that_promises_too_much_is_found() {
        let sound = ServerHealth {
            is_standby: false,
            is_read_only: false,
            fsync: true,
            full_page_writes: true,
            may_create_tables: true,
        };
        for (condition, (takes, keeps)) in [
            (sound, (CheckStatus::Ok, CheckStatus::Ok)),
            (ServerHealth { is_standby: true, is_read_only: true, ..sound }, (CheckStatus::Failed, CheckStatus::Ok)),
            (ServerHealth { is_read_only: true, ..sound }, (CheckStatus::Failed, CheckStatus::Ok)),
            (ServerHealth { fsync: false, ..sound }, (CheckStatus::Ok, CheckStatus::Failed)),
            (ServerHealth { full_page_writes: false, ..sound }, (CheckStatus::Ok, CheckStatus::Failed)),
        ] {
            assert_eq!((writable(condition).status, durability(condition).status), (takes, keeps), "{condition:?}");
        }
    }
}
