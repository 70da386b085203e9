//! The real `mcpchat serve`, on ports the kernel has chosen.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Invocation, Person, Value,
    command::{mcpchat, mcpchat_at, mcpchat_with_files},
    eventually,
    process::Process,
};

pub struct Server {
    pub process: Process,
    home: PathBuf,
    config: PathBuf,
    address: String,
    metrics_address: String,
}

impl Server {
    /// Returns when it listens.
    pub async fn start(home: &Path, config: &Path, flags: &[&str]) -> Self {
        Self::started(mcpchat(home), home, config, "127.0.0.1:0", flags).await
    }

    /// The same where it may have only so many files open.
    pub async fn start_with_files(home: &Path, config: &Path, files: usize) -> Self {
        Self::started(mcpchat_with_files(home, files), home, config, "127.0.0.1:0", &[]).await
    }

    /// The same where the clock is another.
    pub async fn start_at(home: &Path, config: &Path, shift: &str) -> Self {
        Self::started(mcpchat_at(home, shift), home, config, "127.0.0.1:0", &[]).await
    }

    /// Ends in good order, and comes back at the same address.
    pub async fn restart(&mut self) {
        self.process.signal("TERM");
        assert_eq!(self.process.exit_code().await, 0);
        let address = self.address.clone();
        *self = Self::started(mcpchat(&self.home), &self.home.clone(), &self.config.clone(), &address, &[]).await;
    }

    async fn started(mut command: Command, home: &Path, config: &Path, listen: &str, flags: &[&str]) -> Self {
        command.arg("--config").arg(config).arg("serve");
        command.args(["--listen", listen, "--metrics-listen", "127.0.0.1:0"]).args(flags);
        let mut process = Process::start("mcpchat serve", &mut command);
        let (address, metrics_address) =
            listening(&mut process).await.expect("the server listens, and does not end instead");
        Self { process, home: home.to_owned(), config: config.to_owned(), address, metrics_address }
    }

    /// `None` where it ends instead of listening, as it does while the database is unavailable.
    pub async fn try_start(home: &Path, config: &Path) -> Option<Self> {
        let mut command = mcpchat(home);
        command.arg("--config").arg(config).arg("serve");
        command.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        let mut process = Process::start("mcpchat serve", &mut command);
        let (address, metrics_address) = listening(&mut process).await?;
        Some(Self { process, home: home.to_owned(), config: config.to_owned(), address, metrics_address })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The lines of its log, each a JSON object.
    pub fn log(&self) -> Vec<Value> {
        self.process.lines().iter().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The first line of its log with this message of which the rest is so, once there is one.
    pub async fn said(&self, message: &str, so: impl Fn(&Value) -> bool) -> Value {
        let find = async || self.log().into_iter().find(|line| line["message"] == message && so(line));
        eventually(&format!("a fitting line `{message}`"), find).await
    }

    /// Where it listens, without the scheme.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A person who has not logged in.
    pub fn stranger(&self) -> Person {
        Person::stranger(&self.url())
    }

    /// A person with a new account, logged in.
    pub async fn person(&self, name: &str) -> Person {
        self.newcomer(name, &[]).await
    }

    /// An admin with a new account, logged in.
    pub async fn admin(&self, name: &str) -> Person {
        self.newcomer(name, &["--admin"]).await
    }

    /// A person with a new account of this role, logged in.
    pub async fn person_with_role(&self, name: &str, role: &str) -> Person {
        self.newcomer(name, &["--role", role]).await
    }

    async fn newcomer(&self, name: &str, flags: &[&str]) -> Person {
        let add = ["--config", self.config.to_str().unwrap(), "user", "add", name, "--password-stdin"];
        Invocation::new(&self.home, [add.as_slice(), flags].concat()).input(super::PASSWORD).run().await.ended(0);
        self.login(name).await
    }

    /// A person with an account, logged in.
    pub async fn login(&self, name: &str) -> Person {
        let mut person = self.stranger();
        person.log_in(name, super::PASSWORD).await.ok(200);
        person
    }

    pub async fn metrics(&self) -> String {
        let answer = reqwest::get(format!("http://{}/metrics", self.metrics_address)).await.unwrap();
        answer.text().await.unwrap()
    }

    /// The sum of all samples of `name` that have these labels (`outcome="completed"`).
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.metrics().await;
        let samples = text.lines().filter_map(|line| line.split_once(' ').filter(|_| !line.starts_with('#')));
        let wanted = samples.filter(|(series, _)| {
            let (found, with) = series.split_once('{').unwrap_or((series, ""));
            found == name && labels.iter().all(|label| with.contains(label))
        });
        wanted.map(|(_, value)| value.trim().parse::<f64>().unwrap()).sum()
    }
}

/// Where it listens, for the API and for metrics, once it does; `None` if it ends instead.
async fn listening(process: &mut Process) -> Option<(String, String)> {
    eventually("the server to say where it listens", async || {
        let addresses = said(process, "listening").zip(said(process, "metrics listening"));
        if addresses.is_none() && process.has_ended() { Some(None) } else { addresses.map(Some) }
    })
    .await
}

/// The address in the log line with this message.
fn said(process: &Process, message: &str) -> Option<String> {
    process.lines().iter().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = if line["fields"].is_object() { &line["fields"] } else { &line };
        if fields["message"] == message { Some(fields["listen"].as_str()?.to_owned()) } else { None }
    })
}
