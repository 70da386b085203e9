//! `mcpchat chat`: one question, one answer, from a terminal, a script or a CI job. The turn runs in this process on the
//! configured database, or on a server; what is printed is the same.

use std::{
    io::{self, IsTerminal, Read},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tokio::{signal::ctrl_c, time::sleep};

use super::{
    Exit, Failure, Global, Output, operator,
    output::Format,
    remote::{RemoteTurn, Server},
};
use crate::{
    app::{App, Ask, Caller, Error, Following, Origin, RawAsk, UserSpec},
    event::{Done, Started, TurnEvent},
    model::{ConversationId, FinishReason, MessageId, Role, TurnId, TurnState, Usage},
    terminal,
};

/// More than a message may have, so that a longer one is refused and not cut.
const MAX_STDIN: u64 = 1024 * 1024;

/// Ask one question
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat chat \"What is a fencing token?\"
  git diff | mcpchat chat \"Write a changelog line\"
  mcpchat chat -c 0190… \"And in Redis?\"        go on with a conversation
  mcpchat chat --server https://chat.example.org --json \"Hello\"

With --server the token is read from MCPCHAT_TOKEN. Without it the turn runs in this process,
as the user named by --as; on SQLite a local user is made for you.")]
pub struct Chat {
    /// The question; a piped text is added to it, and `-` reads it from standard input alone
    prompt: Vec<String>,
    /// Go on with this conversation
    #[arg(short, long, value_name = "ID")]
    conversation: Option<ConversationId>,
    /// Ask this model; `mcpchat.toml` names them
    #[arg(short, long)]
    model: Option<String>,
    /// Instructions for the model
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Act as this user (name or email)
    #[arg(long = "as", value_name = "USER", conflicts_with = "server")]
    user: Option<String>,
    /// Ask through this server instead of in this process
    #[arg(long, value_name = "URL", env = "MCPCHAT_SERVER", hide_env_values = true)]
    server: Option<String>,
    /// Print the answer once it is whole
    #[arg(long)]
    no_stream: bool,
    /// Give up after this time (exit 124), like `90s` or `5m`
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
}

/// One answer, as `--json` prints it.
#[derive(Serialize)]
struct Record {
    turn_id: TurnId,
    conversation_id: ConversationId,
    user_message_id: MessageId,
    assistant_message_id: MessageId,
    model: String,
    text: String,
    state: TurnState,
    finish_reason: Option<FinishReason>,
    usage: Usage,
    /// From sending to the end, and to the first text, in milliseconds.
    latency_ms: u64,
    first_token_ms: Option<u64>,
}

/// A turn that is followed, wherever it runs.
enum Turn {
    Here(Box<Following>),
    There(Box<RemoteTurn>),
}

impl Turn {
    async fn next(&mut self) -> Result<Option<TurnEvent>, Failure> {
        match self {
            Self::Here(following) => Ok(following.next().await.map(|numbered| numbered.event)),
            Self::There(turn) => turn.next().await,
        }
    }
}

impl Chat {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let prompt = self.read_prompt()?;
        let out = global.out();
        let deadline = self.timeout;
        // Left outside the work, because it has to end well also where the work is given up.
        let app = OnceLock::new();
        let work = self.ask(global, &out, prompt, &app);
        let outcome = tokio::select! {
            outcome = work => outcome,
            _ = ctrl_c() => Err(Failure::Interrupted),
            () = until(deadline) => Err(Failure::Deadline(deadline.unwrap_or_default())),
        };
        if let Some(app) = app.get() {
            end_turn(app, outcome.is_err()).await;
        }
        outcome
    }

    async fn ask(
        &self,
        global: &Global,
        out: &Output,
        prompt: String,
        app: &OnceLock<Arc<App>>,
    ) -> Result<Exit, Failure> {
        let since = Instant::now();
        let raw = RawAsk {
            content: prompt,
            conversation_id: self.conversation,
            model: self.model.clone(),
            system_prompt: self.system.clone(),
            ..RawAsk::default()
        };
        let ask = Ask::try_from(raw).map_err(Error::Invalid)?;
        // An empty variable is none: CI systems pass them.
        let turn = match self.server.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Turn::There(Box::new(Server::new(url)?.send(&ask).await?)),
            None => {
                let opened = global.app().await?;
                let app = app.get_or_init(|| opened);
                app.keep_leases();
                let caller = self.caller(app).await?;
                Turn::Here(Box::new(app.send(&caller, ask, &Origin::shell()).await?.following))
            }
        };
        self.print(turn, out, since).await
    }

    /// The user to act as: the one named, or on SQLite the operator's own, made at the first question.
    async fn caller(&self, app: &App) -> Result<Caller, Failure> {
        if let Some(user) = &self.user {
            return Ok(app.act_as(user).await?);
        }
        if !app.is_local() {
            return Err(Failure::Usage("on this database name the user to act as: `--as USER`".into()));
        }
        let login = operator::login();
        match app.act_as(&login).await {
            Err(Error::NotFound { .. }) => {
                let username = login.parse().or_else(|_| "local".parse()).map_err(Error::from)?;
                let spec = UserSpec { username, email: None, role: Role::User, password: None };
                let admin = operator::admin().because("first `mcpchat chat`".parse().ok());
                match app.add_user(&admin, &spec).await {
                    // Another `chat` may have made it just now.
                    Ok(_) | Err(Error::Conflict { .. }) => Ok(app.act_as(spec.username.as_str()).await?),
                    Err(error) => Err(error.into()),
                }
            }
            other => Ok(other?),
        }
    }

    async fn print(&self, mut turn: Turn, out: &Output, since: Instant) -> Result<Exit, Failure> {
        let streams = !self.no_stream && out.format == Format::Table && io::stdout().is_terminal();
        let (mut started, mut first_token, mut streamed) = (None, None, String::new());
        while let Some(event) = turn.next().await? {
            match event {
                TurnEvent::Turn(told) => started = Some(told),
                TurnEvent::Delta(delta) | TurnEvent::Snapshot(delta) => {
                    first_token.get_or_insert_with(|| since.elapsed());
                    if streams {
                        out.piece(&terminal::plain(&delta.text))?;
                        streamed.push_str(&delta.text);
                    }
                }
                TurnEvent::Done(done) => return self.conclude(*done, started, out, &streamed, since, first_token),
                TurnEvent::Error(problem) => {
                    if !streamed.is_empty() {
                        out.print("")?;
                    }
                    return Err(Failure::Problem(problem));
                }
            }
        }
        Err(Failure::Unreachable("the answer broke off before its end; the turn goes on and is kept".into()))
    }

    fn conclude(
        &self,
        done: Done,
        started: Option<Started>,
        out: &Output,
        streamed: &str,
        since: Instant,
        first_token: Option<Duration>,
    ) -> Result<Exit, Failure> {
        let Done { turn, message, usage } = done;
        if out.is_for_programs() {
            let record = Record {
                turn_id: turn.id,
                conversation_id: turn.conversation_id,
                user_message_id: turn.user_message_id,
                assistant_message_id: turn.assistant_message_id,
                model: started.map_or(turn.model, |started| started.model),
                text: message.content,
                state: turn.state,
                finish_reason: turn.finish_reason,
                usage,
                latency_ms: millis(since.elapsed()),
                first_token_ms: first_token.map(millis),
            };
            out.json(&record)?;
            return Ok(Exit::Done);
        }
        let is_terminal = io::stdout().is_terminal();
        if streamed.is_empty() {
            let text =
                if is_terminal { terminal::plain(&message.content).into_owned() } else { message.content.clone() };
            out.piece(&text)?;
        }
        if !message.content.ends_with('\n') {
            out.print("")?;
        }
        if is_terminal {
            out.say(&format!("conversation {} · go on with -c", turn.conversation_id));
        }
        Ok(Exit::Done)
    }

    /// From the arguments, from `-` or a pipe, or both: then the text of the pipe follows the question.
    fn read_prompt(&self) -> Result<String, Failure> {
        let question = self.prompt.join(" ");
        let is_asked_for = question == "-";
        let question = if is_asked_for { "" } else { question.as_str() };
        let piped = if is_asked_for || !io::stdin().is_terminal() { read_stdin()? } else { String::new() };
        let parts: Vec<&str> = [question, &piped].into_iter().filter(|part| !part.trim().is_empty()).collect();
        if parts.is_empty() {
            return Err(Failure::Usage("no question; give it as an argument, or pipe it in".into()));
        }
        Ok(parts.join("\n\n"))
    }
}

fn read_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin().take(MAX_STDIN).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::Usage("standard input is not UTF-8 text".into()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Stores what the turn has, if it still runs, and closes the database.
async fn end_turn(app: &Arc<App>, cancel: bool) {
    if cancel {
        app.cancel_all().await;
    }
    app.halt().await;
}

async fn until(deadline: Option<Duration>) {
    match deadline {
        Some(after) => sleep(after).await,
        None => std::future::pending().await,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
