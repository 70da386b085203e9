//! `mcpchat turn`: running and past turns of all users.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use tokio::time::sleep;

use super::{Exit, Failure, Global, choice::words, mutation::Mutation, operator, output::Row};
use crate::{
    app::{Admin, App},
    clock,
    model::{IdPrefix, OwnedTurn, TurnId, TurnState},
};

/// Show and cancel turns
#[derive(Debug, Subcommand)]
pub enum Turn {
    List(List),
    Show(Show),
    Cancel(Cancel),
}

/// List running and past turns, the newest first, without message text
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat turn list --state running
  mcpchat turn list --state failed -n 10 --json")]
pub struct List {
    /// Only those in this state
    #[arg(long, value_parser = words(TurnState::ALL, TurnState::as_str))]
    state: Option<TurnState>,
    /// Maximum number of rows
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 50)]
    rows: u32,
}

/// Show a turn: whose it is, where it runs, what it used and how it ended
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mcpchat turn show 01a214a8-df89-7245-8101-9faf67168086\n  mcpchat turn show 01a214a8-df"
)]
pub struct Show {
    /// The turn's id, or its first characters
    id: IdPrefix,
}

/// Cancel a running turn on any server; the partial reply is kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat turn cancel 01a214a8-df89-7245-8101-9faf67168086 --reason 'runaway script'
  mcpchat turn list --state running -o plain | cut -f1 | xargs -n1 mcpchat turn cancel --yes")]
pub struct Cancel {
    /// The turn's id, or its first characters
    id: IdPrefix,
    #[command(flatten)]
    mutation: Mutation,
}

/// How long to wait for the end of a cancelled turn. Its owner polls for cancellations more often.
const ENDS_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Turn {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
            Self::Cancel(cancel) => cancel.run(global).await,
        }
    }
}

impl List {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, admin) = (global.app().await?, operator::admin());
        let (mut turns, mut cursor) = (Vec::new(), None);
        let wanted = self.rows as usize;
        while turns.len() < wanted {
            let rest = u32::try_from(wanted - turns.len()).unwrap_or(PAGE).min(PAGE);
            let page = app.admin_turns(&admin, self.state, cursor.as_deref(), rest).await?;
            turns.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        global.out().list(&turns)?;
        Ok(Exit::Done)
    }
}

const PAGE: u32 = 200;

impl Show {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, admin) = (global.app().await?, operator::admin());
        let id = app.find_turn(&admin, &self.id).await?;
        let turn = app.admin_turn(&admin, id).await?;
        global.out().one(&Whole(turn))?;
        Ok(Exit::Done)
    }
}

impl Cancel {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, admin, out) = (global.app().await?, self.mutation.admin(), global.out());
        let id = app.find_turn(&admin, &self.id).await?;
        let turn = app.admin_turn(&admin, id).await?;
        if turn.turn.state != TurnState::Running {
            out.say(&format!("the turn has already ended ({}); nothing was changed", turn.turn.state));
            out.one(&Whole(turn))?;
            return Ok(Exit::Done);
        }
        let whose = crate::terminal::line(&turn.username).into_owned();
        self.mutation.confirm(&format!("Cancel the running turn of `{whose}`?"))?;
        app.cancel_any_turn(&admin, id).await?;
        let turn = if self.mutation.dry_run { turn } else { ended(&app, &admin, id).await? };
        if turn.turn.state == TurnState::Running && !self.mutation.dry_run {
            out.say("cancellation was requested; the server that runs the turn has not ended it yet");
        }
        Ok(self.mutation.show(&out, &admin, &Whole(turn))?)
    }
}

/// Waits for the turn's end; returns it as it is if that takes too long.
async fn ended(app: &App, admin: &Admin, id: TurnId) -> Result<OwnedTurn, Failure> {
    let until = Instant::now() + ENDS_WITHIN;
    loop {
        let turn = app.admin_turn(admin, id).await?;
        if turn.turn.state != TurnState::Running || Instant::now() >= until {
            return Ok(turn);
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Row for OwnedTurn {
    const HEADINGS: &'static [&'static str] = &["id", "state", "user", "age", "model", "error"];

    fn cells(&self) -> Vec<String> {
        let turn = &self.turn;
        vec![
            turn.id.to_string(),
            turn.state.to_string(),
            self.username.clone(),
            age(clock::now() - turn.created_at),
            turn.model.clone(),
            turn.error.as_ref().map_or_else(none, |error| error.code.clone()),
        ]
    }
}

/// All members of a turn.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Whole(OwnedTurn);

impl Row for Whole {
    const HEADINGS: &'static [&'static str] = &[
        "id",
        "user",
        "model",
        "state",
        "started",
        "ended",
        "took",
        "finish_reason",
        "error",
        "cause",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "cost_usd",
        "conversation",
        "instance",
        "lease_until",
    ];

    fn cells(&self) -> Vec<String> {
        let (owned, turn) = (&self.0, &self.0.turn);
        let usage = |what: fn(crate::model::Usage) -> String| turn.usage.map_or_else(none, what);
        vec![
            turn.id.to_string(),
            owned.username.clone(),
            turn.model.clone(),
            turn.state.to_string(),
            time(turn.created_at),
            turn.finished_at.map_or_else(none, time),
            took(turn.finished_at.unwrap_or_else(clock::now) - turn.created_at),
            turn.finish_reason.map_or_else(none, |reason| reason.to_string()),
            turn.error.as_ref().map_or_else(none, |error| error.code.clone()),
            owned.cause.clone().unwrap_or_else(none),
            usage(|usage| usage.input_tokens.to_string()),
            usage(|usage| usage.cached_tokens.to_string()),
            usage(|usage| usage.output_tokens.to_string()),
            usage(|usage| usage.cost.usd().to_string()),
            turn.conversation_id.to_string(),
            owned.instance.to_string(),
            if turn.state == TurnState::Running { time(owned.lease_until) } else { none() },
        ]
    }
}

fn none() -> String {
    "-".into()
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `12 s`, `3 min`, `2 h`, `5 d`.
fn age(time: TimeDelta) -> String {
    match time.num_seconds().max(0) {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ ..3_600 => format!("{} min", seconds / 60),
        seconds @ ..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `0.4 s`, `12 s`, `3 min 20 s`.
fn took(time: TimeDelta) -> String {
    match time.num_seconds() {
        ..10 => format!("{:.1} s", time.as_seconds_f64().max(0.0)),
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
