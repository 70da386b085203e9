//! Message framing of HTTP/1 (RFC 9112 §6), parsed byte by byte beside hyper, against request smuggling. hyper lets
//! pass what other parsers read differently: of a head with both `Content-Length` and `Transfer-Encoding` it drops the
//! first, and it takes a bare LF for a line's end.
//!
//! A flaw in a head is reported by the head's number, so that its own request is refused and those before it are
//! served; then the connection closes, and nothing behind it is parsed. A flaw in a chunked body cuts the input off:
//! what stands behind it never reaches hyper.

use super::{
    MAX_HEAD_BYTES,
    http1_chunks::{Chunks, Progress},
};

const LENGTH: &[u8] = b"content-length:";
const CODING: &[u8] = b"transfer-encoding:";
/// Buffer capacity that an idle connection keeps for its next head.
const KEPT_CAPACITY: usize = 64;
/// The first line of the HTTP/2 preface.
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0\r";

/// Why a request head can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadDefect {
    LengthAndCoding,
    SeveralLengths,
    /// The length is not a number, or larger than any body.
    BadLength,
    BareLineFeed,
}

impl HeadDefect {
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::LengthAndCoding => "there are both Content-Length and Transfer-Encoding; send one",
            Self::SeveralLengths => "there are several Content-Length headers; send one",
            Self::BadLength => "the Content-Length is not a number of bytes",
            Self::BareLineFeed => "a line of the request head ends with LF alone; end lines with CR LF",
        }
    }
}

enum State {
    Head,
    Body(u64),
    Chunks(Chunks),
    /// Nothing more is parsed: a flaw was found, or this is no HTTP/1.
    Off,
}

pub(super) struct Framing {
    state: State,
    /// Number of complete heads.
    heads: u64,
    defect: Option<(u64, HeadDefect)>,
    head: Head,
    is_http2: bool,
    /// The first line names another protocol than HTTP.
    is_foreign: bool,
}

/// The current head, as far as framing needs it.
#[derive(Default)]
struct Head {
    /// No line of the connection has ended.
    is_first: bool,
    /// The line's beginning; all of it where it is about framing.
    line: Vec<u8>,
    /// The line's whole length without its LF.
    line_length: usize,
    last: u8,
    lines: usize,
    length: Option<u64>,
    has_coding: bool,
    defect: Option<HeadDefect>,
}

/// Input that must not be passed on, from this offset on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) usize);

impl Framing {
    pub(super) fn new() -> Self {
        Self { state: State::Head, heads: 0, defect: None, head: Head::first(), is_http2: false, is_foreign: false }
    }

    /// The first head with a flaw, by its number from 0. The connection ends with it.
    pub(super) fn defect(&self) -> Option<(u64, HeadDefect)> {
        self.defect
    }

    /// Whether the client began with the preface of HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// Whether the client may speak HTTP/2, as far as it has spoken.
    pub(super) fn may_be_http2(&self) -> bool {
        let is_first_line = self.heads == 0 && self.head.lines == 0 && self.head.line_length > 0;
        self.is_http2 || (is_first_line && PREFACE_LINE.starts_with(&self.head.line))
    }

    /// Whether the client speaks another protocol, and would not understand an HTTP response.
    pub(super) fn is_foreign(&self) -> bool {
        // hyper may respond before the line has ended.
        self.is_foreign || (self.head.is_first && names_another_protocol(&self.head.line))
    }

