//! The request to a model, common to all providers.

use std::borrow::Cow;

use crate::model::{Author, ResponseFormat, Sampling};

/// A repetition of twice this length holds a whole piece of it.
const PIECE: usize = 12;
/// Shorter messages are words that occur in any sentence.
const SHORTEST_REPEATED: usize = 4;

/// A prompt with its history. The last message is the prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub system: Option<String>,
    pub messages: Vec<PromptMessage>,
    pub sampling: Sampling,
    /// The most the reply may have, in tokens.
    pub max_tokens: u32,
    /// The form the reply has to have.
    pub response_format: Option<ResponseFormat>,
    /// Sent along as `x-request-id`, so that a provider's support can find the call.
    pub request_id: String,
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    pub author: Author,
    pub text: String,
}

impl Request {
    /// The messages as providers take them: none blank (Anthropic refuses a blank one), and with alternating authors. A
    /// prompt without a reply is followed by another prompt; chat templates of self-hosted models refuse that with a
    /// 400, which would end such a conversation for good, so adjacent messages of one author are joined.
    pub(super) fn said(&self) -> Vec<(Author, Cow<'_, str>)> {
        let mut said: Vec<(Author, Cow<'_, str>)> = Vec::with_capacity(self.messages.len());
        for past in self.messages.iter().filter(|past| !past.text.trim().is_empty()) {
            match said.last_mut() {
                Some((author, text)) if *author == past.author => {
                    let text = text.to_mut();
                    text.push_str("\n\n");
                    text.push_str(&past.text);
                }
                _ => said.push((past.author, Cow::Borrowed(&past.text))),
            }
        }
        said
    }

    /// Whether a provider's text repeats a piece of what it was sent.
    pub fn is_repeated_in(&self, words: &str) -> bool {
        let sent = self.messages.iter().map(|past| past.text.as_str()).chain(self.system.as_deref());
        let words: Vec<char> = words.chars().collect();
        let pieces: Vec<String> = words.chunks_exact(PIECE).map(|piece| piece.iter().collect()).collect();
        let words: String = words.into_iter().collect();
        sent.map(str::trim).any(|text| {
            let is_short = text.chars().count() < 2 * PIECE;
            let is_whole = is_short && text.len() >= SHORTEST_REPEATED && words.contains(text);
            is_whole || pieces.iter().any(|piece| text.contains(piece.as_str()))
        })
    }

    /// The system prompt, unless it is blank.
    pub(super) fn instructions(&self) -> Option<&str> {
        self.system.as_deref().filter(|text| !text.trim().is_empty())
    }

    /// The user's last message.
    pub(super) fn question(&self) -> &str {
        self.messages.iter().rev().find(|past| past.author == Author::User).map_or("", |past| &past.text)
    }
}

/// The role of an author in both APIs.
pub(super) fn role(author: Author) -> &'static str {
    match author {
        Author::User => "user",
        Author::Assistant => "assistant",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn past(author: Author, text: &str) -> PromptMessage {
        PromptMessage { author, text: text.to_owned() }
    }

    /// A plain prompt.
    pub fn asking(question: &str) -> Request {
        Request {
            system: None,
            messages: vec![past(Author::User, question)],
            sampling: Sampling::default(),
            max_tokens: 1000,
            response_format: None,
            request_id: "req-1".to_owned(),
        }
    }

    #[test]
    fn words_that_repeat_a_message_are_known() {
        let question = "my account number is 4711-0815, what is the balance?";
        let request = Request { system: Some("be kind".to_owned()), ..asking(question) };
        for (words, is_repeated) in [
            ("the provider answered 401: Invalid API Key", false),
            ("failed at input 'my account number is 4711-0815, what'", true),
            ("prompt was: be kind", true),
            ("be a kind", false),
            ("", false),
        ] {
            assert_eq!(request.is_repeated_in(words), is_repeated, "{words}");
        }
        assert!(asking("xyzzy?").is_repeated_in("500: xyzzy? is not nice") && !asking("hi").is_repeated_in("this"));
    }

    #[test]
    fn blanks_are_dropped_and_an_authors_runs_are_joined() {
        let request = Request {
            messages: vec![
                past(Author::User, "one"),
                past(Author::Assistant, " \n"),
                past(Author::User, "two"),
                past(Author::Assistant, "three"),
                past(Author::User, "four"),
            ],
            ..asking("")
        };
        let said: Vec<(Author, String)> = request.said().into_iter().map(|(a, t)| (a, t.into_owned())).collect();
        assert_eq!(
            said,
            [
                (Author::User, "one\n\ntwo".to_owned()),
                (Author::Assistant, "three".to_owned()),
                (Author::User, "four".to_owned())
            ]
        );
    }
}
