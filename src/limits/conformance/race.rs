//! Tests of the Redis backend on Redis' own clock: concurrency, expiring keys, and a reset of all subjects.

#![expect(clippy::disallowed_methods, reason = "tests run tasks side by side")]

use std::collections::BTreeSet;

use super::{
    super::{RedisCounters, TRUSTED_FOR, incomplete},
    *,
};
use crate::{
    model::{RuleUse, StoredUse, ViolationSummary},
    redis::{
        RedisLink, Unavailable,
        test_server::{self, RedisServer},
    },
};

fn one(subject: &Subject, name: &str, max: u64, kind: Kind) -> Check {
    let rule = Rule { name: name.to_owned(), per: Per::User, max, kind };
    Check { amount: 1, ..asked(subject, Arc::new(rule), None) }
}

fn turn(checks: Vec<Check>) -> LimitRequest {
    LimitRequest::for_turn(TurnId::new(), LEASE, checks, ReplyLength::default())
}

fn user() -> Subject {
    Subject::User(UserId::new())
}

const HOUR: Kind = Kind::Messages { window: Duration::from_secs(3_600) };

fn admitted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Admitted { .. })
}

/// Takes a request of subjects without stored use.
async fn taken(counters: &RedisCounters, request: &LimitRequest) -> Verdict {
    loop {
        if let Some(verdict) = counters.take(request).await.unwrap() {
            return verdict;
        }
        let read = counters.read(request.checks()).await.unwrap();
        for one in incomplete(read.now_us, Some(read.epoch), request.checks(), &read.counters) {
            let nothing =
                StoredUse { rules: vec![RuleUse::default(); one.question().rules.len()], ..StoredUse::default() };
            counters.restore(&one.restoration(&nothing, TRUSTED_FOR)).await.unwrap();
        }
    }
}

