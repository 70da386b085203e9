//! Completion as people have it: the committed scripts in the real shells, which ask the program for the names that are in
//! use. Debian has no PowerShell, so its script is only compared (`generated`).

use std::{
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tokio::net::TcpListener;

use crate::harness::{Gate, Invocation, Output, Provider, Reply, Setup, World, json};

on_every_setup! { the_names_that_are_in_use_are_completed }

on_sqlite! {
    nothing_that_is_wrong_disturbs_the_line
    a_database_that_does_not_answer_is_not_waited_for
}

/// What is offered for the last of these words, as fish would be told: one a line.
fn offer(world: &World, words: &[&str]) -> Invocation {
    let config = world.config_file();
    let before = ["--", "mcpchat", "--config", config.to_str().unwrap()];
    Invocation::new(world.home(), before.into_iter().chain(words.iter().copied())).env("_MCPCHAT_COMPLETE", "fish")
}

fn words(output: &Output) -> Vec<&str> {
    output.ended(0).lines().map(|line| line.split('\t').next().unwrap()).filter(|word| !word.starts_with('-')).collect()
}

async fn the_names_that_are_in_use_are_completed(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.provider(&provider).limit("few", "messages", 1000, "1m");
    let server = world.serve().await;
    for name in ["Ada", "adam", "grace", "a_b"] {
        world.add_user(name).await;
    }
    world.cli(["user", "disable", "adam", "--yes"]).run().await.ended(0);
    for (line, offered) in [
        (&["user", "show", "ad"][..], &["Ada", "adam"][..]),
        (&["user", "show", "a_"], &["a_b"]),
        (&["user", "show", ""], &["Ada", "a_b", "adam", "grace"]),
        (&["user", "show", "%"], &[]),
        (&["ratelimit", "reset", "gr"], &["grace"]),
        (&["chat", "--as", "gr"], &["grace"]),
        (&["chat", "--as", "ad"], &["Ada"]),
        (&["user", "enable", "ad"], &["Ada", "adam"]),
        (&["chat", "--server", "http://127.0.0.1:1", "-m", ""], &[]),
        (&["ratelimit", "set", "Ada", ""], &["few", "password_change"]),
        (
            &["ratelimit", "reset", "--rule", "login"],
            &["login_name", "login_address", "login_name_address", "login_known_address"],
        ),
        (&["user", "promote", "Ada", "--role", ""], &["auditor", "admin"]),
        (&["user", "demote", "Ada", "--role", ""], &["user", "auditor"]),
        (&["user", "add", "--role", ""], &["user", "auditor", "admin"]),
        (&["key", "add", "Ada", "--scope", ""], &["chat", "read", "admin"]),
        (&["chat", "-m", "fa"], &["fake"]),
        (&["chat", "--model", ""], &["fake", "claude"]),
        (&["user", "disable", "--reason", ""], &[]),
        (&["user", "sh"], &["show"]),
    ] {
        let output = offer(&world, line).run().await;
        let mut found = words(&output);
        let mut offered = offered.to_vec();
        found.sort_unstable();
        offered.sort_unstable();
        assert_eq!(found, offered, "{line:?}");
        assert_eq!(output.stderr, "", "{line:?}");
    }
    let ada = server.login("Ada").await;
    provider.next(Reply::text(["first "]).then_wait(&Gate::closed()).then("never"));
    let mut events = ada.stream(&json!({"content": "slowly"})).await;
    let turn = events.expect("turn").await;
    let running = offer(&world, &["turn", "cancel", ""]).run().await;
    assert_eq!(words(&running), [turn["turn_id"].as_str().unwrap()]);
    assert!(running.stdout.contains("Ada, fake"), "{running:?}");
}

async fn nothing_that_is_wrong_disturbs_the_line(setup: Setup) {
    let world = World::new(setup).await;
    let output = offer(&world, &["user", "show", ""]).run().await;
    assert_eq!((words(&output), output.stderr.as_str()), (Vec::new(), ""));
    assert!(!world.home().join("mcpchat.db").exists(), "a database was made");
    let world = world.set("database.url", "postgres://nobody:hunter2@127.0.0.1:1/none");
    let output = offer(&world, &["user", "show", ""]).run().await;
    assert_eq!((words(&output), output.stderr.as_str()), (Vec::new(), ""));
    let world = world.set("server.lissten", "x");
    let output = offer(&world, &["user", "show", ""]).run().await;
    assert_eq!((words(&output), output.stderr.as_str()), (Vec::new(), ""));
    let output = offer(&world, &["user", "sh"]).run().await;
    assert_eq!(words(&output), ["show"], "what needs no configuration is completed all the same");
}

async fn a_database_that_does_not_answer_is_not_waited_for(setup: Setup) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@{}/none", silent.local_addr().unwrap());
    let world = World::new(setup).await.set("database.url", url);
    let since = Instant::now();
    let output = offer(&world, &["user", "show", ""]).run().await;
    assert!(words(&output).is_empty() && since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

/// A home with ada and grace, and a PATH with the program.
struct Home(World);

impl Home {
    async fn new() -> Self {
        let world = World::migrated(Setup::Sqlite).await;
        for name in ["ada", "grace"] {
            world.add_user(name).await;
        }
        world.config_file();
        Self(world)
    }

    async fn with_models(names: &[&str]) -> Self {
        let add = |world: World, name: &&str| world.add("models", &format!("name = '{name}'\nprovider = 'mock'"));
        let world = World::migrated(Setup::Sqlite).await.add("providers", "name = 'mock'\nkind = 'mock'");
        let world = names.iter().fold(world, add);
        world.config_file();
        Self(world)
    }

    fn run(&self, shell: &str, arguments: &[&str]) -> String {
        let mut command = self.command("timeout");
        command.args(["60", shell]).args(arguments);
        let output = command.output().expect("the shell is installed");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    fn command(&self, program: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_mcpchat"));
        let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.current_dir(self.0.home()).env_clear();
        command.env("PATH", path).env("HOME", self.0.home()).env("TERM", "dumb");
        command.env("MCPCHAT_CONFIG", self.0.home().join("test.toml"));
        command.env("SCRIPTS", Path::new(env!("CARGO_MANIFEST_DIR")).join("completions"));
        command
    }
}

/// A bash as people have it, which shows the line that is being typed at a key of its own.
const IN_BASH: &str = r#"
PS1='REA''DY>'
. "$SCRIPTS/mcpchat.bash"
show() { printf '\nLINE<%s>END\n' "$READLINE_LINE"; }
bind -x '"\C-xs": show'
"#;

/// The line as zsh has it after the tab key, its script found by itself.
const IN_ZSH: &str = r#"
zmodload zsh/zpty
zpty -b shell zsh -f -i
say() { zpty -w shell "$1"; }
say 'PS1=; fpath=("$SCRIPTS" $fpath); autoload -Uz compinit; compinit -u -D'
say 'show() { print -r -- "LINE<$BUFFER>"; }; zle -N show; bindkey "^X" show; print READ''Y'
zpty -r shell out '*READY*'
zpty -w -n shell "$1"$'\t'$'\x18'
zpty -r shell out '*LINE<*>*'
print -r -- "${${out##*LINE<}%%>*}"
zpty -d shell
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bash_completes_commands_and_names() {
    let home = Home::new().await;
    let mut bash = Bash::start(&home);
    for (typed, completed) in [
        ("mcpchat user show ad", "mcpchat user show ada "),
        ("mcpchat user promo", "mcpchat user promote "),
        ("mcpchat chat -m mo", "mcpchat chat -m mock/echo "),
        ("mcpchat user list --rol", "mcpchat user list --role "),
    ] {
        assert_eq!(bash.complete(typed), completed);
    }
}

/// Of which bash makes words of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bash_completes_names_with_colons_and_equals_signs() {
    let home = Home::with_models(&["llama3.2:3b", "llama3.2:70b", "openai/gpt-4.1", "a:b:c"]).await;
    let mut bash = Bash::start(&home);
    for (typed, completed) in [
        ("mcpchat chat -m lla", "mcpchat chat -m llama3.2:"),
        ("mcpchat chat -m llama3.2:", "mcpchat chat -m llama3.2:"),
        ("mcpchat chat -m llama3.2:7", "mcpchat chat -m llama3.2:70b "),
        ("mcpchat chat --model=op", "mcpchat chat --model=openai/gpt-4.1 "),
        ("mcpchat chat --model=llama3.2:7", "mcpchat chat --model=llama3.2:70b "),
        ("mcpchat chat -m a:b:", "mcpchat chat -m a:b:c "),
        ("mcpchat chat -m 'llama3.2:7", "mcpchat chat -m 'llama3.2:70b' "),
        ("mcpchat user list --output=js", "mcpchat user list --output=json "),
        ("true; mcpchat chat -m llama3.2:7", "true; mcpchat chat -m llama3.2:70b "),
    ] {
        assert_eq!(bash.complete(typed), completed);
    }
    let offered = bash.offered("mcpchat chat -m llama3.2:");
    assert!(offered.contains("3b") && offered.contains("70b") && !offered.contains("--"), "{offered:?}");
}

/// A bash at a terminal.
struct Bash {
    shell: std::process::Child,
    said: std::sync::mpsc::Receiver<Vec<u8>>,
}

impl Bash {
    fn start(home: &Home) -> Self {
        std::fs::write(home.0.home().join("bashrc"), IN_BASH).unwrap();
        let mut command = home.command("script");
        command.args(["-qec", "bash --noprofile --rcfile bashrc -i", "/dev/null"]).env("SHELL", "/bin/sh");
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script is installed");
        let (to, said) = std::sync::mpsc::channel();
        let mut from = shell.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(many @ 1..) = from.read(&mut bytes) {
                if to.send(bytes[..many].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut bash = Self { shell, said };
        bash.until("READY>");
        bash
    }

    /// What the line is after the tab key.
    fn complete(&mut self, typed: &str) -> String {
        let said = self.type_in(&format!("{typed}\t\x18s"));
        said.rsplit_once("LINE<").unwrap().1.split(">END").next().unwrap().to_owned()
    }

    /// What is shown after the tab key was pressed twice.
    fn offered(&mut self, typed: &str) -> String {
        let said = self.type_in(&format!("{typed}\t\t\x18s"));
        said.rsplit_once("LINE<").unwrap().0.split_once(typed).unwrap().1.to_owned()
    }

    fn type_in(&mut self, keys: &str) -> String {
        self.shell.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
        let said = self.until(">END");
        self.shell.stdin.as_mut().unwrap().write_all(b"\x15").unwrap();
        said
    }

    fn until(&mut self, mark: &str) -> String {
        let mut said = String::new();
        while !said.contains(mark) {
            let more = self.said.recv_timeout(Duration::from_secs(60));
            said.push_str(&String::from_utf8_lossy(&more.unwrap_or_else(|_| panic!("no {mark} in {said:?}"))));
        }
        said
    }
}

impl Drop for Bash {
    fn drop(&mut self) {
        let _ = (self.shell.kill(), self.shell.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs zsh: tests/run installs it"]
async fn zsh_completes_commands_and_names() {
    let home = Home::new().await;
    let complete = |line: &str| home.run("zsh", &["-f", "-c", IN_ZSH, "zsh", line]);
    assert_eq!(complete("mcpchat user show ad").trim(), "mcpchat user show ada");
    assert_eq!(complete("mcpchat user promo").trim(), "mcpchat user promote");
    assert_eq!(complete("mcpchat chat -m mo").trim(), "mcpchat chat -m mock/echo");
    let home = Home::with_models(&["llama3.2:3b", "llama3.2:70b"]).await;
    let complete = |line: &str| home.run("zsh", &["-f", "-c", IN_ZSH, "zsh", line]);
    assert_eq!(complete("mcpchat chat -m llama3.2:7").trim(), "mcpchat chat -m llama3.2:70b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs fish: tests/run installs it"]
async fn fish_completes_commands_and_names() {
    let home = Home::new().await;
    let complete = |line: &str| {
        home.run("fish", &["--no-config", "-c", "source $SCRIPTS/mcpchat.fish; complete -C $argv[1]", line])
    };
    assert_eq!(complete("mcpchat user show ad"), "ada\n");
    assert!(complete("mcpchat user promo").starts_with("promote\t"));
    assert_eq!(complete("mcpchat chat -m mo"), "mock/echo\n");
    let home = Home::with_models(&["llama3.2:3b", "llama3.2:70b"]).await;
    let line = "source $SCRIPTS/mcpchat.fish; complete -C 'mcpchat chat -m llama3.2:7'";
    assert_eq!(home.run("fish", &["--no-config", "-c", line]), "llama3.2:70b\n");
}
