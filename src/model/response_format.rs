//! The required form of a reply.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::words::words;

words! {
    /// The kind of a reply's form.
    FormatKind {
        /// JSON that fits a schema.
        JsonSchema = "json_schema",
    }
}

/// The form a reply has to have. Every provider is asked for it in its own way; the reply is not checked here, so a
/// client that needs the form validates it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseFormat {
    #[serde(rename = "type")]
    pub kind: FormatKind,
    /// A JSON Schema of at most 32 KiB. Which of its keywords a model takes is the provider's to say.
    #[schema(value_type = Object)]
    pub schema: Map<String, Value>,
}

impl ResponseFormat {
    pub fn json_schema(schema: Map<String, Value>) -> Self {
        Self { kind: FormatKind::JsonSchema, schema }
    }

    /// Whether every object of the schema lists all its members as required and allows no others, which providers
    /// require before they guarantee the form.
    pub fn is_closed(&self) -> bool {
        is_closed(&self.schema)
    }
}

fn is_closed(schema: &Map<String, Value>) -> bool {
    let members = schema.get("properties").and_then(Value::as_object);
    let is_object = members.is_some() || schema.get("type").is_some_and(|kind| kind == "object");
    if is_object {
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|it| it == name));
        let forbids_others = schema.get("additionalProperties") == Some(&Value::Bool(false));
        if !forbids_others || !members.is_some_and(|members| members.keys().all(is_required)) {
            return false;
        }
    }
    // Below a keyword is a schema, a list of them, or named ones; everything else has no `properties` of its own.
    schema.iter().filter(|(keyword, _)| !matches!(&***keyword, "const" | "enum" | "default" | "examples")).all(
        |(keyword, value)| match (&**keyword, value) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => named.values().all(below),
            (_, value) => below(value),
        },
    )
}

fn below(value: &Value) -> bool {
    match value {
        Value::Object(schema) => is_closed(schema),
        Value::Array(schemas) => schemas.iter().all(below),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_closed_schema_is_told_from_an_open_one() {
        let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
        let open = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
        for (schema, is_closed) in [
            (json!({"type": "string"}), true),
            (closed.clone(), true),
            (open.clone(), false),
            (json!({"type": "object"}), false),
            (json!({"type": "array", "items": closed}), true),
            (json!({"type": "array", "items": open}), false),
            (json!({"anyOf": [closed, open]}), false),
            (json!({"$defs": {"type": closed}, "enum": [{"type": "object"}]}), true),
        ] {
            let Value::Object(schema) = schema else { unreachable!() };
            assert_eq!(ResponseFormat::json_schema(schema.clone()).is_closed(), is_closed, "{schema:?}");
        }
    }
}
