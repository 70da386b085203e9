//! Database health, for operators.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Error, Pool, Store, on, with_timeout};

/// The connection slots of a PostgreSQL server.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct ConnectionSlots {
    pub all: i64,
    /// Reserved for the server's own administrators.
    pub reserved: i64,
    /// Used by other programs.
    pub of_others: i64,
    /// Of these, by this role and in this database; `None`: there is no limit.
    pub role_limit: Option<i64>,
    pub of_role: i64,
    pub database_limit: Option<i64>,
    pub of_database: i64,
}

/// The properties of a PostgreSQL server that are checked.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct ServerHealth {
    pub is_standby: bool,
    pub is_read_only: bool,
    pub fsync: bool,
    pub full_page_writes: bool,
    /// Whether this role may make tables where ours are, or would be.
    pub may_create_tables: bool,
}

impl Store {
    /// The database's time; SQLite's is this machine's.
    pub async fn clock(&self) -> Result<DateTime<Utc>, Error> {
        let Pool::Postgres(pool) = &self.pool else { return Ok(crate::clock::now()) };
        let query = sqlx::query_scalar("select clock_timestamp()").fetch_one(pool);
        with_timeout(async { Ok(query.await?) }).await
    }

    pub async fn server_health(&self) -> Result<ServerHealth, Error> {
        let Pool::Postgres(server) = &self.pool else { return Err(Error::Schema("SQLite has no server".into())) };
        let query = "select pg_is_in_recovery() as is_standby, \
                     current_setting('transaction_read_only') = 'on' as is_read_only, \
                     current_setting('fsync') = 'on' as fsync, \
                     current_setting('full_page_writes') = 'on' as full_page_writes, \
                     coalesce(has_schema_privilege(current_schema(), 'create'), false) as may_create_tables";
        with_timeout(async { Ok(sqlx::query_as(query).fetch_one(server).await?) }).await
    }

    /// Counts connection slots. Of other roles' sessions an ordinary role sees only their existence and their role.
    pub async fn places(&self) -> Result<ConnectionSlots, Error> {
        let Pool::Postgres(server) = &self.pool else { return Err(Error::Schema("SQLite has no server".into())) };
        let query = "with role as (select oid, case when rolsuper or rolconnlimit < 0 then null else rolconnlimit end as most \
                         from pg_roles where rolname = session_user), \
                     place as (select oid, case when datconnlimit < 0 or (select rolsuper from pg_roles where rolname = session_user) \
                         then null else datconnlimit end as most \
                         from pg_database where datname = current_database()), \
                     others as (select usesysid, datid from pg_stat_activity \
                         where datid is not null and usesysid is not null \
                         and coalesce(backend_type, 'client backend') = 'client backend' \
                         and coalesce(application_name, '') <> current_setting('application_name')) \
                     select cast(current_setting('max_connections') as bigint) as all, \
                     cast(current_setting('superuser_reserved_connections') as bigint) \
                         + coalesce(cast(current_setting('reserved_connections', true) as bigint), 0) as reserved, \
                     (select count(*) from others) as of_others, \
                     (select cast(most as bigint) from role) as role_limit, \
                     (select count(*) from others join role on others.usesysid = role.oid) as of_role, \
                     (select cast(most as bigint) from place) as database_limit, \
                     (select count(*) from others join place on others.datid = place.oid) as of_database";
        with_timeout(async { Ok(sqlx::query_as(query).fetch_one(server).await?) }).await
    }

    /// Counts of running turns: all, those whose lease has expired, and those leased beyond a time.
    pub async fn running_leases(&self, now: DateTime<Utc>, beyond: DateTime<Utc>) -> Result<(i64, i64, i64), Error> {
        let query = "select count(*), coalesce(sum(case when lease_until < $1 then 1 else 0 end), 0), \
                     coalesce(sum(case when lease_until > $2 then 1 else 0 end), 0) from turns where state = 'running'";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(now).bind(beyond).fetch_one(db).await?))
    }
}
