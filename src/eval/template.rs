//! Templates: `{{name}}` in a prompt. Only a name in double braces is a placeholder: `{{ .Values.x }}` and such stay as
//! they are, also `${{ github.ref }}`, and `\{{name}}` is a literal `{{name}}`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::{Captures, Regex};

use crate::{model::without_bom, suggestions};

/// Name → value.
pub type Variables = BTreeMap<String, String>;

/// The name of a variable.
static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[A-Za-z_][A-Za-z0-9_-]*$").expect("a fixed pattern"));
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\\?)\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}").expect("a fixed pattern"));

/// Filler of placeholders, with the names that were found in texts.
pub struct Template<'a> {
    variables: &'a Variables,
    used: BTreeSet<String>,
}

impl<'a> Template<'a> {
    pub fn new(variables: &'a Variables) -> Self {
        Self { variables, used: BTreeSet::new() }
    }

    /// Fills the placeholders. Errors: the names without a value, each with its remedy.
    pub fn fill(&mut self, text: &str) -> Result<String, String> {
        let mut unknown = BTreeSet::new();
        let filled = PLACE.replace_all(text, |found: &Captures<'_>| {
            let (whole, name) = (&found[0], &found[2]);
            if !found[1].is_empty() {
                return whole[1..].to_owned();
            }
            self.used.insert(name.to_owned());
            self.variables.get(name).cloned().unwrap_or_else(|| {
                unknown.insert(name.to_owned());
                String::new()
            })
        });
        if unknown.is_empty() {
            return Ok(filled.into_owned());
        }
        Err(unknown.iter().map(|name| self.undefined(name)).collect::<Vec<_>>().join("; "))
    }

    /// The variables that no text has used.
    pub fn unused(&self) -> Vec<&'a str> {
        self.variables.keys().map(String::as_str).filter(|name| !self.used.contains(*name)).collect()
    }

    fn undefined(&self, name: &str) -> String {
        let near = suggestions::names(name, self.variables.keys().map(String::as_str));
        let remedy = match near.as_slice() {
            [] => format!(r"give it with `--var {name}=…`, or write `\{{{{{name}}}}}` for the text itself"),
            near => format!("did you mean {}?", suggestions::quoted(near.iter().copied(), " or ")),
        };
        format!("{{{{{name}}}}}: has no value; {remedy}")
    }
}

/// Parses `name=value`. Errors: the expected form.
pub fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), without_bom(value).to_owned())),
        _ => Err("it looks like name=value, with a name of letters, digits, `_` and `-`".into()),
    }
}

/// Whether a variable can have this name.
pub fn is_name(text: &str) -> bool {
    NAME.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let variables = Variables::from([("name".into(), "Ada {{x}}".into()), ("x".into(), "$1".into())]);
        Template::new(&variables).fill(text)
    }

    #[test]
    fn only_names_in_double_braces_get_their_values() {
        for (text, expected) in [
            ("Hello {{name}}, {{ x }}!", "Hello Ada {{x}}, $1!"),
            (r"\{{name}} is {{x}}", "{{name}} is $1"),
            (
                "${{ github.ref }} {{ .Values.x }} {{}} {name} {{#if}}",
                "${{ github.ref }} {{ .Values.x }} {{}} {name} {{#if}}",
            ),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_name_without_a_value_is_told_with_a_remedy() {
        assert_eq!(filled("{{nmae}}"), Err("{{nmae}}: has no value; did you mean `name`?".into()));
        assert_eq!(
            filled("{{city}}"),
            Err(r"{{city}}: has no value; give it with `--var city=…`, or write `\{{city}}` for the text itself".into())
        );
    }

    #[test]
    fn what_is_not_used_is_known() {
        let variables = Variables::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
        let mut template = Template::new(&variables);
        template.fill("{{a}}").unwrap();
        assert_eq!(template.unused(), ["b"]);
    }

    #[test]
    fn a_variable_is_a_name_and_a_value() {
        assert_eq!(variable("a-b=c=d"), Ok(("a-b".into(), "c=d".into())));
        assert_eq!(variable("a="), Ok(("a".into(), String::new())));
        for wrong in ["a", "=b", "1a=b", "a b=c", ""] {
            assert!(variable(wrong).is_err(), "{wrong}");
        }
    }
}
