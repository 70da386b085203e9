//! Checks of a reply's text: `contains:TEXT` and its kin.

use std::{fs, path::Path, str::FromStr};

use regex::Regex;

use super::{
    ReplySchema, Unmet,
    answer_schema::not_json,
    jq,
    words::{around, excerpt},
};
use crate::{config::Redaction, model::without_bom, suggestions};

/// The kinds of checks: the words before the colon.
pub const KINDS: [&str; 6] = ["contains", "not-contains", "regex", "equals", "jq", "json-schema"];

#[derive(Clone, Debug)]
pub enum Check {
    Contains(String),
    NotContains(String),
    Matches(Regex),
    /// Line breaks at the end do not count: a shell drops them, and models add them.
    Equals(String),
    /// All results of the filter on the reply, read as JSON, are true.
    Jq(String),
    Schema(ReplySchema),
}

impl FromStr for Check {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').ok_or_else(|| {
            format!("`{text}` is no expectation; it is KIND:TEXT, with a kind of {}", suggestions::quoted(KINDS, ", "))
        })?;
        Self::new(kind, rest, Path::new(""))
    }
}

impl Check {
    /// Parses a check. Line breaks at the end of the text do not count: a block of YAML and a file end with one.
    /// `beside`: the folder that relative paths start from.
    pub fn new(kind: &str, text: &str, beside: &Path) -> Result<Self, String> {
        let text = without_line_end(without_bom(text));
        if text.is_empty() && kind != "equals" {
            return Err(format!("`{kind}:` needs a text, and line breaks at its end do not count"));
        }
        Ok(match kind {
            "contains" => Self::Contains(text.into()),
            "not-contains" => Self::NotContains(text.into()),
            "equals" => Self::Equals(text.into()),
            "regex" => Self::Matches(Regex::new(text).map_err(|error| format!("`{text}`: {error}"))?),
            "jq" => {
                jq::compile(text).map_err(|why| format!("`{text}` is no jq filter: {why}"))?;
                Self::Jq(text.into())
            }
            "json-schema" => Self::Schema(read_schema(&beside.join(text))?),
            other => return Err(format!("no kind of expectation `{other}`; {}", suggestions::remedy(other, KINDS))),
        })
    }

    pub(super) fn hold(&self, text: &str, secrets: &Redaction) -> Vec<Unmet> {
        let excerpt = |text: &str| excerpt(text, secrets);
        let unmet = match self {
            Self::Contains(wanted) => {
                (!text.contains(wanted)).then(|| Unmet::new("contains", excerpt(wanted), excerpt(text)))
            }
            Self::NotContains(unwanted) => text.contains(unwanted).then(|| {
                let nothing = format!("nothing like {}", excerpt(unwanted));
                Unmet::new("not-contains", nothing, around(text, unwanted, secrets))
            }),
            Self::Matches(pattern) => {
                let matches = pattern.is_match(text) || pattern.is_match(without_line_end(text));
                (!matches).then(|| Unmet::new("regex", excerpt(pattern.as_str()), excerpt(text)))
            }
            Self::Equals(wanted) => {
                (without_line_end(text) != wanted).then(|| Unmet::new("equals", excerpt(wanted), excerpt(text)))
            }
            Self::Jq(filter) => hold_jq(filter, text, secrets),
            Self::Schema(schema) => return schema.hold("json-schema", text, secrets),
        };
        unmet.into_iter().collect()
    }
}

fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

fn hold_jq(filter: &str, text: &str, secrets: &Redaction) -> Option<Unmet> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Some(Unmet::new("jq", "JSON", not_json(text, &error, secrets)));
    }
    let made = jq::holds(filter, text).err()?;
    Some(Unmet::new("jq", format!("`{filter}` to be true"), format!("{made} from {}", excerpt(text, secrets))))
}

/// Reads a schema from a file. Errors: why it cannot be read, naming the file.
pub fn read_schema(path: &Path) -> Result<ReplySchema, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    ReplySchema::parse(without_bom(&text)).map_err(|why| format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(check: &str, text: &str) -> Option<String> {
        check.parse::<Check>().unwrap().hold(text, &Redaction::default()).first().map(Unmet::to_string)
    }

    #[test]
    fn each_kind_holds_or_says_why_not() {
        for (check, good, bad, why) in [
            ("contains:a:b", "x a:b", "ab", "contains: expected `a:b`, got `ab`"),
            ("not-contains:no", "yes", "oh no!", "not-contains: expected nothing like `no`, got `oh no!`"),
            ("regex:^\\d+$", "42", "x42", "regex: expected `^\\d+$`, got `x42`"),
            ("contains:yes\n", "yes", "no", "contains: expected `yes`, got `no`"),
            ("not-contains:no\r\n", "yes", "no", "not-contains: expected nothing like `no`, got `no`"),
            ("regex:^yes$\n", "yes\r\n", "yes!", "regex: expected `^yes$`, got `yes!`"),
            ("jq:.\n", "true", "false", "jq: expected `.` to be true, got false from `false`"),
            ("equals:yes", "yes\n", "Yes", "equals: expected `yes`, got `Yes`"),
            ("equals:", "", "x", "equals: expected an empty text, got `x`"),
            ("jq:.a > 1", "{\"a\":2}", "{\"a\":1}", "jq: expected `.a > 1` to be true, got false from `{\"a\":1}`"),
            ("jq:.a", "{\"a\":2}", "no", "jq: expected JSON, got `no`: expected ident at line 1 column 2"),
        ] {
            assert_eq!(told(check, good), None, "{check}");
            assert_eq!(told(check, bad).as_deref(), Some(why), "{check}");
        }
    }

    #[test]
    fn what_is_no_expectation_is_refused_with_a_remedy() {
        for (text, why) in [
            ("foo", "KIND:TEXT"),
            ("contain:x", "did you mean `contains`"),
            ("contains:", "needs a text"),
            ("regex:(", "unclosed group"),
            ("jq:.a ==", "is no jq filter"),
            ("json-schema:/nowhere.json", "/nowhere.json cannot be read"),
        ] {
            let told = text.parse::<Check>().unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
