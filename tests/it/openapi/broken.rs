//! Values that a schema forbids for one reason: one bound, type, member or word of it is broken.

use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};

use super::lawful::lawful;
use crate::harness::{DESCRIPTION, Value, json};

/// JSON of any shape.
pub fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let deeper = |inner: BoxedStrategy<Value>| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-z_]{0,8}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    };
    leaf.prop_recursive(4, 24, 4, move |inner| deeper(inner.boxed())).boxed()
}

/// What the schema forbids.
pub fn broken(schema: &'static Value) -> BoxedStrategy<Value> {
    let inner = DESCRIPTION.resolve(schema);
    let mut ways = vec![anything()];
    ways.extend(broken_object(inner));
    ways.extend(candidates(inner));
    let choices = inner["oneOf"].as_array().or(inner["anyOf"].as_array()).into_iter().flatten();
    ways.extend(
        choices
            .map(|choice| DESCRIPTION.resolve(choice))
            .filter(|choice| choice["type"] != "null")
            .flat_map(candidates),
    );
    let validator = DESCRIPTION.validator(schema);
    Union::new(ways).prop_filter("breaks the schema", move |value| !validator.is_valid(value)).boxed()
}

/// An object as it should be, but for one member.
fn broken_object(schema: &'static Value) -> Vec<BoxedStrategy<Value>> {
    let Some(members) = schema["properties"].as_object() else { return Vec::new() };
    let whole = lawful(schema);
    let mut ways: Vec<BoxedStrategy<Value>> = members
        .iter()
        .map(|(name, property)| {
            let name = name.as_str();
            let with = move |(mut object, value): (Value, Value)| {
                object[name] = value;
                object
            };
            (whole.clone(), broken(property)).prop_map(with).boxed()
        })
        .collect();
    let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
    ways.extend(required.map(|name| {
        let without = |mut object: Value| {
            object.as_object_mut().unwrap().remove(name);
            object
        };
        whole.clone().prop_map(without).boxed()
    }));
    let strange = (whole, "[a-zA-Z_]{1,12}", anything()).prop_map(|(mut object, name, value)| {
        object[name] = value;
        object
    });
    ways.push(strange.boxed());
    ways
}

/// What lies just outside of each bound.
fn candidates(schema: &'static Value) -> Vec<BoxedStrategy<Value>> {
    let mut ways: Vec<BoxedStrategy<Value>> = Vec::new();
    let mut one = |value: Value| ways.push(Just(value).boxed());
    if let Some(least) = schema["minimum"].as_f64() {
        one(json!(least as i64 - 1));
        one(json!(least - 0.001));
    }
    if let Some(most) = schema["maximum"].as_f64() {
        one(json!(most as i64 + 1));
        one(json!(most + 0.001));
        one(json!(u64::MAX));
        one(json!(f64::MAX));
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|least| *least > 0) {
        one(json!("x".repeat(least as usize - 1)));
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        one(json!("x".repeat(most as usize + 1)));
        one(json!("ä".repeat(most as usize + 1)));
    }
    if let Some(most) = schema["maxItems"].as_u64() {
        one(vec![schema["items"]["example"].as_str().unwrap_or("x"); most as usize + 1].into());
    }
    if schema["items"].is_object() {
        ways.push(vec(broken(&schema["items"]), 1..3).prop_map(Value::from).boxed());
    }
    if schema["pattern"].is_string() || schema["format"].is_string() || schema["enum"].is_array() {
        let odd =
            ["", " ", "\0", "a\0b", "\u{85}", "\u{3000}", "-", "018f0000-0000-7000-8000", "a@b", "x y", "2026-13-01"];
        ways.push(select(odd.to_vec()).prop_map(Value::from).boxed());
        ways.push("\\PC{0,12}".prop_map(Value::from).boxed());
    }
    ways
}
