//! The members of a request that sends a message, once for HTTP and WebSocket.

/// Makes a type of its own members and those of a message, which converts into a `RawTurnRequest` without an idempotency key.
macro_rules! message_request {
    ($vis:vis struct $name:ident { $($own:tt)* }) => {
        #[derive(serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        $vis struct $name {
            $($own)*
            #[schema(value_type = crate::model::Prompt)]
            content: String,
            /// Without it a conversation is made.
            conversation_id: Option<crate::model::ConversationId>,
            /// One of `GET /api/v1/models`; without it the conversation's, or the default.
            model: Option<crate::http::text::Text<1, 256>>,
            #[schema(value_type = Option<crate::model::SystemPrompt>)]
            system_prompt: Option<String>,
            #[schema(minimum = 0, maximum = 2)]
            temperature: Option<f64>,
            #[schema(minimum = 0, maximum = 1)]
            top_p: Option<f64>,
            /// Only the so many most likely tokens, where the provider has such a parameter.
            #[schema(minimum = 1, maximum = 4294967295i64)]
            top_k: Option<u32>,
            #[schema(minimum = 1, maximum = 4294967295i64)]
            max_tokens: Option<u32>,
            /// The reply ends before any of these.
            #[schema(max_items = 4)]
            stop: Option<Vec<crate::http::text::Text<1, 256>>>,
            /// For replies that can be repeated, where the provider knows it.
            seed: Option<i64>,
            response_format: Option<crate::model::ResponseFormat>,
            /// What was said before, for this one answer: it is not stored. Not together with `conversation_id`.
            #[schema(max_items = 64)]
            history: Option<Vec<crate::model::Said>>,
            /// Whether the turn continues or is cancelled if this connection ends first; without it `continue`.
            on_disconnect: Option<crate::model::OnDisconnect>,
        }

        impl From<$name> for crate::app::RawTurnRequest {
            fn from(given: $name) -> Self {
                Self {
                    content: given.content,
                    conversation_id: given.conversation_id,
                    model: given.model.map(String::from),
                    system_prompt: given.system_prompt,
                    sampling: crate::model::Sampling {
                        temperature: given.temperature,
                        top_p: given.top_p,
                        top_k: given.top_k,
                        stop: given.stop.unwrap_or_default().into_iter().map(String::from).collect(),
                        seed: given.seed,
                    },
                    max_tokens: given.max_tokens,
                    response_format: given.response_format,
                    history: given.history.unwrap_or_default(),
                    idempotency_key: None,
                    on_disconnect: given.on_disconnect,
                }
            }
        }
    };
}

pub(super) use message_request;
