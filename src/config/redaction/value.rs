//! Detection of secrets by their values. People choose passwords, and variables with the names of secrets hold other
//! things too: an ordinary word, or a short one, would be hidden in ordinary sentences.

use std::sync::LazyLock;

use regex::Regex;

/// Minimum length of a value that is a secret whatever it is made of.
const LONG: usize = 16;
/// From here on a value needs two kinds of characters; from `SHORT` on three, or two and three digits.
const MEDIUM: usize = 12;
const SHORT: usize = 8;

/// Known formats of tokens.
static KNOWN: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        r"sk-[A-Za-z0-9_-]{20,}",
        r"gh[pousr]_[A-Za-z0-9]{30,}",
        r"github_pat_[A-Za-z0-9_]{30,}",
        r"glpat-[A-Za-z0-9_-]{20,}",
        r"xox[abeprs]-[A-Za-z0-9-]{10,}",
        r"(AKIA|ASIA)[A-Z0-9]{16}",
        r"AIza[A-Za-z0-9_-]{35}",
        r"hf_[A-Za-z0-9]{30,}",
        r"npm_[A-Za-z0-9]{30,}",
        r"pypi-[A-Za-z0-9_-]{40,}",
        r"mck_[A-Za-z0-9_-]{20,}",
        r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}",
    ];
    Regex::new(&format!(r"^({})$|-----BEGIN [A-Z ]*PRIVATE KEY-----", forms.join("|"))).expect("a fixed pattern")
});

pub(super) fn has_known_form(text: &str) -> bool {
    // A cheap check of the beginning, which most of an environment fails.
    let text = text.trim();
    let begins = ["sk-", "gh", "gl", "xox", "A", "hf_", "npm_", "pypi-", "mck_", "eyJ", "-----"];
    begins.iter().any(|begin| text.starts_with(begin)) && KNOWN.is_match(text)
}

/// Whether a value in the place of a secret is long and varied enough to be one.
pub(super) fn is_of_a_secret(text: &str) -> bool {
    let text = text.trim();
    let is_place = ["/", "./", "../", "~/", "http://", "https://"].iter().any(|begin| text.starts_with(begin));
    if is_place && !text.contains('@') {
        return false;
    }
    match text.len() {
        0..SHORT => false,
        SHORT..MEDIUM => kinds(text) >= 3 || (kinds(text) >= 2 && digits(text) >= 3),
        MEDIUM..LONG => kinds(text) >= 2,
        _ => true,
    }
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

/// Counts the kinds of characters: small letters, capitals, digits and signs, without signs that join words.
fn kinds(text: &str) -> usize {
    let is_sign = |c: char| c.is_ascii_punctuation() && !"-_.:/@+".contains(c);
    let has: [&dyn Fn(char) -> bool; 4] =
        [&|c: char| c.is_lowercase(), &|c: char| c.is_uppercase(), &|c: char| c.is_ascii_digit(), &is_sign];
    has.iter().filter(|kind| text.chars().any(kind)).count()
}

/// The passwords in a URL, percent-encoded and decoded; none where it is an ordinary word.
pub(super) fn passwords(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.trim().split_once("://") else { return Vec::new() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    let query = rest.split_once('?').map_or("", |(_, query)| query).split('&').filter_map(|pair| pair.split_once('='));
    let in_query = query.filter(|(name, _)| name.contains("pass")).map(|(_, value)| value);
    let written = user.map(|(_, password)| password).into_iter().chain(in_query);
    let forms = written.flat_map(|written| [written.to_owned(), decoded(written)]);
    forms.filter(|password| is_of_a_secret(password)).collect()
}

/// Decodes percent-encoding.
fn decoded(written: &str) -> String {
    let pair = format!("p={}", written.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The parts of a secret to search for: all of it, and each line of a key in several lines.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let whole = text.trim();
    let lines = whole.lines().map(str::trim);
    let is_part = |line: &&str| line.len() >= LONG && !line.starts_with("-----") && *line != whole;
    std::iter::once(whole).chain(lines.filter(is_part)).filter(|part| !part.is_empty()).collect()
}
