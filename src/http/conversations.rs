//! `/conversations`: the caller's conversations and their messages.

use axum::{
    Json as Answer, Router,
    extract::State,
    routing::{get, post},
};
use hyper::StatusCode;
use serde::{Deserialize, Deserializer};

use super::{
    Shared,
    extract::{Id, Json, Paging, Query},
    fault::Result,
};
use crate::{
    app::{Caller, ConversationChange, ConversationSpec},
    model::{Conversation, ConversationId, Message, Page},
};

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/conversations", post(create).get(list))
        .route("/conversations/{id}", get(show).patch(change).delete(delete))
        .route("/conversations/{id}/messages", get(messages))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewConversation {
    title: Option<String>,
    model: Option<String>,
    system_prompt: Option<String>,
}

async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(given): Json<NewConversation>,
) -> Result<(StatusCode, Answer<Conversation>)> {
    let spec = ConversationSpec {
        title: given.title.map(|text| text.parse()).transpose()?,
        model: given.model,
        system_prompt: given.system_prompt.map(|text| text.parse()).transpose()?,
    };
    Ok((StatusCode::CREATED, Answer(app.create_conversation(&caller, spec).await?)))
}

async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(page): Query<Paging>,
) -> Result<Answer<Page<Conversation>>> {
    Ok(Answer(app.conversations(&caller, page.cursor.as_deref(), page.limit()?).await?))
}

async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<ConversationId>) -> Result<Answer<Conversation>> {
    Ok(Answer(app.conversation(&caller, id).await?))
}

/// A member that is absent stays as it is; one that is `null` is cleared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangedConversation {
    #[serde(default, deserialize_with = "present")]
    title: Option<Option<String>>,
    model: Option<String>,
    #[serde(default, deserialize_with = "present")]
    system_prompt: Option<Option<String>>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

async fn change(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    Json(given): Json<ChangedConversation>,
) -> Result<Answer<Conversation>> {
    let change = ConversationChange {
        title: given.title.map(|title| title.map(|text| text.parse()).transpose()).transpose()?,
        model: given.model,
        system_prompt: given.system_prompt.map(|prompt| prompt.map(|text| text.parse()).transpose()).transpose()?,
    };
    Ok(Answer(app.change_conversation(&caller, id, change).await?))
}

async fn delete(State(app): State<Shared>, caller: Caller, Id(id): Id<ConversationId>) -> Result<StatusCode> {
    app.delete_conversation(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn messages(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id<ConversationId>,
    Query(page): Query<Paging>,
) -> Result<Answer<Page<Message>>> {
    Ok(Answer(app.messages(&caller, id, page.cursor.as_deref(), page.limit()?).await?))
}
