//! The authority to read the audit log, beside that to administer (`origin::Admin`).

use crate::{
    app::{Caller, Error, Result},
    model::{Role, Scope},
};

/// Somebody who may read the audit log: a proof that only the functions here make.
#[derive(Clone, Copy, Debug)]
pub struct Auditor(());

impl Auditor {
    /// The operator at the shell: who can read the configuration can read the database anyway.
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
