//! "Did you mean": known names that are similar to a wrong one.

/// Below this likeness (Jaro–Winkler) a suggestion misleads more than it helps.
const ALIKE: f64 = 0.8;
/// How much less similar than the best a suggestion may be.
const CLOSE: f64 = 0.1;
const AT_MOST: usize = 3;

/// At most three of `known`, the most similar first; case-insensitive.
pub fn names<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut found: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let best = found.first().map_or(0.0, |(likeness, _)| *likeness);
    found.retain(|(likeness, _)| *likeness >= best - CLOSE);
    found.truncate(AT_MOST);
    found.into_iter().map(|(_, name)| name).collect()
}

/// A remedy for a wrong name: ``did you mean `a` or `b`?``, or all that is known where nothing is near.
pub fn remedy<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = names(wanted, known.clone());
    if near.is_empty() {
        return format!("known: {}", quoted(known, ", "));
    }
    format!("did you mean {}?", quoted(near, " or "))
}

pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>, between: &str) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likest_name_comes_first() {
        assert_eq!(names("lisen", ["drain_timeout", "metrics_listen", "listen"])[0], "listen");
        assert_eq!(names("GPT-4o", ["gpt-4o-mini", "gpt-4o", "mock/echo"]), ["gpt-4o", "gpt-4o-mini"]);
        assert!(names("zzz", ["listen"]).is_empty());
    }

    #[test]
    fn a_name_like_no_other_gets_the_whole_list() {
        assert_eq!(remedy("lisen", ["listen"]), "did you mean `listen`?");
        assert_eq!(remedy("zzz", ["listen", "url"]), "known: `listen`, `url`");
    }
}
