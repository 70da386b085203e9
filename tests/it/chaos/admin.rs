//! An administrator during the storm: shuts one account out and lets it in again. Each act that was confirmed has
//! its row in the audit log, no act has two, and what the rows say is what the account is.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, rngs::StdRng};
use reqwest::Method;
use tokio::time::sleep;

use super::Storm;
use crate::harness::Person;

const PROMISE: &str = "each administrative act has its audit row";
/// The account that is switched on and off.
const SWITCHED: &str = "dora";

/// Goes on until the storm is over. Gives the reasons of the acts that have to be in the audit log.
pub async fn administer(storm: Arc<Storm>, admin: Person, mut random: StdRng) -> Vec<String> {
    let (mut confirmed, mut is_enabled) = (Vec::new(), Some(true));
    for number in 0.. {
        if storm.ledger.is_closed() {
            break;
        }
        sleep(Duration::from_millis(random.random_range(50..300))).await;
        let Some(address) = storm.cluster.any(&mut random) else { continue };
        let enable = !is_enabled.unwrap_or_else(|| random.random());
        let (act, reason) = (if enable { "enable" } else { "disable" }, format!("act-{number}"));
        let path = format!("/api/v1/admin/users/{SWITCHED}/{act}?reason={reason}");
        let request = admin.at_address(&address).request(Method::POST, &path).timeout(Duration::from_secs(20));
        match request.send().await.map(|answer| answer.status().as_u16()) {
            Ok(200) => {
                storm.ledger.count("administrative acts confirmed");
                // Where it is unknown how the last act ended, this one may have changed nothing.
                if is_enabled == Some(!enable) {
                    confirmed.push(reason);
                }
                is_enabled = Some(enable);
            }
            Ok(503) | Err(_) => is_enabled = None,
            Ok(status) => storm.ledger.violation("a dependency that is down is a 503", format!("{act}: {status}")),
        }
    }
    confirmed
}

#[derive(sqlx::FromRow)]
struct Row {
    action: String,
    reason: Option<String>,
}

pub async fn check(storm: &Storm, confirmed: &[String]) {
    let database = &storm.cluster.world.database;
    let query = "select action, reason from audit where action in ('user.enable', 'user.disable') order by id";
    let rows: Vec<Row> = database.rows(query).await;
    let wrong = |detail: String| storm.ledger.violation(PROMISE, detail);
    for reason in confirmed {
        let found = rows.iter().filter(|row| row.reason.as_ref() == Some(reason)).count();
        if found != 1 {
            wrong(format!("{reason} was confirmed and has {found} rows"));
        }
    }
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].action == pair[1].action) {
        wrong(format!("{:?} did nothing and has a row", pair[1].reason));
    }
    let says = rows.last().is_none_or(|row| row.action == "user.enable");
    let enabled = database.number("select count(*) from users where username = 'dora' and enabled = true").await == 1;
    if says != enabled {
        wrong(format!("the account is enabled: {enabled}, and the last row says {says}"));
    }
}
