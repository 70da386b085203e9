//! What could be meant, for a shell that completes a word: names that are there, found quickly or not at all. It makes no
//! database, changes nothing, and has nothing to say about what is wrong.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    config::Config,
    limits::Rule,
    model::TurnState,
    store::{Error, Store},
};

/// Somebody has pressed a key and waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than anybody reads.
const MOST: u32 = 100;

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    User,
    Model,
    Rule,
    RunningTurn,
}

/// A word, and what to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub word: String,
    pub about: Option<String>,
}

impl Suggestion {
    fn plain(word: impl Into<String>) -> Self {
        Self { word: word.into(), about: None }
    }
}

/// The words that begin like this.
pub async fn suggestions(config: &Config, wanted: Wanted, beginning: &str) -> Vec<Suggestion> {
    let mut found = match wanted {
        Wanted::Model => config.models.iter().map(|model| Suggestion::plain(&model.name)).collect(),
        Wanted::Rule => rules(config),
        Wanted::User | Wanted::RunningTurn => {
            timeout(PATIENCE, stored(config, wanted, beginning)).await.unwrap_or_default()
        }
    };
    found.retain(|suggestion| suggestion.word.to_lowercase().starts_with(&beginning.to_lowercase()));
    found
}

fn rules(config: &Config) -> Vec<Suggestion> {
    let configured = config.limits.iter().map(|limit| limit.name.clone());
    let built_in = Rule::built_in().map(|rule| rule.name);
    configured.chain(built_in).map(Suggestion::plain).collect()
}

async fn stored(config: &Config, wanted: Wanted, beginning: &str) -> Vec<Suggestion> {
    if Store::file_of(&config.database).is_some_and(|file| !file.exists()) {
        return Vec::new();
    }
    let found = async {
        let store = Store::open(&config.database)?;
        let found = match wanted {
            Wanted::RunningTurn => running_turns(&store).await,
            Wanted::User | Wanted::Model | Wanted::Rule => {
                Ok(store.user_names(beginning, MOST).await?.into_iter().map(Suggestion::plain).collect())
            }
        };
        store.close().await;
        found
    };
    found.await.unwrap_or_default()
}

async fn running_turns(store: &Store) -> Result<Vec<Suggestion>, Error> {
    let turns = store.everybodys_turns(Some(TurnState::Running), None, MOST).await?.items;
    let told = |turn: crate::model::OwnedTurn| Suggestion {
        word: turn.turn.id.to_string(),
        about: Some(format!("{}, {}", turn.username, turn.turn.model)),
    };
    Ok(turns.into_iter().map(told).collect())
}
