//! The subscriptions of one socket. The next event of a turn is polled only when the last one was taken, so nothing
//! piles up here, however slow the socket is.

use std::collections::HashSet;

use futures_util::{
    StreamExt,
    future::Either,
    stream::{BoxStream, SelectAll, once, unfold},
};

use super::incoming::ClientId;
use crate::{
    app::{Error, Result, Subscription},
    event::Numbered,
    model::TurnId,
};

const MAX_OPEN_TURNS: usize = 32;

pub(super) struct OpenTurns {
    ids: HashSet<ClientId>,
    events: SelectAll<BoxStream<'static, TurnUpdate>>,
}

/// An event or error for a request of the client.
pub(super) struct TurnUpdate {
    pub(super) id: ClientId,
    /// Errors: there is no turn, or none to follow.
    pub(super) event: Result<(TurnId, Numbered)>,
}

impl TurnUpdate {
    fn is_last(&self) -> bool {
        self.event.as_ref().map_or(true, |(_, numbered)| numbered.event.is_last())
    }
}

/// The socket follows its maximum of turns.
pub(super) struct TooMany;

impl OpenTurns {
    pub(super) fn new() -> Self {
        Self { ids: HashSet::new(), events: SelectAll::new() }
    }

    /// Adds the subscription that `subscription` resolves to. False: this `id` is in use.
    pub(super) fn add(
        &mut self,
        id: &ClientId,
        subscription: impl Future<Output = Result<Subscription>> + Send + 'static,
    ) -> std::result::Result<bool, TooMany> {
        if self.ids.contains(id) {
            return Ok(false);
        }
        if self.ids.len() >= MAX_OPEN_TURNS {
            return Err(TooMany);
        }
        self.ids.insert(id.clone());
        let id = id.clone();
        let told = once(subscription).flat_map(move |followed| match followed {
            Ok(subscription) => Either::Left(events(id.clone(), subscription)),
            Err(error) => Either::Right(refusal(id.clone(), error)),
        });
        self.events.push(told.boxed());
        Ok(true)
    }

    /// The next event of any turn; `None` while there are none. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<TurnUpdate> {
        let told = self.events.next().await?;
        if told.is_last() {
            self.ids.remove(&told.id);
        }
        Some(told)
    }

    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }
}

fn events(id: ClientId, subscription: Subscription) -> impl futures_util::Stream<Item = TurnUpdate> + Send {
    unfold((id, subscription), |(id, mut subscription)| async move {
        let numbered = subscription.next().await?;
        Some((TurnUpdate { id: id.clone(), event: Ok((subscription.turn_id(), numbered)) }, (id, subscription)))
    })
}

fn refusal(id: ClientId, error: Error) -> impl futures_util::Stream<Item = TurnUpdate> + Send {
    once(std::future::ready(TurnUpdate { id, event: Err(error) }))
}
