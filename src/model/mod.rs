//! The nouns of the system: identifiers, objects of the API, and the parsed forms of what people type.
//! Plain data; nothing here reads, writes or decides.

mod audit_row;
mod byte_order_mark;
mod chat;
mod counter;
mod described;
mod id_prefix;
mod idempotency_key;
mod ids;
mod key;
mod limit_override;
mod moment;
mod money;
mod owned_turn;
mod page;
mod pieces;
mod problem;
mod reason;
mod response_format;
mod session;
mod stored_use;
mod user;
mod words;

pub use audit_row::{AuditRow, ChainHash, in_microseconds};
pub use byte_order_mark::{bytes_without_bom, without_bom};
pub use chat::*;
pub use counter::{Breach, Counter, Counters, Violation};
pub use described::{bounded, one_of};
pub use id_prefix::IdPrefix;
pub use idempotency_key::IdempotencyKey;
pub use ids::*;
pub use key::{ApiKey, KeyName, Scope, Scopes};
pub use limit_override::{KeptOverride, LimitOverride};
pub use moment::Moment;
pub use money::NanoUsd;
pub use owned_turn::OwnedTurn;
pub use page::{Cursor, Page};
pub use pieces::Pieces;
pub use problem::{Invalid, Problem};
pub use reason::Reason;
pub use response_format::ResponseFormat;
pub use session::Session;
pub use stored_use::{CountedBy, Counting, RuleUse, RunningUse, StoredUse, UseQuestion};
pub use user::{Email, Role, User, UserName};
pub(crate) use words::words;
