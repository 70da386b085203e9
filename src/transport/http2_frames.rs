//! Filter for the frames of an HTTP/2 connection on their way to the `h2` crate, for two rules that it does not
//! enforce; the rest of the input passes as it is.
//!
//! Pseudo-headers in trailers have to be refused (RFC 9113 §8.1). `h2` drops them silently, but refuses those behind a
//! regular field; so a regular field is put in front of all trailers.
//!
//! A frame on a stream that the client has reset is a `STREAM_CLOSED` error (§5.1). `h2` says so only once it has
//! forgotten the stream, else it names another error; so the input ends there, with a `GOAWAY` from here.

use std::collections::{BTreeSet, VecDeque};

/// An empty field `-`, literal and not indexed (RFC 7541 §6.2.2), so that it changes no table.
const FIELD: [u8; 4] = [0, 1, b'-', 0];
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
/// Maximum number of open streams, more than a client may have; `h2` refuses the others.
const MAX_OPEN: usize = 256;
/// How many of the latest reset streams are remembered; `h2` has forgotten the others.
const MAX_RESET: usize = 64;
/// More than the padding's length, a priority and two sizes; `h2` refuses what is longer.
const MAX_HELD: usize = 32;
/// The head of a `GOAWAY` frame.
const GOAWAY_HEAD: [u8; FRAME_HEAD] = [0, 0, 8, 7, 0, 0, 0, 0, 0];
const STREAM_CLOSED: u32 = 5;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

#[derive(Default)]
pub(super) struct Frames {
    /// An incomplete frame head, with the part of its content that is needed.
    held: Vec<u8>,
    /// Bytes left of a frame's content.
    passing: usize,
    /// The highest stream so far.
    last_stream: u32,
    /// Streams whose requests have not ended.
    open: BTreeSet<u32>,
    /// Streams that the client has reset, the latest last.
    reset: VecDeque<u32>,
    /// The client went on with a stream that it had reset: nothing more is passed on.
    is_cut: bool,
    preface: usize,
}

const PREFACE: usize = 24;

impl Frames {
    /// Makes a filter. `passed`: the bytes of the preface that were passed on already.
    pub(super) fn behind(passed: usize) -> Self {
        Self { preface: passed.min(PREFACE), ..Self::default() }
    }

