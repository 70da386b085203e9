//! A login session as administrators see it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::SessionId;

/// A login that has not ended.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub struct Session {
    pub id: SessionId,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
}
