//! Fault injection: each replica, PostgreSQL and Redis have faults of their own, on a schedule of their own from the
//! seed.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::sleep;

use super::{Storm, ledger::Ledger};

/// Longer than a lease and a sweep.
const LONG_FREEZE: Duration = Duration::from_secs(37);

pub const KILLS: &str = "kills of a replica (kill -9)";

/// Goes on until the kills are done; everything is up again after.
pub async fn rage(storm: &Storm, seed: u64, kills: u64) {
    let replicas = (0..storm.cluster.replicas()).map(|number| {
        let random = StdRng::seed_from_u64(seed ^ (0x5eed_0000 + number as u64));
        befall_replica(storm, number, random, kills)
    });
    let postgres = befall_postgres(storm, StdRng::seed_from_u64(seed ^ 0x9057_9735), kills);
    let redis = befall_redis(storm, StdRng::seed_from_u64(seed ^ 0x4ed1_5000), kills);
    tokio::join!(futures_util::future::join_all(replicas), postgres, redis);
}

fn is_over(ledger: &Ledger, kills: u64) -> bool {
    ledger.counted(KILLS) >= kills
}

async fn for_some(random: &mut StdRng, millis: std::ops::Range<u64>) {
    sleep(Duration::from_millis(random.random_range(millis))).await;
}

async fn befall_replica(storm: &Storm, number: usize, mut random: StdRng, kills: u64) {
    let (cluster, ledger) = (&storm.cluster, &storm.ledger);
    // A long freeze costs more than half a minute; a short storm has no time for it.
    let rare = u32::from(kills >= 100);
    while !is_over(ledger, kills) {
        for_some(&mut random, 400..2500).await;
        match random.random_range(0..100) {
            0..=69 => {
                ledger.count(KILLS);
                cluster.kill(number).await;
                for_some(&mut random, 0..600).await;
                cluster.launch(number).await;
            }
            70..=77 => {
                ledger.count("rolling restarts of a replica (SIGTERM)");
                let code = cluster.retire(number).await;
                if code != 0 {
                    ledger.violation("a drain ends well", format!("exit code {code}"));
                }
                cluster.launch(number).await;
            }
            78 if random.random_ratio(rare, 1) => {
                ledger.count("freezes of a replica beyond its lease");
                freeze(storm, number, LONG_FREEZE).await;
            }
            _ => {
                ledger.count("freezes of a replica (SIGSTOP)");
                let time = random.random_range(50..2500);
                freeze(storm, number, Duration::from_millis(time)).await;
            }
        }
    }
}

async fn freeze(storm: &Storm, number: usize, time: Duration) {
    storm.cluster.signal(number, "STOP").await;
    sleep(time).await;
    storm.cluster.signal(number, "CONT").await;
}

async fn befall_postgres(storm: &Storm, mut random: StdRng, kills: u64) {
    let Some(postgres) = &storm.cluster.postgres else { return };
    while !is_over(&storm.ledger, kills) {
        for_some(&mut random, 2500..8000).await;
        storm.ledger.count("crashes of PostgreSQL (-m immediate)");
        let down = Duration::from_millis(random.random_range(0..1500));
        tokio::task::block_in_place(|| postgres.kill());
        sleep(down).await;
        tokio::task::block_in_place(|| postgres.restart());
    }
}

async fn befall_redis(storm: &Storm, mut random: StdRng, kills: u64) {
    let redis = storm.cluster.world.redis();
    while !is_over(&storm.ledger, kills) {
        for_some(&mut random, 1000..5000).await;
        match random.random_range(0..3) {
            0 => {
                storm.ledger.count("crashes of Redis (kill -9)");
                redis.kill().await;
                for_some(&mut random, 0..1500).await;
                redis.start_again().await;
            }
            1 => {
                storm.ledger.count("freezes of Redis (SIGSTOP)");
                redis.freeze();
                for_some(&mut random, 50..1500).await;
                redis.thaw();
            }
            _ => {
                storm.ledger.count("flushes of Redis' scripts");
                redis.forget_scripts().await;
            }
        }
    }
}
