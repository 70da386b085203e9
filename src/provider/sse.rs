//! Reading server-sent events from bytes as they come, however they are cut (HTML standard, §9.2.6). Nothing is kept but
//! the event that is being read, and that is bounded.

/// An event larger than this is not read on.
const MAX_EVENT: usize = 1024 * 1024;

/// The event is larger than anything a provider sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Feed it bytes; it hands out events.
#[derive(Default)]
pub(super) struct Parser {
    /// The line that is being read, without its end.
    line: Vec<u8>,
    event: String,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR: an LF right after it belongs to it.
    after_cr: bool,
    /// Something has been read, so a byte-order mark is none any more.
    begun: bool,
}

impl Parser {
    /// Hands every event that is complete now to `on_event` as its name (empty if it has none) and its data. An error of
    /// `on_event` ends the reading.
    pub(super) fn feed<E: From<TooLarge>>(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(&str, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.keep(&bytes[..end])?;
            let was_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if was_cr {
                self.after_cr = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            self.end_line(&mut on_event)?;
        }
        Ok(self.keep(bytes)?)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > MAX_EVENT {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line<E>(&mut self, on_event: &mut impl FnMut(&str, &str) -> Result<(), E>) -> Result<(), E> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        let outcome = if line.is_empty() { self.dispatch(on_event) } else { Ok(self.take_field(&line)) };
        line.clear();
        self.line = line;
        outcome
    }

    fn take_field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = colon.map_or((line, &[][..]), |colon| (&line[..colon], &line[colon + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            // Comments (no name), ids, retry times and what may be invented later.
            _ => {}
        }
    }

    fn dispatch<E>(&mut self, on_event: &mut impl FnMut(&str, &str) -> Result<(), E>) -> Result<(), E> {
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        let outcome =
            if std::mem::take(&mut self.has_data) { on_event(&event, &String::from_utf8_lossy(&data)) } else { Ok(()) };
        data.clear();
        self.data = data;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<(String, String)>, TooLarge> {
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        for chunk in chunks {
            parser.feed(chunk, |event, data| {
                events.push((event.to_owned(), data.to_owned()));
                Ok(())
            })?;
        }
        Ok(events)
    }

    const STREAM: &str = "\u{feff}: comment\n\nevent: a\ndata: x ✓\ndata:y\nid: 7\nretry: 1\n\nevent: none\n\ndata\n\ndata: {\"t\":\"🦀\"}\n\nnonsense\ndata: end\n\ndata: unfinished";

    fn events() -> Vec<(String, String)> {
        [("a", "x ✓\ny"), ("", ""), ("", "{\"t\":\"🦀\"}"), ("", "end")].map(|(e, d)| (e.into(), d.into())).to_vec()
    }

    #[test]
    fn every_cut_and_every_line_end_gives_the_same_events() {
        for line_end in ["\n", "\r\n", "\r"] {
            let stream = STREAM.replace('\n', line_end);
            let bytes = stream.as_bytes();
            for cut in 0..=bytes.len() {
                assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]).unwrap(), events(), "{line_end:?} cut at {cut}");
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(&single).unwrap(), events());
        }
    }

    #[test]
    fn an_event_without_end_is_refused_before_it_fills_memory() {
        let piece = vec![b'x'; 64 * 1024];
        let mut chunks: Vec<&[u8]> = vec![b"data: "];
        chunks.extend(std::iter::repeat_n(piece.as_slice(), 17));
        assert_eq!(read(&chunks), Err(TooLarge));
        let line = [b"data: ".as_slice(), &piece, b"\n"].concat();
        assert_eq!(read(&vec![line.as_slice(); 17]), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..10)) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            prop_assert!(read(&chunks).is_ok());
        }
    }
}
