//! The structure of the source itself, held by reading it: layers and circles (`layers`), sizes (`sizes`), names
//! (`vocabulary`), migrations (`migrations`).

mod layers;
mod migrations;
mod sizes;
mod vocabulary;

use std::{
    fs,
    path::{Path, PathBuf},
};

struct Source {
    path: String,
    /// The name of the module directly in `src/` that it belongs to.
    room: String,
    text: String,
}

impl Source {
    /// The part before the unit tests, which stand last or in a file of their own.
    fn product(&self) -> &str {
        if self.is_only_tests() { "" } else { self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap() }
    }

    /// Whether it, or a folder it is in, is a module that only tests have.
    fn is_only_tests(&self) -> bool {
        let path = root().join(&self.path);
        let modules = path.ancestors().take_while(|ancestor| !ancestor.ends_with("src"));
        modules.into_iter().any(|module| {
            let name = module.file_stem().unwrap().to_str().unwrap();
            let parent = module.parent().unwrap();
            let declared = ["mod.rs", "main.rs"].iter().find_map(|file| fs::read_to_string(parent.join(file)).ok());
            let declared = declared.unwrap_or_default();
            ["mod", "pub mod", "pub(crate) mod"]
                .iter()
                .any(|m| declared.contains(&format!("#[cfg(test)]\n{m} {name};")))
        })
    }

    /// Its lines of code: without comments, strings left as they are.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.product().lines().enumerate();
        lines.map(|(index, line)| (index + 1, line.split("//").next().unwrap()))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let source = |path: PathBuf| {
        let inside = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        let room = inside.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        Source { path: format!("src/{inside}"), room, text: fs::read_to_string(path).unwrap() }
    };
    files(&src, "rs").into_iter().map(source).collect()
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mut silent: Vec<String> = Vec::new();
    for folder in ["src", "tests/it"] {
        for path in files(&root().join(folder), "rs") {
            if !fs::read_to_string(&path).unwrap().starts_with("//! ") {
                silent.push(path.display().to_string());
            }
        }
    }
    assert!(silent.is_empty(), "without `//!` on the first line: {silent:#?}");
}

#[test]
fn nothing_unwraps_outside_tests() {
    let mut found = Vec::new();
    for source in sources() {
        let unwraps = source.code().filter(|(_, line)| line.contains(".unwrap()"));
        found.extend(unwraps.map(|(number, _)| format!("{}:{number}", source.path)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_file_is_named_after_nothing() {
    let empty = ["utils", "util", "common", "helpers", "helper", "types", "misc"];
    let named = |path: &Path| empty.contains(&path.file_stem().unwrap().to_str().unwrap());
    let found: Vec<PathBuf> = files(&root().join("src"), "rs").into_iter().filter(|path| named(path)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for script in ["tests/run", "tests/chaos", ".ci/run"] {
        let mode = fs::metadata(root().join(script)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is not executable");
    }
}

/// RUSTSEC-2023-0071: its private keys can be found out by timing. Access tokens need no more than HMAC.
#[test]
fn no_dependency_brings_rsa() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"hmac\"") && !lock.contains("name = \"rsa\""));
}
