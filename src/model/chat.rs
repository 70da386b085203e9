//! Conversations, messages and turns as clients see them.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::clock;

use super::{ConversationId, Invalid, MessageId, NanoUsd, TurnId, described, words::words};

words! {
    /// The author of a message.
    Author {
        User = "user",
        Assistant = "assistant",
    }

    /// Whether a message's text is all there is to it.
    MessageState {
        Complete = "complete",
        /// The turn ended before the reply did; the text is what had come.
        Partial = "partial",
    }

    /// Where a turn stands. Every state but `running` is final.
    TurnState {
        Running = "running",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
        /// The process that ran it ended first.
        Interrupted = "interrupted",
    }

    /// What becomes of a turn whose client goes away before its end.
    OnDisconnect {
        /// It goes on and is stored.
        Continue = "continue",
        /// It is cancelled; what has come is kept.
        Cancel = "cancel",
    }

    /// Why a reply ended.
    FinishReason {
        Stop = "stop",
        Length = "length",
        ContentFilter = "content_filter",
        ToolCalls = "tool_calls",
        Cancelled = "cancelled",
        Error = "error",
    }

    /// Where the numbers of a usage come from.
    UsageSource {
        /// Reported by the provider.
        Provider = "provider",
        /// Not reported by the provider; counted from the text.
        Estimated = "estimated",
        /// The reply was cut; counted from the part that came.
        Partial = "partial",
    }
}

/// The conversation object of the API.
#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow, ToSchema)]
pub struct Conversation {
    pub id: ConversationId,
    pub title: Option<String>,
    pub model: String,
    pub system_prompt: Option<String>,
    #[serde(serialize_with = "clock::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "clock::serialize")]
    pub updated_at: DateTime<Utc>,
}

/// The message object of the API.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Message {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub turn_id: TurnId,
    pub role: Author,
    pub content: String,
    pub state: MessageState,
    #[serde(serialize_with = "clock::serialize")]
    pub created_at: DateTime<Utc>,
}

/// A content block of a stored message. A list of blocks leaves room for tool calls and images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    Text { text: String },
}

impl Block {
    /// The plain text of a list of blocks.
    pub fn plain(blocks: &[Self]) -> String {
        blocks.iter().map(|Self::Text { text }| text.as_str()).collect()
    }
}

/// A message that comes before another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    pub role: Author,
    #[schema(value_type = Prompt)]
    pub content: String,
}

/// What a turn used and what that cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// How many of the input tokens the provider took from its cache.
    pub cached_tokens: u64,
    #[serde(rename = "cost_usd")]
    #[schema(value_type = f64, minimum = 0)]
    pub cost: NanoUsd,
    pub source: UsageSource,
}

impl Usage {
    /// The usage of a turn that ended before it used anything.
    pub fn none() -> Self {
        Self {
            input_tokens: 0,
            output_tokens: 0,
            cached_tokens: 0,
            cost: NanoUsd::default(),
            source: UsageSource::Partial,
        }
    }
}

/// Why a turn failed, as stored with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TurnError {
    pub code: String,
    pub detail: String,
}

/// The turn object of the API.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Turn {
    pub id: TurnId,
    pub conversation_id: ConversationId,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    pub model: String,
    pub state: TurnState,
    pub finish_reason: Option<FinishReason>,
    pub error: Option<TurnError>,
    /// The provider of the last attempt.
    pub provider: String,
    /// Calls of the provider so far.
    pub attempts: u32,
    pub usage: Option<Usage>,
    #[serde(serialize_with = "clock::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "clock::serialize_option")]
    pub finished_at: Option<DateTime<Utc>>,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $field:literal, $length:path, $max:expr, $says:literal, $described:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                if text.trim().is_empty() || $length(text) > $max || text.contains('\0') {
                    return Err(Invalid::new($field, $says));
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                described::text($max, described::SAYS_SOMETHING, $described)
            }
        }

        impl ToSchema for $name {}
    )+};
}

fn not_bounded_here(_: &str) -> usize {
    0
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

texts! {
    /// The text that a user sends. NUL is refused because PostgreSQL cannot store it. Its maximum is configured, and
    /// checked by `app`: the bound here is the default, for the description.
    Prompt: "content", not_bounded_here, 1024 * 1024, "must be text that is not blank, without NUL characters",
        "What is said. At most 1 MiB in UTF-8 (`[server] max_message` of the service), not blank, without NUL characters.";
    /// The instructions a conversation begins with; bounded as a message is.
    SystemPrompt: "system_prompt", not_bounded_here, 1024 * 1024, "must be text that is not blank, without NUL characters",
        "The instructions a conversation begins with. At most 1 MiB in UTF-8 (`[server] max_message` of the service), not blank, without NUL characters.";
    /// A conversation's title.
    Title: "title", characters, 256, "must be 1 to 256 characters without NUL",
        "A conversation's title; not blank, without NUL characters.";
}
