//! Parser of chunked bodies (RFC 9112 §7.1). It takes what hyper takes but for one thing: in trailers a bare LF ends no
//! line, because a parser for which it does sees the body end somewhere else.

#[derive(Clone, Copy, Default)]
pub(super) struct Chunks {
    state: ChunkState,
    size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkState {
    #[default]
    SizeStart,
    Size,
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Goes,
    Ends,
    Breaks,
}

impl Chunks {
    /// Returns how many bytes belong to the body, and what is behind them.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, Progress) {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == ChunkState::Data {
                let taken = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.size -= taken as u64;
                at += taken;
                if self.size == 0 {
                    self.state = ChunkState::DataCr;
                }
                continue;
            }
            if self.state == ChunkState::EndLf && bytes[at] == b'\n' {
                return (at + 1, Progress::Ends);
            }
            match self.behind(bytes[at]) {
                Some(next) => self.state = next,
                None => return (at, Progress::Breaks),
            }
            at += 1;
        }
        (at, Progress::Goes)
    }

    /// The state after a byte; `None`: it cannot stand here.
    fn behind(&mut self, byte: u8) -> Option<ChunkState> {
        match (self.state, byte) {
            (ChunkState::SizeStart | ChunkState::Size, digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).map(u64::from)?;
                self.size = self.size.checked_mul(16)?.checked_add(digit)?;
                Some(ChunkState::Size)
            }
            (ChunkState::Size | ChunkState::Space, b' ' | b'\t') => Some(ChunkState::Space),
            (ChunkState::Size | ChunkState::Space, b';') => Some(ChunkState::Extension),
            (ChunkState::Size | ChunkState::Space | ChunkState::Extension, b'\r') => Some(ChunkState::SizeLf),
            (ChunkState::Extension, b'\n') => None,
            (ChunkState::Extension, _) => Some(ChunkState::Extension),
            (ChunkState::SizeLf, b'\n') if self.size == 0 => Some(ChunkState::TrailerStart),
            (ChunkState::SizeLf, b'\n') => Some(ChunkState::Data),
            (ChunkState::DataCr, b'\r') => Some(ChunkState::DataLf),
            (ChunkState::DataLf, b'\n') => Some(ChunkState::SizeStart),
            (ChunkState::TrailerStart, b'\r') => Some(ChunkState::EndLf),
            (ChunkState::Trailer, b'\r') => Some(ChunkState::TrailerLf),
            (ChunkState::TrailerStart | ChunkState::Trailer, b'\n') => None,
            (ChunkState::TrailerStart | ChunkState::Trailer, _) => Some(ChunkState::Trailer),
            (ChunkState::TrailerLf, b'\n') => Some(ChunkState::TrailerStart),
            _ => None,
        }
    }
}
