//! The vocabulary of the crate's documentation (src/main.rs): names that it has replaced do not come back.

use std::fs;

use super::{files, root, sources};

/// Types and functions that were named by a picture, as whole words of code. What took their place is in src/main.rs.
const REPLACED: [&str; 31] = [
    "Together",
    "Elsewhere",
    "retell",
    "Pulse",
    "told_to_go",
    "Standings",
    "Standing",
    "News",
    "tell_everybody",
    "Unsettled",
    "settle_the_unsettled",
    "Take",
    "Held",
    "Owed",
    "Breach",
    "Seat",
    "Seats",
    "Believed",
    "Balancers",
    "Leaving",
    "disowned",
    "Patience",
    "Complaint",
    "Away",
    "heal",
    "Observed",
    "everybodys_turns",
    "Senseless",
    "Rehearsal",
    "PATIENCE",
    "MOST",
];

/// The subject of a sentence is named: the client, the replica, the caller.
const UNNAMED: [&str; 5] = ["whoever", "nobody", "somebody", "anybody", "everybody"];

/// Longer names of tests than this are sentences, not claims.
const LONGEST_TEST_NAME: usize = 50;

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

#[test]
fn replaced_names_do_not_come_back() {
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            let code = line.split('"').step_by(2).collect::<String>();
            let old = words(&code).filter(|word| REPLACED.contains(word)).map(str::to_owned);
            found.extend(old.map(|word| format!("{}:{number}: {word}", source.path)));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn sentences_name_their_subjects() {
    let mut found = Vec::new();
    let product = sources().into_iter().map(|source| (source.path, source.text));
    let readme = ["README.md", "src/config/example.toml"];
    let texts = readme.map(|path| (path.to_owned(), fs::read_to_string(root().join(path)).unwrap()));
    for (path, text) in product.chain(texts) {
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let unnamed = words(&lower).filter(|word| UNNAMED.contains(word));
            found.extend(unnamed.map(|word| format!("{path}:{}: {word}", index + 1)));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn names_of_tests_are_short_claims() {
    let mut long = Vec::new();
    for path in ["src", "tests/it"].into_iter().flat_map(|folder| files(&root().join(folder), "rs")) {
        let text = fs::read_to_string(&path).unwrap();
        let named = text.lines().filter_map(|line| line.split("fn ").nth(1)?.split(['(', '<']).next());
        long.extend(named.filter(|name| name.len() > LONGEST_TEST_NAME).map(str::to_owned));
    }
    assert!(long.is_empty(), "over {LONGEST_TEST_NAME} characters: {long:#?}");
}
