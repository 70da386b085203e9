//! What a limit's refusal says: how much is used and reserved, what the request would reserve, when it may pass, and
//! where it never will, what would.

use std::fmt;

use serde_json::{Value, json};

use crate::{
    app::Amount,
    limits::{self, Kind, Refusal},
    model::DecisionId,
};

/// A limit's refusal, as it is told.
#[derive(Clone, Debug)]
pub struct Refused {
    pub rule: String,
    pub limit: Amount,
    pub used: Amount,
    /// Of a limit on tokens or cost.
    pub reservation: Option<RefusedReservation>,
    /// `None`: the request will never be admitted.
    pub retry_after_secs: Option<u64>,
    pub decision_id: DecisionId,
    /// `RateLimit-Policy` and `RateLimit`.
    pub policy_header: String,
    pub limit_header: String,
}

/// What would have been reserved for a request that was refused.
#[derive(Clone, Debug)]
pub struct RefusedReservation {
    /// What is reserved for the turns that run.
    pub running: Amount,
    /// The worst case of this request.
    pub needed: Amount,
    /// The longest answer that there is room for.
    pub fitting_max_tokens: Option<u32>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, limit, used, .. } = self;
        match (&self.reservation, self.retry_after_secs) {
            (None, Some(secs)) => write!(f, "limit `{rule}` reached: {used} of {limit}; try again in {secs} s"),
            (None, None) => {
                write!(f, "limit `{rule}` is {limit} and admits nothing; ask an operator for a higher limit")
            }
            (Some(RefusedReservation { running, needed, .. }), Some(secs)) => {
                write!(
                    f,
                    "limit `{rule}` has too little left: {used} of {limit} are used and {running} reserved by running "
                )?;
                write!(f, "turns, and this request reserves {needed} for its worst case; try again in {secs} s")?;
                self.fitting(f, ", or at once with")
            }
            (Some(RefusedReservation { needed, .. }), None) => {
                write!(
                    f,
                    "limit `{rule}` will never admit this request: it reserves {needed} for its worst case, and the "
                )?;
                f.write_str("limit is ")?;
                write!(f, "{limit}; ask an operator for a higher limit")?;
                self.fitting(f, ", or send it with")
            }
        }
    }
}

impl Refused {
    pub(in crate::app) fn of(refusal: &Refusal, kind: Kind) -> Self {
        let amount = |number| Amount::of(kind, number);
        Self {
            rule: refusal.rule.clone(),
            limit: amount(refusal.limit),
            used: amount(refusal.used),
            reservation: kind.is_quota().then(|| RefusedReservation {
                running: amount(refusal.reserved),
                needed: amount(refusal.reservation),
                fitting_max_tokens: refusal.fitting_length,
            }),
            retry_after_secs: refusal.retry_after_secs(),
            decision_id: DecisionId::new(),
            policy_header: limits::rate_limit_policy(&refusal.usages),
            limit_header: limits::rate_limit(&refusal.usages),
        }
    }

    fn fitting(&self, f: &mut fmt::Formatter<'_>, how: &str) -> fmt::Result {
        match self.reservation.as_ref().and_then(|reservation| reservation.fitting_max_tokens) {
            Some(tokens) => write!(f, "{how} `max_tokens` of at most {tokens}"),
            None => Ok(()),
        }
    }

    /// What the problem says beside its own members.
    pub(in crate::app) fn members(&self) -> Value {
        let mut members = json!({
            "rule": self.rule,
            "limit": self.limit,
            "used": self.used,
            "retry_after_secs": self.retry_after_secs,
            "never_fits": self.retry_after_secs.is_none(),
            "decision_id": self.decision_id,
        });
        if let Some(reservation) = &self.reservation {
            members["reserved"] = json!(reservation.running);
            members["reservation"] = json!(reservation.needed);
            members["fitting_max_tokens"] = json!(reservation.fitting_max_tokens);
        }
        members
    }
}
