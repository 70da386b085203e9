//! Repair of events that are nearly JSON: several of them without the blank lines between, numbers that JSON does not
//! have (Python writes `NaN`), unescaped control characters in strings.

use serde::de::IgnoredAny;

/// The repaired events of an event's data. `None`: it is beyond repair, or valid.
pub fn repair(data: &str) -> Option<Vec<String>> {
    let mut lines = data.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_event = |line: &str| line == "[DONE]" || is_json(line);
    if data.contains('\n') && lines.clone().all(is_event) {
        return Some(lines.by_ref().map(str::to_owned).collect());
    }
    let mended = escaped(data);
    (mended != data && is_json(&mended)).then(|| vec![mended])
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut rest, mut in_string) = (json, false);
    while let Some(first) = rest.chars().next() {
        let (written, length) = match (in_string, first) {
            (true, '\\') => (rest.get(..2).unwrap_or(rest).to_owned(), 2),
            (true, '\0'..='\u{1f}') => (format!("\\u{:04x}", u32::from(first)), 1),
            (false, 'N' | 'I' | '-') => number(rest),
            (_, '"') => {
                in_string = !in_string;
                ("\"".to_owned(), 1)
            }
            _ => (first.to_string(), first.len_utf8()),
        };
        out.push_str(&written);
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

fn number(rest: &str) -> (String, usize) {
    let word = ["NaN", "Infinity", "-Infinity", "-NaN"].into_iter().find(|word| rest.starts_with(word));
    word.map_or_else(|| (rest[..1].to_owned(), 1), |word| ("null".to_owned(), word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_json_is_mended() {
        for (data, mended) in [
            (r#"{"n":NaN,"m":-Infinity,"t":"NaN"}"#, Some(&[r#"{"n":null,"m":null,"t":"NaN"}"#][..])),
            ("{\"t\":\"a\tb\"}", Some(&["{\"t\":\"a\\u0009b\"}"])),
            ("{\"t\":\"a\nb\"}", Some(&["{\"t\":\"a\\u000ab\"}"])),
            ("{\"a\":1}\n{\"b\":2}\n\n[DONE]", Some(&["{\"a\":1}", "{\"b\":2}", "[DONE]"])),
            ("{\"t\":\"\\\"NaN\",\"n\":NaN}", Some(&["{\"t\":\"\\\"NaN\",\"n\":null}"])),
            (r#"{"a":1}"#, None),
            (r#"{"a":"#, None),
            (r#"{"a":NaN"#, None),
            ("{\"t\":\"é\\", None),
        ] {
            let mended = mended.map(|events| events.iter().map(|event| (*event).to_owned()).collect::<Vec<_>>());
            assert_eq!(repair(data), mended, "{data}");
        }
    }
}
