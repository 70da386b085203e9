//! `mcpchat serve`: its arguments, preparation and announcement. The server itself is in `http`.

use std::{net::SocketAddr, sync::Arc};

use clap::Args;

use super::{Failure, Global, Output, operator};
use crate::{
    app::{App, Error, FirstPassword, Purpose, UserSpec},
    config::{MetricsListen, Overrides, listen_address, masked},
    model::Role,
};

/// Run the service
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat serve --dev                          try it: an admin account is created, its password shown once
  mcpchat serve --config /etc/mcpchat/config.toml
  mcpchat serve --listen 0.0.0.0:8080 --metrics-listen off")]
pub struct Serve {
    /// Where the API listens: an address with a port, `localhost:PORT`, or `:PORT` for all IPv4 addresses
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// Where the metrics listen, or `off`
    #[arg(long, value_name = "ADDR|off")]
    metrics_listen: Option<MetricsListen>,
    /// Do not bring the database's schema up to date; refuse to start if it is not
    #[arg(long)]
    no_migrate: bool,
    /// Create an account `admin` at the first start and print its password once
    #[arg(long)]
    dev: bool,
}

fn listen(text: &str) -> Result<SocketAddr, &'static str> {
    listen_address(text).ok_or("write it like 127.0.0.1:8080, [::1]:8080, localhost:8080 or :8080")
}

/// The name of the account that `--dev` makes.
const DEV_ADMIN: &str = "admin";

impl Serve {
    /// Does everything up to the listeners: configuration, schema, and with `--dev` an account.
    pub async fn prepare(&self, global: &Global) -> Result<Arc<App>, Failure> {
        let overrides = Overrides { listen: self.listen, metrics_listen: self.metrics_listen, ..Overrides::default() };
        let loaded = global.read(overrides)?;
        loaded
            .exposed
            .iter()
            .chain(&loaded.warnings)
            .chain(&loaded.ignored_file)
            .for_each(|warning| tracing::warn!("{warning}"));
        let app = App::open(loaded.config, Purpose::Serve).await?;
        if self.no_migrate {
            app.demand_current_schema().await?;
        } else {
            let applied = app.migrate().await?;
            if !applied.is_empty() {
                tracing::info!(count = applied.len(), "migrations applied");
            }
        }
        app.take_replica_lease().await?;
        if self.dev {
            make_dev_admin(&app, &global.out()).await?;
        }
        Ok(app)
    }

    /// Announces the addresses, in the log and, with `--dev`, as text for a person.
    pub fn announce(&self, app: &App, api: SocketAddr, metrics: Option<SocketAddr>, out: &Output) {
        let database = masked(app.config().database.url.expose());
        tracing::info!(listen = %api, database = %database, "listening");
        if let Some(metrics) = metrics {
            tracing::info!(listen = %metrics, "metrics listening");
        }
        if app.config().redis.url.is_none() && !database.starts_with("sqlite") {
            tracing::warn!("without Redis only one replica may run on this database; set `[redis] url` for more");
        }
        if app.has_no_provider() {
            tracing::info!(
                "no provider is configured: the built-in model `mock/echo` answers, which repeats the question"
            );
        }
        if self.dev {
            out.say(&format!(
                "\nmcpchat {} listens on http://{api}\n  data     {database}\n  log in   curl http://{api}/api/v1/auth/login -d username={DEV_ADMIN} -d password=…\n           (`mcpchat user password {DEV_ADMIN}` sets a new one)\n  ask      mcpchat chat \"Hello\"\n  stop     Ctrl-C\n",
                env!("CARGO_PKG_VERSION")
            ));
        }
    }
}

async fn make_dev_admin(app: &App, out: &Output) -> Result<(), Failure> {
    let admin = operator::admin().because("serve --dev".parse().ok());
    let username = DEV_ADMIN.parse().expect("a plain word");
    let spec = UserSpec { username, email: None, role: Role::Admin, password: FirstPassword::Generated };
    match app.add_user(&admin, &spec).await {
        Ok(made) => {
            let password = made.generated_password.expect("none was given, so one was made");
            out.say(&format!("created the account `{DEV_ADMIN}` with the password {}", password.expose()));
            out.say("(it is shown only once)");
            Ok(())
        }
        Err(Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
