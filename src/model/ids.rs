//! Identifiers. Each kind is a type of its own, so that a turn can never be looked up with a user's id.
//! All are UUIDv7: they sort by the time they were made, which keeps the databases' indexes dense.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id, later in order than every id this process made before.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A person's account.
    UserId;
    /// A login; the refresh tokens made from it belong to it, and its access tokens carry it as `sid`.
    SessionId;
    /// An API key.
    KeyId;
    ConversationId;
    MessageId;
    TurnId;
    /// One call of a provider.
    AttemptId;
    /// One running process; the owner of the turns it runs.
    InstanceId;
    /// One limit decision, so that a user can name a refusal to an operator.
    DecisionId;
}
