//! The built-in model: it answers without any network, word by word, and can be told to misbehave. For trying the service
//! out, and for tests.

use std::{future::pending, time::Duration};

use tokio::time::sleep;

use super::{Failure, FailureKind, Reply, Request, Tokens, estimate_tokens};
use crate::{config::MockScript, model::FinishReason};

pub(super) async fn stream(
    script: &MockScript,
    request: &Request,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Reply, Failure> {
    if let Some(status) = script.status {
        return Err(Failure::of_status("mock", status, r#"{"error":"as scripted"}"#, None));
    }
    if script.hang {
        return pending().await;
    }
    rest(script.delay).await;
    let question = request.messages.last().map_or("", |message| message.text.as_str());
    let answer = script.reply.as_deref().unwrap_or(question);
    let words: Vec<&str> = answer.split_inclusive(char::is_whitespace).collect();
    let told = words.len().min(usize::try_from(request.max_tokens).unwrap_or(usize::MAX));
    for (place, word) in words[..told].iter().enumerate() {
        if script.error_after.is_some_and(|after| place >= after as usize) {
            return Err(Failure::new(FailureKind::Upstream, "the provider broke off: as scripted"));
        }
        on_text(word);
        match script.tokens_per_second {
            Some(rate) => rest(Duration::from_secs_f64(1.0 / rate)).await,
            // Let readers see each word by itself, as with a real provider.
            None => tokio::task::yield_now().await,
        }
    }
    let input = request.messages.iter().map(|past| estimate_tokens(&past.text)).sum::<u64>()
        + request.system.as_deref().map_or(0, estimate_tokens);
    let tokens = Tokens { input, output: estimate_tokens(&words[..told].concat()), cached: 0 };
    let finish_reason = if told < words.len() { FinishReason::Length } else { FinishReason::Stop };
    Ok(Reply { finish_reason, tokens: Some(tokens) })
}

async fn rest(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}
