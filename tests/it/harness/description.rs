//! The API's description, which every answer to every test is held to: its status, its content type and its body have to
//! be what is described for the operation.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;

use super::{Answer, Value, json};

/// As it is committed; that the code agrees with it is another test's claim.
pub static DESCRIPTION: LazyLock<Description> = LazyLock::new(Description::read);

pub struct Description {
    pub document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub path: &'static str,
    pub method: &'static str,
    pub about: &'static Value,
}

impl Operation {
    pub fn id(&self) -> &'static str {
        self.about["operationId"].as_str().unwrap()
    }

    /// Its parameters, with their references followed.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        let parameters = self.about["parameters"].as_array().into_iter().flatten();
        parameters.map(|parameter| DESCRIPTION.resolve(parameter))
    }

    pub fn json_body(&self) -> Option<&'static Value> {
        self.about.pointer("/requestBody/content/application~1json/schema")
    }

    pub fn needs_login(&self) -> bool {
        let ways = self.about["security"].as_array();
        ways.is_none_or(|ways| !ways.is_empty() && ways.iter().all(|way| *way != serde_json::json!({})))
    }
}

impl Description {
    fn read() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/openapi/openapi.json");
        let document = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        Self { document, validators: Mutex::default() }
    }

    pub fn operations(&'static self) -> impl Iterator<Item = Operation> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        paths.flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, about)| Operation { path, method, about })
        })
    }

    /// The one that a request is for; a word in a path goes before an id.
    pub fn operation(&'static self, method: &str, path: &str) -> Option<Operation> {
        let method = if method == "HEAD" { "get" } else { &method.to_lowercase() };
        let of_path = self.operations().filter(|one| one.method == method && fits(one.path, path));
        of_path.min_by_key(|one| one.path.matches('{').count())
    }

    /// What a reference within the document refers to.
    pub fn resolve(&'static self, thing: &'static Value) -> &'static Value {
        match thing["$ref"].as_str() {
            Some(path) => self.document.pointer(path.trim_start_matches('#')).expect(path),
            None => thing,
        }
    }

    /// Fails unless the answer is described.
    pub fn hold(&'static self, method: &str, path: &str, answer: &Answer) {
        let Some(operation) = self.operation(method, path) else {
            let refused = answer.status.is_client_error() || answer.status.is_server_error();
            assert!(refused || path.starts_with("/docs/"), "{method} {path} is not described, and gave {answer:#?}");
            return;
        };
        let id = operation.id();
        let response = self.resolve(&operation.about["responses"][answer.status.as_str()]);
        assert!(response.is_object(), "{id} gave a status that is not described: {answer:#?}");
        assert!(answer.headers.contains_key("x-request-id"), "{id} gave no request id: {answer:#?}");
        let kind = answer.headers.get("content-type").map(|kind| kind.to_str().unwrap());
        let kind = kind.map_or("", |kind| kind.split(';').next().unwrap());
        let Some(content) = response["content"].as_object() else {
            assert!(answer.text.is_empty(), "{id} gave a body that is not described: {answer:#?}");
            return;
        };
        let media =
            content.get(kind).unwrap_or_else(|| panic!("{id} gave `{kind}`, which is not described: {answer:#?}"));
        if kind.ends_with("json") && method != "HEAD" {
            let schema = &media["schema"];
            let wrong: Vec<String> = self
                .validator(schema)
                .iter_errors(&answer.json())
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{id} gave what is not described: {wrong:#?} in {answer:#?}");
        }
    }

    /// The schema with everything it refers to, and nothing that is not written down.
    pub fn validator(&'static self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let made = validators.entry(schema.to_string()).or_insert_with(|| {
            let mut schema = schema.clone();
            schema["components"] = json!({ "schemas": self.closed_schemas() });
            Arc::new(jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap())
        });
        Arc::clone(made)
    }

    /// A client has to bear members it does not know; a test does not. Schemas that others are made of stay open.
    fn closed_schemas(&self) -> Value {
        let mut schemas = self.document["components"]["schemas"].clone();
        let parts = json!(parts(&schemas)).to_string();
        for (name, schema) in schemas.as_object_mut().unwrap() {
            if schema["properties"].is_object() && !parts.contains(&format!("/{name}\"")) {
                schema["additionalProperties"] = json!(false);
            }
        }
        schemas
    }
}

/// All `allOf` in there.
fn parts(value: &Value) -> Vec<Value> {
    let inner: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().flat_map(parts).chain(value.get("allOf").cloned()).collect()
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let same = |(wanted, given): (&&str, &&str)| wanted == given || (wanted.starts_with('{') && !given.is_empty());
    template.len() == path.len() && template.iter().zip(&path).all(same)
}
