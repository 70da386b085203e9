//! The homes of this module under the law: the pure functions over a map, and Redis with a clock that can be turned.

use proptest::test_runner::{Config, TestRunner};

use super::{super::RedisCounters, *};
use crate::{
    clock,
    limits::{decide, fields, release, renew, settle, show},
    model::Counters,
    redis_link::test_server,
};

#[derive(Default)]
struct Memory {
    now_us: i64,
    counters: Counters,
}

impl Home for Memory {
    async fn set_clock(&mut self, now_us: i64) {
        self.now_us = now_us;
    }

    async fn take(&mut self, take: &Take) -> Verdict {
        decide(self.now_us, take, &mut self.counters)
    }

    async fn settle(&mut self, take: &Take, actual: Actual) {
        settle(self.now_us, take, actual, &mut self.counters);
    }

    async fn release(&mut self, take: &Take) {
        release(self.now_us, take, &mut self.counters);
    }

    async fn renew(&mut self, takes: &[&Take], ttl: Duration) -> Vec<bool> {
        renew(self.now_us, takes, ttl, &mut self.counters)
    }

    async fn reset(&mut self, subject: &Subject) {
        self.counters.remove(&subject.to_string());
    }

    async fn show(&mut self, subject: &Subject, rules: &[Arc<Rule>]) -> Shown {
        show(self.now_us, rules, fields::of(&self.counters, &subject.to_string()))
    }
}

/// Runs the production scripts but for clock.lua, in whose place the time is read from a key of this test.
struct Turnable {
    connection: crate::redis_link::Connection,
    clock: String,
    counters: RedisCounters,
}

impl Turnable {
    async fn new() -> Self {
        let link = test_server::shared().await;
        let connection = link.another().await.unwrap();
        let clock = format!("{{mcpchat}}:clock:{}", uuid::Uuid::now_v7());
        let counters =
            RedisCounters::with_clock(link, &format!("local now = tonumber(redis.call('GET', '{clock}'))\n"));
        Self { connection, clock, counters }
    }
}

impl Home for Turnable {
    async fn set_clock(&mut self, now_us: i64) {
        redis::cmd("SET").arg(&self.clock).arg(now_us).query_async::<()>(&mut self.connection).await.unwrap();
    }

    async fn take(&mut self, take: &Take) -> Verdict {
        self.counters.take(take).await.unwrap()
    }

    async fn settle(&mut self, take: &Take, actual: Actual) {
        self.counters.settle(take, actual).await.unwrap();
    }

    async fn release(&mut self, take: &Take) {
        self.counters.release(take).await.unwrap();
    }

    async fn renew(&mut self, takes: &[&Take], ttl: Duration) -> Vec<bool> {
        self.counters.renew(takes, ttl).await.unwrap()
    }

    async fn reset(&mut self, subject: &Subject) {
        self.counters.reset(subject).await.unwrap();
    }

    async fn show(&mut self, subject: &Subject, rules: &[Arc<Rule>]) -> Shown {
        self.counters.show(subject, rules).await.unwrap()
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn the_pure_decision_keeps_the_law() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let start = 951_782_000 * SECOND..1_900_000_000 * SECOND;
    let run = |(start_us, ops)| {
        runtime.block_on(check(&mut Memory::default(), start_us, ops));
        Ok(())
    };
    runner(512).run(&(start, ops()), run).unwrap();
}

/// From now on, because a key whose time was past for Redis itself would be gone at once.
#[test]
#[ignore = "needs Redis: tests/run starts one"]
fn redis_keeps_the_law() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = clock::now().timestamp_micros() + 60 * SECOND;
    let ten_years = 3_650 * DAY;
    let home = std::cell::RefCell::new(runtime.block_on(Turnable::new()));
    let run = |(later_us, ops)| {
        runtime.block_on(check(&mut *home.borrow_mut(), start + later_us, ops));
        Ok(())
    };
    runner(128).run(&(0..ten_years, ops()), run).unwrap();
}
