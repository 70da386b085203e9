//! Sizes in bytes: written as a whole number, or with a unit like `"64KiB"` and `"1MiB"`.

use super::{
    input::{Input, Wrong},
    value::{Amount, Context, Value},
};

const UNITS: [(&str, u64); 6] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) struct Size(pub usize);

impl Value for Size {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let plain = input.integer().and_then(|bytes| u64::try_from(bytes).ok());
        let bytes = plain.or_else(|| input.text().and_then(bytes)).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| Wrong::not(input, "a size", "write it like \"64KiB\" or \"1MiB\", or in bytes"))
    }
}

impl Amount for Size {
    fn written(&self) -> String {
        format!("\"{}\"", size(self.0).replace(' ', ""))
    }
}

fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Formats a size in the largest binary unit that is exact.
pub fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("1MiB", Some(1 << 20)),
            ("64 KiB", Some(1 << 16)),
            ("2mb", Some(2_000_000)),
            ("1GiB", Some(1 << 30)),
            ("1.5MiB", None),
            ("MiB", None),
            ("1 parsec", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_size_is_told_in_the_unit_that_is_exact() {
        for (bytes, told) in [(0, "0 bytes"), (1025, "1025 bytes"), (1 << 16, "64 KiB"), (3 << 20, "3 MiB")] {
            assert_eq!(size(bytes), told);
        }
    }
}
