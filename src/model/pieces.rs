//! Event boundaries of a reply. With the text they give the same events again, on every replica and at any later time,
//! so that a reader that was cut off continues without a gap.

/// The length of each piece in bytes, in LEB128 (seven bits a byte, the lowest first), which for most is one byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces(Vec<u8>);

impl Pieces {
    /// Encodes the pieces that end at these offsets.
    pub fn ending_at(ends: &[usize]) -> Self {
        let mut lengths = Vec::with_capacity(ends.len());
        let mut start = 0;
        for end in ends {
            let mut length = end - start;
            while length > 0x7f {
                lengths.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            lengths.push(length as u8);
            start = *end;
        }
        Self(lengths)
    }

    /// Wraps the stored bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The pieces of this text; `None` if the lengths do not fit it.
    pub fn of<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        let (mut length, mut shift) = (0_usize, 0);
        for byte in &self.0 {
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                let (piece, more) = rest.split_at_checked(length)?;
                pieces.push(piece);
                (rest, length, shift) = (more, 0, 0);
            }
        }
        (rest.is_empty() && shift == 0).then_some(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_apart_as_it_was_put_together() {
        let texts = ["a", "ö", &"x".repeat(127), &"y".repeat(128), &"z".repeat(70_000), "end"];
        let (mut text, mut ends) = (String::new(), Vec::new());
        for piece in texts {
            text.push_str(piece);
            ends.push(text.len());
        }
        let pieces = Pieces::from_bytes(Pieces::ending_at(&ends).bytes().to_vec());
        assert_eq!(pieces.of(&text).unwrap(), texts);
        assert_eq!(pieces.bytes().len(), 1 + 1 + 1 + 2 + 3 + 1);
        assert_eq!(Pieces::default().of("").unwrap(), [""; 0]);
    }

    #[test]
    fn another_text_does_not_fit() {
        let pieces = Pieces::ending_at(&[1, 3]);
        for text in ["", "ab", "abcd", "aöb"] {
            assert_eq!(pieces.of(text), None, "{text}");
        }
        assert_eq!(pieces.of("aö").unwrap(), ["a", "ö"]);
        assert_eq!(Pieces::from_bytes(vec![0x80]).of(""), None);
        assert_eq!(Pieces::from_bytes(vec![0xff; 20]).of("x"), None);
    }
}
