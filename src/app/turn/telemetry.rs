//! Metrics and log line of a turn that has ended.

use std::time::Duration;

use super::{admission::AdmittedTurn, outcome::TurnOutcome};
use crate::{
    app::{App, Error},
    logging::millis,
    metrics::waits::{Awaited, Waits},
    model::{Turn, TurnState},
};

impl App {
    /// Writes the log line, without text, and the metrics. An end that could not be stored is counted by the replica
    /// that stores one.
    pub(in crate::app) fn count_turn(
        &self,
        admitted: &AdmittedTurn,
        answer: &TurnOutcome,
        turn: &Turn,
        unstored: Option<&Error>,
    ) {
        let took = admitted.since.elapsed();
        self.metrics.turns_running.dec();
        if unstored.is_none() {
            self.count_end(answer, turn, took);
        }
        self.log_turn(admitted, answer, turn, unstored, took);
    }

    fn count_end(&self, answer: &TurnOutcome, turn: &Turn, took: Duration) {
        let metrics = self.metrics.model(&turn.model);
        metrics.count_turn(turn.state);
        metrics.turn_duration_seconds.observe(took.as_secs_f64());
        if let Some(first) = answer.first_text {
            metrics.time_to_first_token_seconds.observe(first.as_secs_f64());
        }
        if let Some(usage) = turn.usage {
            metrics.count_usage(usage);
        }
    }

    /// Logs of a provider's text only the cause that an operator needs, which repeats nothing of the messages.
    fn log_turn(
        &self,
        admitted: &AdmittedTurn,
        answer: &TurnOutcome,
        turn: &Turn,
        unstored: Option<&Error>,
        took: Duration,
    ) {
        let waits = Waits::current().unwrap_or_default();
        let state = if unstored.is_some() { TurnState::Interrupted } else { turn.state };
        let error = unstored.or(answer.error.as_ref());
        let entry = self.catalogue.resolve(Some(&turn.model)).ok();
        tracing::info!(
            turn_id = %turn.id,
            conversation_id = %turn.conversation_id,
            user_id = %admitted.running.note.user_id,
            request_id = %admitted.request_id,
            model = turn.model,
            provider = entry.map(|entry| entry.config.provider.as_str()),
            state = state.as_str(),
            code = error.map(Error::code),
            provider_status = answer.error.as_ref().and_then(Error::provider_status),
            cause = answer.cause.clone().or_else(|| answer.error.as_ref().and_then(Error::own_cause)),
            attempts = waits.calls(Awaited::Provider),
            input_tokens = turn.usage.map(|usage| usage.input_tokens),
            output_tokens = turn.usage.map(|usage| usage.output_tokens),
            cost_usd = turn.usage.map(|usage| usage.cost.usd()),
            first_token_ms = answer.first_text.map(millis),
            queue_ms = millis(waits.time(Awaited::Queue)),
            duration_ms = millis(took),
            own_ms = millis(waits.own_share_of(took)),
            db_ms = millis(waits.time(Awaited::Database)),
            db_calls = waits.calls(Awaited::Database),
            redis_ms = millis(waits.time(Awaited::Redis)),
            redis_calls = waits.calls(Awaited::Redis),
            "turn"
        );
    }
}
