//! The command line: the real binary in the test's home, with an empty environment.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Value, process::signal_to};

const DEADLINE: Duration = Duration::from_secs(60);

/// The binary as a stranger's machine would start it: nothing in the environment but where home is.
pub fn mcpchat(home: &Path) -> Command {
    at_home(home, env!("CARGO_BIN_EXE_mcpchat"))
}

/// The same where it may have only so many files open.
pub fn mcpchat_with_files(home: &Path, files: usize) -> Command {
    let mut command = at_home(home, "sh");
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_mcpchat")]);
    command
}

/// The same where the clock is so much ahead (`+90s`) or behind. Not the one that timers use.
pub fn mcpchat_at(home: &Path, shift: &str) -> Command {
    let mut command = at_home(home, "faketime");
    command.args(["--exclude-monotonic", "-f", shift, env!("CARGO_BIN_EXE_mcpchat")]);
    command
}

fn at_home(home: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap());
    command.env("XDG_CONFIG_HOME", home.join("config")).env("XDG_DATA_HOME", home.join("data"));
    command.env("TMPDIR", home);
    command
}

/// A command about to be run.
pub struct Invocation {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Invocation {
    pub fn new<'a>(home: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = mcpchat(home);
        command.args(arguments);
        Self { command, input: None }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Is piped to it; without input its stdin is /dev/null.
    pub fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = Some(text.into());
        self
    }

    /// Runs it on a terminal of so many columns; what it says there comes as its stdout.
    pub fn on_a_terminal(self, columns: u16) -> Self {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let quoted: Vec<String> =
            words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''"))).collect();
        let line = format!("stty cols {columns} rows 50; exec {}", quoted.join(" "));
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env_clear().current_dir(self.command.get_current_dir().unwrap());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("SHELL", "/bin/sh");
        Self { command, ..self }
    }

    /// Not even /dev/null: what reads from it gets an error.
    pub fn stdin_closed(self) -> Self {
        self.by("exec \"$0\" \"$@\" <&-")
    }

    /// By this line of a shell, whose `"$0" "$@"` is the command.
    pub fn by(self, line: &str) -> Self {
        let home = self.command.get_current_dir().expect("a home").to_owned();
        let mut command = at_home(&home, "sh");
        command.args(["-c", line]).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.expect("nothing is taken out of an empty environment"));
        }
        Self { command, ..self }
    }

    pub fn start(mut self) -> Running {
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("mcpchat starts");
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.input) {
            // A command that does not read to the end breaks the pipe; that is not this side's mistake.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        Running(Some(child))
    }

    pub async fn run(self) -> Output {
        self.start().end().await
    }

    /// Starts one that goes on until it is dropped, and collects what it says meanwhile.
    pub fn follow(self) -> Followed {
        self.follow_from(Stdio::null())
    }

    /// The same with a pipe as its standard input, which is open as long as the pipe's other end is kept.
    pub fn follow_with_open_input(self) -> (Followed, ChildStdin) {
        let mut followed = self.follow_from(Stdio::piped());
        let stdin = followed.child.stdin.take().expect("a pipe");
        (followed, stdin)
    }

    fn follow_from(mut self, stdin: Stdio) -> Followed {
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("mcpchat starts");
        let (stdout, stderr) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        Followed { child, stdout, stderr }
    }
}

fn collect(from: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let sink = lines.clone();
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).for_each(|line| sink.lock().unwrap().push(line));
    });
    lines
}

/// A command that goes on.
pub struct Followed {
    child: Child,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<Vec<String>>>,
}

impl Followed {
    /// The lines of its answer so far.
    pub fn lines(&self) -> Vec<String> {
        self.stdout.lock().unwrap().clone()
    }

    /// Its talk so far.
    pub fn said(&self) -> String {
        self.stderr.lock().unwrap().join("\n")
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command at work. It does not outlive the test.
pub struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = (child.kill(), child.wait());
        }
    }
}

impl Running {
    pub fn signal(&self, signal: &str) {
        signal_to(self.0.as_ref().unwrap().id(), signal);
    }

    /// Closes the reading end of its stdout, as `head` does.
    pub fn stop_reading(&mut self) {
        drop(self.0.as_mut().unwrap().stdout.take());
    }

    /// Reads all it says and waits for its end.
    pub async fn end(mut self) -> Output {
        let child = self.0.take().unwrap();
        let pid = child.id();
        let mut end = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let output = tokio::time::timeout(DEADLINE, &mut end).await;
        let Ok(output) = output else {
            signal_to(pid, "KILL");
            panic!("the command does not end: {:?}", end.await);
        };
        let output = output.unwrap();
        Output {
            code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap()),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }
}

/// What a command did.
#[derive(Clone, Debug)]
pub struct Output {
    /// Minus the signal, if one ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Its stdout, if it ended with this code.
    pub fn ended(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:#?}");
        &self.stdout
    }

    /// Its stdout as one JSON document, if it ended well.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.ended(0)).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// The problem document on stderr, if it ended with this code and nothing on stdout.
    pub fn problem(&self, code: i32) -> Value {
        assert_eq!(self.ended(code), "", "{self:#?}");
        serde_json::from_str(&self.stderr).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}
