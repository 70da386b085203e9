//! Check for an unconfigured proxy: whether clients have addresses of their own.

use chrono::TimeDelta;

use super::Diagnosis;
use crate::{app::App, clock, store::LoginAddresses};

const ID: &str = "server.trusted_proxies";
/// How far back logins are read.
const RECENT: TimeDelta = TimeDelta::days(7);

pub(super) async fn check(app: &App) -> Diagnosis {
    let trusted = app.config.server.trusted_proxies.len();
    match app.store.login_addresses(clock::now() - RECENT).await {
        Ok(logins) => judge(&logins, trusted),
        Err(error) => Diagnosis::failed(ID, error.to_string(), "see `database.reachable`"),
    }
}

/// Accounts that share an address share its limits; that all of them do is the sign of a proxy.
fn judge(logins: &LoginAddresses, trusted: usize) -> Diagnosis {
    let LoginAddresses { users, addresses, one } = logins;
    match one {
        Some(address) if *addresses == 1 && *users > 1 => Diagnosis::warning(
            ID,
            format!("all {users} accounts that logged in within a week came from the one address {address}"),
            format!(
                "if it is a proxy's, set `[server] trusted_proxies = [\"{address}\"]`, and have the proxy send X-Forwarded-For; \
                 until then its clients share one limit of logins"
            ),
        ),
        _ if trusted > 0 => Diagnosis::ok(ID, format!("{trusted} networks of proxies are trusted")),
        _ => Diagnosis::ok(ID, "no proxy is trusted, and none shows in the addresses of logins"),
    }
}
