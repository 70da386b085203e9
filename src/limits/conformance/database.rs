//! The database as a counter backend under the conformance tests.

use std::time::Duration;

use proptest::test_runner::{Config, TestRunner};

use super::CounterBackend;
use crate::{
    config::{Database, Secret},
    limits::{
        Actual, Check, LimitRequest, Shown, Subject, TRUSTED_FOR, Verdict, decide_restored, forget, incomplete,
        release, renew, restore, settle, show,
    },
    model::{CounterState, StoredUse, StoredUseQuery},
    store::{AuditEntry, Store, Surface},
};

/// The database as a home, with a clock that the law turns. The database itself drops what its own clock says is over,
/// so the law's time lies well ahead of it.
struct DatabaseBackend {
    store: Store,
    now_us: i64,
}

impl DatabaseBackend {
    async fn change<R: Send + 'static>(
        &self,
        request: &LimitRequest,
        change: impl Fn(i64, &LimitRequest, &mut CounterState) -> R + Send + Sync + 'static,
    ) -> R {
        let (request, now_us) = (request.clone(), self.now_us);
        let subjects = request.subjects().into_iter().collect();
        self.store.change_counters(subjects, move |_, counters| change(now_us, &request, counters)).await.unwrap()
    }
}

impl CounterBackend for DatabaseBackend {
    async fn set_clock(&mut self, now_us: i64) {
        self.now_us = now_us;
    }

    async fn take(&mut self, request: &LimitRequest) -> Option<Verdict> {
        self.change(request, decide_restored).await
    }

    async fn restore(&mut self, checks: &[Check], stored: &impl Fn(&StoredUseQuery) -> StoredUse) {
        let subjects: Vec<String> = checks.iter().map(|check| check.subject.to_string()).collect();
        let (_, counters, _) = self.store.counters(&subjects).await.unwrap();
        for one in incomplete(self.now_us, None, checks, &counters) {
            let restoration = one.restoration(&stored(&one.question()), TRUSTED_FOR);
            let now_us = self.now_us;
            let change = move |_, counters: &mut CounterState| restore(now_us, &restoration, counters);
            self.store.change_counters(vec![one.subject().to_string()], change).await.unwrap();
        }
    }

    async fn settle(&mut self, request: &LimitRequest, actual: Actual) {
        self.change(request, move |now, request, counters| settle(now, request, actual, counters)).await;
    }

    async fn release(&mut self, request: &LimitRequest) {
        self.change(request, release).await;
    }

    async fn renew(&mut self, takes: &[&LimitRequest], ttl: Duration) -> Vec<bool> {
        let mut renewed = Vec::new();
        for request in takes {
            renewed.extend(
                self.change(request, move |now, request, counters| renew(now, &[request], ttl, counters)).await,
            );
        }
        renewed
    }

    async fn reset(&mut self, subject: &Subject) {
        let mut tx = self.store.audited().await.unwrap();
        let subjects = [subject.to_string()];
        tx.change_counters(&subjects, |_, counters| forget(None, counters)).await.unwrap();
        tx.forget_violations(&subjects, None).await.unwrap();
        tx.commit(&reset_entry()).await.unwrap();
    }

    async fn show(&mut self, checks: &[Check]) -> Shown {
        let subjects: Vec<String> = checks.iter().map(|check| check.subject.to_string()).collect();
        let (_, counters, violations) = self.store.counters(&subjects).await.unwrap();
        show(self.now_us, checks, &counters, &violations)
    }
}

fn reset_entry() -> AuditEntry {
    AuditEntry {
        at: crate::clock::now(),
        actor: "anonymous".to_owned(),
        surface: Surface::Cli,
        address: None,
        action: "ratelimit.reset",
        target: None,
        outcome: "ok",
        reason: None,
        before: None,
        after: None,
        request_id: None,
    }
}

fn conforms(url: &str, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let store = Store::open(&Database { url: Secret::new(url), max_connections: 2 }).unwrap();
        store.migrate().await.unwrap();
        store
    });
    let start_us = crate::clock::now().timestamp_micros() + 86_400_000_000 * 365;
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
        .run(&super::ops(), |ops| {
            let mut backend = DatabaseBackend { store: store.clone(), now_us: start_us };
            runtime.block_on(super::check(&mut backend, start_us, ops));
            Ok(())
        })
        .unwrap();
    runtime.block_on(store.close());
}

#[test]
fn counters_in_sqlite_conform() {
    let folder = tempfile::tempdir().unwrap();
    conforms(&format!("sqlite://{}/law.db", folder.path().display()), 20);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run starts one"]
fn counters_in_postgres_conform() {
    let url = std::env::var("MCPCHAT_TEST_POSTGRES_URL").expect("tests/run sets it");
    conforms(&url, 40);
}
