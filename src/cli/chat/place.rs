//! Where the turns run: in this process, on the configured database, or on a server. What asks does not know which.

use std::sync::Arc;

use clap::Args;

use super::{Failure, Global, operator, remote::Server, turn::Turn};
use crate::{
    app::{App, Ask, Caller, Error, Origin, UserSpec},
    config::{Environment, Redaction},
    model::Role,
};

#[derive(Debug, Args)]
pub(super) struct Whereabouts {
    /// Act as this user (name or email)
    #[arg(long = "as", value_name = "USER", conflicts_with = "server")]
    user: Option<String>,
    /// Ask through this server instead of in this process
    #[arg(long, value_name = "URL", env = "MCPCHAT_SERVER", hide_env_values = true)]
    server: Option<String>,
}

pub(super) struct Place {
    runs: Runs,
    /// What must not get into a record.
    pub(super) secrets: Redaction,
}

enum Runs {
    Here { app: Arc<App>, caller: Box<Caller> },
    There(Arc<Server>),
}

impl Place {
    pub(super) async fn open(given: &Whereabouts, global: &Global) -> Result<Self, Failure> {
        let secrets = Redaction::of_environment(&Environment::of_process());
        // An empty variable is none: CI systems pass them.
        if let Some(url) = given.server.as_deref().filter(|url| !url.is_empty()) {
            return Ok(Self { runs: Runs::There(Arc::new(Server::new(url)?)), secrets });
        }
        let app = global.app().await?;
        app.keep_leases();
        match caller(&app, given.user.as_deref()).await {
            Ok(caller) => {
                let secrets = secrets.with_config(app.config());
                Ok(Self { runs: Runs::Here { app, caller: Box::new(caller) }, secrets })
            }
            Err(failure) => {
                app.halt().await;
                Err(failure)
            }
        }
    }

    pub(super) async fn send(&self, ask: Ask) -> Result<Turn, Failure> {
        match &self.runs {
            Runs::Here { app, caller } => {
                let origin = Origin::shell();
                let accepted = app.send(caller, ask, &origin).await?;
                Ok(Turn::here(accepted.following, origin.request_id))
            }
            Runs::There(server) => Ok(Turn::there(Server::send(server, ask).await?)),
        }
    }

    /// Cancels what still runs: the provider's connections are dropped, and what has come is kept.
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

/// The user to act as: the one named, or on SQLite the operator's own, made at the first question.
async fn caller(app: &App, user: Option<&str>) -> Result<Caller, Failure> {
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
            let spec = UserSpec { username, email: None, role: Role::User, password: None };
            let admin = operator::admin().because("first `mcpchat chat`".parse().ok());
            match app.add_user(&admin, &spec).await {
                // Another `chat` may have made it just now.
                Ok(_) | Err(Error::Conflict { .. }) => Ok(app.act_as(spec.username.as_str()).await?),
                Err(error) => Err(error.into()),
            }
        }
        other => Ok(other?),
    }
}
