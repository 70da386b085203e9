//! Estimated and actual inputs of a conversation's last provider calls.

use sqlx::FromRow;

use super::{Error, Store, on};
use crate::model::{ConversationId, CountedInput};

/// Parameters: a conversation, a model, and how many of the last messages; the newest call first.
pub(super) const COUNTED_INPUTS: &str = "\
    select a.estimated_input, a.input_tokens + a.output_tokens as used, \
        case when a.usage_source = 'provider' then a.input_tokens end as counted, \
        coalesce(a.error_code, '') = 'context_too_long' as was_too_long \
    from (select turn_id, position from messages where conversation_id = $1 and role = 'user' \
          order by position desc limit $3) past \
    join attempts a on a.turn_id = past.turn_id \
    where a.model = $2 and a.estimated_input is not null order by past.position desc, a.number desc";

#[derive(FromRow)]
pub(super) struct CountedRow {
    estimated_input: i64,
    counted: Option<i64>,
    used: Option<i64>,
    was_too_long: bool,
}

impl From<CountedRow> for CountedInput {
    fn from(row: CountedRow) -> Self {
        Self {
            estimated: row.estimated_input.unsigned_abs(),
            counted: row.counted.map(i64::unsigned_abs),
            used: row.used.map(i64::unsigned_abs),
            was_too_long: row.was_too_long,
        }
    }
}

impl Store {
    /// The calls of a model in a conversation's last messages, the newest first.
    pub async fn counted_inputs(&self, conversation: ConversationId, model: &str) -> Result<Vec<CountedInput>, Error> {
        let rows: Vec<CountedRow> = on!(&self.pool, db => {
            let query = sqlx::query_as(COUNTED_INPUTS).bind(conversation).bind(model).bind(CountedInput::MESSAGES);
            query.fetch_all(db).await?
        });
        Ok(rows.into_iter().map(CountedInput::from).collect())
    }
}
