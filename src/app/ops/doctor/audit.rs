//! Checks of the audit log: whether its end is consistent, and covered by checkpoints. `mcpchat audit verify` verifies
//! all of it.

use super::Diagnosis;
use crate::app::App;

const CHAIN: &str = "audit.chain";
const CHECKPOINTS: &str = "audit.checkpoints";

/// The number of last rows that are verified.
const ROWS: u32 = 1_000;

pub(super) async fn check(app: &App) -> Vec<Diagnosis> {
    let verified = match app.verify_end_of_audit(ROWS).await {
        Ok(verified) => verified,
        Err(error) => {
            return vec![Diagnosis::failed(CHAIN, error.to_string(), "run `mcpchat audit verify`")];
        }
    };
    let remedy = "run `mcpchat audit verify`, keep a copy of the database as it is, and find out who had access to it";
    let chain = match (verified.findings.first(), verified.last_row) {
        (Some(finding), _) => Diagnosis::failed(CHAIN, finding.detail.clone(), remedy),
        (None, Some(last)) => {
            Diagnosis::ok(CHAIN, format!("the last {} rows are linked, up to row {last}", verified.rows))
        }
        (None, None) => Diagnosis::ok(CHAIN, "the log is empty"),
    };
    let checkpoints = match (&app.config.audit.checkpoint_file, verified.checkpoint) {
        (None, _) => Diagnosis::warning(
            CHECKPOINTS,
            "none are written: a truncated end, or a completely recomputed log, could not be detected",
            "set `[audit] checkpoint_file`, best on a disk that the database's administrators cannot write to",
        ),
        (Some(file), Some(row)) => {
            let behind = verified.last_row.unwrap_or(row) - row;
            Diagnosis::ok(
                CHECKPOINTS,
                format!("the last one, {behind} rows before the end, agrees ({})", file.display()),
            )
        }
        (Some(file), None) => {
            let every = app.config.audit.checkpoint_every;
            let detail =
                format!("none is of the last {ROWS} rows; one is written every {every} rows ({})", file.display());
            Diagnosis::ok(CHECKPOINTS, detail)
        }
    };
    vec![chain, checkpoints]
}
