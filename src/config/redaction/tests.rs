//! Tests of what is redacted, and what is not.

use proptest::prelude::*;

use super::*;

fn of(variables: &[(&str, &str)]) -> Redaction {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Redaction::of_environment(&Environment { variables, current_dir: "/".into(), system_dir: "/etc".into() })
}

#[test]
fn secrets_are_hidden_by_the_names_of_their_variables() {
    let redaction = of(&[
        ("DEPLOY_TOKEN", "canary-0123456789"),
        ("GH_PAT", "canary-0123456789-longer"),
        ("PASSWORD", "with \"quotes\" in it"),
        ("API_KEY", "short"),
        ("PATH", "/usr/bin:/bin"),
    ]);
    for (text, shown) in [
        ("it is canary-0123456789-longer, canary-0123456789", "it is ***, ***"),
        (r#"{"a": "with \"quotes\" in it"}"#, r#"{"a": "***"}"#),
        (r#""{\"a\": \"with \\\"quotes\\\" in it\"}""#, r#""{\"a\": \"***\"}""#),
        ("short /usr/bin:/bin", "short /usr/bin:/bin"),
        ("it begins with canary-01234…", "it begins with ***…"),
        ("it begins with canary-01234... and goes on… ok", "it begins with ***... and goes on… ok"),
        ("can… be", "can… be"),
    ] {
        assert_eq!(redaction.hide(text), shown);
    }
}

#[test]
fn ordinary_words_are_not_hidden() {
    for (name, value) in [
        ("DATABASE_URL", "postgres://postgres:postgres@127.0.0.1:5432/postgres"),
        ("DATABASE_URL", "postgres://app:development@db/app"),
        ("REDIS_URL", "redis://:changeme@127.0.0.1"),
        ("TOKENIZER", "cl100k_base"),
        ("CACHE_KEY", "linux-x64"),
        ("CACHE_KEY", "linux-x64-node-modules-3f2a9c01"),
        ("SORT_KEY", "created_at_descending"),
        ("POSTGRES_PASSWORD", "postgres"),
        ("ADMIN_PASSWORD", "administrator"),
        ("OPENAI_API_KEY", "lm-studio"),
        ("SSH_PRIVATE_KEY", "/home/ada/.ssh/id_ed25519"),
        ("AUTH_TOKEN", "https://login.example.org/oauth/token"),
        ("USE_TOKEN", "true"),
        ("PWD", "/work/a/long/enough/directory"),
    ] {
        let words = format!("say {value} and postgres, development, changeme");
        assert_eq!(of(&[(name, value)]).hide(&words), words, "{name}");
    }
}

#[test]
fn secret_forms_are_hidden_under_any_name() {
    for value in [
        "sk-proj-abcdefghijklmnopqrstuv",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "AKIA0123456789ABCDEF",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    ] {
        assert_eq!(of(&[("ANYTHING", value)]).hide(&format!("it is {value}.")), "it is ***.");
    }
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----";
    let redaction = of(&[("ANYTHING", key)]);
    assert_eq!(redaction.hide(&format!("{key}!")), "***!");
    assert_eq!(redaction.hide("a line: BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"), "a line: ***");
    let url = of(&[
        ("DB", "postgres://app:x9%21Kq2mT7pL@db/app?sslmode=require"),
        ("CACHE", "redis://h/?password=Tr0ub4dor%26345"),
    ]);
    assert_eq!(url.hide("x9%21Kq2mT7pL, x9!Kq2mT7pL, Tr0ub4dor&345"), "***, ***, ***");
}

#[test]
fn a_sealed_text_gets_its_secrets_back() {
    let redaction = of(&[("DEPLOY_TOKEN", "canary-0123456789")]);
    let (sealed, names) = redaction.seal("***bold*** canary-0123456789 ***DEPLOY_TOKEN");
    assert_eq!(sealed, "***bold*** ***DEPLOY_TOKEN*** ***DEPLOY_TOKEN");
    assert_eq!(unseal(&sealed, &names, &redaction.values()), "***bold*** canary-0123456789 ***DEPLOY_TOKEN");
    assert_eq!(unseal(&sealed, &names, &Values::new()), "***bold*** *** ***DEPLOY_TOKEN");
}

proptest! {
    /// Pieces that a secret is cut into are hidden as the whole is.
    #[test]
    fn cuts_between_pieces_change_nothing(
        words in prop::collection::vec(prop::sample::select(vec!["canary-0123456789", "canary-", "-longer", "é ", "0123", "x"]), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let redaction = of(&[("A_TOKEN", "canary-0123456789"), ("B_TOKEN", "canary-0123456789-longer")]);
        let text = words.concat();
        let characters: Vec<char> = text.chars().collect();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(characters.len() + 1)).collect();
        at.extend([0, characters.len()]);
        at.sort_unstable();
        let mut hiding = StreamRedactor::new(&redaction);
        let mut shown: String =
            at.windows(2).map(|pair| hiding.push(&characters[pair[0]..pair[1]].iter().collect::<String>())).collect();
        shown.push_str(&hiding.finish());
        prop_assert_eq!(&shown, &redaction.hide(&text));
        prop_assert!(!shown.contains("canary-0123456789"), "{}", shown);
    }
}
