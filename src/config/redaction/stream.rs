//! Redaction of a streamed text. What may be the beginning of a secret is held back until it is known whether it is
//! one.

use super::Redaction;

/// The redaction state of one text.
#[derive(Debug)]
pub struct StreamRedactor<'r> {
    secrets: &'r Redaction,
    kept_back: String,
}

impl<'r> StreamRedactor<'r> {
    pub fn new(secrets: &'r Redaction) -> Self {
        Self { secrets, kept_back: String::new() }
    }

    /// Takes a piece, and returns what can be shown.
    pub fn push(&mut self, piece: &str) -> String {
        self.kept_back.push_str(piece);
        let undecided = self.kept_back.len() - self.secrets.beginning_at_end(&self.kept_back);
        // The end of a found secret may be the beginning of another.
        let through = self.secrets.found(&self.kept_back).into_iter().find(|(_, end, _)| *end > undecided);
        let undecided = through.map_or(undecided, |(start, ..)| start.min(undecided));
        let rest = self.kept_back.split_off(undecided);
        let decided = std::mem::replace(&mut self.kept_back, rest);
        self.secrets.hide(&decided)
    }

    pub fn is_keeping_back(&self) -> bool {
        !self.kept_back.is_empty()
    }

    /// Returns what was held back, at the end of the text.
    pub fn finish(&mut self) -> String {
        self.secrets.hide(&std::mem::take(&mut self.kept_back))
    }
}
