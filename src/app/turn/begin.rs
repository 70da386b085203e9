//! The beginning of a turn: conversation, message, turn and first attempt are stored together, or the turn is refused.

use std::sync::Arc;

use super::request::TurnRequest;
use crate::{
    app::{App, Caller, Error, Result},
    model::{AttemptId, ConversationId, LEASE, MessageId, Turn, TurnId, TurnState},
    store::{self, Begun, Counted, Exchange, NewConversation, NewTurn, TargetConversation},
};

/// How many characters of a first message become the conversation's title.
const TITLE_CHARS: usize = 60;

impl App {
    /// Stores conversation, message, turn and first attempt, in one step.
    pub(super) async fn begin(
        &self,
        caller: &Caller,
        id: TurnId,
        request: &TurnRequest,
        counted: Counted,
    ) -> Result<(Turn, Exchange, AttemptId)> {
        let new = self.new_turn(caller, id, request, counted)?;
        let (attempt, now) = (new.attempt_id, new.now);
        let (user_message_id, assistant_message_id) = (new.user_message_id, new.assistant_message_id);
        match self.store.begin_turn(new).await {
            Ok(Begun::Started(exchange)) => {
                let turn = Turn {
                    id,
                    conversation_id: exchange.conversation.id,
                    user_message_id,
                    assistant_message_id,
                    model: exchange.model.clone(),
                    state: TurnState::Running,
                    finish_reason: None,
                    error: None,
                    provider: self.provider_of(&exchange.model),
                    attempts: 1,
                    usage: None,
                    created_at: now,
                    finished_at: None,
                };
                Ok((turn, *exchange, attempt))
            }
            Ok(refused) => Err(self.refusal(refused, request)),
            // Stored or not: its reservation is settled once that is known, by the sweep or as an orphaned one.
            Err(error @ store::Error::Unanswered(_)) => {
                self.limits.let_go(id);
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn new_turn(&self, caller: &Caller, id: TurnId, request: &TurnRequest, counted: Counted) -> Result<NewTurn> {
        let now = self.store.now();
        let conversation = match request.conversation_id {
            Some(id) => TargetConversation::In { id, model: request.model.clone() },
            None => TargetConversation::New(NewConversation {
                id: ConversationId::new(),
                title: Some(title_of(&request.content)),
                model: self.catalogue.resolve(request.model.as_deref())?.name().to_owned(),
                system_prompt: request.system_prompt.clone(),
            }),
        };
        Ok(NewTurn {
            id,
            user_id: caller.user().id,
            conversation,
            user_message_id: MessageId::new(),
            assistant_message_id: MessageId::new(),
            content: request.content.clone(),
            attempt_id: AttemptId::new(),
            request: request.key().map(|key| store::Request { key: key.clone(), hash: request.fingerprint() }),
            counted,
            owner: self.instance,
            lease_until: now + LEASE,
            now,
            known: Arc::clone(&self.catalogue.known),
        })
    }

    fn provider_of(&self, model: &str) -> String {
        self.catalogue.resolve(Some(model)).map(|entry| entry.config.provider.clone()).unwrap_or_default()
    }

    fn refusal(&self, refused: Begun, request: &TurnRequest) -> Error {
        match refused {
            Begun::UnknownModel(name) => {
                self.catalogue.resolve(Some(&name)).err().unwrap_or_else(|| Error::not_found("model", name))
            }
            Begun::Busy => Error::Conflict {
                code: "turn_in_progress",
                detail: "a turn is running in this conversation; wait for it to end".into(),
            },
            Begun::Known => Error::Conflict {
                code: "idempotency_key_in_use",
                detail: "a request with this idempotency key is being carried out; try again".into(),
            },
            Begun::NotFound | Begun::Started(_) => {
                Error::not_found("conversation", request.conversation_id.map(|id| id.to_string()).unwrap_or_default())
            }
        }
    }
}

/// The first line of a message, cut at a word.
fn title_of(content: &str) -> String {
    let line = content.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.chars().count() <= TITLE_CHARS {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE_CHARS).collect();
    let whole_words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    format!("{whole_words}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_cut_at_a_word() {
        assert_eq!(title_of("\n  Hello there \nmore"), "Hello there");
        let long = "word ".repeat(30);
        assert!(title_of(&long).ends_with("word…") && title_of(&long).chars().count() <= TITLE_CHARS + 1);
        assert_eq!(title_of(&"x".repeat(100)).chars().count(), TITLE_CHARS + 1);
    }
}
