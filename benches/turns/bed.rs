//! The servers of one set-up, with all their files in one directory, and mcpchat's configuration.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    Result,
    mcpchat::{Mcpchat, make_accounts},
    options::{Build, Options, Setup},
    postgres::Postgres,
    redis::Redis,
    say,
};

pub struct Bed {
    pub postgres: Option<Postgres>,
    pub redis: Option<Redis>,
    binary: PathBuf,
    /// Last: the others keep their files in it.
    home: TempDir,
}

impl Bed {
    pub async fn make(setup: Setup, build: Build, provider: SocketAddr, options: &Options) -> Result<Self> {
        say(&format!("starting {}{}", build.prefix(), setup.name()));
        let home = tempfile::Builder::new().prefix("mcpchat-bench-").tempdir()?;
        // PostgreSQL's user has to get through.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755))?;
        let (postgres, redis) = match setup {
            Setup::Redis => (Some(Postgres::start(home.path()).await?), Some(Redis::start(home.path()).await?)),
            Setup::Sqlite => (None, None),
        };
        let binary = options.binary(build).canonicalize()?;
        let bed = Self { postgres, redis, binary, home };
        fs::write(bed.home().join("mcpchat.toml"), bed.configuration(provider, options))?;
        make_accounts(&bed.binary, bed.home())?;
        Ok(bed)
    }

    /// A fresh server: what an earlier one has in memory is gone.
    pub async fn serve(&self) -> Result<Mcpchat> {
        Mcpchat::start(&self.binary, self.home()).await
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// The default rules, at heights that no client reaches: they are evaluated all the same.
    fn configuration(&self, provider: SocketAddr, options: &Options) -> String {
        let connections = options.database_connections;
        // Sixteen people open all of them.
        let sockets = if options.websockets.is_some() { "[server]\nmax_sockets_per_user = 100000\n" } else { "" };
        let sqlite = format!("sqlite://{}/mcpchat.db", self.home().display());
        let database = self.postgres.as_ref().map_or(&sqlite, |postgres| &postgres.url);
        let redis = self.redis.as_ref().map(|redis| format!("[redis]\nurl = '{}'\n", redis.url)).unwrap_or_default();
        let windows = [("second", 1_000_000), ("minute", 10_000_000), ("hour", 100_000_000), ("day", 1_000_000_000)];
        let limits = windows.map(|(window, max)| {
            format!(
                "[[limits]]\nname = 'per-{window}'\ncount = 'messages'\nmax = {max}\nwindow = '1{}'\n",
                &window[..1]
            )
        });
        format!(
            "{sockets}[database]\nurl = '{database}'\nmax_connections = {connections}\n{redis}\
             [auth]\njwt_secret = 'a-secret-of-the-bench-with-more-than-32-bytes'\naccess_token_ttl = '24h'\n\
             [[providers]]\nname = 'near'\nkind = 'openai'\nbase_url = 'http://{provider}/v1'\napi_key = 'sk-bench'\n\
             [[models]]\nname = 'near'\nprovider = 'near'\nprice = {{ input = 1.0, output = 2.0 }}\n\
             {}[[limits]]\nname = 'running'\ncount = 'turns'\nmax = 1000\n",
            limits.concat()
        )
    }
}
