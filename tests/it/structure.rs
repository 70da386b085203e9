//! The structure of the source: what DESIGN.md §2 and STYLE.md promise about it is held here, by reading it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What may stand directly in `src/`, and its floor. A module imports only from lower floors, and its own.
const FLOORS: [(&str, u8); 22] = [
    ("main", 6),
    ("cli", 5),
    ("http", 5),
    ("eval", 4),
    ("app", 3),
    ("store", 1),
    ("limits", 2),
    ("live", 1),
    ("provider", 1),
    ("tools", 1),
    ("auth", 1),
    ("transport", 1),
    ("model", 0),
    ("event", 0),
    ("clock", 0),
    ("config", 0),
    ("metrics", 0),
    ("logging", 0),
    ("redis", 0),
    ("terminal", 0),
    ("suggestions", 0),
    ("private_file", 0),
];

/// The faces of the program: they call operations, never the means of these.
const FACES: [&str; 2] = ["cli", "http"];
const MEANS: [&str; 6] = ["store", "limits", "live", "provider", "tools", "auth"];

const LONGEST_FILE: usize = 400;
const MEDIAN_FILE: usize = 120;
const P90_FILE: usize = 250;

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

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// The rooms a line of code names by `crate::…`, also in a list: `use crate::{clock, model::User};`.
fn rooms_named(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => named.extend(heads_of_list(list)),
            None => named.push(first_word(rest)),
        }
    }
    named
}

/// `clock, model::{A, B}, store::C}` → `clock`, `model`, `store`.
fn heads_of_list(list: &str) -> Vec<String> {
    let (mut depth, mut heads, mut head) = (0, Vec::new(), String::new());
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(first_word(&std::mem::take(&mut head))),
            _ if depth == 0 => head.push(character),
            _ => {}
        }
    }
    heads.push(first_word(&head));
    heads.retain(|head| !head.is_empty());
    heads
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_room_imports_only_from_lower_floors() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = floor(&source.room).unwrap_or(0);
        let code: String = source.code().map(|(_, line)| format!("{line}\n")).collect();
        for named in rooms_named(&code) {
            let Some(other) = floor(&named) else { continue };
            let lower = named == source.room || other < own || (own, other) == (0, 0);
            let allowed = !(FACES.contains(&source.room.as_str()) && MEANS.contains(&named.as_str()));
            if !lower || !allowed {
                wrong.push(format!("{} ({}) uses `crate::{named}` ({other})", source.path, own));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_however_they_are_written() {
    let code = "use crate::{\n    clock, model::{Turn, User},\n    store::Db as D,\n};\nlet x = crate::app::run();";
    assert_eq!(rooms_named(code), ["clock", "model", "store", "app"]);
    assert!(rooms_named("use super::clock;").is_empty());
}

#[test]
fn the_top_level_holds_only_rooms_of_the_plan() {
    let strange: Vec<String> =
        sources().iter().filter(|source| floor(&source.room).is_none()).map(|source| source.path.clone()).collect();
    assert!(strange.is_empty(), "not in DESIGN.md §2: {strange:?}");
}

#[test]
fn files_stay_small() {
    let lines = |source: &Source| (source.product().lines().count(), source.path.clone());
    let mut sizes: Vec<(usize, String)> = sources().iter().map(lines).filter(|(lines, _)| *lines > 0).collect();
    sizes.sort();
    let too_long: Vec<_> = sizes.iter().filter(|(lines, _)| *lines > LONGEST_FILE).collect();
    assert!(too_long.is_empty(), "over {LONGEST_FILE} lines: {too_long:?}");
    let (median, p90) = (&sizes[sizes.len() / 2], &sizes[sizes.len() * 9 / 10]);
    assert!(median.0 <= MEDIAN_FILE, "the median file has {} lines", median.0);
    assert!(
        p90.0 <= P90_FILE,
        "a tenth of the files is longer than {} lines: {:?}",
        p90.0,
        &sizes[sizes.len() * 9 / 10..]
    );
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

/// Table → names of its columns.
type Tables = BTreeMap<String, BTreeSet<String>>;

/// What a migration makes of the tables: one column or constraint a line, SQLite's new table in the place of an old one too.
fn migrate(tables: &mut Tables, sql: &str) {
    let (mut made, mut altered) = (None, None);
    for line in sql.lines().map(|line| line.split("--").next().unwrap().trim()) {
        if let Some(rest) = line.strip_prefix("create table ") {
            let name = first_word(rest.trim_start_matches("if not exists "));
            tables.insert(name.clone(), BTreeSet::new());
            made = Some(name);
        } else if let Some(rest) = line.strip_prefix("drop table ") {
            tables.remove(&first_word(rest)).expect("what is dropped is there");
        } else if line.starts_with(')') {
            made = None;
        } else if let Some(table) = &made {
            let word = first_word(line);
            let constraint = ["primary", "unique", "check", "foreign", "constraint", ""].contains(&word.as_str());
            if !constraint {
                tables.get_mut(table).unwrap().insert(word);
            }
        } else {
            let change = line.strip_prefix("alter table ").map_or(line, |rest| {
                let (name, change) = rest.split_once(' ').unwrap_or((rest, ""));
                altered = Some(name.to_owned());
                change
            });
            if let Some(name) = altered.clone() {
                alter(tables, name, change);
            }
            altered = altered.filter(|_| !line.ends_with(';'));
        }
    }
}

fn alter(tables: &mut Tables, table: String, change: &str) {
    if let Some(column) = change.strip_prefix("add column ") {
        tables.entry(table).or_default().insert(first_word(column));
    } else if let Some(name) = change.strip_prefix("rename to ") {
        let columns = tables.remove(&table).expect("what is renamed is there");
        tables.insert(first_word(name), columns);
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let of = |database: &str| -> Vec<(String, Tables)> {
        let mut tables = Tables::new();
        let mut paths = files(&root().join("migrations").join(database), "sql");
        paths.sort();
        let after = |path: &PathBuf| {
            migrate(&mut tables, &fs::read_to_string(path).unwrap());
            (path.file_name().unwrap().to_str().unwrap().to_owned(), tables.clone())
        };
        paths.iter().map(after).collect()
    };
    let (postgres, sqlite) = (of("postgres"), of("sqlite"));
    assert!(!postgres.is_empty() && postgres.len() == sqlite.len());
    for (one, other) in postgres.iter().zip(&sqlite) {
        assert_eq!(one, other, "the tables after {}", one.0);
    }
}

#[test]
fn tables_and_columns_are_read_from_migrations() {
    let mut tables = Tables::new();
    migrate(
        &mut tables,
        "-- Why.\ncreate table users (\n    id uuid primary key, -- its id\n    name text,\n    unique (id, name)\n);\n\
         create index users_by_name on users (name);\nalter table users add column age bigint;",
    );
    assert_eq!(tables, Tables::from([("users".into(), ["id", "name", "age"].map(String::from).into())]));
    migrate(
        &mut tables,
        "create table people (\n    id uuid\n);\ndrop table users;\nalter table people rename to users;\n\
         alter table users\n    add column a text,\n    add column b text;\nselect b;",
    );
    assert_eq!(tables, Tables::from([("users".into(), ["id", "a", "b"].map(String::from).into())]));
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
