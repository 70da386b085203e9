//! The lock of the audit log, held by the test: on PostgreSQL, each commit of an audited change waits.

use sqlx::{Connection, PgConnection};

use super::{Database, eventually};

pub struct Held {
    url: String,
    connection: PgConnection,
}

impl Held {
    pub async fn audit(database: &Database) -> Self {
        let url = database.url();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let lock = "select pg_advisory_lock(hashtext('mcpchat.audit'))";
        sqlx::query(lock).execute(&mut connection).await.unwrap();
        Self { url, connection }
    }

    /// Returns when so many wait, for it or for each other.
    pub async fn awaited(&self, by: i64) {
        let query =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        eventually(&format!("{by} who wait"), async || {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            let waiting: i64 = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
            (waiting == by).then_some(())
        })
        .await;
    }

    pub async fn release(self) {
        self.connection.close().await.unwrap();
    }
}