    /// Whether a head has begun and not ended.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head) && (self.head.lines > 0 || self.head.line_length > 0)
    }

    /// Whether a head's first line has begun and not ended.
    pub(super) fn is_in_first_line(&self) -> bool {
        self.is_in_head() && self.head.lines == 0
    }

    /// Stops parsing: the connection was upgraded to another protocol.
    pub(super) fn stop(&mut self) {
        self.state = State::Off;
    }

    /// Parses the next input.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match &mut self.state {
                State::Off => return Ok(()),
                State::Head => at += self.read_head(rest),
                State::Body(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    at += taken;
                    if *left == 0 {
                        self.state = State::Head;
                    }
                }
                State::Chunks(chunks) => match chunks.read(rest) {
                    (taken, Progress::Goes) => at += taken,
                    (taken, Progress::Ends) => {
                        at += taken;
                        self.state = State::Head;
                    }
                    (taken, Progress::Breaks) => {
                        self.state = State::Off;
                        return Err(Broken(at + taken));
                    }
                },
            }
        }
        Ok(())
    }

    /// Parses a line, or a part of one; returns its length.
    fn read_head(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.head.keep(bytes);
            return bytes.len();
        };
        self.head.keep(&bytes[..end]);
        if self.heads == 0 && self.head.lines == 0 && self.head.line == PREFACE_LINE {
            (self.is_http2, self.state) = (true, State::Off);
            return end + 1;
        }
        self.is_foreign = self.is_foreign || (self.head.is_first && names_another_protocol(&self.head.line));
        if self.head.ends_with_this_line() {
            self.end_head();
        }
        end + 1
    }

    fn end_head(&mut self) {
        let mut head = std::mem::take(&mut self.head);
        if head.line.capacity() <= KEPT_CAPACITY {
            self.head.line = std::mem::take(&mut head.line);
        }
        if let Some(defect) = head.defect {
            self.defect = Some((self.heads, defect));
            self.state = State::Off;
        } else if head.has_coding {
            self.state = State::Chunks(Chunks::default());
        } else if let Some(length @ 1..) = head.length {
            self.state = State::Body(length);
        }
        self.heads += 1;
    }
}

impl Head {
    fn first() -> Self {
        Self { is_first: true, ..Self::default() }
    }

    fn keep(&mut self, part: &[u8]) {
        let Some(last) = part.last() else { return };
        self.last = *last;
        self.line_length += part.len();
        let beginning = part.len().min(CODING.len() - self.line.len().min(CODING.len()));
        self.line.extend_from_slice(&part[..beginning]);
        if self.is_first || value_of(&self.line, LENGTH).or_else(|| value_of(&self.line, CODING)).is_some() {
            // A longer head is refused by hyper.
            let room = MAX_HEAD_BYTES.saturating_sub(self.line.len());
            let rest = &part[beginning..];
            self.line.extend_from_slice(&rest[..rest.len().min(room)]);
        }
    }

    /// Parses the line that has just ended; returns whether it was the blank one that ends the head.
    fn ends_with_this_line(&mut self) -> bool {
        let has_cr = self.last == b'\r' && self.line_length > 0;
        if !has_cr {
            self.defect.get_or_insert(HeadDefect::BareLineFeed);
        }
        let is_blank = self.line_length == usize::from(has_cr);
        if !is_blank {
            self.lines += 1;
            self.take_line();
        }
        self.line.clear();
        (self.line_length, self.last, self.is_first) = (0, 0, false);
        is_blank && self.lines > 0
    }

    fn take_line(&mut self) {
        if let Some(value) = value_of(&self.line, LENGTH) {
            let parsed = parse_length(value);
            if self.length.is_some() {
                self.defect.get_or_insert(HeadDefect::SeveralLengths);
            } else if parsed.is_none() {
                self.defect.get_or_insert(HeadDefect::BadLength);
            }
            self.length = parsed.or(Some(0));
        }
        self.has_coding |= value_of(&self.line, CODING).is_some();
        if self.has_coding && self.length.is_some() {
            self.defect.get_or_insert(HeadDefect::LengthAndCoding);
        }
    }
}

