//! WebSocket permits: how many sockets a user may have, and until when. Requests on a socket are handled like all
//! others.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::sleep;

use crate::{
    app::{App, Caller, Error, Result},
    model::UserId,
};

/// How many sockets each user has open in this process.
pub(in crate::app) struct SocketPermits {
    max_per_user: usize,
    taken: Mutex<HashMap<UserId, usize>>,
}

impl SocketPermits {
    pub(in crate::app) fn new(max_per_user: usize) -> Self {
        Self { max_per_user, taken: Mutex::default() }
    }

    fn take(self: &Arc<Self>, caller: Caller) -> Result<SocketPermit> {
        let mut taken = self.taken();
        let of_user = taken.entry(caller.user().id).or_default();
        if *of_user >= self.max_per_user {
            return Err(Error::TooManySockets { max: self.max_per_user });
        }
        *of_user += 1;
        Ok(SocketPermit { caller, permits: Arc::clone(self) })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.taken.lock()
    }
}

/// A permit for one open socket, released when dropped.
pub struct SocketPermit {
    caller: Caller,
    permits: Arc<SocketPermits>,
}

impl SocketPermit {
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let mut taken = self.permits.taken();
        if let Some(of_user) = taken.get_mut(&self.caller.user().id) {
            *of_user -= 1;
            if *of_user == 0 {
                taken.remove(&self.caller.user().id);
            }
        }
    }
}

impl App {
    /// Takes a permit for a token's user.
    pub async fn socket_permit(&self, token: &str) -> Result<SocketPermit> {
        self.identity.socket_permits.take(self.authenticate(token).await?)
    }

    /// Renews a permit with a new token of the same user.
    pub async fn renew_socket_permit(&self, permit: &mut SocketPermit, token: &str) -> Result<()> {
        let caller = self.authenticate(token).await?;
        if caller.user().id != permit.caller.user().id {
            return Err(Error::Forbidden("the token is another user's; open a socket of its own for it".into()));
        }
        permit.caller = caller;
        Ok(())
    }

    /// Resolves when the caller's token expires.
    pub fn until_expired(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
        let left = caller.expires_at().map(|at| (at - self.store.now()).to_std().unwrap_or_default());
        async move {
            match left {
                Some(left) => sleep(left).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Runs a WebSocket's task, which the process waits for before it ends.
    pub fn spawn_socket(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.lifecycle.spawn_socket(task);
    }
}
