//! The two wire formats, as the providers document them: <https://platform.openai.com/docs/api-reference/chat-streaming>
//! and <https://docs.anthropic.com/en/docs/build-with-claude/streaming>.

use super::{Value, json};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Openai,
    Anthropic,
}

impl Dialect {
    pub fn of_path(path: &str) -> Option<Self> {
        match path {
            "/v1/chat/completions" => Some(Self::Openai),
            "/v1/messages" => Some(Self::Anthropic),
            _ => None,
        }
    }

    /// What comes before the text.
    pub fn head(self, usage: Option<(u64, u64)>) -> String {
        match self {
            Self::Openai => chunk(&json!({"role": "assistant", "content": ""}), &Value::Null),
            Self::Anthropic => {
                let usage = usage.map_or(json!({}), |(input, _)| json!({"input_tokens": input, "output_tokens": 1}));
                let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "fake",
                    "stop_reason": null, "stop_sequence": null, "usage": usage});
                let block = json!({"type": "text", "text": ""});
                event(&json!({"type": "message_start", "message": message}))
                    + &event(&json!({"type": "content_block_start", "index": 0, "content_block": block}))
                    + &event(&json!({"type": "ping"}))
            }
        }
    }

    pub fn text(self, text: &str) -> String {
        match self {
            Self::Openai => chunk(&json!({"content": text}), &Value::Null),
            Self::Anthropic => {
                let delta = json!({"type": "text_delta", "text": text});
                event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
            }
        }
    }

    /// What comes after the text.
    pub fn tail(self, finish: &str, usage: Option<(u64, u64)>) -> String {
        match self {
            Self::Openai => {
                let numbers = usage.map(|(input, output)| {
                    let usage =
                        json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
                    data(&json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake",
                        "choices": [], "usage": usage}))
                });
                chunk(&json!({}), &json!(finish)) + &numbers.unwrap_or_default() + "data: [DONE]\n\n"
            }
            Self::Anthropic => {
                let reason = match finish {
                    "length" => "max_tokens",
                    "content_filter" => "refusal",
                    "tool_calls" => "tool_use",
                    _ => "end_turn",
                };
                let usage = usage.map_or(json!({}), |(_, output)| json!({"output_tokens": output}));
                let delta = json!({"stop_reason": reason, "stop_sequence": null});
                event(&json!({"type": "content_block_stop", "index": 0}))
                    + &event(&json!({"type": "message_delta", "delta": delta, "usage": usage}))
                    + &event(&json!({"type": "message_stop"}))
            }
        }
    }

    pub fn error(self, status: u16) -> String {
        let message = format!("scripted status {status}");
        match self {
            Self::Openai => json!({"error": {"message": message, "type": "scripted", "param": null, "code": null}}),
            Self::Anthropic => json!({"type": "error", "error": {"type": "scripted", "message": message}}),
        }
        .to_string()
    }
}

fn chunk(delta: &Value, finish: &Value) -> String {
    data(&json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap())
}
