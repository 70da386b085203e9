//! Password hashing: argon2id at OWASP's first recommendation (m = 19 MiB, t = 2, p = 1), off the async threads and
//! with bounded concurrency: each hash takes 19 MiB and some 20 ms of a core. Logins of unknown clients wait in a queue
//! of their own (`queue`), so that a flood of them delays no others.

use std::{num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::sleep,
};

use super::password_policy::normalized;
use crate::config::Secret;

const MEMORY_KIB: u32 = 19 * 1024;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;
/// The longest input that is hashed: 256 characters take less in every encoding.
const MAX_BYTES: usize = 4096;

/// The hash of a discarded password: for accounts without login, and verified where there is no account, so that an
/// unknown name takes as long as a wrong password. A test compares its cost with that of a new hash.
pub const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Byq1UqqSuQgfCocfiTS6BA$ajZSCLHLyXYfCkmy84W3tRwKXYta4RpogWS30O2AJLA";

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    unknown_clients: BoundedQueue,
    throttled: BoundedQueue,
}

/// The priority of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// A user, or an address that the account was logged in to from. Waits for no unknown client but the one served.
    High,
    /// An unknown client.
    Normal,
    /// An unknown client that retries while many attempts name the same account: delayed, and one at a time.
    Low,
}

/// A bounded queue: permits for waiting, and permits for being served.
#[derive(Clone)]
struct BoundedQueue {
    waiting: Arc<Semaphore>,
    served: Arc<Semaphore>,
}

/// A permit to hash; dropping it admits the next.
pub struct HashPermit {
    _strangers: Option<OwnedSemaphorePermit>,
    _slowed: Option<OwnedSemaphorePermit>,
}

/// The queue is full.
#[derive(Debug, thiserror::Error)]
#[error("too many logins are waiting")]
pub struct QueueFull;

const MAX_WAITING: usize = 256;
const MAX_SLOWED: usize = 64;
const SLOWED_BY: Duration = Duration::from_millis(500);

/// The result of checking a password.
pub struct Checked {
    pub is_right: bool,
    /// The hash is weaker than a new one, or of the password without normalization.
    pub is_outdated: bool,
}

impl Passwords {
    pub fn new() -> Self {
        let at_once = available_parallelism().map_or(2, NonZero::get);
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            unknown_clients: BoundedQueue::new(MAX_WAITING, (at_once - 1).max(1)),
            throttled: BoundedQueue::new(MAX_SLOWED, 1),
        }
    }

    /// Waits for a permit, to be held while hashing or checking.
    pub async fn queue(&self, priority: Priority) -> Result<HashPermit, QueueFull> {
        let (throttled, unknown_clients) = match priority {
            Priority::High => (None, None),
            Priority::Normal => (None, Some(self.unknown_clients.enter(Duration::ZERO).await?)),
            Priority::Low => {
                let throttled = self.throttled.enter(SLOWED_BY).await?;
                (Some(throttled), Some(self.unknown_clients.enter(Duration::ZERO).await?))
            }
        };
        Ok(HashPermit { _strangers: unknown_clients, _slowed: throttled })
    }

    /// Hashes a password to a PHC string.
    pub async fn hash(&self, password: &Secret) -> String {
        let password = password.clone();
        self.in_place(move || hash_now(&normalized(password.expose()))).await
    }

    /// Checks against a stored hash, or against the dummy: then it is never right.
    pub async fn check(&self, password: &Secret, stored: Option<&str>) -> Checked {
        if password.expose().len() > MAX_BYTES {
            return Checked { is_right: false, is_outdated: false };
        }
        let exists = stored.is_some();
        let hash = stored.unwrap_or(DUMMY_HASH).to_owned();
        let password = password.clone();
        let checked = self.in_place(move || check_now(password.expose(), &hash)).await;
        Checked { is_right: exists && checked.is_right, ..checked }
    }

    async fn in_place<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> R {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        spawn_blocking(work).await.expect("hashing does not panic")
    }
}

impl BoundedQueue {
    fn new(waiting: usize, served: usize) -> Self {
        Self { waiting: Arc::new(Semaphore::new(waiting)), served: Arc::new(Semaphore::new(served)) }
    }

