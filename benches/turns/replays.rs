//! What an answer from a recording costs at the shell: the CPU time of the whole process, as a CI job pays it for each
//! question.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode},
};

use serde_json::json;

use crate::{
    Result,
    options::{Build, Options},
};

const QUESTION: [&str; 3] = ["chat", "what is it?", "--config"];

pub fn measure(count: usize, options: &Options) -> Result<ExitCode> {
    let home = tempfile::Builder::new().prefix("mcpchat-bench-").tempdir()?;
    let binary = options.binary(Build::This).canonicalize()?;
    fs::write(
        home.path().join("mcpchat.toml"),
        format!("[database]\nurl = \"sqlite://{}/a.db\"\n", home.path().display()),
    )?;
    cpu_secs(&binary, home.path(), "--record")?;
    let mut secs =
        (0..count.max(1)).map(|_| cpu_secs(&binary, home.path(), "--replay")).collect::<Result<Vec<f64>>>()?;
    secs.sort_by(f64::total_cmp);
    let [least, median, most] = [secs[0], secs[secs.len() / 2], secs[secs.len() - 1]].map(|secs| secs * 1000.0);
    let text = if options.json {
        json!({"replays": secs.len(), "cpu_ms": {"least": least, "median": median, "most": most}}).to_string()
    } else {
        format!("{} answers from a recording: {median:.0} ms of CPU each ({least:.0} to {most:.0})", secs.len())
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

/// User and system time of one answer.
fn cpu_secs(binary: &Path, home: &Path, tape: &str) -> Result<f64> {
    let mut bash = Command::new("bash");
    bash.args(["-c", "TIMEFORMAT='%3U %3S'; time \"$@\" >answer", "bash"]).arg(binary).args(QUESTION);
    bash.args(["mcpchat.toml", tape, "tape"]).current_dir(home).env_clear().env("HOME", home);
    let output = bash.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || fs::read_to_string(home.join("answer"))? != "what is it?\n" {
        return Err(format!("mcpchat chat {tape}: {}\n{said}", output.status).into());
    }
    let times = said.lines().last().unwrap_or_default().split_whitespace().map(str::parse::<f64>);
    Ok(times.sum::<std::result::Result<f64, _>>()?)
}
