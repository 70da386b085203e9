//! Filter of inline reasoning: what a model writes between two marks such as `<think>` and `</think>`, which servers
//! without a parser for it send as text. The marks may come in pieces.

use super::OnText;
use crate::config::InlineReasoning;

/// The visible part of a text.
pub struct VisibleText<'m> {
    marks: &'m InlineReasoning,
    /// Within reasoning.
    is_inside: bool,
    /// A possible beginning of a mark.
    held: String,
    /// Text was shown. Line breaks between reasoning and reply belong to neither.
    is_begun: bool,
}

impl<'m> VisibleText<'m> {
    pub fn new(marks: &'m InlineReasoning) -> Self {
        Self { marks, is_inside: marks.begins_inside, held: String::new(), is_begun: false }
    }

    pub fn push(&mut self, text: &str, on_text: &mut OnText<'_>) {
        self.held.push_str(text);
        let mut held = std::mem::take(&mut self.held);
        loop {
            let mark = if self.is_inside { &self.marks.end } else { &self.marks.start };
            let Some(at) = held.find(mark.as_str()) else { break };
            self.pass(&held[..at], on_text);
            held.drain(..at + mark.len());
            self.is_inside = !self.is_inside;
        }
        let mark = if self.is_inside { &self.marks.end } else { &self.marks.start };
        let passed = held.len() - beginning_at_end(&held, mark);
        self.pass(&held[..passed], on_text);
        held.drain(..passed);
        self.held = held;
    }

    /// Ends the text: what is held was no mark.
    pub fn end(&mut self, on_text: &mut OnText<'_>) {
        let held = std::mem::take(&mut self.held);
        self.pass(&held, on_text);
    }

    fn pass(&mut self, text: &str, on_text: &mut OnText<'_>) {
        let text = if self.is_begun { text } else { text.trim_start() };
        if !self.is_inside && !text.is_empty() {
            self.is_begun = true;
            on_text(text);
        }
    }
}

/// The length of the longest suffix of a text that is a prefix of the mark.
fn beginning_at_end(text: &str, mark: &str) -> usize {
    let ends = mark.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
    ends.rev().find(|at| text.ends_with(&mark[..*at])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks(begins_inside: bool) -> InlineReasoning {
        InlineReasoning { start: "<think>".to_owned(), end: "</think>".to_owned(), begins_inside }
    }

    fn shown(pieces: &[&str], begins_inside: bool) -> String {
        let (marks, mut all) = (marks(begins_inside), String::new());
        let mut visible = VisibleText::new(&marks);
        let mut on_text = |text: &str| all.push_str(text);
        pieces.iter().for_each(|piece| visible.push(piece, &mut on_text));
        visible.end(&mut on_text);
        all
    }

    #[test]
    fn thoughts_are_left_out_wherever_they_are_cut() {
        for (text, inside, answer) in [
            ("<think>hm, 2</think>\n\n4", false, "4"),
            ("\n<think></think>4", false, "4"),
            ("4<think>or 5?</think> it is", false, "4 it is"),
            ("a < b, <thin and </think>", false, "a < b, <thin and </think>"),
            ("<think>never ended", false, ""),
            ("<think>a <b> </thin k></think>x<", false, "x<"),
            ("<think>1</think>a<think>2</think>b", false, "ab"),
            ("hm</think>\n4", true, "4"),
            ("plain", false, "plain"),
            ("plain", true, ""),
            ("", false, ""),
        ] {
            assert_eq!(shown(&[text], inside), answer, "{text}");
            for cut in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                assert_eq!(shown(&[&text[..cut], &text[cut..]], inside), answer, "{text} cut at {cut}");
            }
            let letters: Vec<String> = text.chars().map(String::from).collect();
            assert_eq!(shown(&letters.iter().map(String::as_str).collect::<Vec<_>>(), inside), answer, "{text}");
        }
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(pieces in proptest::collection::vec("(<think>|</think>|<|t|/|é| |hink>){0,6}", 0..6)) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(shown(&pieces, false), shown(&[&pieces.concat()], false));
        }
    }
}
