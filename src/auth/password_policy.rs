//! Password policy: Unicode normalization, length and strength.

use std::borrow::Cow;

use rand::RngExt;
use unicode_normalization::UnicodeNormalization;

use crate::{config::Secret, model::Invalid};

const MAX_CHARS: usize = 256;

/// The form in which a password is counted and hashed. Input methods write the same character as one code point or as
/// several: NIST SP 800-63B §3.1.1.2 wants NFKC, RFC 8265 §4.2.2 one kind of space; NFKC maps all spaces but one.
pub(super) fn normalized(password: &str) -> Cow<'_, str> {
    const OGHAM_SPACE: char = '\u{1680}';
    if password.is_ascii() {
        return password.into();
    }
    password.nfkc().map(|c| if c == OGHAM_SPACE { ' ' } else { c }).collect()
}

/// The requirements on a new password. A login has none: it compares with the account's password.
#[derive(Clone, Copy, Debug)]
pub struct PasswordPolicy {
    pub min_chars: usize,
}

impl PasswordPolicy {
    /// Length and strength instead of composition rules (NIST SP 800-63B): zxcvbn gives at least 3 of 4, and the user's
    /// own names count as known words.
    pub fn check(self, password: &Secret, own_words: &[&str]) -> Result<(), Invalid> {
        let text = &*normalized(password.expose());
        let chars = text.chars().count();
        if chars < self.min_chars || chars > MAX_CHARS {
            let message = format!("must have {} to {MAX_CHARS} characters; it has {chars}", self.min_chars);
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

    #[test]
    fn characters_are_counted_after_normalization() {
        let policy = PasswordPolicy { min_chars: 15 };
        // Fourteen syllables, each written as two code points.
        let decomposed: String = "각낙닥락막박삭악작착칵탁팍학".nfd().collect();
        assert_eq!(decomposed.chars().count(), 42);
        assert!(policy.check(&Secret::new(decomposed), &[]).unwrap_err().message.contains("it has 14"));
    }

    #[test]
    fn one_password_is_one_text() {
        let composed = "schöne größe fährt";
        for typed in ["schöne größe fährt".nfd().collect::<String>(), composed.replace(' ', "\u{a0}")] {
            assert_ne!(typed, composed);
            assert_eq!(normalized(&typed), composed);
        }
        let spaces = "a\u{3000}b\u{1680}c\u{2009}d";
        for (typed, same) in [("ｐａｓｓ　１", "pass 1"), ("ﬁn", "fin"), ("Å", "Å"), (spaces, "a b c d")] {
            assert_eq!(normalized(typed), same);
        }
        assert_eq!(normalized("Größe"), "Größe", "case stays");
    }
}
