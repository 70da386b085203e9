//! Values that a schema allows, at random.

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::harness::{DESCRIPTION, Value, json};

/// More would take long and show nothing more.
const LONGEST: usize = 40;

pub fn lawful(schema: &'static Value) -> BoxedStrategy<Value> {
    let schema = DESCRIPTION.resolve(schema);
    if let Some(words) = schema["enum"].as_array() {
        return select(words.clone()).boxed();
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return proptest::strategy::Union::new(choices.iter().map(lawful)).boxed();
    }
    let kinds: Vec<&'static str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        kind => vec![kind.as_str().unwrap_or("object")],
    };
    proptest::strategy::Union::new(kinds.into_iter().map(|kind| of_kind(kind, schema))).boxed()
}

fn of_kind(kind: &str, schema: &'static Value) -> BoxedStrategy<Value> {
    let number = |bound: &str, otherwise: f64| schema[bound].as_f64().unwrap_or(otherwise);
    match kind {
        "null" => Just(Value::Null).boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "integer" => (number("minimum", -1e9) as i64..=number("maximum", 1e9) as i64).prop_map(Value::from).boxed(),
        "number" => (number("minimum", -1e9)..=number("maximum", 1e9)).prop_map(Value::from).boxed(),
        "string" => text(schema),
        "array" => {
            let (least, most) = (number("minItems", 0.0) as usize, number("maxItems", 5.0) as usize);
            vec(lawful(&schema["items"]), least..=most.min(5)).prop_map(Value::from).boxed()
        }
        "object" => object(schema),
        other => panic!("a type `{other}`"),
    }
}

fn object(schema: &'static Value) -> BoxedStrategy<Value> {
    let required: Vec<&Value> = schema["required"].as_array().into_iter().flatten().collect();
    let members = schema["properties"].as_object().into_iter().flatten();
    let members: Vec<_> = members
        .map(|(name, property)| {
            let must = required.iter().any(|required| *required == name);
            let value = lawful(property);
            let value = if must { value.prop_map(Some).boxed() } else { option::of(value).boxed() };
            (Just(name.clone()), value)
        })
        .collect();
    let object = |members: Vec<(String, Option<Value>)>| {
        members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect::<serde_json::Map<_, _>>().into()
    };
    members.prop_map(object).boxed()
}

fn text(schema: &'static Value) -> BoxedStrategy<Value> {
    let length = |bound: &str, otherwise: usize| schema[bound].as_u64().map_or(otherwise, |bound| bound as usize);
    let (least, most) = (length("minLength", 0), length("maxLength", LONGEST).min(LONGEST));
    let texts = match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("uuid"), _) => any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string()).boxed(),
        (Some("date-time"), _) => "20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z".boxed(),
        (Some("date"), _) => "20[0-9]{2}-0[1-9]-1[0-9]".boxed(),
        (Some("email"), _) => "[a-z]{1,12}@[a-z]{1,12}\\.[a-z]{2,5}".boxed(),
        (_, Some(pattern)) => {
            let inside = pattern.trim_start_matches('^').trim_end_matches('$');
            proptest::string::string_regex(inside).expect("a pattern of texts").boxed()
        }
        _ => vec(any::<char>(), least..=most).prop_map(String::from_iter).boxed(),
    };
    let validator = DESCRIPTION.validator(schema);
    texts.prop_map(|text| json!(text)).prop_filter("within the bounds", move |text| validator.is_valid(text)).boxed()
}
