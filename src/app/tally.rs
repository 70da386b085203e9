//! What is counted and logged of a turn once it has ended.

use super::{App, Error, admitted::Admitted, attempts::Answer};
use crate::model::Turn;

impl App {
    /// One line in the log, without text; and the metrics.
    pub(super) fn count_turn(&self, admitted: &Admitted, answer: &Answer, turn: &Turn) {
        let (metrics, model) = (&self.metrics, turn.model.as_str());
        let took = admitted.since.elapsed();
        metrics.turns_running.dec();
        metrics.turns_total.with_label_values(&[model, turn.state.as_str()]).inc();
        metrics.turn_duration_seconds.with_label_values(&[model]).observe(took.as_secs_f64());
        if let Some(first) = answer.first_text {
            metrics.time_to_first_token_seconds.with_label_values(&[model]).observe(first.as_secs_f64());
        }
        if let Some(usage) = turn.usage {
            metrics.tokens_total.with_label_values(&[model, "input"]).inc_by(usage.input_tokens);
            metrics.tokens_total.with_label_values(&[model, "output"]).inc_by(usage.output_tokens);
            metrics.tokens_total.with_label_values(&[model, "cached"]).inc_by(usage.cached_tokens);
            metrics.cost_usd_total.with_label_values(&[model]).inc_by(usage.cost.usd());
        }
        tracing::info!(
            turn_id = %turn.id,
            request_id = %admitted.request_id,
            model,
            state = turn.state.as_str(),
            code = turn.error.as_ref().map(|error| error.code.as_str()),
            cause = answer.error.as_ref().and_then(Error::cause),
            duration_ms = took.as_secs_f64() * 1e3,
            "turn"
        );
    }
}
