//! Looks for a request head with both `Content-Length` and `Transfer-Encoding`, which is how requests are smuggled past
//! proxies (RFC 9112 §6.1). hyper follows the second and drops the first, so that a handler would never see it.
//!
//! It reads the raw input by lines, and only while a head is awaited. It follows bodies with a length; after a chunked
//! one it pauses until the next head is awaited, and hyper closes the connection where it was ambiguous.

const LENGTH: &[u8] = b"content-length:";
const CODING: &[u8] = b"transfer-encoding:";
/// As much of a line as decides: the longer name, and the digits of a length.
const KEPT: usize = 40;

#[derive(Default)]
pub(super) struct Heads {
    line: Vec<u8>,
    /// The line's whole length without its end.
    line_length: usize,
    lines: usize,
    has_length: bool,
    has_coding: bool,
    body_length: u64,
    skip: u64,
    paused: bool,
    ambiguous: bool,
}

impl Heads {
    /// What follows is a new head, unless one has begun.
    pub(super) fn resume(&mut self) {
        if self.paused {
            *self = Self { ambiguous: self.ambiguous, ..Self::default() };
        }
    }

    /// Whether an ambiguous head has been seen so far.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Whether a head's first line has begun and not ended.
    pub(super) fn is_in_first_line(&self) -> bool {
        self.lines == 0 && self.line_length > 0
    }

    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.paused {
            if self.skip > 0 {
                let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.keep(&bytes[..end.unwrap_or(bytes.len())]);
            match end {
                Some(end) => {
                    self.end_line();
                    bytes = &bytes[end + 1..];
                }
                None => return,
            }
        }
    }

    fn keep(&mut self, part: &[u8]) {
        let kept = part.len().min(KEPT - self.line.len());
        self.line.extend_from_slice(&part[..kept]);
        self.line_length += part.len();
    }

    fn end_line(&mut self) {
        let is_blank = self.line_length == 0 || (self.line_length == 1 && self.line == b"\r");
        if is_blank && self.lines > 0 {
            self.end_head();
        } else if !is_blank {
            self.lines += 1;
            if let Some(length) = value_of(&self.line, LENGTH) {
                self.has_length = true;
                self.body_length = length.trim().parse().unwrap_or(0);
            }
            self.has_coding |= value_of(&self.line, CODING).is_some();
        }
        self.line.clear();
        self.line_length = 0;
    }

    fn end_head(&mut self) {
        self.ambiguous |= self.has_length && self.has_coding;
        self.paused = self.has_coding;
        self.skip = self.body_length;
        (self.lines, self.has_length, self.has_coding, self.body_length) = (0, false, false, 0);
    }
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| str::from_utf8(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: &str = "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 5\r\nTransfer-Encoding: chunked\r\n\r\n";

    fn is_ambiguous(text: &str, piece: usize) -> bool {
        let mut heads = Heads::default();
        text.as_bytes().chunks(piece).for_each(|piece| heads.read(piece));
        heads.is_ambiguous()
    }

    proptest! {
        #[test]
        fn a_head_with_both_is_found_wherever_it_is_cut(piece in 1_usize..200) {
            prop_assert!(is_ambiguous(BOTH, piece));
            let after_another = format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{BOTH}");
            prop_assert!(is_ambiguous(&after_another, piece));
            let after_a_body = format!("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{{\"a\":\n\n1}}{BOTH}");
            prop_assert!(is_ambiguous(&after_a_body, piece));
            prop_assert!(is_ambiguous(&BOTH.replace("\r\n", "\n"), piece));
        }

        #[test]
        fn two_heads_with_one_each_are_fine(piece in 1_usize..200) {
            let two = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
            prop_assert!(!is_ambiguous(two, piece));
            let quoted = "POST / HTTP/1.1\r\nContent-Length: 26\r\n\r\nTransfer-Encoding: chunked\r\n\r\n";
            prop_assert!(!is_ambiguous(quoted, piece));
            let in_chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n14\r\ncontent-length: 5\r\n\r\n\r\n0\r\n\r\n";
            prop_assert!(!is_ambiguous(in_chunks, piece));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, piece in 1_usize..50) {
            let mut heads = Heads::default();
            bytes.chunks(piece).for_each(|piece| heads.read(piece));
        }
    }
}
