//! Checks of Redis: reachability, eviction, persistence and clock.

use chrono::DateTime;

use super::{Diagnosis, clocks};
use crate::{
    app::App,
    config::{OnFailure, masked},
    redis::{RedisLink, Unavailable},
};

const REACHABLE: &str = "redis.reachable";
const EVICTION: &str = "redis.eviction";
const PERSISTENCE: &str = "redis.persistence";
const CLOCK: &str = "redis.clock";

pub(super) async fn check(app: &App, replicas: u32) -> Vec<Diagnosis> {
    let (Some(link), Some(url)) = (&app.redis, &app.config.redis.url) else { return vec![absent(app, replicas)] };
    let shown = masked(url.expose());
    if let Err(away) = link.probe_fresh().await {
        let meanwhile = match app.config.redis.on_failure {
            OnFailure::Database => "limits are counted in the database meanwhile",
            OnFailure::Refuse => "messages and logins are refused meanwhile",
        };
        let remedy = match &away {
            Unavailable::Denied(why)
                if ["authentication", "WRONGPASS", "NOAUTH"].iter().any(|word| why.contains(word)) =>
            {
                "correct the user and the password in `[redis] url` (or REDIS_URL)"
            }
            Unavailable::Denied(_) => "let its user run the commands that README lists, under their own names",
            _ => {
                "see that the server runs, is no replica, and `[redis] url` (or REDIS_URL) names it with a user that may write"
            }
        };
        return vec![Diagnosis::failed(REACHABLE, format!("{shown} cannot be used: {away}; {meanwhile}"), remedy)];
    }
    let mut checks = vec![Diagnosis::ok(REACHABLE, format!("{shown} takes writes and runs scripts"))];
    match link.info().await {
        Ok(info) => checks.extend([eviction(&info), persistence(&info)]),
        Err(away) => {
            let detail = format!("the server does not answer INFO ({away})");
            checks.extend([EVICTION, PERSISTENCE].map(|id| Diagnosis::skipped(id, detail.clone())));
        }
    }
    checks.push(clock(link).await);
    checks
}

fn absent(app: &App, replicas: u32) -> Diagnosis {
    let detail = "none is configured; limits are counted in the database";
    if replicas > 1 && app.store.is_sqlite() {
        let detail = format!("a SQLite file serves one replica, not {replicas}");
        return Diagnosis::failed(REACHABLE, detail, "set `[database] url` to a PostgreSQL, and `[redis] url`");
    }
    if replicas > 1 {
        let detail = format!("none is configured, and without Redis only one replica may run, not {replicas}");
        return Diagnosis::failed(REACHABLE, detail, "set `[redis] url` on all of them");
    }
    if app.store.is_sqlite() {
        return Diagnosis::skipped(REACHABLE, detail);
    }
    Diagnosis::skipped(REACHABLE, format!("{detail}, and only one replica may run"))
}

fn eviction(info: &str) -> Diagnosis {
    let remedy = "`CONFIG SET maxmemory-policy noeviction`, and the same in redis.conf";
    match (member(info, "maxmemory_policy"), member(info, "maxmemory")) {
        (Some("noeviction"), _) => {
            Diagnosis::ok(EVICTION, "a full Redis refuses writes and evicts nothing (noeviction)")
        }
        (Some(policy), Some("0")) => {
            let detail =
                format!("maxmemory-policy is {policy}; as soon as there is a maxmemory, counters are forgotten");
            Diagnosis::warning(EVICTION, detail, remedy)
        }
        (Some(policy), _) => {
            let detail = format!("maxmemory-policy is {policy}: a full Redis forgets counters, and limits with them");
            Diagnosis::failed(EVICTION, detail, remedy)
        }
        (None, _) => Diagnosis::skipped(EVICTION, "the server does not tell its maxmemory-policy"),
    }
}

fn persistence(info: &str) -> Diagnosis {
    let failed = |what: &str| {
        let detail = format!("{what} failed the last time: what is counted now is lost with the process");
        Diagnosis::failed(PERSISTENCE, detail, "see the server's log; often the disk is full")
    };
    match (member(info, "aof_enabled"), member(info, "rdb_last_bgsave_status")) {
        (Some("1"), _) if member(info, "aof_last_write_status") == Some("err") => {
            failed("writing the append-only file")
        }
        (Some("1"), _) => Diagnosis::ok(PERSISTENCE, "counters outlive a restart (append-only file)"),
        (_, Some("err")) => failed("writing a snapshot"),
        (Some(_), _) => {
            let detail = "there is no append-only file: after a crash, limits start anew or from the last snapshot";
            Diagnosis::warning(PERSISTENCE, detail, "`CONFIG SET appendonly yes`, and the same in redis.conf")
        }
        (None, _) => Diagnosis::skipped(PERSISTENCE, "the server does not tell how it persists"),
    }
}

fn member<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

async fn clock(link: &RedisLink) -> Diagnosis {
    let asked = async {
        let (seconds, micros) = link.time().await.map_err(|away| away.to_string())?;
        DateTime::from_timestamp(seconds, micros * 1000).ok_or_else(|| "the server tells no time".to_owned())
    };
    match clocks::ahead(asked).await {
        Ok(ahead) => clocks::verdict(CLOCK, "Redis", ahead),
        Err(detail) => Diagnosis::skipped(CLOCK, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::ops::doctor::CheckStatus;

    #[test]
    fn a_redis_that_forgets_is_found() {
        for (info, status) in [
            ("maxmemory:0\r\nmaxmemory_policy:noeviction\r\n", CheckStatus::Ok),
            ("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", CheckStatus::Warning),
            ("maxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\n", CheckStatus::Failed),
            ("", CheckStatus::Skipped),
        ] {
            assert_eq!(eviction(info).status, status, "{info}");
        }
    }

    #[test]
    fn a_redis_that_does_not_persist_is_found() {
        for (info, status) in [
            ("aof_enabled:1\r\naof_last_write_status:ok\r\n", CheckStatus::Ok),
            ("aof_enabled:1\r\naof_last_write_status:err\r\n", CheckStatus::Failed),
            ("aof_enabled:0\r\nrdb_last_bgsave_status:err\r\n", CheckStatus::Failed),
            ("aof_enabled:0\r\nrdb_last_bgsave_status:ok\r\n", CheckStatus::Warning),
            ("", CheckStatus::Skipped),
        ] {
            assert_eq!(persistence(info).status, status, "{info}");
        }
    }
}
