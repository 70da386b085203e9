//! Completion of operations: id, tag, the ids in the path, and the refusals that any request can get.

use serde_json::{Value, json};

use super::refusals;

/// Statuses with which any request can be refused.
const FOR_ALL: [u16; 9] = [400, 408, 414, 417, 429, 431, 500, 501, 503];
/// Further statuses for a request with a body.
const FOR_BODIES: [u16; 3] = [413, 415, 422];

/// Completes every operation of the document.
pub(super) fn complete(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        let operations = item.as_object_mut().into_iter().flatten();
        for (_, operation) in operations {
            name(path, operation);
            add_parameters(path, operation);
            add_refusals(operation);
            finish_responses(operation);
            describe_streams(operation);
            describe_forms(operation, &schemas);
        }
    }
}

/// The tag is the resource; the id is the resource and the handler.
fn name(path: &str, operation: &mut Value) {
    let segments: Vec<&str> = path.strip_prefix("/api/v1/").unwrap_or_default().split('/').collect();
    let (tag, resource) = match segments.as_slice() {
        ["admin", second, ..] => ("admin", format!("admin_{}", second.replace('-', "_"))),
        ["" | "openapi.json", ..] | [] => ("service", "service".to_owned()),
        ["ws", ..] => ("turns", "ws".to_owned()),
        [first, ..] => (*first, (*first).to_owned()),
    };
    let handler = operation["operationId"].as_str().unwrap_or_default();
    operation["operationId"] = format!("{resource}_{handler}").into();
    operation["tags"] = json!([tag]);
    if operation.get("description").is_none() {
        operation["description"] =
            format!("{}.", operation["summary"].as_str().unwrap_or_default()).replace("?.", "?").into();
    }
}

/// Adds the ids in the path that the handler has not described, and the request's own id.
fn add_parameters(path: &str, operation: &mut Value) {
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    parameters.iter_mut().for_each(|parameter| without_null(&mut parameter["schema"]));
    let mut before = "";
    for segment in path.split('/') {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = name.filter(|name| parameters.iter().all(|known| known["name"] != *name)) {
            let of = name.strip_suffix("_id").unwrap_or(before.trim_end_matches('s'));
            let (says, schema, example) = match of {
                "user" => ("The user's id, name or email.".to_owned(), json!({ "type": "string" }), json!("ada")),
                _ => (format!("The {of}'s id."), json!({ "type": "string", "format": "uuid" }), Value::Null),
            };
            parameters.push(json!({
                "name": name,
                "in": "path",
                "required": true,
                "description": says,
                "schema": schema,
                "example": example,
            }));
        }
        before = segment;
    }
    parameters.push(json!({ "$ref": "#/components/parameters/RequestId" }));
    operation["parameters"] = parameters.into();
}

/// Drops `null` from a type: a parameter may be left out, but none can be `null`.
fn without_null(schema: &mut Value) {
    let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) else { return };
    kinds.retain(|kind| kind != "null");
    if let [only] = kinds.as_slice() {
        schema["type"] = only.clone();
    }
}

fn add_refusals(operation: &mut Value) {
    let security = operation["security"].as_array();
    let is_for_all = security.is_some_and(|ways| ways.iter().all(|way| *way == json!({})));
    if is_for_all {
        operation["security"] = json!([]);
    }
    let has =
        |place: &str| operation["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["in"] == place));
    let mut statuses = FOR_ALL.to_vec();
    statuses.extend([401, 403].iter().filter(|_| !is_for_all));
    statuses.extend([404].iter().filter(|_| has("path")));
    statuses.extend([422].iter().filter(|_| has("query")));
    statuses.extend(FOR_BODIES.iter().filter(|_| operation["requestBody"].is_object()));
    for status in statuses {
        let response = &mut operation["responses"][status.to_string()];
        if response.is_null() {
            *response = json!({ "description": "" });
        }
    }
}

/// Turns refusals into problem documents, and adds the request's id to all responses.
fn finish_responses(operation: &mut Value) {
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for (status, response) in responses {
        let says = response["description"].as_str().unwrap_or_default();
        match status.parse().ok().and_then(refusals::of) {
            Some(refusal) if says.is_empty() => {
                *response = json!({ "$ref": format!("#/components/responses/{}", refusal.name) });
            }
            Some(refusal) => *response = refusal.response(Some(says)),
            None => response["headers"]["x-request-id"] = json!({ "$ref": "#/components/headers/RequestId" }),
        }
    }
}

/// Drops `null` from forms: a member may be left out, but none can be `null`.
fn describe_forms(operation: &mut Value, schemas: &Value) {
    let form = operation.pointer_mut("/requestBody/content/application~1x-www-form-urlencoded");
    let Some(media) = form else { return };
    let named = media["schema"]["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let mut schema = named.map_or_else(|| media["schema"].clone(), |name| schemas[name].clone());
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, property) in properties {
        without_null(property);
        if let Some(choices) = property.get_mut("oneOf").and_then(Value::as_array_mut) {
            choices.retain(|choice| choice["type"] != "null");
            if let [only] = choices.as_slice() {
                *property = only.clone();
            }
        }
    }
    media["schema"] = schema;
}

/// Describes event streams. A handler gives the schema of an event's data; here it becomes that of one event, as
/// OpenAPI 3.2's `itemSchema` has it.
fn describe_streams(operation: &mut Value) {
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for media in responses.filter_map(|(_, response)| response.pointer_mut("/content/text~1event-stream")) {
        let data =
            json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": media["schema"] });
        media["schema"] = json!({
            "type": "object",
            "description": "One of the server-sent events. Each has its number as `id`, from 1 without gaps, its name as `event`, \
                            and one JSON object as `data`. A comment line comes every 15 s while nothing happens.",
            "properties": { "id": { "type": "string" }, "event": { "type": "string" }, "data": data },
            "required": ["id", "event", "data"],
        });
    }
}
