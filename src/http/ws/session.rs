//! Session of one socket, from authentication to close. Its turns go on and are stored, whatever ends it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{select, time::timeout};

use super::{
    close::Close,
    incoming::{ClientId, Incoming, ParseError},
    open_turns::{OpenTurns, TooMany, TurnUpdate},
    outgoing::Outgoing,
    socket::Socket,
};
use crate::{
    app::{Caller, Error, Origin, Refused, SocketPermit, Subscription},
    config::Secret,
    http::{Shared, middleware::log_fault},
    model::{Problem, TurnId},
};

/// How long a socket may be open without a token.
const INTRODUCTION: Duration = Duration::from_secs(5);

/// The route in log lines about a socket.
const ROUTE: &str = "/api/v1/ws";

pub(super) struct Session {
    app: Shared,
    origin: Origin,
    /// `None` before authentication.
    permit: Option<SocketPermit>,
    turns: OpenTurns,
}

/// The outcome of a frame.
enum Outcome {
    Nothing,
    Answer(String),
    /// The caller has sent a new token, whose expiry and revocation apply.
    Renewed,
}

impl Session {
    /// Makes a session. `permit`: of a client that has sent its token in the handshake.
    pub(super) fn new(app: &Shared, origin: Origin, permit: Option<SocketPermit>) -> Self {
        Self { app: Arc::clone(app), origin, permit, turns: OpenTurns::new() }
    }

    pub(super) async fn run(mut self, mut socket: Socket) {
        let (app, since) = (Arc::clone(&self.app), Instant::now());
        let why = select! {
            biased;
            () = app.until_draining() => Close::Restart,
            why = self.host(&mut socket) => why,
        };
        self.log(why, since);
        // The permit is free during the closing handshake.
        drop(self);
        socket.close(why).await;
    }

    async fn host(&mut self, socket: &mut Socket) -> Close {
        if self.permit.is_none() {
            match self.authenticate(socket).await {
                Ok(permit) => self.permit = Some(permit),
                Err(why) => return why,
            }
        }
        loop {
            let (revoked, expired) = (self.app.until_revoked(self.caller()), self.app.until_expired(self.caller()));
            select! {
                biased;
                () = revoked => return Close::Revoked,
                () = expired => return Close::Expired,
                talked = self.talk(socket) => if let Err(why) = talked { return why },
            }
        }
    }

    /// Authenticates: the first frame has to be a token, within `INTRODUCTION`.
    async fn authenticate(&mut self, socket: &mut Socket) -> Result<SocketPermit, Close> {
        let first = timeout(INTRODUCTION, socket.receive()).await.unwrap_or(Err(Close::NoToken))?;
        let Ok(Incoming::Auth { token }) = Incoming::read(&first) else { return Err(Close::NoToken) };
        Box::pin(self.app.socket_permit(token.expose())).await.map_err(|error| match self.problem(error).status {
            401 | 403 => Close::BadToken,
            429 => Close::TooManySockets,
            _ => Close::TryAgain,
        })
    }

    /// Handles the client's frames and sends its turns' events, until the token is renewed or the socket has to close.
    async fn talk(&mut self, socket: &mut Socket) -> Result<(), Close> {
        let heartbeat_secs = socket.heartbeat().as_secs();
        socket.send(Outgoing::Welcome { user: self.caller().user(), heartbeat_secs }.text()).await?;
        loop {
            let outcome = select! {
                frame = socket.receive() => self.take(&frame?).await?,
                Some(told) = self.turns.next() => Outcome::Answer(self.tell(told)),
            };
            match outcome {
                Outcome::Nothing => {}
                Outcome::Answer(text) => socket.send(text).await?,
                Outcome::Renewed => return Ok(()),
            }
        }
    }

