//! The home of the counters in Redis: one hash for each subject, one script and one round trip for each operation.
//!
//! What the scripts decide is said in `decide` and `settle`; here arguments are put in line and answers taken apart.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use redis::{Script, ScriptInvocation};

use super::{
    fields::Fields,
    rule::{Kind, Period, Rule, interval_us},
    settle::leases,
    show::{Shown, show},
    subject::{REDIS_PREFIX, Subject},
    take::{Actual, Reading, Take, Verdict},
};
use crate::{
    model::Counter,
    redis_link::{Away, RedisLink},
};

/// How many keys one step of `reset_all` looks at.
const SCAN_STEP: usize = 500;

/// Cheap to clone.
#[derive(Clone)]
pub struct RedisCounters {
    link: RedisLink,
    scripts: Arc<Scripts>,
}

struct Scripts {
    take: Script,
    settle: Script,
    renew: Script,
    show: Script,
}

impl Scripts {
    fn new(clock: &str) -> Self {
        let with_state = |script| Script::new(&[clock, include_str!("state.lua"), script].concat());
        Self {
            take: with_state(include_str!("take.lua")),
            settle: with_state(include_str!("settle.lua")),
            renew: with_state(include_str!("renew.lua")),
            show: Script::new(&[clock, include_str!("show.lua")].concat()),
        }
    }
}

impl RedisCounters {
    pub fn new(link: RedisLink) -> Self {
        Self { link, scripts: Arc::new(Scripts::new(include_str!("clock.lua"))) }
    }

    /// With another text in the place of `clock.lua`.
    #[cfg(test)]
    pub(super) fn with_clock(link: RedisLink, clock: &str) -> Self {
        Self { link, scripts: Arc::new(Scripts::new(clock)) }
    }

    /// As `limits::decide`. On `Away` it may have been taken or not.
    pub async fn take(&self, take: &Take) -> Result<Verdict, Away> {
        let mut call = self.scripts.take.prepare_invoke();
        let keys = Keys::of(&[take], &mut call);
        call.arg(take.member()).arg(micros(take.lease_ttl));
        for check in &take.checks {
            let rule = &check.rule;
            let (kind, interval) = match rule.kind {
                Kind::Messages { window } => ("messages", interval_us(window, rule.max)),
                Kind::Turns => ("turns", 0),
                Kind::Tokens { period: Period::Day } | Kind::Cost { period: Period::Day } => ("day", 0),
                Kind::Tokens { period: Period::Month } | Kind::Cost { period: Period::Month } => ("month", 0),
            };
            let position = keys.position(&check.subject);
            call.arg(position).arg(&rule.name).arg(kind).arg(interval).arg(rule.most()).arg(check.bounded_amount());
        }
        let answer: Vec<i64> = self.link.script(&call).await?;
        verdict(take, &answer).ok_or_else(|| Away::Rejected("take.lua answered something else".to_owned()))
    }

    /// As `limits::settle`. Where nothing was reserved the leases are all there is to it, and need no script.
    pub async fn settle(&self, take: &Take, actual: Actual) -> Result<(), Away> {
        if take.checks.iter().any(|check| matches!(check.rule.kind, Kind::Tokens { .. } | Kind::Cost { .. })) {
            return self.finish("settle", take, actual).await;
        }
        let mut commands = redis::pipe();
        for (subject, field) in leases(take) {
            commands.hdel(subject.redis_key(), field).ignore();
        }
        if commands.is_empty() {
            return Ok(());
        }
        self.link.run(async |mut connection| commands.query_async(&mut connection).await).await
    }

    /// As `limits::release`; not to be repeated on `Away`.
    pub async fn release(&self, take: &Take) -> Result<(), Away> {
        self.finish("release", take, Actual::default()).await
    }

    async fn finish(&self, how: &str, take: &Take, actual: Actual) -> Result<(), Away> {
        let mut call = self.scripts.settle.prepare_invoke();
        let keys = Keys::of(&[take], &mut call);
        call.arg(how).arg(take.member());
        for check in &take.checks {
            let (kind, number) = match check.rule.kind {
                Kind::Messages { window } => ("messages", interval_us(window, check.rule.max) * check.bounded_amount()),
                Kind::Turns => ("turns", 0),
                Kind::Tokens { .. } | Kind::Cost { .. } => ("quota", actual.of(check.rule.kind)),
            };
            call.arg(keys.position(&check.subject)).arg(&check.rule.name).arg(kind).arg(number);
        }
        self.link.script::<()>(&call).await
    }

