//! OpenAPI schemas of the parsed types: strings, with the bounds that their parsers enforce.

use utoipa::openapi::{
    RefOr,
    schema::{ObjectBuilder, Schema, Type},
};

/// Some character that is no white space (Unicode's `White_Space`, which is what `trim` takes off), and no NUL.
/// Written out, because `\s` is another set in every language.
pub(super) const SAYS_SOMETHING: &str =
    r"^[^\u0000]*[^\u0000\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000]*$";

/// No control characters, and some that is no white space.
pub(super) const PRINTS: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$";

/// A text of 1 to `max_chars` characters.
pub(super) fn text(max_chars: usize, pattern: &str, says: &str) -> RefOr<Schema> {
    bounded(1, max_chars, says).pattern(Some(pattern)).into()
}

/// A text of any characters.
pub fn bounded(min_chars: usize, max_chars: usize, says: &str) -> ObjectBuilder {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(says));
    let object = if min_chars > 0 { object.min_length(Some(min_chars)) } else { object };
    object.max_length(Some(max_chars))
}

/// A word of a closed set.
pub fn one_of(words: impl Iterator<Item = &'static str>, says: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(says))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proptest::prelude::*;

    use crate::model::{Email, KeyName, Prompt, Reason, UserName};

    fn matches<T: FromStr + utoipa::PartialSchema>(text: &str) -> bool {
        let schema = serde_json::to_value(T::schema()).unwrap();
        jsonschema::is_valid(&schema, &text.into())
    }

    proptest! {
        #[test]
        fn a_parser_and_its_description_agree(text in "[ab0@._ \u{0}\u{85}\u{a0}\u{feff}\u{200b}ä-]{0,6}", name in "[aZ0._-]{0,66}") {
            prop_assert_eq!(matches::<Prompt>(&text), text.parse::<Prompt>().is_ok(), "prompt {:?}", text);
            prop_assert_eq!(matches::<Reason>(&text), text.parse::<Reason>().is_ok(), "reason {:?}", text);
            prop_assert_eq!(matches::<KeyName>(&text), text.parse::<KeyName>().is_ok(), "key {:?}", text);
            prop_assert_eq!(matches::<UserName>(&text), text.parse::<UserName>().is_ok(), "name {:?}", text);
            prop_assert_eq!(matches::<UserName>(&name), name.parse::<UserName>().is_ok(), "name {:?}", name);
        }

        #[test]
        fn an_email_is_described_as_it_is_parsed(text in "[ab.@ ä]{0,3}@?[ab.@]{0,5}") {
            let mut schema = serde_json::to_value(<Email as utoipa::PartialSchema>::schema()).unwrap();
            schema.as_object_mut().unwrap().remove("format");
            prop_assert_eq!(jsonschema::is_valid(&schema, &text.clone().into()), text.parse::<Email>().is_ok(), "{:?}", text);
        }
    }
}
