//! The authority to read the audit log; that to administer is `authority::Admin`.

use crate::{
    app::{Caller, Error, Result},
    model::{Role, Scope},
};

/// Proof of the right to read the audit log; only the functions here make one.
#[derive(Clone, Copy, Debug)]
pub struct Auditor(());

impl Auditor {
    /// The operator at the shell: access to the configuration implies access to the database.
    pub fn operator() -> Self {
        Self(())
    }

    /// A caller with one of the roles. The role is the account's, not a token's.
    pub fn of(caller: &Caller) -> Result<Self> {
        match caller.may(Scope::Admin)?.role {
            Role::Auditor | Role::Admin => Ok(Self(())),
            Role::User => Err(Error::Forbidden("this needs the role `auditor` or `admin`".into())),
        }
    }
}
