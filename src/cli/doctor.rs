//! `mcpchat doctor`: checks of the configuration and of what the service depends on.

use clap::Args;
use serde::Serialize;

use super::{
    Exit, Failure, Global, Output,
    output::{Format, Row},
};
use crate::{
    app::{CheckStatus, Diagnosis, Examination, examine},
    config::{Environment, Overrides},
    terminal::plain,
};

/// Check configuration, secrets, database, Redis, audit log and providers; exit 8 if a check fails
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat doctor
  mcpchat doctor --online --replicas 4
  mcpchat doctor --json | jq -r '.checks[] | select(.status == \"failed\") | .id'

Nothing is changed. A warning is no failure: it does not change the exit code.")]
pub struct Doctor {
    /// Also contact the providers over the network
    #[arg(long)]
    online: bool,
    /// Number of servers that share this database
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    replicas: u32,
}

/// The report that `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Diagnosis],
}

impl Doctor {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let overrides = Overrides { config: global.config.clone(), ..Overrides::default() };
        let loaded = crate::config::load(&overrides, &Environment::of_process());
        let how = Examination { online: self.online, replicas: self.replicas };
        let checks = examine(loaded, how).await;
        let failed = checks.iter().filter(|check| check.status == CheckStatus::Failed).count();
        let out = global.out();
        match out.format {
            Format::Json => out.json(&Report { ok: failed == 0, checks: &checks })?,
            Format::Ndjson | Format::Plain => out.list(&checks)?,
            Format::Table => tell(&out, &checks)?,
        }
        Ok(if failed == 0 { Exit::Done } else { Exit::CheckFailed })
    }
}

fn tell(out: &Output, checks: &[Diagnosis]) -> std::io::Result<()> {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    let indent = " ".repeat("warning".len() + width + 4);
    for check in checks {
        // Padded first: color codes have no width.
        let status = format!("{:7}", check.status.as_str());
        let status = match check.status {
            CheckStatus::Failed => out.red(&status),
            CheckStatus::Skipped => out.dim(&status),
            CheckStatus::Ok | CheckStatus::Warning => status,
        };
        let detail = plain(&check.detail).replace('\n', &format!("\n{indent}"));
        out.print(&format!("{status}  {:width$}  {detail}", check.id))?;
        if let Some(remedy) = &check.remedy {
            out.print(&format!("{indent}→ {}", plain(remedy)))?;
        }
    }
    let count = |status: CheckStatus| checks.iter().filter(|check| check.status == status).count();
    out.say(&match (count(CheckStatus::Failed), count(CheckStatus::Warning)) {
        (0, 0) => "all checks passed".to_owned(),
        (0, 1) => "no check failed; 1 warning".to_owned(),
        (0, warnings) => format!("no check failed; {warnings} warnings"),
        (failed, 1) => format!("{failed} failed; 1 warning"),
        (failed, warnings) => format!("{failed} failed; {warnings} warnings"),
    });
    Ok(())
}

impl Row for Diagnosis {
    const HEADINGS: &'static [&'static str] = &["id", "status", "detail", "remedy"];

    fn cells(&self) -> Vec<String> {
        let remedy = self.remedy.clone().unwrap_or_default();
        vec![self.id.to_string(), self.status.to_string(), self.detail.clone(), remedy]
    }
}
