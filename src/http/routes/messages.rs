//! `/messages`: sending a message; the reply comes whole or as an event stream.

use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse, Response},
};
use hyper::{StatusCode, header::HeaderName};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, Error, Origin, RawTurnRequest, TurnRequest},
    event::TurnEvent,
    http::{
        Shared,
        accept::WantsEvents,
        extract::{Id, IdempotencyKey, LongJson},
        message_request::message_request,
        middleware::CapacityPermit,
        problem::Result,
        sse,
    },
    model::{Message, MessageId, Turn},
};

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(send)).routes(routes!(show))
}

message_request! {
    struct NewMessage {
        /// Whether to answer with an event stream; without it the header `Accept` says which of both is wanted.
        stream: Option<bool>,
    }
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
    let request = TurnRequest::try_from(raw).map_err(Error::Invalid)?;
    let accepted = app.send(&caller, request, &origin).await?;
    in_work.is_over();
    let replayed = accepted.is_repeated.then_some([(IDEMPOTENCY_REPLAYED, "true")]);
    if streamed {
        return Ok((replayed, sse::response(accepted.subscription, app.until_revoked(&caller))).into_response());
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

/// Show a message
#[utoipa::path(get, path = "/messages/{id}", responses((status = 200, body = Message, description = "The message")))]
async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<MessageId>) -> Result<Answer<Message>> {
    Ok(Answer(app.message(&caller, id).await?))
}
