//! Recovery of orphaned turns, whose lease has lapsed: any replica may end one, and the database decides which does.
//! The partial reply is kept, the draft in the database or the stream in Redis, whichever has more; its usage is
//! estimated and charged; and subscriptions, and an owner that still runs it, get its end.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    app::{App, Error, catalogue::Entry},
    event::{TurnEvent, delta_seq, last_delta_seq},
    live::StreamEntry,
    model::{AttemptId, FinishReason, MessageState, NanoUsd, Pieces, TurnError, TurnState, Usage, UsageSource},
    provider::{Tokens, estimate_tokens},
    store::{AttemptEnd, Lapsed, TurnEnd},
};

/// A lease further ahead is invalid, even where replicas' clocks differ.
const LONGEST_LEASE: Duration = Duration::from_secs(5 * 60);
/// Turns per batch.
const AT_ONCE: usize = 64;
/// The lease of the replica that ends a turn. If it dies too, another takes over.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

impl App {
    pub(in crate::app) async fn sweep_turns(&self) {
        // Own leases first: after an outage longer than a lease they have lapsed too, and yet their turns run. While
        // the database is unavailable there is nothing to sweep.
        if self.renew_turns().await.is_err() {
            return;
        }
        loop {
            let now = self.store.now();
            let (until, latest) = (now + ENDED_WITHIN, now + LONGEST_LEASE);
            let taken = self.store.take_over_lapsed(self.instance, now, until, latest, AT_ONCE).await;
            let Ok(lapsed) = taken else { return };
            join_all(lapsed.iter().map(|turn| self.interrupt(turn))).await;
            if lapsed.len() < AT_ONCE {
                return;
            }
        }
    }

    async fn interrupt(&self, turn: &Lapsed) {
        // First, so that no subscription gets more of it than is stored.
        self.turns.live.seal(turn.id).await;
        let (text, pieces) = self.rescue(turn).await;
        let entry = self.catalogue.resolve(Some(&turn.model)).ok();
        let usage = self.estimate_use(turn, entry, &text).await;
        let error = TurnError { code: Error::Interrupted.code().into(), detail: Error::Interrupted.to_string() };
        let end = TurnEnd {
            turn: turn.id,
            fence: turn.fence,
            state: TurnState::Interrupted,
            finish_reason: Some(FinishReason::Error),
            conversation: turn.conversation_id,
            message_id: turn.assistant_message_id,
            position: turn.position + 1,
            reply: (!text.is_empty()).then(|| (text.as_str().into(), MessageState::Partial)),
            pieces,
            attempt: AttemptEnd {
                id: turn.attempt_id.unwrap_or_else(AttemptId::new),
                usage: Some(usage),
                estimated_input: None,
                price_version: entry.and_then(|entry| entry.price_version.clone()),
                error_code: Some(error.code.clone()),
                error_cause: None,
            },
            error: Some(error),
            now: self.store.now(),
        };
        match self.store.finish_turn(end).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                return tracing::warn!(turn_id = %turn.id, %error, "a turn without an owner could not be ended");
            }
        }
        let settling = self.limits.settle_for(turn.id, turn.user_id, usage);
        tokio::join!(self.turns.live.retract(turn.user_id, turn.id), settling);
        let metrics = self.metrics.model(&turn.model);
        metrics.count_turn(TurnState::Interrupted);
        metrics.count_usage(usage);
        tracing::warn!(turn_id = %turn.id, user_id = %turn.user_id, "a turn's owner is gone; the turn is interrupted");
    }

    /// The partial reply: the draft, and what the stream has after it.
    async fn rescue(&self, turn: &Lapsed) -> (String, Pieces) {
        let mut text = turn.draft.clone().unwrap_or_default();
        let mut ends = Vec::new();
        for piece in turn.pieces().of(&text).unwrap_or_else(|| vec![&text]) {
            ends.push(ends.last().copied().unwrap_or_default() + piece.len());
        }
        loop {
            let known = ends.len();
            for heard in self.turns.live.read_stream(turn.id, last_delta_seq(known)).await.unwrap_or_default() {
                match heard {
                    StreamEntry::Event(next) if next.seq == delta_seq(ends.len()) => {
                        let TurnEvent::Delta(delta) = next.event else { break };
                        text.push_str(&delta.text);
                        ends.push(text.len());
                    }
                    StreamEntry::Event(_) | StreamEntry::Sealed => break,
                }
            }
            if ends.len() == known {
                return (text, Pieces::ending_at(&ends));
            }
        }
    }

    /// Estimates the usage: the input, within the model's context window, and the partial reply.
    async fn estimate_use(&self, turn: &Lapsed, entry: Option<&Entry>, text: &str) -> Usage {
        let said = self.store.input_texts(turn.conversation_id, turn.position).await.unwrap_or_default();
        let said = said.iter().map(|text| estimate_tokens(text)).sum::<u64>();
        let window = entry.map_or(u64::MAX, |entry| entry.config.context_window.into());
        let tokens = Tokens { input: said.min(window), output: estimate_tokens(text), cached: 0 };
        Usage {
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cached_tokens: 0,
            cost: entry.map_or(NanoUsd::default(), |entry| entry.cost(tokens)),
            source: UsageSource::Partial,
        }
    }
}
