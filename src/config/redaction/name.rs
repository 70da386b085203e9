//! Detection of secrets by the names of their variables.

/// Last words or endings of the names of secrets.
const ENDS: [&str; 11] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "CREDENTIALS",
    "APIKEY",
    "PAT",
    "PASS",
    "PWD",
];
/// Those of `ENDS` that are parts of other words too, as in `COMPAT` and `BYPASS`.
const ONLY_AS_WORDS: [&str; 3] = ["PAT", "PASS", "PWD"];
/// Words before `KEY` that make it a secret. A cache, a table and a map have keys as well.
const KEYS: [&str; 22] = [
    "API",
    "SECRET",
    "PRIVATE",
    "ACCESS",
    "SIGNING",
    "ENCRYPTION",
    "MASTER",
    "ACCOUNT",
    "SERVICE",
    "AUTH",
    "JWT",
    "LICENSE",
    "WEBHOOK",
    "SUBSCRIPTION",
    "STORAGE",
    "ADMIN",
    "DEPLOY",
    "CLIENT",
    "APP",
    "SESSION",
    "OPENAI",
    "ANTHROPIC",
];

/// Whether a variable of this name holds a secret. `TOKENIZER`, `CACHE_KEY` and `PWD` do not.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    let (Some(last), before) = (words.last(), words.len().checked_sub(2).map(|at| words[at])) else { return false };
    let ends =
        |end: &&str| if ONLY_AS_WORDS.contains(end) { before.is_some() && last == end } else { last.ends_with(*end) };
    ENDS.iter().any(ends)
        || (*last == "KEY" && before.is_some_and(|before| KEYS.contains(&before)))
        || name.ends_with("SECRET_KEY_BASE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_the_words_of_its_name() {
        let secret = "MY_TOKEN TOKEN npm_config_token PGPASSWORD PASSWORD DB_PWD MYSQL_PASS GH_PAT OPENAI_API_KEY AWS_SECRET_ACCESS_KEY \
                      STRIPE_SECRET CLIENT_SECRET SECRET_KEY_BASE GOOGLE_CREDENTIALS DJANGO_SECRET_KEY OPENAI_APIKEY";
        for name in secret.split_whitespace() {
            assert!(is_secret(name), "{name}");
        }
        let plain = "PATH PWD OLDPWD TOKENIZER TOKENIZERS_PARALLELISM MAX_TOKENS CACHE_KEY SORT_KEY PRIMARY_KEY KEY PUBLIC_KEY GPG_KEY \
                     AWS_ACCESS_KEY_ID SECRET_NAME PASSWORD_MIN_LENGTH TOKEN_LIMIT COMPAT BYPASS KEYBOARD";
        for name in plain.split_whitespace() {
            assert!(!is_secret(name), "{name}");
        }
    }
}
