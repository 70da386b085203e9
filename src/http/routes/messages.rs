//! `/messages`: sending a message; the reply comes whole or as an event stream.

use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse, Response},
};
use hyper::{StatusCode, header::HeaderName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, Error, Origin, RawTurnRequest, TurnRequest},
    event::TurnEvent,
    http::{
        Shared,
        accept::WantsEvents,
        extract::{Id, IdempotencyKey, LongJson},
        middleware::CapacityPermit,
        problem::Result,
        sse,
        text::Text,
    },
    model::{ConversationId, Message, MessageId, OnDisconnect, Prompt, ResponseFormat, Said, SystemPrompt, Turn},
};

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
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
    #[schema(max_items = 4)]
    stop: Option<Vec<Text<1, 256>>>,
    /// For replies that can be repeated, where the provider knows it.
    seed: Option<i64>,
    response_format: Option<ResponseFormat>,
    /// What was said before, for this one answer: it is not stored. Not together with `conversation_id`.
    #[schema(max_items = 64)]
    history: Option<Vec<Said>>,
    /// Whether to answer with an event stream; without it the header `Accept` says which of both is wanted.
    stream: Option<bool>,
    /// Whether the turn continues or is cancelled if this connection ends first; without it `continue`.
    on_disconnect: Option<OnDisconnect>,
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
/// The message is stored before a model is asked, and the turn goes on whether or not the client stays, unless
/// `on_disconnect` says otherwise. One turn runs in a conversation at a time.
///
/// With an `Idempotency-Key` the request can be repeated safely for 24 hours, on any replica: the same one gives the same
/// turn, which is joined if it runs and replayed if it has ended, and takes nothing from any limit. Another request under
/// the same key is refused. A refused request leaves its key free.
#[utoipa::path(
    post, path = "/messages", request_body = NewMessage,
    params(("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request", min_length = 1,
        max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$")),
    responses(
        (status = 201, body = Replied, description = "The whole reply", headers(
            ("idempotency-replayed" = bool, description = "`true` where an earlier request with the same key started the turn"))),
        (status = 200, body = TurnEvent, content_type = "text/event-stream", description = "The reply as it comes", headers(
            ("idempotency-replayed" = bool, description = "`true` where an earlier request with the same key started the turn"))),
        (status = 404),
        (status = 409, description = "`turn_in_progress`: a turn is running in this conversation"), (status = 502), (status = 504)
    )
)]
async fn send(
    State(app): State<Shared>,
    caller: Caller,
    origin: Origin,
    in_work: CapacityPermit,
    WantsEvents(wants_events): WantsEvents,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    LongJson(given): LongJson<NewMessage>,
) -> Result<Response> {
    let streamed = given.stream.unwrap_or(wants_events);
    let raw = RawTurnRequest { idempotency_key, ..RawTurnRequest::from(given) };
    let ask = TurnRequest::try_from(raw).map_err(Error::Invalid)?;
    let accepted = app.send(&caller, ask, &origin).await?;
    in_work.is_over();
    let replayed = accepted.is_repeated.then_some([(IDEMPOTENCY_REPLAYED, "true")]);
    if streamed {
        return Ok((replayed, sse::response(accepted.following, app.until_revoked(&caller))).into_response());
    }
    let response = match accepted.end().await {
        Ok((user_message, done)) => {
            let replied = Replied { turn: done.turn, user_message, assistant_message: done.message };
            (StatusCode::CREATED, Answer(replied)).into_response()
        }
        Err(problem) => sse::problem_response(&problem),
    };
    Ok((replayed, response).into_response())
}

impl From<NewMessage> for RawTurnRequest {
    fn from(given: NewMessage) -> Self {
        Self {
            content: given.content,
            conversation_id: given.conversation_id,
            model: given.model.map(String::from),
            system_prompt: given.system_prompt,
            temperature: given.temperature,
            top_p: given.top_p,
            max_tokens: given.max_tokens,
            stop: given.stop.unwrap_or_default().into_iter().map(String::from).collect(),
            seed: given.seed,
            response_format: given.response_format,
            history: given.history.unwrap_or_default(),
            idempotency_key: None,
            on_disconnect: given.on_disconnect,
        }
    }
}

/// Show a message
#[utoipa::path(get, path = "/messages/{id}", responses((status = 200, body = Message, description = "The message")))]
async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<MessageId>) -> Result<Answer<Message>> {
    Ok(Answer(app.message(&caller, id).await?))
}
