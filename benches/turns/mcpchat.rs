//! The real `mcpchat serve` on ports the kernel has chosen, its log in a file, and people with accounts on it.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    Result,
    child::{As, Child, command, last_words},
    client::Client,
};

/// So many that their limits are kept in several places of Redis, and their logins come from several addresses.
pub const PEOPLE: u8 = 16;

const PASSWORD: &str = "a long walk along the benches";

pub struct Mcpchat {
    child: Child,
    log: PathBuf,
    pub api: SocketAddr,
    pub metrics: SocketAddr,
}

impl Mcpchat {
    /// Returns when it listens. `home` has its configuration.
    pub async fn start(binary: &Path, home: &Path) -> Result<Self> {
        let log = home.join("mcpchat.log");
        let mut serve = command(binary, As::Myself, "KILL");
        serve.env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        serve.arg("--config").arg(home.join("mcpchat.toml")).arg("serve");
        serve.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        let mut child = Child::start(&mut serve, "KILL", &log)?;
        loop {
            if let (Some(api), Some(metrics)) = (said(&log, "listening"), said(&log, "metrics listening")) {
                return Ok(Self { child, log, api, metrics });
            }
            if child.has_ended() {
                return Err(format!("mcpchat does not start:\n{}", last_words(&log)).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Its last log lines, for a complaint.
    pub fn last_words(&self) -> String {
        last_words(&self.log)
    }

    /// Its metrics as text.
    pub async fn scrape(&self) -> Result<String> {
        let mut client = Client::connect(self.metrics, Ipv4Addr::LOCALHOST).await?;
        let answer = client.ask(b"GET /metrics HTTP/1.1\r\nhost: bench\r\n\r\n").await?;
        Ok(String::from_utf8(answer.body().to_vec())?)
    }

    /// The access tokens of all people, by a login each: made with each fresh server, as a login takes memory too.
    pub async fn log_in_all(&self) -> Result<Vec<String>> {
        let mut tokens = Vec::new();
        for person in 0..PEOPLE {
            tokens.push(self.log_in(person).await?);
        }
        Ok(tokens)
    }

    /// A name may log in five times a minute; beyond that this waits.
    async fn log_in(&self, person: u8) -> Result<String> {
        let body = json!({"username": name_of(person), "password": PASSWORD}).to_string();
        loop {
            let mut client = Client::connect(self.api, address_of(person)).await?;
            let answer = client.ask(&post("/api/v1/auth/login", None, &body)).await?;
            let granted: Value = serde_json::from_slice(answer.body())?;
            match (granted["access_token"].as_str(), granted["retry_after_secs"].as_u64()) {
                (Some(token), _) => return Ok(token.to_owned()),
                (None, Some(secs)) => sleep(Duration::from_secs(secs)).await,
                (None, None) => return Err(format!("no login: {granted}").into()),
            }
        }
    }
}

/// Makes the schema and the accounts of all people by the command line.
pub fn make_accounts(binary: &Path, home: &Path) -> Result<()> {
    let mcpchat = |arguments: &[&str]| -> Result<()> {
        let mut command = Command::new(binary);
        command.env_clear().env("HOME", home).current_dir(home).arg("--config").arg("mcpchat.toml").args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(PASSWORD.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("mcpchat {arguments:?}: {said}").into()) }
    };
    mcpchat(&["migrate"])?;
    (0..PEOPLE).try_for_each(|person| mcpchat(&["user", "add", &name_of(person), "--password-stdin"]))
}

/// A request as it goes over the wire.
pub fn post(path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: bench\r\n{bearer}content-type: application/json\r\n");
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Where a person's clients connect from: all of 127.0.0.0/8 is this machine.
pub fn address_of(person: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, person + 1)
}

fn name_of(person: u8) -> String {
    format!("person{person}")
}

/// The address in the log line with this message.
fn said(log: &Path, message: &str) -> Option<SocketAddr> {
    fs::read_to_string(log).ok()?.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = if line["fields"].is_object() { &line["fields"] } else { &line };
        if fields["message"] == message { fields["listen"].as_str()?.parse().ok() } else { None }
    })
}
