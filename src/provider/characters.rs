//! Joining of surrogate pairs across texts: JSON writes characters beyond the BMP as two escapes, a surrogate pair, and
//! some servers put the halves into two events. A lone half becomes U+FFFD, as in every decoder of UTF-16.

use super::lenient::Text;

/// A high surrogate whose low one may follow.
#[derive(Debug, Default)]
pub struct HalfCharacter(Option<u16>);

impl HalfCharacter {
    /// Prepends the pending half, and holds back one at the end.
    pub fn join<'t>(&mut self, text: &'t Text<'_>) -> std::borrow::Cow<'t, str> {
        if let (None, Ok(text)) = (self.0, str::from_utf8(&text.bytes)) {
            return text.into();
        }
        if text.is_empty() {
            return "".into();
        }
        let mut units: Vec<u16> = self.0.take().into_iter().collect();
        read_units(&text.bytes, &mut units);
        self.0 = units.pop_if(|last| is_first_half(*last));
        String::from_utf16_lossy(&units).into()
    }

    /// The replacement of a half that stayed alone.
    pub fn end(&mut self) -> Option<&'static str> {
        self.0.take().map(|_| "\u{fffd}")
    }
}

fn is_first_half(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

/// Reads WTF-8, in which a surrogate is three bytes, as UTF-16.
fn read_units(mut bytes: &[u8], units: &mut Vec<u16>) {
    while let Some(chunk) = bytes.utf8_chunks().next() {
        units.extend(chunk.valid().encode_utf16());
        bytes = &bytes[chunk.valid().len()..];
        let surrogate = match bytes {
            [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
                Some(0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f))
            }
            _ => None,
        };
        let skipped = if surrogate.is_some() { 3 } else { chunk.invalid().len() };
        if skipped > 0 {
            units.push(surrogate.unwrap_or(0xfffd));
        }
        bytes = &bytes[skipped..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[&str]) -> String {
        let mut half = HalfCharacter::default();
        let mut whole = String::new();
        for piece in pieces {
            let json = format!("\"{piece}\"");
            whole.push_str(&half.join(&serde_json::from_str(&json).unwrap()));
        }
        whole.extend(half.end());
        whole
    }

    #[test]
    fn halves_are_joined_and_lone_ones_replaced() {
        for (pieces, whole) in [
            (&["plain", " text"][..], "plain text"),
            (&["crab \\ud83e", "\\udd80 end"], "crab 🦀 end"),
            (&["\\ud83e", "", "\\udd80"], "🦀"),
            (&["x \\ud83e", " y"], "x \u{fffd} y"),
            (&["x \\ud83e"], "x \u{fffd}"),
            (&["\\udd80 y"], "\u{fffd} y"),
            (&["a\\ud83eb\\udd80c"], "a\u{fffd}b\u{fffd}c"),
            (&["\\ud83e", "\\ud83e\\udd80"], "\u{fffd}🦀"),
            (&["\\ud83e", "\\ud83e", "\\udd80é"], "\u{fffd}🦀é"),
            (&["\\udd80", "\\ud83e"], "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(joined(pieces), whole, "{pieces:?}");
        }
    }
}
