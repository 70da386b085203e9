//! The migrations make the same tables in both databases, file by file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use super::{files, root};

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

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
