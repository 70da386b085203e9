//! A prefix of an id, as typed at a shell: enough of it to name one object.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::Invalid;

/// All ids with a prefix: those from `low` to `high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPrefix {
    text: String,
    pub low: Uuid,
    pub high: Uuid,
}

impl IdPrefix {
    /// The id, if the prefix is a whole one.
    pub fn exact(&self) -> Option<Uuid> {
        (self.low == self.high).then_some(self.low)
    }

    pub fn begins(&self, id: Uuid) -> bool {
        (self.low..=self.high).contains(&id)
    }
}

impl FromStr for IdPrefix {
    type Err = Invalid;

    /// Accepts an id with or without hyphens, and the trailing dots of examples.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim().trim_end_matches(['…', '.']);
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let is_in_place = |(at, c): (usize, char)| (c == '-') == matches!(at, 8 | 13 | 18 | 23);
        let has_form = text.char_indices().all(is_in_place) || digits.len() == text.len();
        if digits.is_empty() || digits.len() > 32 || !has_form || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(Invalid::new("id", "must be an id, or how one begins, like 01a214a8-df89"));
        }
        let filled = |with: &str| u128::from_str_radix(&format!("{digits}{}", with.repeat(32 - digits.len())), 16);
        let [low, high] = ["0", "f"].map(|with| Uuid::from_u128(filled(with).expect("32 digits are a number")));
        Ok(Self { text: text.to_owned(), low, high })
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_covers_every_id_that_begins_so() {
        let id: Uuid = "01a214a8-df89-7245-8101-9faf67168086".parse().unwrap();
        let whole = id.to_string();
        for length in 1..=whole.len() {
            let prefix: IdPrefix = whole[..length].parse().unwrap();
            assert!(prefix.begins(id), "{length}");
            assert_eq!(prefix.exact(), (length == whole.len()).then_some(id), "{length}");
        }
        for same in ["01a2…", "01A2", "01a214a8df89", "01a2...", " 01a2 "] {
            assert!(same.parse::<IdPrefix>().unwrap().begins(id), "{same}");
        }
        assert!(!"01a3".parse::<IdPrefix>().unwrap().begins(id));
        for wrong in ["", "…", "g", "01a2-14a8", "-", &format!("{whole}0"), "01a214a8_df89"] {
            assert!(wrong.parse::<IdPrefix>().is_err(), "{wrong}");
        }
    }
}
