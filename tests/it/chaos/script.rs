//! The script in a message of the storm. Its text tells the provider what to do, so that the checker knows from the
//! message alone what every reply should have been.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use crate::harness::{Gate, Reply};

/// What the provider does at the end of the words, or in the middle of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Done,
    /// Refuses the first call and answers the next.
    Flaky,
    /// Refuses for good.
    Refused,
    /// Breaks off half-way.
    Cut,
    /// Falls silent half-way.
    Silent,
}

const FATES: [(Fate, &str); 5] = [
    (Fate::Done, "done"),
    (Fate::Flaky, "flaky"),
    (Fate::Refused, "refused"),
    (Fate::Cut, "cut"),
    (Fate::Silent, "silent"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Unique in the whole storm.
    pub tag: String,
    pub words: usize,
    pub pause: Duration,
    pub fate: Fate,
}

impl Script {
    pub fn random(tag: String, random: &mut StdRng) -> Self {
        // Short ones, ones that outlast several kills, and ones that are long enough for checkpoints.
        let (words, pause) = match random.random_range(0..10) {
            0..=4 => (random.random_range(1..30), random.random_range(0..12)),
            5..=7 => (random.random_range(30..150), random.random_range(5..25)),
            _ => (random.random_range(300..900), random.random_range(0..4)),
        };
        let fate = match random.random_range(0..100) {
            0..=79 => Fate::Done,
            80..=85 => Fate::Flaky,
            86..=89 => Fate::Refused,
            90..=95 => Fate::Cut,
            _ => Fate::Silent,
        };
        Self { tag, words, pause: Duration::from_millis(pause), fate }
    }

    /// As a person sends it.
    pub fn message(&self) -> String {
        let fate = FATES.iter().find(|(fate, _)| *fate == self.fate).unwrap().1;
        format!("{} {} words, {} ms apart, {fate}", self.tag, self.words, self.pause.as_millis())
    }

    /// From a message.
    pub fn read(message: &str) -> Option<Self> {
        let words: Vec<&str> = message.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let &[tag, count, "words", pause, "ms", "apart", fate] = words.as_slice() else { return None };
        Some(Self {
            tag: tag.to_owned(),
            words: count.parse().ok()?,
            pause: Duration::from_millis(pause.parse().ok()?),
            fate: FATES.iter().find(|(_, name)| *name == fate)?.0,
        })
    }

    fn word(&self, number: usize) -> String {
        format!("{}·{number} ", self.tag)
    }

    /// All that there is to say.
    pub fn whole_reply(&self) -> String {
        let words = if matches!(self.fate, Fate::Cut | Fate::Silent) { self.words / 2 } else { self.words };
        let words = if self.fate == Fate::Refused { 0 } else { words };
        (0..words).map(|number| self.word(number)).collect()
    }

    /// Whether a turn may end well with it.
    pub fn can_complete(&self) -> bool {
        matches!(self.fate, Fate::Done | Fate::Flaky)
    }

    /// What the provider does when it is called for the `call`th time.
    pub fn play(&self, call: usize) -> Reply {
        match self.fate {
            Fate::Refused => return Reply::status(400),
            Fate::Flaky if call == 1 => return Reply::status(503),
            Fate::Flaky | Fate::Done | Fate::Cut | Fate::Silent => {}
        }
        let whole = self.whole_reply();
        let words = whole.split_inclusive(' ');
        let reply = words.fold(Reply::text([]), |reply, word| {
            if self.pause.is_zero() { reply.then(word) } else { reply.then_pause(self.pause).then(word) }
        });
        match self.fate {
            Fate::Cut => reply.then_break(),
            Fate::Silent => reply.then_wait(&Gate::closed()),
            Fate::Done | Fate::Flaky | Fate::Refused => reply,
        }
    }
}

#[test]
fn a_message_says_what_was_meant() {
    let script = Script { tag: "c3-7".into(), words: 12, pause: Duration::from_millis(5), fate: Fate::Cut };
    assert_eq!(script.message(), "c3-7 12 words, 5 ms apart, cut");
    assert_eq!(Script::read(&script.message()), Some(script.clone()));
    assert_eq!(script.whole_reply().split_whitespace().last(), Some("c3-7·5"));
}
