//! `/messages`: sending one, answered in full or as it comes.

use axum::{
    Json as Answer, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    Shared,
    edge::InWork,
    extract::{Id, Json, WantsEvents},
    fault::Result,
    sse,
};
use crate::{
    app::{Ask, Caller, Error, Origin, RawAsk},
    model::{ConversationId, Message, MessageId, Turn},
};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/messages", post(send)).route("/messages/{id}", get(show))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    content: String,
    conversation_id: Option<ConversationId>,
    model: Option<String>,
    system_prompt: Option<String>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_tokens: Option<u32>,
    #[serde(default)]
    stop: Vec<String>,
    #[serde(default)]
    stream: bool,
}

/// A full reply.
#[derive(Serialize)]
struct Replied {
    turn: Turn,
    user_message: Message,
    assistant_message: Message,
}

async fn send(
    State(app): State<Shared>,
    caller: Caller,
    origin: Origin,
    in_work: InWork,
    WantsEvents(wants_events): WantsEvents,
    Json(given): Json<NewMessage>,
) -> Result<Response> {
    let streamed = given.stream || wants_events;
    let ask = Ask::try_from(RawAsk::from(given)).map_err(Error::Invalid)?;
    let accepted = app.send(&caller, ask, &origin).await?;
    in_work.is_over();
    if streamed {
        return Ok(sse::response(accepted.following, app.until_revoked(&caller)));
    }
    Ok(match accepted.end().await {
        Ok((user_message, done)) => {
            let replied = Replied { turn: done.turn, user_message, assistant_message: done.message };
            (StatusCode::CREATED, Answer(replied)).into_response()
        }
        Err(problem) => sse::problem_response(&problem),
    })
}

impl From<NewMessage> for RawAsk {
    fn from(given: NewMessage) -> Self {
        Self {
            content: given.content,
            conversation_id: given.conversation_id,
            model: given.model,
            system_prompt: given.system_prompt,
            temperature: given.temperature,
            top_p: given.top_p,
            max_tokens: given.max_tokens,
            stop: given.stop,
        }
    }
}

async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<MessageId>) -> Result<Answer<Message>> {
    Ok(Answer(app.message(&caller, id).await?))
}
