//! Candidates for shell completion: existing names, found quickly or not at all. Creates no database, changes nothing,
//! and reports no errors.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    config::{Config, Per},
    limits::Rule,
    model::TurnState,
    store::{Error, Store},
};

/// The time limit of a lookup.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);
/// The most candidates.
const MAX_CANDIDATES: u32 = 100;

/// The kind of a word to complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    User,
    /// One that can log in, or be acted as.
    EnabledUser,
    Model,
    Rule,
    /// A rule per user: only these can have overrides.
    UserRule,
    RunningTurn,
}

/// A candidate, and its description.
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

/// Returns the candidates with this prefix.
pub async fn suggestions(config: &Config, wanted: Wanted, beginning: &str) -> Vec<Suggestion> {
    let mut found = match wanted {
        Wanted::Model => config.models.iter().map(|model| Suggestion::plain(&model.name)).collect(),
        Wanted::Rule => rules(config).map(|rule| Suggestion::plain(rule.name)).collect(),
        Wanted::UserRule => {
            rules(config).filter(|rule| rule.per == Per::User).map(|rule| Suggestion::plain(rule.name)).collect()
        }
        Wanted::User | Wanted::EnabledUser | Wanted::RunningTurn => {
            timeout(LOOKUP_TIMEOUT, stored(config, wanted, beginning)).await.unwrap_or_default()
        }
    };
    found.retain(|suggestion| suggestion.word.to_lowercase().starts_with(&beginning.to_lowercase()));
    found
}

fn rules(config: &Config) -> impl Iterator<Item = Rule> {
    let configured = config.limits.iter().filter_map(|limit| Rule::from_config(limit).ok());
    configured.chain(Rule::built_in())
}

async fn stored(config: &Config, wanted: Wanted, beginning: &str) -> Vec<Suggestion> {
    if Store::file_of(&config.database).is_some_and(|file| !file.exists()) {
        return Vec::new();
    }
    let found = async {
        let store = Store::open(&config.database)?;
        let found = match wanted {
            Wanted::RunningTurn => running_turns(&store).await,
            Wanted::User | Wanted::EnabledUser | Wanted::Model | Wanted::Rule | Wanted::UserRule => {
                let only_enabled = wanted == Wanted::EnabledUser;
                let names = store.user_names(beginning, only_enabled, MAX_CANDIDATES).await?;
                Ok(names.into_iter().map(Suggestion::plain).collect())
            }
        };
        store.close().await;
        found
    };
    found.await.unwrap_or_default()
}

async fn running_turns(store: &Store) -> Result<Vec<Suggestion>, Error> {
    let turns = store.admin_turns(Some(TurnState::Running), None, MAX_CANDIDATES).await?.items;
    let told = |turn: crate::model::OwnedTurn| Suggestion {
        word: turn.turn.id.to_string(),
        about: Some(format!("{}, {}", turn.username, turn.turn.model)),
    };
    Ok(turns.into_iter().map(told).collect())
}
