//! Examples in the description, built from examples of members. A member means the same wherever it stands, so its name
//! is enough to find one.

use serde_json::{Map, Value, json};

use super::members;

pub(super) const REQUEST_ID: &str = "018f2f6e-7c1a-7b3e-9d5a-3c2b1a0f9e8d";
const ID: &str = REQUEST_ID;
const TIME: &str = "2026-07-14T09:26:53.589793Z";

/// The example of a member, by its name, or by its object's and its own.
fn of_member(name: &str) -> Option<Value> {
    let example = match name {
        "Health.status" => json!("ok"),
        "Turn.state" => json!("completed"),
        "Turn.error" => Value::Null,
        "access_token" => json!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMThmIn0.c2lnbmF0dXJl"),
        "refresh_token" => json!("mcr_wq3bY0nT2fXk8sVhLr5uE7cJ1aZ9oPdG4iMx6tBvQyA"),
        "token_type" => json!("bearer"),
        "expires_in" => json!(900),
        "username" => json!("ada"),
        "email" => json!("ada@example.org"),
        "password" | "current_password" => json!("vexing walrus umbrella"),
        "new_password" => json!("lavender tricycle okapi"),
        "content" => json!("What is an okapi?"),
        "text" => json!("A striped relative "),
        "Replied.assistant_message" | "Done.message" => reply(),
        "model" | "Page_ModelInfo.name" | "ModelInfo.name" => json!("mock/echo"),
        "ModelInfo.provider" => json!("mock"),
        "context_window" => json!(128_000),
        "max_output_tokens" => json!(4096),
        "title" => json!("Okapis"),
        "system_prompt" => json!("Answer in one sentence."),
        "stop" => json!(["\n\n"]),
        "temperature" => json!(0.7),
        "top_p" => json!(0.9),
        "top_k" => json!(40),
        "max_tokens" => json!(256),
        "input_tokens" => json!(11),
        "output_tokens" => json!(7),
        "cached_tokens" => json!(0),
        "cost_usd" => json!(0.000_025),
        "next_cursor" | "deleted_at" => Value::Null,
        "NewKey.name" | "ApiKey.name" | "WholeKey.name" => json!("nightly build"),
        "scopes" => json!(["chat"]),
        "prefix" => json!("mck_7h2kq9xw4bnr"),
        "key" => json!("mck_7h2kq9xw4bnr_c8vt3mzp6yd2fjg5k9sw7xq4hn1rb0la"),
        "revoked_at" => Value::Null,
        "reason" => json!("ticket 4711"),
        "query" => json!("ada"),
        "Made.password" => json!("hT7mQwZ4xKf9bRn2LvYs6cJp"),
        "revoked" => json!(2),
        "after" | "Last-Event-ID" => json!(7),
        "Idempotency-Key" => json!("018f2f6e-7c1a-7b3e-9d5a-3c2b1a0f9e8d"),
        "limit" => json!(50),
        "code" => json!("provider_timeout"),
        "detail" => json!("the provider did not answer in time"),
        _ => return None,
    };
    Some(example)
}

/// A cursor that the list at `path` accepts: behind a number, a name or a time.
fn cursor(path: &str) -> &'static str {
    match path.rsplit('/').next() {
        Some("audit-log" | "events" | "messages") => "eyJwIjo3fQ",
        Some("users" | "rate-limit-violations") => "eyJuIjoiYWRhIn0",
        _ => {
            "eyJ0IjoiMjAyNi0wNy0xNFQwOToyNjo1My41ODk3OTNaIiwiaWQiOiIwMThmMmY2ZS03YzFhLTdiM2UtOWQ1YS0zYzJiMWEwZjllOGQifQ"
        }
    }
}

/// An assistant's message.
fn reply() -> Value {
    json!({
        "id": ID,
        "conversation_id": ID,
        "turn_id": ID,
        "role": "assistant",
        "content": "A striped relative of the giraffe.",
        "state": "complete",
        "created_at": TIME,
    })
}

