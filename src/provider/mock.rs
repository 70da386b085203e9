//! The mock provider, without a network: it echoes the prompt, word by word, or plays its model's script. It keeps to
//! the same rules as a real one (timeouts, `max_tokens`, `stop`, failures by status), so that what is built on
//! providers can be tested without one.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    Failure, FailureKind, OnText, Reply, Request, TimeoutKind, Tokens, call_timeouts::CallTimeouts, error_body,
    estimate_tokens, slots::Slots,
};
use crate::{
    config::{self, MockScript, Timeouts},
    model::FinishReason,
};

#[derive(Debug)]
pub struct Mock {
    name: String,
    timeouts: Timeouts,
    slots: Slots,
}

impl Mock {
    pub fn new(config: &config::Provider) -> Self {
        Self { name: config.name.clone(), timeouts: config.timeouts, slots: Slots::new(config) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub async fn stream(
        &self,
        model: &config::Model,
        request: &Request,
        on_text: &mut OnText<'_>,
    ) -> Result<Reply, Failure> {
        let since = Instant::now();
        let _slot = self.slots.take().await?;
        let timeouts = CallTimeouts::start(self.timeouts, since);
        let left = self.timeouts.total.saturating_sub(since.elapsed());
        match timeout(left, self.follow(&model.script, request, &timeouts, on_text)).await {
            Ok(reply) => reply,
            Err(_) => Err(timeouts.timed_out(TimeoutKind::Total)),
        }
    }

    async fn follow(
        &self,
        script: &MockScript,
        request: &Request,
        timeouts: &CallTimeouts,
        on_text: &mut OnText<'_>,
    ) -> Result<Reply, Failure> {
        if script.hang || script.delay >= self.timeouts.first_token {
            sleep(self.timeouts.first_token).await;
            return Err(timeouts.timed_out(TimeoutKind::FirstToken));
        }
        if !script.delay.is_zero() {
            sleep(script.delay).await;
        }
        if let Some(status) = script.status.filter(|status| *status >= 300) {
            let detail = format!("the provider answered {status}, as scripted");
            return Err(Failure { status: Some(status), ..Failure::new(error_body::kind_of_status(status), detail) });
        }
        let (text, finish_reason) = reply(script, request);
        say(script, text, on_text).await?;
        let tokens = Tokens { input: asked(request), output: estimate_tokens(text), cached: 0 };
        Ok(Reply { finish_reason, tokens: Some(tokens) })
    }
}

/// The whole reply, cut where `stop` or `max_tokens` ends it.
fn reply<'a>(script: &'a MockScript, request: &'a Request) -> (&'a str, FinishReason) {
    let text = script.reply.as_deref().unwrap_or_else(|| request.question());
    let stops = request.sampling.stop.iter().filter(|stop| !stop.is_empty());
    let text = stops.filter_map(|stop| text.find(stop.as_str())).min().map_or(text, |end| &text[..end]);
    if estimate_tokens(text) <= request.max_tokens.into() {
        return (text, FinishReason::Stop);
    }
    let end = text.floor_char_boundary(usize::try_from(request.max_tokens).unwrap_or(usize::MAX).saturating_mul(4));
    (&text[..end], FinishReason::Length)
}

/// Sends the text word by word, at the scripted rate.
async fn say(script: &MockScript, text: &str, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    let pause = script.tokens_per_second.and_then(|rate| Duration::try_from_secs_f64(rate.recip()).ok());
    let start = Instant::now();
    let broken = || Failure::new(FailureKind::Unavailable, "the provider broke off with an error, as scripted");
    for (before, word) in (0_u32..).zip(text.split_inclusive(' ')) {
        if script.error_after == Some(before) {
            return Err(broken());
        }
        match pause.and_then(|pause| start.checked_add(pause.saturating_mul(before))) {
            Some(time) => sleep_until(time).await,
            None => tokio::task::yield_now().await,
        }
        on_text(word);
    }
    // A reply shorter than that ends with the error.
    script.error_after.map_or(Ok(()), |_| Err(broken()))
}

fn asked(request: &Request) -> u64 {
    let said = request.messages.iter().map(|past| estimate_tokens(&past.text)).sum::<u64>();
    said + request.system.as_deref().map_or(0, estimate_tokens)
}

#[cfg(test)]
mod tests {
    use super::{super::request::tests::asking, *};
    use crate::model::Sampling;

