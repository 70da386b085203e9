//! Schema migrations: applied by `serve` and `mcpchat migrate`, required by every other command.

use crate::{
    app::{App, Error, Result},
    store::Schema,
};

impl App {
    pub async fn schema(&self) -> Result<Schema> {
        self.reach().await?;
        Ok(self.store.schema().await?)
    }

    /// Applies missing migrations and returns their versions.
    pub async fn migrate(&self) -> Result<Vec<i64>> {
        self.reach().await?;
        let before = self.store.schema().await?;
        if before.is_current() {
            return Ok(Vec::new());
        }
        self.store.migrate().await?;
        Ok(before.migrations.iter().filter(|step| !step.applied).map(|step| step.version).collect())
    }

    /// Ensures that the schema is current. A SQLite file, which has one user, is migrated; a PostgreSQL database, which
    /// others may be using, is not.
    pub async fn require_schema(&self) -> Result<()> {
        if self.store.is_sqlite() { self.migrate().await.map(drop) } else { self.demand_current_schema().await }
    }

    /// Errors: what is missing or too new, and the remedy. Changes nothing.
    pub async fn demand_current_schema(&self) -> Result<()> {
        self.reach().await?;
        let schema = self.store.schema().await?;
        if !schema.newer.is_empty() {
            return Err(Error::Schema(format!(
                "the database has migrations {:?}, which this mcpchat does not know: it was made by a newer version; run that one",
                schema.newer
            )));
        }
        let missing = schema.migrations.iter().filter(|step| !step.applied).count();
        if missing > 0 {
            return Err(Error::Schema(format!("the database lacks {missing} migrations; run `mcpchat migrate`")));
        }
        Ok(())
    }

    /// Errors: the database is unavailable.
    async fn reach(&self) -> Result<()> {
        self.store.reach().await?;
        self.store.read_clock().await?;
        Ok(())
    }
}