    async fn take(&mut self, frame: &str) -> Result<Outcome, Close> {
        match Incoming::read(frame) {
            Ok(Incoming::Ping) => Ok(Outcome::Answer(Outgoing::Pong.text())),
            Ok(Incoming::Auth { token }) => Ok(Box::pin(self.renew(&token)).await),
            Ok(Incoming::Cancel { id, turn_id }) => Ok(Box::pin(self.cancel(&id, turn_id)).await),
            Ok(Incoming::Send { id, request }) => {
                let (app, caller, origin) = (Arc::clone(&self.app), self.caller().clone(), self.origin.clone());
                self.follow(&id, async move { Ok(app.send(&caller, *request, &origin).await?.subscription) })
            }
            Ok(Incoming::Resume { id, turn_id, after }) => {
                let (app, caller) = (Arc::clone(&self.app), self.caller().clone());
                self.follow(&id, async move { app.follow(&caller, turn_id, after).await })
            }
            Err(ParseError { id, why }) => Ok(self.refuse(id.as_ref(), Error::Invalid(why))),
        }
    }

    fn follow(
        &mut self,
        id: &ClientId,
        subscription: impl Future<Output = Result<Subscription, Error>> + Send + 'static,
    ) -> Result<Outcome, Close> {
        match self.turns.add(id, subscription) {
            Ok(true) => Ok(Outcome::Nothing),
            Ok(false) => Ok(self.refuse(
                Some(id),
                Error::Conflict {
                    code: "id_in_use",
                    detail: "this `id` belongs to an open turn on this socket; choose another".into(),
                },
            )),
            Err(TooMany) => Err(Close::TooManyTurns),
        }
    }

    /// Cancels a turn. Success shows in the turn's last event, to its subscribers.
    async fn cancel(&mut self, id: &ClientId, turn_id: TurnId) -> Outcome {
        match self.app.cancel_turn(self.caller(), turn_id, &self.origin).await {
            Ok(_) => Outcome::Nothing,
            Err(error) => self.refuse(Some(id), error),
        }
    }

    /// Renews the token. An invalid one changes nothing: the old one is as good as before.
    async fn renew(&mut self, token: &Secret) -> Outcome {
        let permit = self.permit.as_mut().expect("frames are taken after the introduction");
        match self.app.renew_socket_permit(permit, token.expose()).await {
            Ok(()) => Outcome::Renewed,
            Err(error) => self.refuse(None, error),
        }
    }

    fn tell(&self, TurnUpdate { id, event }: TurnUpdate) -> String {
        match event {
            Ok((turn_id, numbered)) => Outgoing::event(&id, turn_id, numbered.seq, &numbered.event).text(),
            Err(error) => Outgoing::refusal(Some(&id), &self.problem(error)).text(),
        }
    }

    fn refuse(&self, id: Option<&ClientId>, error: Error) -> Outcome {
        Outcome::Answer(Outgoing::refusal(id, &self.problem(error)).text())
    }

    fn problem(&self, error: Error) -> Problem {
        let problem = error.problem(&self.origin.request_id);
        if let Some(refused) = error.refused_by_limit() {
            self.log_refusal(refused);
        }
        log_fault(&error.into(), &self.origin, ROUTE);
        problem
    }

    /// Logs a refusal, of which the access log has no line.
    fn log_refusal(&self, refused: &Refused) {
        let reserved = refused.reservation.as_ref().map(|reservation| reservation.running);
        tracing::info!(
            code = "rate_limited",
            decision_id = %refused.decision_id,
            rule = refused.rule,
            limit = %refused.limit,
            used = %refused.used,
            reserved = reserved.map(tracing::field::display),
            retry_after_secs = refused.retry_after_secs,
            request_id = %self.origin.request_id,
            "a limit refused a message"
        );
    }

    fn caller(&self) -> &Caller {
        self.permit.as_ref().expect("frames are taken after authentication").caller()
    }

    fn log(&self, why: Close, since: Instant) {
        tracing::info!(
            code = why.code(),
            reason = why.reason(),
            open_turns = self.turns.count(),
            duration_ms = since.elapsed().as_secs_f64() * 1e3,
            user_id = self.permit.as_ref().map(|permit| tracing::field::display(permit.caller().user().id)),
            address = self.origin.address.map(tracing::field::display),
            request_id = %self.origin.request_id,
            "a WebSocket ended"
        );
    }
}
