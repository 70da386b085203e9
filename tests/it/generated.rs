//! Generated files that are committed: completions and manual pages from the definition of the command line,
//! the API's description from the routes. With `MCPCHAT_BLESS=1` the files are written anew instead of compared.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

const BINARY: &str = env!("CARGO_BIN_EXE_mcpchat");

/// The scripts' names are those that the shells look for.
const SHELLS: [(&str, &str); 4] =
    [("bash", "mcpchat.bash"), ("zsh", "_mcpchat"), ("fish", "mcpchat.fish"), ("powershell", "_mcpchat.ps1")];

type Files = BTreeMap<String, String>;

fn hold(folder: &str, wanted: &Files) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("MCPCHAT_BLESS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        wanted.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
    }
    let there = read(&folder);
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&there), names(wanted), "the files in {}", folder.display());
    for (name, text) in wanted {
        assert!(there[name] == *text, "{name} is out of date: MCPCHAT_BLESS=1 cargo test generated::");
    }
}

fn read(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let text = |entry: &fs::DirEntry| fs::read_to_string(entry.path()).unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), text(&entry))).collect()
}

#[test]
fn completions_are_those_of_the_command_line() {
    let script = |shell: &str| {
        let output = Command::new(BINARY).args(["completions", shell]).env_clear().output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    hold("completions", &SHELLS.iter().map(|(shell, file)| ((*file).to_owned(), script(shell))).collect());
}

#[test]
fn manual_pages_are_those_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(BINARY).args(["man", "--out"]).arg(folder.path()).env_clear().output().unwrap();
    assert!(run.status.success(), "{run:?}");
    hold("man", &read(folder.path()));
}

#[test]
#[ignore = "needs mandoc: tests/run installs it"]
fn mandoc_finds_nothing_in_the_manual_pages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let pages: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let lint = Command::new("mandoc").args(["-T", "lint"]).args(&pages).output().expect("mandoc is installed");
    let said = String::from_utf8_lossy(&lint.stdout);
    assert!(lint.status.success() && said.is_empty(), "{said}");
}

#[test]
fn every_manual_page_has_every_section() {
    for (name, page) in read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("man")) {
        for section in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "FILES", "ENVIRONMENT", "EXAMPLES"]
        {
            assert_eq!(page.matches(&format!("\n.SH {section}\n")).count(), 1, "{section} in {name}");
        }
        let examples = page.split_once(".SH EXAMPLES\n.nf\n").unwrap().1;
        assert!(examples.contains("mcpchat "), "{name} has no example");
    }
}

/// Embedded in the binary, so after a change it is written first and served by the next build.
#[test]
fn the_description_of_the_api_is_that_of_the_routes() {
    let run = Command::new(BINARY).arg("openapi").env_clear().output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/openapi/openapi.json");
    let described = String::from_utf8(run.stdout).unwrap();
    if std::env::var_os("MCPCHAT_BLESS").is_some() {
        fs::write(&file, &described).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap();
    assert!(there == described, "openapi.json is out of date: MCPCHAT_BLESS=1 cargo test generated::");
}
