//! The numbers of a turn's events: `turn` is 1, the deltas (or a snapshot in their place) follow without gaps, then the end.

/// The number of the `turn` event.
pub const TURN_SEQ: u64 = 1;

/// The number of the delta at an index, from 0.
pub fn delta_seq(index: usize) -> u64 {
    end_seq(index)
}

/// The index of the first delta after an event.
pub fn first_delta_after(seq: u64) -> usize {
    usize::try_from(seq.saturating_sub(TURN_SEQ)).unwrap_or(usize::MAX)
}

/// The number of the last of so many deltas; where there are none, that of `turn`.
pub fn last_delta_seq(deltas: usize) -> u64 {
    TURN_SEQ + deltas as u64
}

/// The number of the end after so many deltas.
pub fn end_seq(deltas: usize) -> u64 {
    last_delta_seq(deltas) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gaps() {
        assert_eq!((TURN_SEQ, end_seq(0)), (1, 2), "a reply without text");
        assert_eq!([delta_seq(0), delta_seq(1), last_delta_seq(2), end_seq(2)], [2, 3, 3, 4]);
        assert_eq!([0, 1, 2, 3, u64::MAX].map(first_delta_after), [0, 0, 1, 2, usize::MAX - 1]);
    }
}
