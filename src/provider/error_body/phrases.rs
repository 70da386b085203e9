//! Error phrases of model servers, where no type and no code tells the kind. Each entry is a list of fragments that all
//! have to be in the text, as [`plain`] makes it.

/// Normalizes a text: lower case, spaces for `_` and `-`, no quotation marks.
pub fn plain(text: &str) -> String {
    let spaced = text.to_lowercase().replace(['_', '-', '\n', '\r', '\t'], " ").replace(['`', '\'', '’', '"'], "");
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether one of the entries matches.
fn fits(text: &str, phrases: &[&[&str]]) -> bool {
    phrases.iter().any(|fragments| fragments.iter().all(|fragment| text.contains(fragment)))
}

/// Whether the input exceeds the context window.
pub fn is_context_too_long(text: &str) -> bool {
    // OpenAI sends 429 and names the tokens a minute for a request that alone is above them: only a shorter one can
    // pass.
    fits(text, &[&["request too large for"]]) || (fits(text, CONTEXT_TOO_LONG) && !fits(text, RATES))
}

pub fn is_unknown_model(text: &str) -> bool {
    fits(text, UNKNOWN_MODEL)
}

pub fn is_quota_exhausted(text: &str) -> bool {
    fits(text, QUOTA_EXHAUSTED)
}

const CONTEXT_TOO_LONG: &[&[&str]] = &[
    // OpenAI, Azure, vLLM, DeepSeek, OpenRouter, Together, Fireworks; Google's compatible API repeats them.
    &["maximum context length"],
    &["max context length"],
    &["model context length", "exceed"],
    &["reduce the length of the"],
    // OpenAI's responses, MiniMax, Cloudflare: "exceeds the context window"; llama-cpp-python: "exceed context window
    // of".
    &["context window", "exceed"],
    &["contextwindowexceeded"],
    // Anthropic: "input length and `max_tokens` exceed context limit".
    &["context limit", "exceed"],
    &["prompt is too long"],
    &["prompt too long"],
    &["request exceeds the maximum size"],
    // llama.cpp.
    &["context size", "exceed"],
    &["larger than the max context size"],
    &["input is too large to process"],
    // Ollama, SGLang.
    &["context length", "exceed"],
    &["longer than the models context length"],
    &["longer than", "context length"],
    // LM Studio, TabbyAPI.
    &["greater than the context length"],
    &["tokens to keep from the initial prompt"],
    &["keep the first", "when context the overflows"],
    &["greater than max seq len"],
    &["exceed", "max seq len"],
    // vLLM.
    &["longer than the maximum model length"],
    &["context length is only"],
    // TGI and what is built on it.
    &["inputs tokens + max new tokens must be"],
    &["inputs must have less than"],
    // TensorRT-LLM, SGLang.
    &["exceed", "maximum input length"],
    &["exceed", "maximum allowed length"],
    &["input length", "exceed"],
    &["prompt length", "exceed"],
    // Mistral.
    &["too large for model with"],
    // xAI.
    &["maximum prompt length"],
    // Gemini and Vertex.
    &["input token count", "exceed"],
    &["input token count", "only supports up to"],
    &["exceed", "maximum number of tokens allowed"],
    // Bedrock.
    &["input is too long"],
    &["too many input tokens"],
    &["expected maxlength", "actual"],
    // Cohere. Bedrock's "Too many tokens, please wait" is a rate.
    &["too many tokens:"],
    // Moonshot, Zhipu, Qwen.
    &["exceed", "model token limit"],
    &["prompt exceeds max length"],
    &["range of input length should be"],
    // GitHub's and Copilot's models.
    &["request body too large for", "tokens"],
    &["prompt token count", "exceed"],
    // Transformers.
    &["token indices sequence length is longer"],
    &["input tokens exceed"],
    &["prompt 超长"],
];

/// Rates and quotas, which count tokens too.
const RATES: &[&[&str]] = &[&["rate limit"], &["quota"], &["per minute"], &["tokens per"], &["per day"]];

const UNKNOWN_MODEL: &[&[&str]] = &[
    // LiteLLM.
    &["invalid model name"],
    // OpenAI and vLLM: "The model `x` does not exist".
    &["the model ", "does not exist"],
    // Ollama, OpenRouter, Mistral, aggregators.
    &["model ", " not found"],
    &["is not a valid model"],
    &["invalid model:"],
    &["unknown model"],
    &["no such model"],
];

const QUOTA_EXHAUSTED: &[&[&str]] = &[
    // Anthropic.
    &["credit balance is too low"],
    // DeepSeek and others.
    &["insufficient balance"],
    &["insufficient credit"],
    // LiteLLM.
    &["budget has been exceeded"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_says_too_long_in_its_own_words() {
        for said in [
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "Request too large for gpt-x in organization o on tokens per min (TPM): Limit 30000, Requested 41000.",
            "prompt is too long: 213462 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length",
            "request (2123 tokens) exceeds the available context size (512 tokens), try increasing it",
            "the request exceeds the available context size. try increasing the context size or enable context shift",
            "input (600 tokens) is larger than the max context size (512 tokens). skipping",
            "Context size has been exceeded.",
            "Requested tokens (2123) exceed context window of 512",
            "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - too big",
            "litellm.BadRequestError: OpenAIException - request (9 tokens) exceeds the available context size (8 tokens)",
            "Error code: 400 - {'error': {'message': \"This model's maximum context length is 4 tokens\"}}",
            "openai error: request (9 tokens) exceeds the available context size (8 tokens)",
            "The decoder prompt (length 9999) is longer than the maximum model length of 8192.",
            "You passed 40001 input tokens. However, the model's context length is only 40000 tokens",
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1957 `inputs` tokens and 100",
            "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
            "prompt too long; exceeded max context length by 12 tokens",
            "the input length exceeds the context length",
            "The input (9999 tokens) is longer than the model's context length (4096 tokens).",
            "Requested token count exceeds the model's maximum context length of 4096 tokens.",
            "Input length (9999 tokens) exceeds the maximum allowed length (4090 tokens).",
            "The input token count (1234567) exceeds the maximum number of tokens allowed (1048576).",
            "Unable to submit request because the input token count is 33000 but model only supports up to 32768.",
            "Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            "Please reduce the length of the messages or completion.",
            "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292",
            "Input is too long for requested model.",
            "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 5000>= n_ctx: 4096).",
            "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with 4096",
            "Your request exceeded model token limit: 8192 (requested: 9999)",
            "Range of input length should be [1, 30720]",
            "invalid params, context window exceeds limit (2013)",
            "Request body too large for gpt-x model. Max size: 8000 tokens.",
            "prompt token count of 123000 exceeds the limit of 64000",
            "Prompt length (5000) exceeds maximum input length (4096).",
            "Context length 5000 is greater than max_seq_len 4096",
            "The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192).",
        ] {
            assert!(is_context_too_long(&plain(said)), "{said}");
        }
    }

    #[test]
    fn a_rate_or_another_limit_is_not_a_long_context() {
        for said in [
            "Rate limit reached for gpt-x on tokens per min (TPM): Limit 10000, Used 9000, Requested 2000.",
            "This request would exceed your organization's rate limit of 40,000 input tokens per minute.",
            "Too many tokens, please wait before trying again.",
            "You exceeded your current quota. Quota exceeded for metric: generate_content_free_tier_input_token_count",
            "context deadline exceeded",
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
            "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for this model",
            "Invalid 'tools': array too long. Expected an array with maximum length 128",
            "Your credit balance is too low to access the API",
            "the context cache has expired",
            "",
        ] {
            assert!(!is_context_too_long(&plain(said)), "{said}");
        }
    }
}
