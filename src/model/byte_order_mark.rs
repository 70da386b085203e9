//! Removal of the byte order mark that some editors and shells put before a text: it marks the encoding and is no part
//! of the text (RFC 3629 §6).

const MARK: &str = "\u{feff}";

/// The text without leading marks.
pub fn without_bom(text: &str) -> &str {
    text.trim_start_matches(MARK)
}

/// The same for undecoded text.
pub fn bytes_without_bom(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some(behind) = rest.strip_prefix(MARK.as_bytes()) {
        rest = behind;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mark_in_front_is_taken_away() {
        for (text, rest) in
            [("\u{feff}a", "a"), ("\u{feff}\u{feff}a", "a"), ("a\u{feff}", "a\u{feff}"), ("\u{feff}", ""), ("", "")]
        {
            assert_eq!(without_bom(text), rest);
            assert_eq!(bytes_without_bom(text.as_bytes()), rest.as_bytes());
        }
        assert_eq!(bytes_without_bom(b"\xef\xbb"), b"\xef\xbb");
    }
}
