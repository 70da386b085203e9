//! Resolution of an id prefix typed at a shell: to one id, none, or several.

use std::fmt::Display;

use crate::{
    app::{Admin, App, Caller, Error, Result},
    model::{ConversationId, IdPrefix, Invalid, Scope, TurnId},
};

/// The most ids that the error for several names.
const NAMED: u32 = 3;

impl App {
    pub async fn find_turn(&self, _: &Admin, prefix: &IdPrefix) -> Result<TurnId> {
        match prefix.exact() {
            Some(id) => Ok(id.into()),
            None => the_only(self.store.turns_by_prefix(prefix, NAMED).await?, "turn", prefix),
        }
    }

    /// Finds one of the caller's own.
    pub async fn find_conversation(&self, caller: &Caller, prefix: &IdPrefix) -> Result<ConversationId> {
        let owner = caller.may(Scope::Read)?.id;
        match prefix.exact() {
            Some(id) => Ok(id.into()),
            None => {
                let found = self.store.conversations_by_prefix(owner, prefix, NAMED).await?;
                the_only(found, "conversation", prefix)
            }
        }
    }
}

/// Returns the only match. Errors: there is none, or more than one.
pub fn the_only<I: Copy + Display>(found: Vec<I>, kind: &'static str, prefix: &IdPrefix) -> Result<I> {
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(Error::not_found(kind, prefix)),
        several => {
            let named: Vec<String> = several.iter().take(NAMED as usize).map(ToString::to_string).collect();
            let message =
                format!("`{prefix}` begins the id of more than one {kind}: {}; give more of it", named.join(", "));
            Err(Invalid::new("id", message).into())
        }
    }
}
