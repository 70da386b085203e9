//! Validation of a reply against a JSON Schema. A schema that refers to another document is refused, not resolved.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Unmet, words::excerpt};
use crate::config::Redaction;

/// Maximum number of errors that are reported.
const MOST_TOLD: usize = 10;

/// A schema, and its compiled validator.
#[derive(Clone)]
pub struct ReplySchema {
    schema: Arc<Map<String, Value>>,
    validator: Arc<jsonschema::Validator>,
}

impl std::fmt::Debug for ReplySchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AnswerSchema").field(&self.schema).finish()
    }
}

impl ReplySchema {
    /// Parses a schema. Errors: why the text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let schema: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        Self::new(schema)
    }

    /// Compiles a schema. Errors: why the value is none.
    pub fn new(schema: Value) -> Result<Self, String> {
        let validator = jsonschema::options().should_validate_formats(true).build(&schema);
        let validator = validator.map_err(|error| format!("not a JSON Schema: {error}"))?;
        let Value::Object(schema) = schema else { return Err("not a JSON Schema: it must be an object".into()) };
        Ok(Self { schema: Arc::new(schema), validator: Arc::new(validator) })
    }

    pub fn schema(&self) -> &Map<String, Value> {
        &self.schema
    }

    /// Validates a text; returns what does not match, each with its JSON pointer.
    pub(super) fn hold(&self, check: &'static str, text: &str, secrets: &Redaction) -> Vec<Unmet> {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return vec![Unmet::new(check, "JSON", not_json(text, &error, secrets))],
        };
        let wrong = self.validator.iter_errors(&value).take(MOST_TOLD);
        wrong
            .map(|error| {
                let pointer = Some(error.instance_path().to_string());
                let at = self.expected(error.schema_path().as_str(), secrets);
                let got = excerpt(&error.instance().to_string(), secrets);
                let expected =
                    at.map_or_else(|| error.to_string(), |rule| format!("{}: {rule}", error.kind().keyword()));
                Unmet { pointer, ..Unmet::new(check, expected, got) }
            })
            .collect()
    }

    /// The schema's value at the keyword that is not met, if it is short enough to be shown.
    fn expected(&self, path: &str, secrets: &Redaction) -> Option<String> {
        let mut tokens = path.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
        let first = tokens.next()?;
        let rule = tokens.try_fold(self.schema.get(&first)?, |value, token| match value {
            Value::Array(items) => items.get(token.parse::<usize>().ok()?),
            value => value.get(token.as_str()),
        })?;
        Some(secrets.hide(&rule.to_string())).filter(|text| text.len() <= 200)
    }
}

/// Describes a reply that is not JSON; models like to wrap it up. The position is that in the redacted text, so that a
/// replay is reported in the same words.
pub(super) fn not_json(text: &str, error: &serde_json::Error, secrets: &Redaction) -> String {
    let shown = serde_json::from_str::<serde::de::IgnoredAny>(&secrets.hide(text)).err();
    let error = shown.as_ref().unwrap_or(error);
    let wrapped = if text.trim_start().starts_with("```") { " (JSON in a Markdown fence is none)" } else { "" };
    format!("{}: {error}{wrapped}", excerpt(text, secrets))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: Value, text: &str) -> Vec<String> {
        ReplySchema::new(schema)
            .unwrap()
            .hold("schema", text, &Redaction::default())
            .iter()
            .map(Unmet::to_string)
            .collect()
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_pointer() {
        let schema = json!({
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {"name": {"type": "string", "minLength": 2}, "list": {"items": {"enum": ["a", "b"]}}}
        });
        assert!(told(schema.clone(), r#"{"name": "Ada", "list": ["a"]}"#).is_empty());
        assert_eq!(
            told(schema.clone(), r#"{"name": 7, "list": ["a", "c"]}"#),
            [
                "schema: at /list/1: expected enum: [\"a\",\"b\"], got `\"c\"`",
                "schema: at /name: expected type: \"string\", got `7`",
            ]
        );
        assert_eq!(
            told(schema.clone(), "{}"),
            ["schema: the answer as a whole: expected required: [\"name\"], got `{}`"]
        );
        let fenced = told(schema, "```json\n{}\n```");
        assert!(fenced[0].contains("expected JSON") && fenced[0].contains("Markdown fence"), "{fenced:?}");
    }

    #[test]
    fn an_invalid_schema_or_external_ref_is_refused() {
        for text in
            ["{", "[]", "7", r#"{"type": 7}"#, r#"{"$ref": "https://example.org/x"}"#, r#"{"$ref": "other.json"}"#]
        {
            assert!(ReplySchema::parse(text).is_err(), "{text}");
        }
    }
}