    /// Takes input, and passes it on as far as that can be decided.
    pub(super) fn read(&mut self, mut input: &[u8], output: &mut Vec<u8>) {
        let preface = input.len().min(PREFACE - self.preface);
        output.extend_from_slice(&input[..preface]);
        self.preface += preface;
        input = &input[preface..];
        while !input.is_empty() && !self.is_cut {
            let passed = input.len().min(self.passing);
            output.extend_from_slice(&input[..passed]);
            self.passing -= passed;
            input = &input[passed..];
            if let Some((first, rest)) = input.split_first() {
                self.held.push(*first);
                input = rest;
                self.give_on(output);
            }
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The `GOAWAY` frame of a connection whose input was cut.
    pub(super) fn goaway(&self) -> Vec<u8> {
        [&GOAWAY_HEAD[..], &self.last_stream.to_be_bytes(), &STREAM_CLOSED.to_be_bytes()].concat()
    }

    /// Passes on what is held, once it suffices to decide.
    fn give_on(&mut self, output: &mut Vec<u8>) {
        let Some((head, content)) = self.held.split_at_checked(FRAME_HEAD) else { return };
        let (length, kind, flags) = (u32::from_be_bytes([0, head[0], head[1], head[2]]), head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if matches!(kind, DATA | HEADERS) && self.reset.contains(&stream) {
            self.is_cut = true;
            return;
        }
        let is_trailers = kind == HEADERS && self.open.contains(&stream);
        if is_trailers && content.len() < length.min(MAX_HELD) && !is_field_start(flags, content) {
            return;
        }
        self.passing = length - content.len().min(length);
        self.note(kind, flags, stream);
        if is_trailers {
            self.insert_field(length);
        }
        output.append(&mut self.held);
    }

    fn note(&mut self, kind: u8, flags: u8, stream: u32) {
        if kind == RST_STREAM {
            self.reset.push_back(stream);
            self.reset.drain(..self.reset.len().saturating_sub(MAX_RESET));
        }
        let ends = kind == RST_STREAM || (matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0);
        if kind == HEADERS && stream > self.last_stream {
            self.last_stream = stream;
            if !ends && self.open.len() < MAX_OPEN {
                self.open.insert(stream);
            }
        } else if ends {
            self.open.remove(&stream);
        }
    }

    fn insert_field(&mut self, length: usize) {
        let longer = u32::try_from(length + FIELD.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.held[..3].copy_from_slice(&longer[1..]);
        // The last byte held is the first of a field, unless there is none.
        let has_field = self.held.len() > FRAME_HEAD && is_field_start(self.held[4], &self.held[FRAME_HEAD..]);
        let place = self.held.len() - usize::from(has_field);
        self.held.splice(place..place, FIELD);
    }
}

/// Whether the last byte of a frame's content so far is the first of a header field: it stands behind the padding's
/// length, the priority and table size updates, which have to come first.
fn is_field_start(flags: u8, content: &[u8]) -> bool {
    let before = usize::from(flags & PADDED != 0) + if flags & PRIORITY == 0 { 0 } else { 5 };
    let mut block = content.get(before..).unwrap_or_default().iter().peekable();
    while let Some(first) = block.next() {
        if first & 0xe0 != 0x20 {
            return block.peek().is_none();
        }
        // The rest of a size that did not fit into five bits.
        let is_long = first & 0x1f == 0x1f;
        while is_long && block.next().is_some_and(|byte| byte & 0x80 != 0) {}
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], content].concat()
    }

    #[test]
    fn only_trailers_get_a_field_before_all_others() {
        let request = frame(HEADERS, 4, 1, &[0x82, 0x86]);
        let data = frame(0, 0, 1, b"some data with \x01 in it");
        let (more, other) = (frame(HEADERS, 4, 3, &[0x83]), frame(8, 0, 0, &[0, 0, 0, 9]));
        let reset = frame(RST_STREAM, 0, 3, &[0, 0, 0, 8]);
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for (flags, content, wanted) in [
            (5, &[0x82][..], [&FIELD[..], &[0x82]].concat()),
            (5, &[], FIELD.to_vec()),
            (5 | PADDED, &[2, 0x82, 0x84, 0, 0], [&[2][..], &FIELD, &[0x82, 0x84, 0, 0]].concat()),
            (5 | PRIORITY, &[0, 0, 0, 0, 9, 0x82], [&[0, 0, 0, 0, 9][..], &FIELD, &[0x82]].concat()),
            (5, &[0x20, 0x3f, 0xe1, 0x1f, 0x40, 1], [&[0x20, 0x3f, 0xe1, 0x1f][..], &FIELD, &[0x40, 1]].concat()),
            (5, &[0x3e], [&[0x3e][..], &FIELD].concat()),
        ] {
            // On a stream that has ended it is no trailers, and `h2` has another error for it.
            let late = frame(HEADERS, flags, 1, content);
            let (first, last) = ([&preface[..], &request, &data, &more, &reset].concat(), [&late[..], &other].concat());
            let input = [&first[..], &frame(HEADERS, flags, 1, content), &last].concat();
            let output = [&first[..], &frame(HEADERS, flags, 1, &wanted), &last].concat();
            for size in 1..input.len() {
                let (mut frames, mut passed) = (Frames::default(), Vec::new());
                input.chunks(size).for_each(|piece| frames.read(piece, &mut passed));
                assert_eq!(passed, output, "{content:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn nothing_passes_behind_a_frame_on_a_reset_stream() {
        let request = [frame(HEADERS, 4, 1, &[0x82]), frame(HEADERS, 4, 3, &[0x83])].concat();
        let reset = frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
        let allowed =
            [frame(8, 0, 1, &[0, 0, 0, 9]), frame(2, 0, 1, &[0, 0, 0, 0, 9]), frame(DATA, 1, 3, b"on")].concat();
        for late in [frame(DATA, 0, 1, b"late"), frame(HEADERS, 5, 1, &[0x82])] {
            let sound = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &request, &reset, &allowed].concat();
            let input = [&sound[..], &late, &frame(HEADERS, 5, 5, &[0x82])].concat();
            for size in 1..input.len() {
                let (mut frames, mut passed) = (Frames::default(), Vec::new());
                input.chunks(size).for_each(|piece| frames.read(piece, &mut passed));
                assert_eq!(passed, sound, "in pieces of {size}");
                assert!(frames.is_cut());
                assert_eq!(frames.goaway(), [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 5]);
            }
        }
    }
}
