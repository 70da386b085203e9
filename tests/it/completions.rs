//! Completion as people have it: the committed scripts in the real shells, which ask the program for the names that are in
//! use. Debian has no PowerShell, so its script is only compared (`generated`).

use std::{
    path::Path,
    process::Command,
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
    for (line, offered) in [
        (&["user", "show", "ad"][..], &["Ada", "adam"][..]),
        (&["user", "show", "a_"], &["a_b"]),
        (&["user", "show", ""], &["Ada", "a_b", "adam", "grace"]),
        (&["user", "show", "%"], &[]),
        (&["ratelimit", "reset", "gr"], &["grace"]),
        (&["chat", "--as", "gr"], &["grace"]),
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

    fn run(&self, shell: &str, arguments: &[&str]) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_mcpchat"));
        let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("timeout");
        command.args(["60", shell]).args(arguments).current_dir(self.0.home()).env_clear();
        command.env("PATH", path).env("HOME", self.0.home()).env("TERM", "dumb");
        command.env("MCPCHAT_CONFIG", self.0.home().join("test.toml"));
        command.env("SCRIPTS", Path::new(env!("CARGO_MANIFEST_DIR")).join("completions"));
        let output = command.output().expect("the shell is installed");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }
}

/// What bash would put in place of the last word.
const IN_BASH: &str = r#"
. "$SCRIPTS/mcpchat.bash"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
$(complete -p mcpchat | sed 's/.*-F \([^ ]*\).*/\1/') mcpchat "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
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
    let complete = |words: &[&str]| home.run("bash", &[&["-c", IN_BASH, "bash"], words].concat());
    assert_eq!(complete(&["mcpchat", "user", "show", "ad"]), "ada\n");
    assert_eq!(complete(&["mcpchat", "user", "promo"]), "promote\n");
    assert_eq!(complete(&["mcpchat", "chat", "-m", "mo"]), "mock/echo\n");
    assert_eq!(complete(&["mcpchat", "user", "list", "--rol"]), "--role\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs zsh: tests/run installs it"]
async fn zsh_completes_commands_and_names() {
    let home = Home::new().await;
    let complete = |line: &str| home.run("zsh", &["-f", "-c", IN_ZSH, "zsh", line]);
    assert_eq!(complete("mcpchat user show ad").trim(), "mcpchat user show ada");
    assert_eq!(complete("mcpchat user promo").trim(), "mcpchat user promote");
    assert_eq!(complete("mcpchat chat -m mo").trim(), "mcpchat chat -m mock/echo");
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
}
