//! Decoder of server-sent events (WHATWG HTML, 9.2), from bytes in pieces cut anywhere. `id` and `retry` are ignored: a
//! provider's stream cannot be resumed.

use std::borrow::Cow;

use memchr::memchr2;
use serde::de::IgnoredAny;

use super::{Failure, FailureKind};

/// The most bytes kept of an event that has not ended.
const MAX_EVENT: usize = 1024 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// An event. `name` is empty if the stream gave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    pub name: &'a str,
    pub data: &'a str,
}

impl Event<'_> {
    pub fn is_error(&self) -> bool {
        self.name.eq_ignore_ascii_case("error")
    }
}

#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a line that has not ended.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR: an LF that follows belongs to it. Waiting for it instead would delay every event of a CR
    /// stream.
    after_cr: bool,
    /// A line has ended, so no BOM can follow.
    begun: bool,
}

impl Decoder {
    /// Takes the next bytes and passes on every event they complete.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(Event<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !bytes.is_empty() && std::mem::take(&mut self.after_cr) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let line = &bytes[..end];
            let is_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if is_cr {
                self.after_cr = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            self.end_line(line, &mut on_event)?;
        }
        self.make_room(bytes.len())?;
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends a stream that did not break. An event without its blank line is incomplete, says the standard; but some
    /// servers end so, and a whole JSON object cannot have been cut.
    pub fn finish(&mut self, mut on_event: impl FnMut(Event<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.take_line(&line, &mut on_event)?;
        }
        let data = self.data.trim_ascii();
        let is_whole =
            data == b"[DONE]" || (data.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(data).is_ok());
        if is_whole { self.end_event(&mut on_event) } else { Ok(()) }
    }

    /// Ends a line with `rest`; its beginning is in `self.line`.
    fn end_line(
        &mut self,
        rest: &[u8],
        on_event: &mut impl FnMut(Event<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.make_room(rest.len())?;
        if self.line.is_empty() {
            return self.take_line(rest, on_event);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(rest);
        let taken = self.take_line(&line, on_event);
        line.clear();
        self.line = line;
        taken
    }

    fn take_line(
        &mut self,
        mut line: &[u8],
        on_event: &mut impl FnMut(Event<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event(on_event);
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = colon.map_or((line, &[][..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {}
        }
        Ok(())
    }

    fn end_event(&mut self, on_event: &mut impl FnMut(Event<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        let taken = if std::mem::take(&mut self.has_data) {
            let (name, data) = (text(&self.name), text(&self.data));
            on_event(Event { name: &name, data: &data })
        } else {
            Ok(())
        };
        self.name.clear();
        self.data.clear();
        taken
    }

    fn make_room(&self, more: usize) -> Result<(), Failure> {
        if self.line.len() + self.data.len() + self.name.len() + more > MAX_EVENT {
            return Err(Failure::new(FailureKind::Protocol, "the provider sent an event over 1 MiB"));
        }
        Ok(())
    }
}

/// Decodes UTF-8, with U+FFFD for invalid bytes. A separate check is faster for valid text.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<(String, String)>, Failure> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            decoder.feed(piece, |event| {
                events.push((event.name.to_owned(), event.data.to_owned()));
                Ok(())
            })?;
        }
        Ok(events)
    }

    fn whole(stream: &str) -> Vec<(String, String)> {
        decode([stream.as_bytes()]).unwrap()
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        for (stream, events) in [
            ("data: a\n\n", &[("", "a")][..]),
            ("data:a\ndata:  b\ndata\ndata:\n\n", &[("", "a\n b\n\n")]),
            ("event: x\ndata: 1\n\ndata: 2\n\n", &[("x", "1"), ("", "2")]),
            ("event: lost\n\ndata: 1\n\n", &[("", "1")]),
            (": comment\n:\nid: 7\nretry: 10\nnonsense\ndata : x\nDATA: y\n\n", &[]),
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", &[("", "a")]),
            ("data: a\r\rdata: b\r\n\r\ndata: c\n\n", &[("", "a"), ("", "b"), ("", "c")]),
            ("data: {\"a\":\"b: c\"}\n\n", &[("", "{\"a\":\"b: c\"}")]),
            ("data\n\n", &[("", "")]),
            ("data: never ended\n", &[]),
            ("\n\n\n", &[]),
        ] {
            let events: Vec<_> = events.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
            assert_eq!(whole(stream), events, "{stream:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_replaced() {
        assert_eq!(decode([&b"data: a\xffb\n\n"[..]]).unwrap(), [(String::new(), "a\u{fffd}b".to_owned())]);
    }

    #[test]
    fn an_event_ends_with_its_cr_before_the_next_byte() {
        assert_eq!(whole("data: a\r\r").len(), 1);
    }

    #[test]
    fn an_event_over_a_mebibyte_fails_however_it_comes() {
        let long = "x".repeat(MAX_EVENT + 1);
        let many = "data: 0123456789\n".repeat(MAX_EVENT / 10);
        for stream in [format!("data: {long}\n\n"), long.clone(), format!(": {long}\n"), format!("event: {long}"), many]
        {
            for size in [1 << 14, stream.len()] {
                let failure = decode(stream.as_bytes().chunks(size)).unwrap_err();
                assert_eq!(failure.kind, FailureKind::Protocol);
            }
        }
    }

    #[test]
    fn many_small_events_are_never_too_much() {
        let stream = "data: 0123456789\n\n".repeat(MAX_EVENT / 10);
        assert_eq!(whole(&stream).len(), MAX_EVENT / 10);
    }

    #[test]
    fn an_event_without_blank_line_counts_if_it_is_whole() {
        for (stream, data) in [
            ("data: {\"a\":1}\n", Some("{\"a\":1}")),
            ("data: {\"a\":1}", Some("{\"a\":1}")),
            ("data: [DONE]", Some("[DONE]")),
            ("data: {\ndata: \"a\":1}", Some("{\n\"a\":1}")),
            ("data: {\"a\":1", None),
            ("data: [DON", None),
            ("data: 12", None),
            ("data: word\n", None),
            ("dat", None),
            ("data: {\"a\":1}\n\n", None),
        ] {
            let mut decoder = Decoder::default();
            decoder.feed(stream.as_bytes(), |_| Ok(())).unwrap();
            let mut last = None;
            let finished = decoder.finish(|event| {
                last = Some(event.data.to_owned());
                Ok(())
            });
            finished.unwrap();
            assert_eq!(last.as_deref(), data, "{stream:?}");
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(stream in "(\u{feff}|\r|\n|\r\n|data|event|:| |é|🦀|x|data: ü\n\n){0,40}", cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let bytes = stream.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            prop_assert_eq!(decode(pieces).unwrap(), whole(&stream));
        }

        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            decode(pieces.iter().map(Vec::as_slice)).unwrap();
        }
    }
}