async fn take_at_once(counters: &RedisCounters, checks: Vec<Check>, times: usize) -> usize {
    let takes = (0..times).map(|_| {
        let (counters, request) = (counters.clone(), turn(checks.clone()));
        tokio::spawn(async move { taken(&counters, &request).await })
    });
    let verdicts = futures_util::future::join_all(takes).await;
    verdicts.into_iter().filter(|verdict| admitted(verdict.as_ref().unwrap())).count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis: tests/run starts one"]
async fn many_at_once_never_get_more_than_the_maximum() {
    let counters = RedisCounters::new(test_server::shared().await);
    let user = user();
    assert_eq!(take_at_once(&counters, vec![one(&user, "messages", 40, HOUR)], 500).await, 40);
    assert_eq!(take_at_once(&counters, vec![one(&user, "turns", 5, Kind::Turns)], 200).await, 5);
    let tokens = one(&user, "tokens", 7, Kind::Tokens { period: Period::Month });
    assert_eq!(take_at_once(&counters, vec![tokens], 200).await, 7);
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn time_passes_as_redis_has_it() {
    let counters = RedisCounters::new(test_server::shared().await);
    let check = one(&user(), "messages", 1, HOUR);
    assert!(admitted(&taken(&counters, &LimitRequest::once(vec![check.clone()])).await));
    let Verdict::Refused(refusal) = taken(&counters, &LimitRequest::once(vec![check.clone()])).await else { panic!() };
    let passed = Duration::from_secs(3_600) - refusal.retry_after.unwrap();
    assert!(passed > Duration::ZERO && passed < Duration::from_secs(10), "{passed:?}");
    let shown = counters.show(&[check]).await.unwrap();
    let age_us = crate::clock::now().timestamp_micros() - shown.violations[0].as_ref().unwrap().last_us;
    assert!(age_us.abs() < 10 * SECOND, "{age_us}");
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn a_subjects_key_ends_with_its_latest_field() {
    let link = test_server::shared().await;
    let counters = RedisCounters::new(link.clone());
    let user = user();
    let ttl_ms = async || {
        let key = user.redis_key();
        link.run(async |mut c| redis::cmd("PTTL").arg(key).query_async::<i64>(&mut c).await).await.unwrap()
    };
    let message = one(&user, "messages", 2, Kind::Messages { window: Duration::from_secs(20) });
    taken(&counters, &LimitRequest::once(vec![message.clone()])).await;
    assert!((1..=10_001).contains(&ttl_ms().await));
    let turn = turn(vec![one(&user, "turns", 1, Kind::Turns)]);
    taken(&counters, &turn).await;
    // The field `restored` lasts for a day.
    let a_day = 86_390_000..=86_400_001;
    assert!(a_day.contains(&ttl_ms().await));
    counters.settle(&turn, Actual::default()).await.unwrap();
    assert!(a_day.contains(&ttl_ms().await));
    taken(&counters, &LimitRequest::once(vec![one(&user, "none", 0, HOUR)])).await;
    assert_eq!(counters.reset(std::slice::from_ref(&user), Some("messages")).await, Ok(1));
    assert!(a_day.contains(&ttl_ms().await));
    assert_eq!(counters.reset(std::slice::from_ref(&user), None).await, Ok(1), "the violation");
    assert_eq!(ttl_ms().await, -2, "no such key");
    assert_eq!(counters.reset(std::slice::from_ref(&user), None).await, Ok(0));
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn violations_are_the_latest_and_no_more_than_a_bound() {
    let server = RedisServer::start();
    let link = RedisLink::open(&server.url(), Duration::from_secs(10)).await.unwrap();
    let counters = RedisCounters::new(link.clone());
    let refuse = async |subject: &Subject| {
        let verdict = taken(&counters, &LimitRequest::once(vec![one(subject, "none", 0, HOUR)])).await;
        assert!(!admitted(&verdict));
    };
    let subjects: Vec<_> = (0..ViolationSummary::MAX_KEPT + 50).map(|_| user()).collect();
    for subject in &subjects {
        refuse(subject).await;
    }
    refuse(&subjects[60]).await;
    let violations = counters.violations().await.unwrap();
    let named: BTreeSet<_> = violations.iter().map(|one| one.subject.clone()).collect();
    assert_eq!(named, subjects[50..].iter().map(ToString::to_string).collect());
    let again = violations.iter().find(|one| one.subject == subjects[60].to_string()).unwrap();
    assert_eq!((again.count, again.until_us), (2, ViolationSummary::NEVER_US));
    let keys = link.run(async |mut c| redis::cmd("KEYS").arg("*").query_async::<BTreeSet<String>>(&mut c).await);
    let mut keys = keys.await.unwrap();
    // The write probe of a new connection leaves a key for a second.
    keys.remove("{mcpchat}:probe");
    assert!(keys.remove("{mcpchat}:epoch"));
    let violations = ["{mcpchat}:violations", "{mcpchat}:violations:latest"].map(str::to_owned);
    assert_eq!(keys, BTreeSet::from(violations), "refused requests leave nothing but their violations");
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn a_full_reset_finds_every_subject_and_nothing_else() {
    let server = RedisServer::start();
    let link = RedisLink::open(&server.url(), Duration::from_secs(10)).await.unwrap();
    let counters = RedisCounters::new(link.clone());
    let subjects: BTreeSet<_> = (0..1_200).map(|_| user()).collect();
    for subject in &subjects {
        taken(&counters, &LimitRequest::once(vec![one(subject, "messages", 1, HOUR)])).await;
    }
    let mut foreign = redis::cmd("SET");
    foreign.arg("{mcpchat}:live:x").arg(1);
    link.run(async |mut c| foreign.query_async::<()>(&mut c).await).await.unwrap();
    let refused = user();
    taken(&counters, &LimitRequest::once(vec![one(&refused, "none", 0, HOUR)])).await;
    assert_eq!(counters.reset_all(Some("message")).await, Ok(0));
    assert_eq!(counters.reset_all(Some("none")).await, Ok(1));
    assert_eq!(counters.reset_all(None).await, Ok(1_200));
    assert_eq!(counters.reset_all(None).await, Ok(0));
    let kept = link.run(async |mut c| redis::cmd("EXISTS").arg("{mcpchat}:live:x").query_async::<u8>(&mut c).await);
    assert_eq!(kept.await, Ok(1));
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn scripts_survive_a_redis_that_forgot_them() {
    let mut server = RedisServer::start();
    let link = RedisLink::open(&server.url(), Duration::from_secs(10)).await.unwrap();
    let counters = RedisCounters::new(link.clone());
    let request = LimitRequest::once(vec![one(&user(), "messages", 9, HOUR)]);
    assert!(admitted(&taken(&counters, &request).await));
    server.kill();
    assert!(matches!(counters.take(&request).await, Err(Unavailable::Connection(_))));
    server.restart();
    link.up().wait_for(|up| *up).await.unwrap();
    assert!(admitted(&taken(&counters, &request).await));
}
