//! The README's example for CI, run as it stands.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde::Deserialize;

use crate::harness::{Setup, World};

on_sqlite! {
    the_job_in_the_readme_does_what_it_says
}

const README: &str = include_str!("../../README.md");

#[derive(Deserialize)]
struct Workflow {
    jobs: std::collections::BTreeMap<String, Job>,
}

#[derive(Deserialize)]
struct Job {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    run: Option<String>,
    uses: Option<String>,
    with: Option<std::collections::BTreeMap<String, String>>,
}

/// The first two blocks of YAML in the section: the job, and its suite.
fn example() -> (Job, &'static str) {
    let section = README.split("\n## In CI\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut blocks = section.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let (workflow, suite) = (blocks.next().unwrap(), blocks.next().unwrap());
    assert!(workflow.lines().count() <= 15, "{workflow}");
    let workflow: Workflow = serde_saphyr::from_str(workflow).unwrap();
    (workflow.jobs.into_values().next().unwrap(), suite)
}

/// Runs a line as the runner does: nothing on stdin, no terminal, and little in the environment.
fn run(home: &Path, line: &str) -> i32 {
    let mut bash = Command::new("bash");
    bash.args(["-e", "-o", "pipefail", "-c", line]).current_dir(home).env_clear().env("HOME", home).env("CI", "true");
    bash.env("PATH", format!("{}:/usr/bin:/bin", home.join("bin").display()));
    bash.env("GITHUB_STEP_SUMMARY", home.join("summary.md")).stdin(std::process::Stdio::null());
    bash.status().unwrap().code().unwrap()
}

async fn the_job_in_the_readme_does_what_it_says(setup: Setup) {
    let (job, suite) = example();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir_all(home.join("evals")).unwrap();
    fs::create_dir_all(home.join("bin")).unwrap();
    fs::write(home.join("evals/suite.yaml"), suite).unwrap();
    // Recorded by a user who has the keys.
    let provider = crate::harness::Provider::start().await;
    provider.always(crate::harness::Reply::text(["Paris"]));
    let address = provider.address();
    let mut world = World::migrated(setup).await.without_limits();
    for (kind, base, model) in [
        ("openai", format!("http://{address}/v1"), "gpt-5-mini"),
        ("anthropic", format!("http://{address}"), "claude-haiku-4-5"),
    ] {
        world = world
            .add("providers", &format!("name = '{kind}'\nkind = '{kind}'\nbase_url = '{base}'\napi_key = 'k'"))
            .add("models", &format!("name = '{model}'\nprovider = '{kind}'"));
    }
    world.add_user("ada").await;
    let file = |name: &str| home.join("evals").join(name).to_str().unwrap().to_owned();
    let (suite, tape) = (file("suite.yaml"), file("cassettes"));
    let recorded = world.cli(["chat", "--as", "ada", "--suite", &suite, "--record", &tape]).run().await;
    recorded.ended(0);
    // What builds and installs is not what is tried here: this `cargo` has built already.
    let cargo = home.join("bin/cargo");
    let installs = format!(
        "#!/bin/sh\n[ \"$1\" = install ] && cp '{}' '{}'\n",
        env!("CARGO_BIN_EXE_mcpchat"),
        home.join("bin").display()
    );
    fs::write(&cargo, installs).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    for line in job.steps.iter().filter_map(|step| step.run.as_deref()) {
        assert_eq!(run(home, line), 0, "{line}");
    }
    let kept = job.steps.iter().find(|step| step.uses.as_deref().is_some_and(|uses| uses.contains("upload-artifact")));
    let kept = home.join(&kept.unwrap().with.as_ref().unwrap()["path"]);
    let junit = fs::read_to_string(kept).unwrap();
    assert!(junit.contains("tests=\"2\" failures=\"0\" errors=\"0\""), "{junit}");
    assert!(fs::read_to_string(home.join("summary.md")).unwrap().contains("✅"));
    // The same job finds out when the suite asks for something else.
    fs::write(home.join("evals/suite.yaml"), fs::read_to_string(&suite).unwrap().replace("Paris", "Rome")).unwrap();
    let tries = job.steps.iter().filter_map(|step| step.run.as_deref()).next_back().unwrap();
    assert_eq!(run(home, tries), 8);
}
