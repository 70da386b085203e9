//! The counter backends of this module under test: the pure functions over a map, and Redis with a settable clock.

use proptest::test_runner::{Config, TestRunner};

use super::{super::RedisCounters, *};
use crate::{
    clock,
    limits::{TRUSTED_FOR, decide_restored, incomplete, release, renew, restore, settle, show},
    model::{CounterState, ViolationSummary},
    redis::{RedisLink, test_server},
};

#[derive(Default)]
struct MemoryBackend {
    now_us: i64,
    counters: CounterState,
}

impl CounterBackend for MemoryBackend {
    async fn set_clock(&mut self, now_us: i64) {
        self.now_us = now_us;
    }

    async fn take(&mut self, request: &LimitRequest) -> Option<Verdict> {
        decide_restored(self.now_us, request, &mut self.counters)
    }

    async fn restore(&mut self, checks: &[Check], stored: &impl Fn(&StoredUseQuery) -> StoredUse) {
        for one in incomplete(self.now_us, None, checks, &self.counters) {
            restore(self.now_us, &one.restoration(&stored(&one.question()), TRUSTED_FOR), &mut self.counters);
        }
    }

    async fn settle(&mut self, request: &LimitRequest, actual: Actual) {
        settle(self.now_us, request, actual, &mut self.counters);
    }

    async fn release(&mut self, request: &LimitRequest) {
        release(self.now_us, request, &mut self.counters);
    }

    async fn renew(&mut self, takes: &[&LimitRequest], ttl: Duration) -> Vec<bool> {
        renew(self.now_us, takes, ttl, &mut self.counters)
    }

    async fn reset(&mut self, subject: &Subject) {
        self.counters.of.remove(&subject.to_string());
        self.counters.violations.retain(|violation| violation.subject != subject.to_string());
    }

    async fn show(&mut self, checks: &[Check]) -> Shown {
        let mut violations: Vec<ViolationSummary> = Vec::new();
        for violation in &self.counters.violations {
            let (subject, rule) = (violation.subject.clone(), violation.rule.clone());
            let known = violations.iter().position(|one| one.subject == subject && one.rule == rule);
            let before = known.map(|known| violations.remove(known));
            let before = before.filter(|before| violation.at_us - before.last_us < ViolationSummary::KEPT_US);
            let count = 1 + before.map_or(0, |before| before.count);
            violations.push(ViolationSummary {
                subject,
                rule,
                count,
                last_us: violation.at_us,
                until_us: violation.until_us,
            });
        }
        show(self.now_us, checks, &self.counters, &violations)
    }
}

/// Runs the production scripts but for clock.lua: the time is read from a key of this test.
struct RedisBackend {
    connection: crate::redis::Connection,
    clock: String,
    counters: RedisCounters,
}

impl RedisBackend {
    async fn new(link: RedisLink) -> Self {
        let connection = link.another().await.unwrap();
        let own = uuid::Uuid::now_v7();
        let (clock, violations) = (format!("{{mcpchat}}:clock:{own}"), format!("{{mcpchat}}:violations:{own}"));
        let script = format!("local now = tonumber(redis.call('GET', '{clock}'))\n");
        let counters = RedisCounters::with_clock(link, &script, &violations);
        Self { connection, clock, counters }
    }
}

impl CounterBackend for RedisBackend {
    async fn set_clock(&mut self, now_us: i64) {
        redis::cmd("SET").arg(&self.clock).arg(now_us).query_async::<()>(&mut self.connection).await.unwrap();
    }

    async fn take(&mut self, request: &LimitRequest) -> Option<Verdict> {
        self.counters.take(request).await.unwrap()
    }

    async fn restore(&mut self, checks: &[Check], stored: &impl Fn(&StoredUseQuery) -> StoredUse) {
        let read = self.counters.read(checks).await.unwrap();
        for one in incomplete(read.now_us, Some(read.epoch), checks, &read.counters) {
            self.counters.restore(&one.restoration(&stored(&one.question()), TRUSTED_FOR)).await.unwrap();
        }
    }

    async fn settle(&mut self, request: &LimitRequest, actual: Actual) {
        self.counters.settle(request, actual).await.unwrap();
    }

    async fn release(&mut self, request: &LimitRequest) {
        self.counters.release(request).await.unwrap();
    }

    async fn renew(&mut self, takes: &[&LimitRequest], ttl: Duration) -> Vec<bool> {
        self.counters.renew(takes, ttl).await.unwrap()
    }

    async fn reset(&mut self, subject: &Subject) {
        self.counters.reset(std::slice::from_ref(subject), None).await.unwrap();
    }

    async fn show(&mut self, checks: &[Check]) -> Shown {
        self.counters.show(checks).await.unwrap()
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn pure_decisions_conform() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let start = 951_782_000 * SECOND..1_900_000_000 * SECOND;
    let run = |(start_us, ops)| {
        runtime.block_on(check(&mut MemoryBackend::default(), start_us, ops));
        Ok(())
    };
    runner(512).run(&(start, ops()), run).unwrap();
}

/// Times begin at the present: Redis itself would expire keys of the past at once.
#[test]
#[ignore = "needs Redis: tests/run starts one"]
fn redis_conforms() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = clock::now().timestamp_micros() + 60 * SECOND;
    let ten_years = 3_650 * DAY;
    let link = runtime.block_on(test_server::shared());
    let run = |(later_us, ops)| {
        runtime.block_on(async {
            let mut backend = RedisBackend::new(link.clone()).await;
            check(&mut backend, start + later_us, ops).await;
        });
        Ok(())
    };
    runner(128).run(&(0..ten_years, ops()), run).unwrap();
}
