//! A chunked body (RFC 9112 §7.1), followed to its end. It takes what hyper takes but for one thing: in trailers a bare LF
//! ends no line, because a reader for which it does sees the body end somewhere else.

#[derive(Clone, Copy, Default)]
pub(super) struct Chunks {
    place: Place,
    size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
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
    /// Gives how many bytes belong to the body, and what is behind them.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, Progress) {
        let mut at = 0;
        while at < bytes.len() {
            if self.place == Place::Data {
                let taken = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.size -= taken as u64;
                at += taken;
                if self.size == 0 {
                    self.place = Place::DataCr;
                }
                continue;
            }
            if self.place == Place::EndLf && bytes[at] == b'\n' {
                return (at + 1, Progress::Ends);
            }
            match self.behind(bytes[at]) {
                Some(next) => self.place = next,
                None => return (at, Progress::Breaks),
            }
            at += 1;
        }
        (at, Progress::Goes)
    }

    /// Where a byte leads; `None`: it cannot stand here.
    fn behind(&mut self, byte: u8) -> Option<Place> {
        match (self.place, byte) {
            (Place::SizeStart | Place::Size, digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).map(u64::from)?;
                self.size = self.size.checked_mul(16)?.checked_add(digit)?;
                Some(Place::Size)
            }
            (Place::Size | Place::Space, b' ' | b'\t') => Some(Place::Space),
            (Place::Size | Place::Space, b';') => Some(Place::Extension),
            (Place::Size | Place::Space | Place::Extension, b'\r') => Some(Place::SizeLf),
            (Place::Extension, b'\n') => None,
            (Place::Extension, _) => Some(Place::Extension),
            (Place::SizeLf, b'\n') if self.size == 0 => Some(Place::TrailerStart),
            (Place::SizeLf, b'\n') => Some(Place::Data),
            (Place::DataCr, b'\r') => Some(Place::DataLf),
            (Place::DataLf, b'\n') => Some(Place::SizeStart),
            (Place::TrailerStart, b'\r') => Some(Place::EndLf),
            (Place::Trailer, b'\r') => Some(Place::TrailerLf),
            (Place::TrailerStart | Place::Trailer, b'\n') => None,
            (Place::TrailerStart | Place::Trailer, _) => Some(Place::Trailer),
            (Place::TrailerLf, b'\n') => Some(Place::TrailerStart),
            _ => None,
        }
    }
}