    const TIMEOUTS: Timeouts = Timeouts {
        queue: Duration::from_millis(50),
        connect: Duration::from_millis(50),
        first_token: Duration::from_millis(60),
        idle: Duration::from_millis(50),
        total: Duration::from_millis(150),
    };

    fn model(script: MockScript) -> config::Model {
        config::Model {
            name: "mock/echo".to_owned(),
            provider: "mock".to_owned(),
            upstream_name: "echo".to_owned(),
            max_output_tokens: 1000,
            context_window: 8000,
            price: None,
            inline_reasoning: None,
            script,
        }
    }

    async fn answer(script: MockScript, request: Request) -> (Vec<String>, Result<Reply, Failure>) {
        let mut chunks = Vec::new();
        let mock = Mock { name: "mock".to_owned(), timeouts: TIMEOUTS, slots: Slots::unbounded() };
        let result = mock.stream(&model(script), &request, &mut |text| chunks.push(text.to_owned())).await;
        (chunks, result)
    }

    #[tokio::test]
    async fn the_question_comes_back_word_by_word_with_usage() {
        let (chunks, reply) = answer(MockScript::default(), asking("how are  you?\n")).await;
        assert_eq!(chunks, ["how ", "are ", " ", "you?\n"]);
        let tokens = Some(Tokens { input: 4, output: 4, cached: 0 });
        assert_eq!(reply, Ok(Reply { finish_reason: FinishReason::Stop, tokens }));
    }

    #[tokio::test]
    async fn max_tokens_and_stop_end_a_reply() {
        let long = Request { max_tokens: 1, ..asking("äöüß") };
        let (chunks, reply) = answer(MockScript::default(), long).await;
        assert_eq!((chunks.concat().as_str(), reply.unwrap().finish_reason), ("äö", FinishReason::Length));
        let stopped = Request {
            sampling: Sampling { stop: vec!["d".to_owned(), "c".to_owned(), String::new()], ..Sampling::default() },
            ..asking("a b c d")
        };
        let (chunks, reply) = answer(MockScript::default(), stopped).await;
        assert_eq!((chunks.concat().as_str(), reply.unwrap().finish_reason), ("a b ", FinishReason::Stop));
    }

    #[tokio::test]
    async fn a_scripted_error_comes_after_so_many_chunks() {
        for (after, text) in [(0, ""), (2, "a b "), (9, "a b c")] {
            let (chunks, reply) =
                answer(MockScript { error_after: Some(after), ..Default::default() }, asking("a b c")).await;
            assert_eq!((chunks.concat().as_str(), reply.unwrap_err().kind), (text, FailureKind::Unavailable));
        }
    }

    #[tokio::test]
    async fn a_scripted_status_fails_as_an_upstream_would() {
        for (status, kind) in
            [(429, FailureKind::RateLimited), (500, FailureKind::Unavailable), (401, FailureKind::Auth)]
        {
            let (chunks, reply) = answer(MockScript { status: Some(status), ..Default::default() }, asking("a")).await;
            let failure = reply.unwrap_err();
            assert_eq!((chunks.len(), failure.kind, failure.status), (0, kind, Some(status)));
        }
    }

    #[tokio::test]
    async fn hanging_and_being_slow_run_into_the_timeouts() {
        let scripts = [
            (MockScript { hang: true, ..Default::default() }, TimeoutKind::FirstToken),
            (MockScript { delay: Duration::from_secs(9), ..Default::default() }, TimeoutKind::FirstToken),
            (MockScript { tokens_per_second: Some(10.0), ..Default::default() }, TimeoutKind::Total),
        ];
        for (script, waiting) in scripts {
            let (_, reply) = answer(script, asking("a b c d e f")).await;
            assert_eq!(reply.unwrap_err().kind, FailureKind::Timeout(waiting));
        }
    }

    #[tokio::test]
    async fn a_rate_is_kept() {
        let start = Instant::now();
        let script =
            MockScript { tokens_per_second: Some(100.0), reply: Some("a b c d".to_owned()), ..Default::default() };
        let (chunks, _) = answer(script, asking("x")).await;
        assert_eq!(chunks.len(), 4);
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
}
