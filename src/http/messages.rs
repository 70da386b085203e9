//! `/messages`: sending one, answered in full or as it comes.

use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse, Response},
};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Shared,
    edge::InWork,
    extract::{Id, Json, WantsEvents},
    fault::Result,
    sse,
    text::Text,
};
use crate::{
    app::{Ask, Caller, Error, Origin, RawAsk},
    event::TurnEvent,
    model::{ConversationId, Message, MessageId, Prompt, ResponseFormat, Said, SystemPrompt, Turn},
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(send)).routes(routes!(show))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    #[schema(value_type = Prompt)]
    content: String,
    /// Without it a conversation is made.
    conversation_id: Option<ConversationId>,
    /// One of `GET /api/v1/models`; without it the conversation's, or the default.
    model: Option<Text<1, 256>>,
    #[schema(value_type = Option<SystemPrompt>)]
    system_prompt: Option<String>,
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    #[schema(minimum = 1, maximum = 4294967295i64)]
    max_tokens: Option<u32>,
    /// The reply ends before any of these.
    #[serde(default)]
    #[schema(max_items = 4)]
    stop: Vec<Text<1, 256>>,
    /// For replies that can be repeated, where the provider knows it.
    seed: Option<i64>,
    response_format: Option<ResponseFormat>,
    /// What was said before, for this one answer: it is not stored. Not together with `conversation_id`.
    #[serde(default)]
    #[schema(max_items = 64)]
    history: Vec<Said>,
    /// Answer with an event stream; the header `Accept: text/event-stream` asks for the same.
    #[serde(default)]
    stream: bool,
}

/// A full reply.
#[derive(Serialize, ToSchema)]
struct Replied {
    turn: Turn,
    user_message: Message,
    assistant_message: Message,
}

/// Send a message
///
/// The message is stored before a model is asked, and the turn goes on whether or not the client stays. One turn runs in a
/// conversation at a time.
#[utoipa::path(
    post, path = "/messages", request_body = NewMessage,
    responses(
        (status = 201, body = Replied, description = "The whole reply"),
        (status = 200, body = TurnEvent, content_type = "text/event-stream", description = "The reply as it comes"),
        (status = 404),
        (status = 409, description = "`turn_in_progress`: a turn is running in this conversation"), (status = 502), (status = 504)
    )
)]
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
            model: given.model.map(String::from),
            system_prompt: given.system_prompt,
            temperature: given.temperature,
            top_p: given.top_p,
            max_tokens: given.max_tokens,
            stop: given.stop.into_iter().map(String::from).collect(),
            seed: given.seed,
            response_format: given.response_format,
            history: given.history,
        }
    }
}

/// Show a message
#[utoipa::path(get, path = "/messages/{id}", responses((status = 200, body = Message, description = "The message")))]
async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<MessageId>) -> Result<Answer<Message>> {
    Ok(Answer(app.message(&caller, id).await?))
}
