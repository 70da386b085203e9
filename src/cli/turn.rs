//! `mcpchat turn`: what runs, and what has run, of everybody.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use tokio::time::sleep;

use super::{Exit, Failure, Global, consent::Consent, mutation::Mutation, operator, output::Row};
use crate::{
    clock,
    model::{OwnedTurn, TurnId, TurnState},
};

/// Look at turns and cancel them
#[derive(Debug, Subcommand)]
pub enum Turn {
    List(List),
    Show(Show),
    Cancel(Cancel),
}

/// List running and past turns, the newest first; never what was said in them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat turn list --state running
  mcpchat turn list --state failed -n 10 --json")]
pub struct List {
    /// Only those in this state
    #[arg(long, value_parser = states())]
    state: Option<TurnState>,
    /// How many
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 50)]
    rows: u32,
}

/// Show a turn: whose it is, where it runs, what it used and how it ended
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat turn show 01a214a8-df89-7245-8101-9faf67168086")]
pub struct Show {
    /// The turn's id
    id: TurnId,
}

/// Cancel a running turn, wherever it runs; what has come of the reply is kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat turn cancel 01a214a8-df89-7245-8101-9faf67168086 --reason 'runs away'
  mcpchat turn list --state running -o plain | cut -f1 | xargs -n1 mcpchat turn cancel --yes")]
pub struct Cancel {
    /// The turn's id
    id: TurnId,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    mutation: Mutation,
}

fn states() -> impl TypedValueParser<Value = TurnState> {
    let words = PossibleValuesParser::new(TurnState::ALL.iter().map(|state| state.as_str()));
    words.map(|word| word.parse().expect("it is one of the possible values"))
}

/// How long the end of a cancelled turn is waited for. Its owner looks for requests more often.
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
            let page = app.everybodys_turns(&admin, self.state, cursor.as_deref(), rest).await?;
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
        let turn = global.app().await?.anybodys_turn(&operator::admin(), self.id).await?;
        global.out().one(&Whole(turn))?;
        Ok(Exit::Done)
    }
}

impl Cancel {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, admin, out) = (global.app().await?, self.mutation.admin(), global.out());
        let turn = app.anybodys_turn(&admin, self.id).await?;
        if !self.mutation.dry_run && turn.turn.state == TurnState::Running {
            let whose = crate::terminal::line(&turn.username).into_owned();
            self.consent.ask(&format!("Cancel the running turn of `{whose}`?"))?;
        }
        app.cancel_any_turn(&admin, self.id).await?;
        let mut turn = app.anybodys_turn(&admin, self.id).await?;
        let until = Instant::now() + ENDS_WITHIN;
        while turn.turn.state == TurnState::Running && !self.mutation.dry_run && Instant::now() < until {
            sleep(LOOK_EVERY).await;
            turn = app.anybodys_turn(&admin, self.id).await?;
        }
        if turn.turn.state == TurnState::Running && !self.mutation.dry_run {
            out.say("it has been asked to end, and its owner has not done so yet");
        }
        Ok(self.mutation.show(&out, &admin, &Whole(turn))?)
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

/// All there is to a turn.
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
