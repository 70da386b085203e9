//! Password hashes: argon2id at OWASP's first recommendation (m = 19 MiB, t = 2, p = 1), off the async threads, and only
//! so many at once: each takes 19 MiB and some 20 ms of a core.

use std::{num::NonZero, sync::Arc, thread::available_parallelism};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use rand::RngExt;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{config::Secret, model::Invalid};

const MEMORY_KIB: u32 = 19 * 1024;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;
const MAX_PASSWORD_CHARS: usize = 256;

/// The hash of a password that nobody kept: for accounts that nobody is to log in to, and checked where there is no account,
/// so that an unknown name takes as long as a wrong password. Made as every hash is; a test holds it to that.
pub const UNKNOWN_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Byq1UqqSuQgfCocfiTS6BA$ajZSCLHLyXYfCkmy84W3tRwKXYta4RpogWS30O2AJLA";

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
}

/// What came of checking a password.
pub struct Checked {
    pub is_right: bool,
    /// The hash is weaker than what is made today.
    pub is_outdated: bool,
}

impl Passwords {
    pub fn new() -> Self {
        let at_once = available_parallelism().map_or(2, NonZero::get);
        Self { places: Arc::new(Semaphore::new(at_once)) }
    }

    /// A PHC string, fit to be stored.
    pub async fn hash(&self, password: &Secret) -> String {
        let password = password.clone();
        self.in_place(move || hash_now(password.expose())).await
    }

    /// Checks against a stored hash, or against the dummy: then it is never right.
    pub async fn check(&self, password: &Secret, stored: Option<&str>) -> Checked {
        let exists = stored.is_some();
        let hash = stored.unwrap_or(UNKNOWN_PASSWORD).to_owned();
        let password = password.clone();
        let checked = self.in_place(move || check_now(password.expose(), &hash)).await;
        Checked { is_right: exists && checked.is_right, ..checked }
    }

    async fn in_place<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> R {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        spawn_blocking(work).await.expect("hashing does not panic")
    }
}

fn argon() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> String {
    argon().hash_password(password.as_bytes()).expect("argon2 takes every password of this length").to_string()
}

fn check_now(password: &str, stored: &str) -> Checked {
    let Ok(hash) = PasswordHash::new(stored) else { return Checked { is_right: false, is_outdated: false } };
    let is_right = argon().verify_password(password.as_bytes(), &hash).is_ok();
    let is_outdated = Params::try_from(&hash).map_or(true, |params| {
        params.m_cost() < MEMORY_KIB || params.t_cost() < ITERATIONS || hash.algorithm.as_str() != "argon2id"
    });
    Checked { is_right, is_outdated }
}

/// What a password must be like.
#[derive(Clone, Copy, Debug)]
pub struct PasswordPolicy {
    pub min_chars: usize,
}

impl PasswordPolicy {
    /// Length and strength instead of composition rules (NIST SP 800-63B): zxcvbn gives at least 3 of 4, and the user's
    /// own names count as known words.
    pub fn check(self, password: &Secret, own_words: &[&str]) -> Result<(), Invalid> {
        let text = password.expose();
        let chars = text.chars().count();
        if chars < self.min_chars || chars > MAX_PASSWORD_CHARS {
            let message = format!("must have {} to {MAX_PASSWORD_CHARS} characters; it has {chars}", self.min_chars);
            return Err(Invalid::new("password", message));
        }
        let lower = text.to_lowercase();
        if own_words.iter().any(|word| !word.is_empty() && lower == word.to_lowercase()) {
            return Err(Invalid::new("password", "must not be the user's own name"));
        }
        let estimate = zxcvbn::zxcvbn(text, own_words);
        if estimate.score() < zxcvbn::Score::Three {
            let advice = estimate.feedback().and_then(|told| told.warning()).map(|warning| format!(" ({warning})"));
            let message =
                format!("is too easy to guess{}; use a few unrelated words", advice.unwrap_or_default().to_lowercase());
            return Err(Invalid::new("password", message));
        }
        Ok(())
    }
}

/// 24 letters and digits, about 140 bits, without those that look alike.
pub fn generate_password() -> Secret {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut random = rand::rng();
    Secret::new((0..24).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect::<String>())
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

    #[test]
    fn the_dummy_takes_as_long_as_a_hash_made_today() {
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(UNKNOWN_PASSWORD), cost(&hash_now("any")));
        assert!(!check_now("any", UNKNOWN_PASSWORD).is_outdated);
    }

    #[tokio::test]
    async fn a_weaker_hash_is_told() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8 * 1024, 1, 1, None).unwrap());
        let hash = weak.hash_password(b"vexing walrus umbrella").unwrap().to_string();
        let checked = Passwords::new().check(&Secret::new("vexing walrus umbrella"), Some(&hash)).await;
        assert!(checked.is_right && checked.is_outdated);
    }

    #[test]
    fn passwords_are_long_and_hard_to_guess() {
        let policy = PasswordPolicy { min_chars: 15 };
        let check = |password: &str| {
            policy.check(&Secret::new(password), &["ada", "ada@example.org", "ada.lovelace.of.ockham"])
        };
        assert_eq!(check("vexing walrus umbrella"), Ok(()));
        for bad in ["short", "passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "ada.lovelace.of.ockham", &"x7".repeat(200)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(policy.check(&generate_password(), &[]), Ok(()));
    }
}
