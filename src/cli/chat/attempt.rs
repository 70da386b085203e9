//! One attempt: a message is sent, its turn followed and its reply judged, and with `--repair` a reply requested again.

use tokio::time::Instant;

use super::{
    Failure, Target,
    record::Record,
    retry_queue::RetryQueue,
    turn::{Listener, TurnOutcome},
};
use crate::{
    app::{Error, RawTurnRequest, TurnRequest},
    eval::{Expectations, repair_request},
};

/// A message, and the expectations of its reply.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) ask: TurnRequest,
    pub(super) expectations: Expectations,
    /// Request the reply once more if it does not match the schema.
    pub(super) repair: bool,
}

impl Attempt {
    /// Runs the attempt. Errors: there is no reply. Unmet expectations are no error: the record lists them.
    /// `admission`: where to wait for the service's limits; without it a refusal is an error.
    pub(super) async fn attempt(
        &self,
        place: &Target,
        admission: Option<&RetryQueue>,
        listener: &mut Listener<'_>,
    ) -> Result<Record, Failure> {
        let first = ask(place, admission, &self.ask, listener).await?;
        let text = &first.done.message.content;
        let wrong = if self.repair { self.expectations.unmet_schema(text, &place.secrets) } else { Vec::new() };
        let record = if wrong.is_empty() {
            Record::of(first)
        } else {
            let again = RawTurnRequest {
                content: repair_request(&wrong),
                conversation_id: Some(first.done.turn.conversation_id),
                history: Vec::new(),
                ..RawTurnRequest::clone(&self.ask)
            };
            let again = TurnRequest::try_from(again).map_err(Error::Invalid)?;
            Record::of(ask(place, admission, &again, listener).await?).repaired(&first)
        };
        let unmet = self.expectations.judge(&record.answered(), &place.secrets);
        Ok(record.judged(unmet).without(&place.secrets))
    }
}

async fn ask(
    place: &Target,
    admission: Option<&RetryQueue>,
    ask: &TurnRequest,
    listener: &mut Listener<'_>,
) -> Result<TurnOutcome, Failure> {
    let since = Instant::now();
    let (turn, since) = match admission {
        Some(admission) => admission.send(place, ask).await?,
        None => (place.send(ask.clone()).await?, since),
    };
    match turn.listen(since, listener).await {
        Err(Failure::Problem(problem)) => Err(Failure::Problem(place.with_cause(problem).await)),
        heard => heard,
    }
}