    /// As `limits::renew`.
    pub async fn renew(&self, takes: &[&Take], ttl: Duration) -> Result<Vec<bool>, Away> {
        let mut call = self.scripts.renew.prepare_invoke();
        let keys = Keys::of(takes, &mut call);
        call.arg(micros(ttl));
        for (subject, field) in takes.iter().flat_map(|take| leases(take)) {
            call.arg(keys.position(subject)).arg(field);
        }
        let held: Vec<bool> = self.link.script(&call).await?;
        let mut held = held.into_iter();
        let all_held = |take: &&Take| leases(take).fold(true, |all, _| held.next() == Some(true) && all);
        Ok(takes.iter().map(all_held).collect())
    }

    /// As `limits::show`.
    pub async fn show(&self, subject: &Subject, rules: &[Arc<Rule>]) -> Result<Shown, Away> {
        let call = self.scripts.show.key(subject.redis_key());
        let (now_us, texts): (i64, BTreeMap<String, String>) = self.link.script(&call).await?;
        let fields: Fields = texts.into_iter().filter_map(|(name, text)| Some((name, decode(&text)?))).collect();
        Ok(show(now_us, rules, &fields))
    }

    /// Forgets all of one subject: counters, leases, reservations, violations. Says whether there was anything.
    pub async fn reset(&self, subject: &Subject) -> Result<bool, Away> {
        let key = subject.redis_key();
        self.link.run(async |mut connection| redis::cmd("UNLINK").arg(key).query_async(&mut connection).await).await
    }

    /// Forgets all subjects, in steps that hold up nobody, and says how many there were. Subjects that come
    /// up meanwhile may stay.
    pub async fn reset_all(&self) -> Result<u64, Away> {
        let (mut cursor, mut count) = (0, 0);
        loop {
            let (next, gone) = self.reset_some(cursor).await?;
            (cursor, count) = (next, count + gone);
            if cursor == 0 {
                return Ok(count);
            }
        }
    }

    async fn reset_some(&self, cursor: u64) -> Result<(u64, u64), Away> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{REDIS_PREFIX}*")).arg("COUNT").arg(SCAN_STEP);
        self.link
            .run(async |mut connection| {
                let (next, keys): (u64, Vec<String>) = scan.query_async(&mut connection).await?;
                if keys.is_empty() {
                    return Ok((next, 0));
                }
                Ok((next, redis::cmd("UNLINK").arg(keys).query_async(&mut connection).await?))
            })
            .await
    }
}

/// The subjects' places among a script's `KEYS`, each once, from 1.
struct Keys<'a>(HashMap<&'a Subject, usize>);

impl<'a> Keys<'a> {
    fn of(takes: &[&'a Take], call: &mut ScriptInvocation<'_>) -> Self {
        let mut places = HashMap::new();
        for check in takes.iter().flat_map(|take| &take.checks) {
            let next = places.len() + 1;
            places.entry(&check.subject).or_insert_with_key(|subject| {
                call.key(subject.redis_key());
                next
            });
        }
        Self(places)
    }

    fn position(&self, subject: &Subject) -> usize {
        self.0[subject]
    }
}

fn verdict(take: &Take, answer: &[i64]) -> Option<Verdict> {
    let (&[refused, wait_us], readings) = answer.split_first_chunk()?;
    let readings: Vec<_> =
        readings.as_chunks().0.iter().map(|&[level, reset_us]| Reading { level, reset_us }).collect();
    let refused = usize::try_from(refused).ok()?.checked_sub(1).map(|index| (index, wait_us));
    (readings.len() == take.checks.len()).then(|| Verdict::new(take, refused, &readings))
}

/// The text that state.lua writes.
fn decode(text: &str) -> Option<Counter> {
    let (value, expires_us) = text.split_once('/')?;
    Some(Counter { value: value.parse().ok()?, expires_us: expires_us.parse().ok()? })
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(0)
}