/// Whether it is a request line (three words, the first a method) whose version is not HTTP's.
fn names_another_protocol(line: &[u8]) -> bool {
    let mut words = line.trim_ascii_end().split(|byte| *byte == b' ');
    let (method, _target, version, more) = (words.next(), words.next(), words.next(), words.next());
    let is_method = method.is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_alphabetic));
    let names_http = |word: &[u8]| word.iter().zip(b"HTTP/").all(|(given, wanted)| given == wanted);
    is_method && version.is_some_and(|word| !names_http(word)) && more.is_none()
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(value)
}

/// Parses a length: digits and nothing else, between white space.
fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index, sample::select};

    use super::*;

    const BOTH: &str = "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 5\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// Reads the text in pieces of these sizes, over and over.
    fn read(text: &str, pieces: &[usize]) -> (Framing, Result<(), Broken>) {
        let (mut framing, mut rest, mut sizes) = (Framing::new(), text.as_bytes(), pieces.iter().cycle());
        let mut at = 0;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            if let Err(Broken(cut)) = framing.read(piece) {
                return (framing, Err(Broken(at + cut)));
            }
            at += piece.len();
            rest = behind;
        }
        (framing, Ok(()))
    }

    /// Requests of every framing, whose bodies look like heads.
    fn request() -> impl Strategy<Value = String> {
        let body = || {
            let words =
                ["\r\n\r\n", "\n", "\r", "Transfer-Encoding: chunked\r\n", "Content-Length: 3\r\n", "a", "0\r\n\r\n"];
            vec(select(words.to_vec()), 0..6).prop_map(|words| words.concat())
        };
        let chunk =
            (body(), select(vec!["", ";a=b", " ;x=\"y\"", "  "]), any::<bool>()).prop_map(|(text, extension, zero)| {
                let zero = if zero { "0" } else { "" };
                if text.is_empty() { String::new() } else { format!("{zero}{:X}{extension}\r\n{text}\r\n", text.len()) }
            });
        let trailers =
            vec(select(vec!["X-One: 1\r\n", "Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n"]), 0..3);
        let name = select(vec!["Transfer-Encoding: chunked", "TRANSFER-encoding:\tchunked "]);
        let length = select(vec![
            "Content-Length:",
            "content-length:   ",
            "CONTENT-LENGTH:\t\t                                   ",
        ]);
        prop_oneof![
            Just("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
            Just("\r\nGET / HTTP/1.1\r\nHost: a\r\nX-Content-Length: 5\r\nTransfer-Encodings: x\r\n\r\n".to_owned()),
            (length, body()).prop_map(|(name, body)| {
                format!("POST / HTTP/1.1\r\n{name}{} \r\nHost: a\r\n\r\n{body}", body.len())
            }),
            (name, vec(chunk, 0..4), trailers).prop_map(|(name, chunks, trailers)| {
                format!("POST / HTTP/1.1\r\n{name}\r\n\r\n{}0\r\n{}\r\n", chunks.concat(), trailers.concat())
            }),
        ]
    }

    fn flawed() -> impl Strategy<Value = (String, HeadDefect)> {
        let two = "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}";
        let (padding, sign) = (" ".repeat(50), "POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}");
        select(vec![
            (BOTH.to_owned(), HeadDefect::LengthAndCoding),
            (BOTH.replace("LENGTH: 5", &format!("length:{padding}5")), HeadDefect::LengthAndCoding),
            (BOTH.replace("chunked", &format!("{padding}chunked")), HeadDefect::LengthAndCoding),
            ("GET / HTTP/1.1\r\nTransfer-Encoding: x\r\nContent-Length:\r\n\r\n".to_owned(), HeadDefect::BadLength),
            (two.to_owned(), HeadDefect::SeveralLengths),
            (sign.to_owned(), HeadDefect::BadLength),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(), HeadDefect::BareLineFeed),
            (
                "GET / HTTP/1.1\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
                HeadDefect::BareLineFeed,
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n".to_owned(), HeadDefect::BareLineFeed),
            ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), HeadDefect::BareLineFeed),
        ])
    }

    proptest! {
        #[test]
        fn every_request_of_a_pipeline_is_found(all in vec(request(), 1..6), pieces in vec(1_usize..40, 1..5)) {
            let (framing, outcome) = read(&all.concat(), &pieces);
            prop_assert_eq!(outcome, Ok(()));
            prop_assert_eq!((framing.heads, framing.defect), (all.len() as u64, None), "{:?}", all);
            prop_assert!(!framing.is_in_head() && matches!(framing.state, State::Head));
        }

        #[test]
        fn a_flaw_is_found_wherever_it_stands(
            before in vec(request(), 0..4), (bad, defect) in flawed(), after in vec(request(), 0..2), pieces in vec(1_usize..40, 1..5),
        ) {
            let text = format!("{}{bad}{}", before.concat(), after.concat());
            let (framing, outcome) = read(&text, &pieces);
            prop_assert_eq!(outcome, Ok(()));
            prop_assert_eq!(framing.defect, Some((before.len() as u64, defect)), "{:?}", text);
        }

        #[test]
        fn nothing_behind_a_broken_body_is_passed_on(
            before in vec(request(), 0..3), after in request(), pieces in vec(1_usize..40, 1..5),
            bad in select(vec![
                ("0\r\nA: b", "\nTransfer-Encoding: x\r\n\r\n"), ("0\r\n", "\n"), ("0\r\nA: b\r\n", "\n"), ("5\r\nhello", "0\r\n\r\n"),
                ("5;a", "\nhello\r\n0\r\n\r\n"), ("5", "\nhello"), ("", "-1\r\n"), ("", "\r\n"), ("5\r", "x"), ("ffffffffffffffff", "f"),
                ("0\r\nA: b\r", "c\r\n\r\n"), ("5\r\nhello\r", "x"), ("0x", ""), ("5 ", "5\r\n"), ("0\r\n\r", "x"),
            ]),
        ) {
            let (good, broken) = match bad { ("0x", _) => ("0", "x5\r\n"), other => other };
            let start = format!("{}POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{good}", before.concat());
            let (framing, outcome) = read(&format!("{start}{broken}{after}"), &pieces);
            prop_assert_eq!(outcome, Err(Broken(start.len())));
            prop_assert_eq!(framing.heads, before.len() as u64 + 1);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut: Index) {
            let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut framing = Framing::new();
            let _ = (framing.read(first), framing.read(second));
        }
    }

    #[test]
    fn another_protocol_is_told_by_the_first_line() {
        for (line, is_foreign) in [
            ("INVALID CONNECTION PREFACE\r\n\r\n", true),
            ("OPTIONS rtsp://a/b RTSP/1.0\r\n", true),
            ("INVALID CONNECTION PREFA", true),
            ("GET / HTTP/3.7\r\n", false),
            ("GET / HT", false),
            ("GET /\r\n", false),
            ("GET  / HTTP/1.1\r\n", false),
            ("\u{16}\u{3}\u{1} hello TLS\r\n", false),
            ("GET / HTTP/1.1\r\nX: a b\r\n\r\nINVALID CONNECTION PREFACE\r\n", false),
        ] {
            for size in [1, 7, 99] {
                assert_eq!(read(line, &[size]).0.is_foreign(), is_foreign, "{line:?}");
            }
        }
    }

    #[test]
    fn the_preface_of_http2_ends_it_however_it_is_cut() {
        for size in 1..20 {
            let (framing, outcome) = read("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\n\n\0\x04\n\n\0\0\0", &[size]);
            assert!(framing.is_http2() && framing.defect().is_none() && outcome.is_ok(), "{size}");
        }
        assert!(read("PRI * HT", &[3]).0.may_be_http2() && !read("PRI /", &[3]).0.may_be_http2());
        assert!(!read("GET / HTTP/1.1\r\n\r\nPRI * HTTP/2.0\r\n\r\n", &[99]).0.is_http2(), "only at the beginning");
    }
}
