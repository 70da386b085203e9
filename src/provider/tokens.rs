//! Token counts: the provider's, or an estimate where it reports none.

/// The tokens of a call, as its provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All input, that from the provider's cache included.
    pub input: u64,
    pub output: u64,
    /// How many of `input` came from the provider's cache.
    pub cached: u64,
}

impl Tokens {
    /// From a provider's numbers. More than fits 32 bits is nonsense, and would be nonsense in a price too.
    pub(super) fn said(input: u64, output: u64, cached: u64) -> Self {
        let most = u64::from(u32::MAX);
        let input = input.min(most);
        Self { input, output: output.min(most), cached: cached.min(input) }
    }

    /// The higher one of each count.
    pub(super) fn max(self, other: Self) -> Self {
        let input = self.input.max(other.input);
        Self { input, output: self.output.max(other.output), cached: self.cached.max(other.cached) }
    }

    /// Replaces zeros by the estimates, `counted`: no request and no text has zero tokens. Returns also whether it did.
    pub fn or_counted(self, counted: Self) -> (Self, bool) {
        let input = if self.input == 0 { counted.input } else { self.input };
        let output = if self.output == 0 { counted.output } else { self.output };
        let tokens = Self { input, output, cached: self.cached };
        (tokens, tokens != self)
    }
}

/// Input as Anthropic counts it: without what was read from its cache or written to it. Zero where not reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SplitInput {
    pub fresh: u64,
    pub read: u64,
    pub written: u64,
}

impl SplitInput {
    /// Takes the earlier counts where none is reported.
    pub(super) fn or(self, before: Self) -> Self {
        let or = |now: u64, before: u64| if now == 0 { before } else { now };
        Self {
            fresh: or(self.fresh, before.fresh),
            read: or(self.read, before.read),
            written: or(self.written, before.written),
        }
    }

    pub(super) fn tokens(self, output: u64) -> Tokens {
        Tokens::said(self.fresh.saturating_add(self.read).saturating_add(self.written), output, self.read)
    }
}

/// Estimates the tokens of a text: one for every four bytes of UTF-8, rounded up.
///
/// The usual rule is four characters of English to a token. Counting bytes keeps it for English and comes nearer for
/// the rest: tokenizers work on bytes, and a Cyrillic letter (two bytes) or a Chinese character (three) costs more of a
/// token than a Latin one.
pub fn estimate_tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_are_a_token() {
        for (text, tokens) in [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("слово", 3), ("你好", 2), ("🦀", 1)]
        {
            assert_eq!(estimate_tokens(text), tokens, "{text}");
        }
    }
}
