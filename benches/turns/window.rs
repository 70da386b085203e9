//! One stretch of time under load, between two readings of everything; the load goes on beyond both ends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{
    Result,
    bed::Bed,
    load::{Load, Turn},
    mcpchat::Mcpchat,
    numbers::{Numbers, numbers},
    options::{Options, Scenario},
    provider::Provider,
    tally::Tally,
    usage,
};

/// How long the last turns may take to end.
const DRAIN: Duration = Duration::from_secs(60);

/// What has been measured, before it is made into numbers.
pub struct Window {
    pub start: Tally,
    pub end: Tally,
    /// Those that ended between.
    pub turns: Vec<Turn>,
    pub errors: BTreeMap<String, u64>,
    pub idle_bytes: u64,
    pub peak_bytes: u64,
}

/// A server at work, with all people logged in.
pub struct Stage<'a> {
    pub bed: &'a mut Bed,
    pub mcpchat: Mcpchat,
    provider: &'a Arc<Provider>,
    tokens: Vec<String>,
    idle_bytes: u64,
}

impl<'a> Stage<'a> {
    pub async fn set(bed: &'a mut Bed, provider: &'a Arc<Provider>) -> Result<Self> {
        let mcpchat = bed.serve().await?;
        // Until it has done what it does at first.
        sleep(Duration::from_millis(500)).await;
        let idle_bytes = usage::memory_of(mcpchat.pid());
        let tokens = mcpchat.log_in_all().await?;
        Ok(Self { bed, mcpchat, provider, tokens, idle_bytes })
    }

    pub async fn measure(&mut self, scenario: Scenario, options: &Options) -> Result<(Numbers, BTreeMap<String, u64>)> {
        let load = Load::start(scenario, self.mcpchat.api, &self.tokens, self.provider)?;
        sleep(options.warm_up()).await;
        usage::forget_peak(self.mcpchat.pid())?;
        let start = Tally::take(self.bed, &self.mcpchat).await?;
        sleep(options.measured()).await;
        let end = Tally::take(self.bed, &self.mcpchat).await?;
        let peak_bytes = usage::peak_of(self.mcpchat.pid());
        let outcome = timeout(DRAIN, load.stop()).await.map_err(|_| "the last turns do not end")??;
        let between = |turn: &Turn| (start.at..end.at).contains(&turn.ended);
        let turns: Vec<Turn> = outcome.turns.into_iter().filter(between).collect();
        let mut errors = outcome.errors;
        if turns.is_empty() {
            errors.insert("no turn ended in the time measured".into(), 1);
        }
        let window = Window { start, end, turns, errors, idle_bytes: self.idle_bytes, peak_bytes };
        Ok((numbers(&window), window.errors))
    }
}