    async fn enter(&self, delay: Duration) -> Result<OwnedSemaphorePermit, QueueFull> {
        let _waiting = self.waiting.try_acquire().map_err(|_| QueueFull)?;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        Ok(Arc::clone(&self.served).acquire_owned().await.expect("the semaphore is never closed"))
    }
}

fn argon() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> String {
    argon().hash_password(password.as_bytes()).expect("argon2 takes every password of this length").to_string()
}

/// Older hashes are of the password without normalization. Both are tried for every account alike, also for the dummy.
fn check_now(password: &str, stored: &str) -> Checked {
    let Ok(hash) = PasswordHash::new(stored) else { return Checked { is_right: false, is_outdated: false } };
    let is_of = |text: &str| argon().verify_password(text.as_bytes(), &hash).is_ok();
    let normal = normalized(password);
    let is_normal = is_of(&normal);
    let is_right = is_normal || (normal != password && is_of(password));
    let is_weak = Params::try_from(&hash).map_or(true, |params| {
        params.m_cost() < MEMORY_KIB || params.t_cost() < ITERATIONS || hash.algorithm.as_str() != "argon2id"
    });
    Checked { is_right, is_outdated: is_weak || !is_normal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_an_account_is_right() {
        let passwords = Passwords::new();
        let right = Secret::new("vexing walrus umbrella");
        let hash = passwords.hash(&right).await;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.check(&right, Some(&hash)).await.is_right);
        assert!(!passwords.check(&Secret::new("vexing walrus"), Some(&hash)).await.is_right);
        assert!(!passwords.check(&Secret::new("correct horse battery staple"), None).await.is_right);
        assert!(!passwords.check(&right, Some("not a hash")).await.is_right);
    }

    #[tokio::test]
    async fn strangers_wait_for_each_other_and_no_one_for_them() {
        use futures_util::FutureExt;
        let passwords = Passwords { unknown_clients: BoundedQueue::new(2, 1), ..Passwords::new() };
        let first = passwords.queue(Priority::Normal).await.unwrap();
        let mut waiting = [Box::pin(passwords.queue(Priority::Normal)), Box::pin(passwords.queue(Priority::Normal))];
        for waits in &mut waiting {
            assert!(waits.now_or_never().is_none());
        }
        assert!(passwords.queue(Priority::Normal).now_or_never().unwrap().is_err(), "no more may wait");
        assert!(passwords.queue(Priority::High).now_or_never().unwrap().is_ok());
        drop(first);
        let [next, _] = waiting;
        assert!(next.now_or_never().unwrap().is_ok());
    }

    #[test]
    fn the_dummy_takes_as_long_as_a_hash_made_today() {
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(DUMMY_HASH), cost(&hash_now("any")));
    }

    #[tokio::test]
    async fn a_weaker_hash_is_told() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8 * 1024, 1, 1, None).unwrap());
        let hash = weak.hash_password(b"vexing walrus umbrella").unwrap().to_string();
        let checked = Passwords::new().check(&Secret::new("vexing walrus umbrella"), Some(&hash)).await;
        assert!(checked.is_right && checked.is_outdated);
    }

    #[tokio::test]
    async fn a_password_may_be_typed_composed_or_decomposed() {
        use unicode_normalization::UnicodeNormalization;
        let passwords = Passwords::new();
        let (composed, decomposed) = ("größe", "größe".nfd().collect::<String>());
        for (set, typed) in [(composed, decomposed.as_str()), (&decomposed, composed), (composed, composed)] {
            let hash = passwords.hash(&Secret::new(set)).await;
            let checked = passwords.check(&Secret::new(typed), Some(&hash)).await;
            assert!(checked.is_right && !checked.is_outdated);
        }
    }

    #[tokio::test]
    async fn a_hash_made_without_normalization_is_outdated() {
        let typed = "ﬁne\u{a0}weather";
        let hash = argon().hash_password(typed.as_bytes()).unwrap().to_string();
        let checked = Passwords::new().check(&Secret::new(typed), Some(&hash)).await;
        assert!(checked.is_right && checked.is_outdated);
    }

    #[tokio::test]
    async fn what_is_far_too_long_is_never_right() {
        let passwords = Passwords::new();
        let long = Secret::new("x".repeat(MAX_BYTES + 1));
        let hash = passwords.hash(&long).await;
        assert!(!passwords.check(&long, Some(&hash)).await.is_right);
    }
}
