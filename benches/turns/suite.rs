//! Which scenarios run, and in which order: set-up by set-up, so that PostgreSQL and Redis are started once; mcpchat
//! anew for each scenario, so that its memory is that of this one.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use crate::{
    Result,
    bed::Bed,
    numbers::{Numbers, medians},
    options::{Build, Options, Scenario, Setup},
    provider::Provider,
    replays, report, say, sockets,
    window::Stage,
};

/// 1 if any answer was not whole.
pub async fn run(options: &Options) -> Result<ExitCode> {
    if let Some(count) = options.replays {
        return replays::measure(count, options);
    }
    let provider = Provider::start(options.pace())?;
    if let Some(count) = options.websockets {
        let mut bed = Bed::make(Setup::Redis, Build::This, provider.address, options).await?;
        return sockets::measure(count, &mut bed, options).await;
    }
    if options.hold {
        return hold(options, &provider).await;
    }
    let scenarios = options.scenarios();
    let mut results: Vec<Vec<Numbers>> = vec![Vec::new(); scenarios.len()];
    let mut failed = false;
    for setup in [Setup::Redis, Setup::Sqlite] {
        let of_setup: Vec<usize> = (0..scenarios.len()).filter(|&index| scenarios[index].setup == setup).collect();
        if of_setup.is_empty() {
            continue;
        }
        // Another build may have another schema, so each has servers of its own.
        let mut beds = Vec::new();
        for build in [Build::This, Build::Beside] {
            if of_setup.iter().any(|&index| scenarios[index].build == build) {
                beds.push((build, Bed::make(setup, build, provider.address, options).await?));
            }
        }
        for &index in of_setup.iter().cycle().take(of_setup.len() * options.rounds) {
            let bed = beds.iter_mut().find(|(build, _)| *build == scenarios[index].build).map(|(_, bed)| bed);
            let mut stage = Stage::set(bed.ok_or("every build has its servers")?, &provider).await?;
            let (numbers, errors) = stage.measure(scenarios[index], options).await?;
            say(&report::line(&(scenarios[index], numbers.clone())));
            failed |= complain(scenarios[index], &errors, &stage);
            results[index].push(numbers);
        }
    }
    let lines: Vec<_> = scenarios.into_iter().zip(results.iter().map(|rounds| medians(rounds))).collect();
    report::print(&lines, options)?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One scenario over and over, until it is interrupted.
async fn hold(options: &Options, provider: &Arc<Provider>) -> Result<ExitCode> {
    let scenario = options.held().ok_or("nothing to hold: no scenario is chosen")?;
    let mut bed = Bed::make(scenario.setup, Build::This, provider.address, options).await?;
    let mut stage = Stage::set(&mut bed, provider).await?;
    let pid = stage.mcpchat.pid();
    say(&format!(
        "mcpchat is pid {pid}: perf record -e cpu-clock -F 499 --call-graph dwarf -p {pid} -- sleep 10 (Ctrl-C ends the load)"
    ));
    loop {
        let (numbers, errors) = stage.measure(scenario, options).await?;
        say(&report::line(&(scenario, numbers)));
        complain(scenario, &errors, &stage);
    }
}

/// Shows what went wrong, and whether anything did.
fn complain(scenario: Scenario, errors: &BTreeMap<String, u64>, stage: &Stage<'_>) -> bool {
    for (error, count) in errors {
        say(&format!("{}: {count} × {error}", report::name_of(scenario)));
    }
    if !errors.is_empty() {
        say(&format!("the last of mcpchat's log:\n{}", stage.mcpchat.last_words()));
    }
    !errors.is_empty()
}
