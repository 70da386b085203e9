//! The metrics of one model, found once: a turn records about ten numbers, and looking each up costs more than adding.

use prometheus::{Histogram, IntCounter, core::GenericCounter};

use super::Metrics;
use crate::model::{TurnState, Usage};

/// The label of a model that is not configured, such as one of a turn that an older configuration began.
pub(super) const OTHER: &str = "other";

pub struct ModelMetrics {
    pub turn_duration_seconds: Histogram,
    pub time_to_first_token_seconds: Histogram,
    completed: IntCounter,
    failed: IntCounter,
    cancelled: IntCounter,
    interrupted: IntCounter,
    input: IntCounter,
    output: IntCounter,
    cached: IntCounter,
    cost: GenericCounter<prometheus::core::AtomicF64>,
}

impl ModelMetrics {
    pub(super) fn of(metrics: &Metrics, model: &str) -> Self {
        let turns = |state: TurnState| metrics.turns_total.with_label_values(&[model, state.as_str()]);
        let tokens = |direction: &str| metrics.tokens_total.with_label_values(&[model, direction]);
        Self {
            turn_duration_seconds: metrics.turn_duration_seconds.with_label_values(&[model]),
            time_to_first_token_seconds: metrics.time_to_first_token_seconds.with_label_values(&[model]),
            completed: turns(TurnState::Completed),
            failed: turns(TurnState::Failed),
            cancelled: turns(TurnState::Cancelled),
            interrupted: turns(TurnState::Interrupted),
            input: tokens("input"),
            output: tokens("output"),
            cached: tokens("cached"),
            cost: metrics.cost_usd_total.with_label_values(&[model]),
        }
    }

    /// Counts an ended turn by its state.
    pub fn count_turn(&self, state: TurnState) {
        match state {
            TurnState::Running => {}
            TurnState::Completed => self.completed.inc(),
            TurnState::Failed => self.failed.inc(),
            TurnState::Cancelled => self.cancelled.inc(),
            TurnState::Interrupted => self.interrupted.inc(),
        }
    }

    pub fn count_usage(&self, usage: Usage) {
        self.input.inc_by(usage.input_tokens);
        self.output.inc_by(usage.output_tokens);
        self.cached.inc_by(usage.cached_tokens);
        self.cost.inc_by(usage.cost.usd());
    }
}
