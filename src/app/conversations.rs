//! Conversations and their messages, always within what the caller owns: those of other users are not found.

use super::{App, Caller, Error, Result};
use crate::{
    clock,
    model::{Conversation, ConversationId, Cursor, Message, MessageId, Page, Scope, SystemPrompt, Title, UserId},
};

/// A conversation to be.
#[derive(Debug, Default)]
pub struct ConversationSpec {
    pub title: Option<Title>,
    pub model: Option<String>,
    pub system_prompt: Option<SystemPrompt>,
}

/// What is to change. The outer `None` leaves a member as it is, the inner one clears it.
#[derive(Debug, Default)]
pub struct ConversationChange {
    pub title: Option<Option<Title>>,
    pub model: Option<String>,
    pub system_prompt: Option<Option<SystemPrompt>>,
}

impl App {
    pub async fn create_conversation(&self, caller: &Caller, spec: ConversationSpec) -> Result<Conversation> {
        let user = caller.may(Scope::Chat)?;
        self.demand_prompt_length(spec.system_prompt.as_ref())?;
        let model = self.catalogue.resolve(spec.model.as_deref())?;
        let now = clock::now();
        let new = Conversation {
            id: ConversationId::new(),
            title: spec.title.map(String::from),
            model: model.name().to_owned(),
            system_prompt: spec.system_prompt.map(String::from),
            created_at: now,
            updated_at: now,
        };
        self.store.insert_conversation(user.id, &new).await?;
        Ok(new)
    }

    fn demand_prompt_length(&self, prompt: Option<&SystemPrompt>) -> Result<()> {
        let wrong = prompt.and_then(|prompt| self.too_long("system_prompt", prompt.as_str()));
        wrong.map_or(Ok(()), |wrong| Err(wrong.into()))
    }

    /// The last used first.
    pub async fn conversations(&self, caller: &Caller, cursor: Option<&str>, limit: u32) -> Result<Page<Conversation>> {
        let after = match cursor.map(Cursor::decode).transpose()? {
            Some(Cursor::Time { t, id }) => Some((t, id)),
            Some(Cursor::Position { .. } | Cursor::Name { .. }) => return Err(Cursor::foreign().into()),
            None => None,
        };
        Ok(self.store.conversations(caller.may(Scope::Read)?.id, after, limit).await?)
    }

    pub async fn conversation(&self, caller: &Caller, id: ConversationId) -> Result<Conversation> {
        self.owned_conversation(caller.may(Scope::Read)?.id, id).await
    }

    pub(super) async fn owned_conversation(&self, owner: UserId, id: ConversationId) -> Result<Conversation> {
        let found = self.store.conversation(owner, id).await?;
        found.ok_or_else(|| Error::not_found("conversation", id))
    }

    pub async fn change_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        change: ConversationChange,
    ) -> Result<Conversation> {
        let user = caller.may(Scope::Chat)?;
        self.demand_prompt_length(change.system_prompt.as_ref().and_then(Option::as_ref))?;
        let mut conversation = self.owned_conversation(user.id, id).await?;
        if let Some(model) = change.model {
            conversation.model = self.catalogue.resolve(Some(&model))?.name().to_owned();
        }
        if let Some(title) = change.title {
            conversation.title = title.map(String::from);
        }
        if let Some(prompt) = change.system_prompt {
            conversation.system_prompt = prompt.map(String::from);
        }
        conversation.updated_at = clock::now();
        let there = self.store.update_conversation(user.id, &conversation).await?;
        if there { Ok(conversation) } else { Err(Error::not_found("conversation", id)) }
    }

    pub async fn delete_conversation(&self, caller: &Caller, id: ConversationId) -> Result<()> {
        let there = self.store.delete_conversation(caller.may(Scope::Chat)?.id, id, clock::now()).await?;
        if there { Ok(()) } else { Err(Error::not_found("conversation", id)) }
    }

    /// In order, from the first.
    pub async fn messages(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Message>> {
        let after = match cursor.map(Cursor::decode).transpose()? {
            Some(Cursor::Position { p }) => p,
            Some(Cursor::Time { .. } | Cursor::Name { .. }) => return Err(Cursor::foreign().into()),
            None => 0,
        };
        self.conversation(caller, conversation).await?;
        Ok(self.store.messages(conversation, after, limit).await?)
    }

    pub async fn message(&self, caller: &Caller, id: MessageId) -> Result<Message> {
        let found = self.store.message(caller.may(Scope::Read)?.id, id).await?;
        found.ok_or_else(|| Error::not_found("message", id))
    }
}
