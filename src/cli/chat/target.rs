//! The place where turns run: this process, on the configured database, or a server. Its callers do not know which.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;

use super::{super::output::Output, Failure, Global, operator, remote::Server, turn::Turn};
use crate::{
    app::{App, Caller, Error, FirstPassword, Origin, TurnRequest, UserSpec},
    config::{CassetteMode, Overrides, Redaction},
    model::{ConversationId, IdPrefix, Problem, Role},
};

/// Printed on a terminal, with the first prompt of a fresh set-up.
const BUILT_IN_MODEL: &str = "note: the built-in model `mock/echo` answers, which repeats the question; for a real model set \
                              OPENAI_API_KEY or ANTHROPIC_API_KEY, or configure a provider (`mcpchat config example`)";

#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// Act as this user (name or email)
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// Ask through this server instead of in this process
    #[arg(long, value_name = "URL", env = "MCPCHAT_SERVER", hide_env_values = true)]
    server: Option<String>,
    /// Record the providers' answers in this folder, without secrets
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Answer from the recordings in this folder without calling a provider; exit 8 if one is missing
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
}

impl TargetArgs {
    /// The server, if one is given: an empty variable is none, because CI systems pass them. Errors: a flag that only
    /// makes sense without one.
    fn server(&self) -> Result<Option<&str>, Failure> {
        let Some(url) = self.server.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let own =
            [(self.user.is_some(), "--as"), (self.record.is_some(), "--record"), (self.replay.is_some(), "--replay")];
        match own.into_iter().find(|(is_given, _)| *is_given) {
            Some((_, flag)) => {
                Err(Failure::Usage(format!("{flag} cannot go with a server (--server or MCPCHAT_SERVER)")))
            }
            None => Ok(Some(url)),
        }
    }

    fn tape(&self) -> Option<CassetteMode> {
        self.record.clone().map(CassetteMode::Record).or_else(|| self.replay.clone().map(CassetteMode::Replay))
    }
}

pub(super) struct Target {
    runs: Runs,
    /// Secrets to redact in records.
    pub(super) secrets: Redaction,
}

enum Runs {
    Here { app: Arc<App>, caller: Box<Caller> },
    There(Arc<Server>),
}

impl Target {
    pub(super) async fn open(given: &TargetArgs, global: &Global) -> Result<Self, Failure> {
        let secrets = Redaction::of_process();
        if let Some(url) = given.server()? {
            return Ok(Self { runs: Runs::There(Arc::new(Server::new(url)?)), secrets });
        }
        let app = global.app_with(Overrides { tape: given.tape(), ..Overrides::default() }).await?;
        app.keep_leases();
        match caller(&app, given.user.as_deref(), &global.out()).await {
            Ok(caller) => {
                let secrets = app.config().secrets.clone();
                Ok(Self { runs: Runs::Here { app, caller: Box::new(caller) }, secrets })
            }
            Err(failure) => {
                app.halt().await;
                Err(failure)
            }
        }
    }

    pub(super) async fn send(&self, ask: TurnRequest) -> Result<Turn, Failure> {
        match &self.runs {
            Runs::Here { app, caller } => {
                let origin = Origin::shell();
                let accepted = app.send(caller, ask, &origin).await?;
                Ok(Turn::here(accepted.subscription, origin.request_id))
            }
            Runs::There(server) => Ok(Turn::there(Server::send(server, ask).await?)),
        }
    }

    /// Adds why a provider failed, if the turn ran in this process, where the user is the operator.
    pub(super) async fn with_cause(&self, mut problem: Box<Problem>) -> Box<Problem> {
        let turn = problem.extensions.get("turn_id").and_then(|id| id.as_str()?.parse().ok());
        if let (Runs::Here { app, .. }, Some(turn)) = (&self.runs, turn)
            && let Some(cause) = app.turn_cause(turn).await
        {
            problem.extensions.insert("cause".to_owned(), self.secrets.hide(&cause).into());
        }
        problem
    }

    /// Finds the user's conversation by the prefix of its id.
    pub(super) async fn find_conversation(&self, prefix: &IdPrefix) -> Result<ConversationId, Failure> {
        match &self.runs {
            Runs::Here { app, caller } => Ok(app.find_conversation(caller, prefix).await?),
            Runs::There(server) => server.find_conversation(prefix).await,
        }
    }

    /// Cancels running turns: the provider connections are dropped, and partial replies are kept.
    pub(super) async fn give_up(&self) {
        match &self.runs {
            Runs::Here { app, .. } => app.cancel_all().await,
            Runs::There(server) => server.cancel_all().await,
        }
    }

    pub(super) async fn close(&self) {
        if let Runs::Here { app, .. } = &self.runs {
            app.halt().await;
        }
    }
}

/// The user to act as: the one named, or on SQLite the operator's own, made with the first prompt.
async fn caller(app: &App, user: Option<&str>, out: &Output) -> Result<Caller, Failure> {
    if let Some(user) = user {
        return Ok(app.act_as(user).await?);
    }
    if !app.is_local() {
        return Err(Failure::Usage("on this database name the user to act as: `--as USER`".into()));
    }
    let login = operator::login();
    match app.act_as(&login).await {
        Err(Error::NotFound { .. }) => {
            let username = login.parse().or_else(|_| "local".parse()).map_err(Error::from)?;
            let spec = UserSpec { username, email: None, role: Role::User, password: FirstPassword::Unknown };
            let admin = operator::admin().because("first `mcpchat chat`".parse().ok());
            match app.add_user(&admin, &spec).await {
                // Another `chat` may have made it meanwhile.
                made @ (Ok(_) | Err(Error::Conflict { .. })) => {
                    if made.is_ok() && app.has_no_provider() && io::stderr().is_terminal() {
                        out.say(BUILT_IN_MODEL);
                    }
                    Ok(app.act_as(spec.username.as_str()).await?)
                }
                Err(error) => Err(error.into()),
            }
        }
        other => Ok(other?),
    }
}
