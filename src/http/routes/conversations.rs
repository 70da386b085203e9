//! `/conversations`: the caller's conversations and their messages.

use axum::{Json as Answer, extract::State};
use hyper::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, ConversationChange, ConversationSpec},
    http::{
        Shared,
        extract::{Id, LongJson, Paging, Query},
        problem::Result,
        text::Text,
    },
    model::{Conversation, ConversationId, Message, Page, SystemPrompt, Title},
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(show, change, delete)).routes(routes!(messages))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewConversation {
    #[schema(value_type = Option<Title>)]
    title: Option<String>,
    /// One of `GET /api/v1/models`; without it the default.
    model: Option<Text<1, 256>>,
    #[schema(value_type = Option<SystemPrompt>)]
    system_prompt: Option<String>,
}

/// Start a conversation
#[utoipa::path(
    post, path = "/conversations", request_body = NewConversation,
    responses((status = 201, body = Conversation, description = "The conversation"))
)]
async fn create(
    State(app): State<Shared>,
    caller: Caller,
    LongJson(given): LongJson<NewConversation>,
) -> Result<(StatusCode, Answer<Conversation>)> {
    let spec = ConversationSpec {
        title: given.title.map(|text| text.parse()).transpose()?,
        model: given.model.map(String::from),
        system_prompt: given.system_prompt.map(|text| text.parse()).transpose()?,
    };
    Ok((StatusCode::CREATED, Answer(app.create_conversation(&caller, spec).await?)))
}

/// List the conversations
///
/// The caller's, the last used first.
#[utoipa::path(
    get, path = "/conversations", params(Paging),
    responses((status = 200, body = Page<Conversation>, description = "A page of them"))
)]
async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(page): Query<Paging>,
) -> Result<Answer<Page<Conversation>>> {
    Ok(Answer(app.conversations(&caller, page.cursor.as_deref(), page.limit()?).await?))
}

/// Show a conversation
#[utoipa::path(
    get, path = "/conversations/{id}",
    responses((status = 200, body = Conversation, description = "The conversation"))
)]
async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<ConversationId>) -> Result<Answer<Conversation>> {
    Ok(Answer(app.conversation(&caller, id).await?))
}

/// A member that is absent stays as it is; one that is `null` is cleared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedConversation {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Title>)]
    title: Option<Option<String>>,
    /// One of `GET /api/v1/models`.
    model: Option<Text<1, 256>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<SystemPrompt>)]
    system_prompt: Option<Option<String>>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Change a conversation
#[utoipa::path(
    patch, path = "/conversations/{id}", request_body = ChangedConversation,
    responses((status = 200, body = Conversation, description = "The conversation as it is now"))
)]
async fn change(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    LongJson(given): LongJson<ChangedConversation>,
) -> Result<Answer<Conversation>> {
    let change = ConversationChange {
        title: given.title.map(|title| title.map(|text| text.parse()).transpose()).transpose()?,
        model: given.model.map(String::from),
        system_prompt: given.system_prompt.map(|prompt| prompt.map(|text| text.parse()).transpose()).transpose()?,
    };
    Ok(Answer(app.change_conversation(&caller, id, change).await?))
}

/// Delete a conversation
#[utoipa::path(delete, path = "/conversations/{id}", responses((status = 204, description = "It is gone")))]
async fn delete(State(app): State<Shared>, caller: Caller, Id(id): Id<ConversationId>) -> Result<StatusCode> {
    app.delete_conversation(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the messages of a conversation
///
/// In order, from the first.
#[utoipa::path(
    get, path = "/conversations/{id}/messages", params(Paging),
    responses((status = 200, body = Page<Message>, description = "A page of them"))
)]
async fn messages(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    Query(page): Query<Paging>,
) -> Result<Answer<Page<Message>>> {
    Ok(Answer(app.messages(&caller, id, page.cursor.as_deref(), page.limit()?).await?))
}