/// Gives every parameter, request body and response an example.
pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let operations = paths.iter_mut().flat_map(|(path, item)| {
        item.as_object_mut().into_iter().flatten().map(move |(_, operation)| (path.as_str(), operation))
    });
    for (path, operation) in operations {
        let parameters = operation["parameters"].as_array_mut().into_iter().flatten();
        for parameter in
            parameters.filter(|parameter| parameter["schema"].is_object() && parameter["example"].is_null())
        {
            let name = parameter["name"].as_str().unwrap_or_default();
            parameter["example"] = match name {
                "cursor" => cursor(path).into(),
                _ => Examples(&schemas).of(&parameter["schema"], "", name),
            };
        }
        add_to_content(&mut operation["requestBody"], &schemas);
        for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            add_to_content(response, &schemas);
        }
    }
    drop_nulls(document);
}

fn add_to_content(holder: &mut Value, schemas: &Value) {
    let content = holder.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten();
    for (kind, media) in content.filter(|(_, media)| media["example"].is_null()) {
        let example = match kind.as_str() {
            "text/event-stream" => event(&media["schema"]["properties"]["data"]["contentSchema"], schemas),
            "text/html" => "<!doctype html>".into(),
            _ if media["schema"].get("type").is_none() && media["schema"].get("$ref").is_none() => {
                json!({ "openapi": "3.1.0" })
            }
            _ => Examples(schemas).of(&media["schema"], "", ""),
        };
        media["example"] = example;
    }
}

/// The first event of a stream.
fn event(data: &Value, schemas: &Value) -> Value {
    json!({ "id": "1", "event": "turn", "data": Examples(schemas).of(data, "", "").to_string() })
}

/// Drops `null`s that come from indexing absent members.
fn drop_nulls(document: &mut Value) {
    for (_, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            operation.as_object_mut().into_iter().for_each(|members| members.retain(|_, value| !value.is_null()));
        }
    }
}

/// Builder of examples, with the schemas that others refer to.
struct Examples<'a>(&'a Value);

impl Examples<'_> {
    /// The example of a schema that is the member `name` of the object `holder`.
    fn of(&self, schema: &Value, holder: &str, name: &str) -> Value {
        let known = of_member(&format!("{holder}.{name}")).or_else(|| {
            // The example of an enum is one of its own words.
            if schema["$ref"].is_string() && self.resolve(schema).1["enum"].is_array() { None } else { of_member(name) }
        });
        if let Some(example) = known {
            return example;
        }
        let (of, schema) = self.resolve(schema);
        if let Some(first) = schema["enum"].as_array().and_then(|words| words.first()) {
            return first.clone();
        }
        for choice in ["oneOf", "anyOf"] {
            let choices = schema[choice].as_array().into_iter().flatten();
            if let Some(first) = choices.into_iter().find(|one| one["type"] != "null") {
                return self.of(first, holder, name);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, of),
            "array" => json!([self.of(&schema["items"], "", "")]),
            "integer" | "number" => schema["minimum"].as_i64().unwrap_or(1).max(1).into(),
            "boolean" => true.into(),
            _ => match schema["format"].as_str() {
                Some("uuid") => ID.into(),
                Some("date-time") => TIME.into(),
                _ => name.into(),
            },
        }
    }

    /// The example of an object: its required members, or all where none is required.
    fn object(&self, schema: &Value, name: &str) -> Value {
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = members(&schema["properties"])
            .filter(|(member, _)| required.is_empty() || required.iter().any(|one| one == member.as_str()));
        wanted.map(|(member, schema)| (member.clone(), self.of(schema, name, member))).collect::<Map<_, _>>().into()
    }

    /// Resolves a reference; returns the schema with its name.
    fn resolve<'a>(&'a self, schema: &'a Value) -> (&'a str, &'a Value) {
        match schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
            Some(name) => (name, &self.0[name]),
            None => ("", schema),
        }
    }
}

/// The type of a schema; of several the first that is not `null`.
fn kind(schema: &Value) -> &str {
    let several = schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str);
    schema["type"].as_str().or_else(|| several.into_iter().find(|kind| *kind != "null")).unwrap_or_default()
}
