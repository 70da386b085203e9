//! Tests of loading: precedence, defaults, and the message for every mistake.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use proptest::prelude::*;

use super::*;

/// A temporary folder as current directory, and an environment with nothing else.
struct Place {
    dir: tempfile::TempDir,
    environment: Environment,
    overrides: Overrides,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment {
            variables: [("HOME".to_owned(), "/home/ada".to_owned())].into(),
            current_dir: dir.path().to_owned(),
            system_dir: dir.path().join("etc"),
        };
        Self { dir, environment, overrides: Overrides::default() }
    }

    fn with(text: &str) -> Self {
        Self::new().named("mcpchat.toml", text)
    }

    /// A file that `--config` names.
    fn named(mut self, path: &str, text: &str) -> Self {
        self.overrides.config = Some(path.into());
        self.file(path, text)
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn load(&self) -> Result<Loaded, Error> {
        load(&self.overrides, &self.environment)
    }

    fn config(&self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error}")).config
    }

    fn mistakes(&self) -> String {
        self.load().expect_err("there is a mistake").to_string()
    }
}

fn origin_of(loaded: &Loaded, key: &str) -> String {
    loaded.settings.iter().find(|setting| setting.key == key).unwrap().origin.to_string()
}

#[test]
fn without_anything_the_defaults_of_the_design_hold() {
    let config = Place::new().config();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.metrics_listen.unwrap().to_string(), "127.0.0.1:9464");
    assert_eq!(config.server.drain_timeout, Duration::from_secs(30));
    assert!(config.server.trusted_proxies.is_empty());
    assert_eq!(config.database.url.expose(), "sqlite:///home/ada/.local/share/mcpchat/mcpchat.db");
    assert_eq!(config.database.max_connections, 10);
    assert!(config.redis.url.is_none());
    assert_eq!(config.redis.command_timeout, Duration::from_millis(250));
    assert_eq!(config.redis.on_failure, OnFailure::Database);
    assert_eq!(config.auth.registration, Registration::Closed);
    assert_eq!(config.auth.access_token_ttl, Duration::from_secs(900));
    assert_eq!(config.auth.refresh_token_ttl, Duration::from_secs(30 * 86_400));
    assert_eq!(config.auth.min_password_length, 15);
    assert!(config.auth.jwt_secret.is_none() && config.auth.previous_jwt_secrets.is_empty());
    assert_eq!((config.providers.len(), config.providers[0].kind), (1, ProviderKind::Mock));
    assert_eq!((config.models.len(), &*config.models[0].name, &*config.models[0].provider), (1, "mock/echo", "mock"));
    let limits: Vec<_> = config.limits.iter().map(|limit| (&*limit.name, limit.max)).collect();
    let expected = [("per-second", 10), ("per-minute", 60), ("per-hour", 1_000), ("per-day", 10_000), ("running", 5)];
    assert_eq!(limits, expected);
}

#[test]
fn the_example_says_what_the_defaults_are() {
    let example = Place::with(EXAMPLE).load().unwrap();
    let defaults = Place::new().load().unwrap();
    assert_eq!(format!("{:?}", example.config), format!("{:?}", defaults.config));
    for setting in defaults.settings.iter().filter(|setting| setting.key != "database.url") {
        assert!(example.settings.iter().any(|one| one.key == setting.key), "{} is not in the example", setting.key);
    }
}

#[test]
fn the_commented_part_of_the_example_loads_too() {
    let uncomment = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        _ => line,
    };
    let whole: Vec<&str> = EXAMPLE.lines().map(uncomment).collect();
    let whole = format!("{}\n[[providers]]\nname = \"mock\"\nkind = \"mock\"\n", whole.join("\n"));
    let place = Place::with(&whole).file("jwt.secret", &"k".repeat(32)).variable("OPENAI_API_KEY", "sk-1");
    let config = place.config();
    assert_eq!(config.models[0].price.unwrap().cached, Some(0.5));
    assert_eq!(config.models[1].script.status, Some(429));
    assert_eq!(config.auth.jwt_secret.unwrap().expose(), "k".repeat(32));
}

/// The names of the keys are the names of the fields: read from the source, so that a new one cannot be left out.
#[test]
fn every_key_there_is_stands_in_the_example() {
    let source = include_str!("mod.rs");
    let structs = source.split("\npub struct ").skip(1).filter_map(|text| {
        let (name, rest) = text.split_once(" {\n")?;
        let fields =
            rest.split_once("\n}")?.0.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
        Some((name, fields.map(|(field, _)| field).collect::<Vec<_>>()))
    });
    let mut seen = 0;
    for (name, fields) in structs.filter(|(name, _)| !["Overrides", "Loaded", "Setting"].contains(name)) {
        // Derived from all others.
        for field in fields.into_iter().filter(|field| !["secrets", "others"].contains(field)) {
            let is_there = |line: &str| {
                let line = line.strip_prefix('#').unwrap_or(line);
                let is_table = line.trim_matches(['[', ']']).rsplit('.').next() == Some(field) && line.starts_with('[');
                is_table || line.starts_with(&format!("{field} =")) || line.contains(&format!(" {field} ="))
            };
            assert!(EXAMPLE.lines().any(is_there), "{name}.{field} is not in the example");
            seen += 1;
        }
    }
    assert!(seen > 40, "the fields are found: {seen}");
}

#[test]
fn precedence_is_flag_variable_file_default() {
    let file = "[server]\nlisten = '127.0.0.1:1'\ndrain_timeout = '1s'\nmetrics_listen = '127.0.0.1:2'\n";
    let mut place = Place::with(file)
        .variable("MCPCHAT_SERVER__LISTEN", "127.0.0.1:3")
        .variable("MCPCHAT_SERVER__METRICS_LISTEN", "off");
    let loaded = place.load().unwrap();
    assert_eq!(loaded.config.server.listen.port(), 3);
    assert_eq!(loaded.config.server.metrics_listen, None);
    assert_eq!(loaded.config.server.drain_timeout, Duration::from_secs(1));
    assert_eq!(origin_of(&loaded, "server.listen"), "environment variable MCPCHAT_SERVER__LISTEN");
    assert_eq!(origin_of(&loaded, "server.drain_timeout"), "mcpchat.toml:3:17");
    assert_eq!(origin_of(&loaded, "database.max_connections"), "default");

    place.overrides.listen = Some("127.0.0.1:4".parse().unwrap());
    place.overrides.metrics_listen = Some("127.0.0.1:5".parse().unwrap());
    let loaded = place.load().unwrap();
    assert_eq!(loaded.config.server.listen.port(), 4);
    assert_eq!(loaded.config.server.metrics_listen.unwrap().port(), 5);
    assert_eq!(origin_of(&loaded, "server.listen"), "--listen");
}

#[test]
fn a_value_that_is_replaced_is_not_looked_at() {
    let place = Place::with("[server]\nlisten = 7").variable("MCPCHAT_SERVER__LISTEN", "127.0.0.1:3");
    assert_eq!(place.config().server.listen.port(), 3);
}

#[test]
fn well_known_variables_set_keys_below_spelt_out_ones() {
    let place = Place::new()
        .variable("DATABASE_URL", "postgres://a@b/c")
        .variable("REDIS_URL", "redis://one")
        .variable("MCPCHAT_REDIS__URL", "redis://two")
        .variable("MCPCHAT_JWT_SECRET", &"s".repeat(32))
        .variable("MCPCHAT_DATABASE__MAX_CONNECTIONS", "7")
        .variable("MCPCHAT_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1")
        .variable("MCPCHAT_AUTH__REGISTRATION", "open");
    let config = place.config();
    assert_eq!(config.database.url.expose(), "postgres://a@b/c");
    assert_eq!(config.database.max_connections, 7);
    assert_eq!(config.redis.url.unwrap().expose(), "redis://two");
    assert_eq!(config.auth.jwt_secret.unwrap().expose(), "s".repeat(32));
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.auth.registration, Registration::Open);
}

#[test]
fn an_empty_variable_is_not_set() {
    let place =
        Place::new().variable("REDIS_URL", "").variable("MCPCHAT_SERVER__LISTEN", "").variable("DATABASE_URL", "");
    assert!(place.config().redis.url.is_none());
}

#[test]
fn variables_of_other_uses_are_left_alone() {
    let mut place = Place::new();
    for name in
        ["MCPCHAT_SERVER", "MCPCHAT_TOKEN", "MCPCHAT_TEST_A__B", "MCPCHAT_PORT_8080_TCP", "MCPCHAT_SERVICE_HOST"]
    {
        place = place.variable(name, "x");
    }
    place.config();
}

#[test]
fn the_first_file_that_exists_is_read() {
    let listen = |port: u16| format!("[server]\nlisten = '127.0.0.1:{port}'\n");
    let mut place = Place::new();
    let xdg = place.path().join("xdg");
    place = place.variable("XDG_CONFIG_HOME", xdg.to_str().unwrap());
    assert_eq!(place.load().unwrap().file, None);
    place = place.file("etc/config.toml", &listen(1));
    assert_eq!(place.config().server.listen.port(), 1);
    place = place.file("xdg/mcpchat/config.toml", &listen(2));
    assert_eq!(place.config().server.listen.port(), 2);
    place = place.file("mcpchat.toml", &listen(3));
    assert_eq!(place.config().server.listen.port(), 2, "the current folder is not believed unasked");
    assert!(place.load().unwrap().ignored_file.unwrap().what.starts_with("./mcpchat.toml is not read"));
    place = place.file("by-variable.toml", &listen(4)).variable("MCPCHAT_CONFIG", "by-variable.toml");
    assert_eq!(place.config().server.listen.port(), 4);
    place = place.file("by-flag.toml", &listen(5));
    place.overrides.config = Some("by-flag.toml".into());
    assert_eq!(place.config().server.listen.port(), 5);
    let loaded = place.load().unwrap();
    assert_eq!(loaded.file, Some(place.path().join("by-flag.toml")));
    assert_eq!(loaded.ignored_file, None, "a file is named");
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let mut place = Place::new().variable("MCPCHAT_CONFIG", "gone.toml");
    assert!(place.mistakes().starts_with("environment variable MCPCHAT_CONFIG: gone.toml: cannot read"));
    place.overrides.config = Some("none.toml".into());
    assert!(place.mistakes().starts_with("--config: none.toml: cannot read the configuration"));
}

#[test]
fn an_api_key_variable_configures_its_provider() {
    let place = Place::new().variable("OPENAI_API_KEY", "sk-1");
    let config = place.config();
    assert_eq!((&*config.providers[0].name, &*config.providers[0].base_url), ("openai", "https://api.openai.com/v1"));
    assert_eq!(config.providers[0].api_key.as_ref().unwrap().expose(), "sk-1");
    assert!(config.models.iter().all(|model| model.provider == "openai" && model.price.is_none()));

    let both = place.variable("ANTHROPIC_API_KEY", "sk-2").config();
    assert_eq!(both.providers.len(), 2);
    assert_eq!(both.providers[1].base_url, "https://api.anthropic.com");
    assert!(both.models.iter().any(|model| model.provider == "anthropic"));
    assert!(both.models.iter().all(|model| model.name != "mock/echo"));
}

#[test]
fn an_api_key_variable_is_sent_to_no_other_service() {
    let text = "[[providers]]\nname = 'a'\nkind = 'openai'\n[[providers]]\nname = 'b'\nkind = 'openai'\n\
                base_url = 'http://127.0.0.1:1/v1/'\n[[models]]\nname = 'x'\nprovider = 'a'\n[[models]]\nname = 'y'\n\
                provider = 'b'\nupstream_name = 'z'";
    let config = Place::with(text).variable("OPENAI_API_KEY", "sk-1").config();
    assert!(config.providers[0].api_key.is_some() && config.providers[1].api_key.is_none());
    assert_eq!(config.providers[1].base_url, "http://127.0.0.1:1/v1");
    assert_eq!((&*config.models[0].upstream_name, &*config.models[1].upstream_name), ("x", "z"));
}

#[test]
fn mock_models_follow_their_script() {
    let text = "[[models]]\nname = 'm'\nprovider = 'mock'\ncontext_window = 200\n\
                script = { reply = 'hi', delay = '10ms', tokens_per_second = 5, error_after = 3, status = 429, hang = true }";
    let config = Place::with(text).config();
    let expected = MockScript {
        reply: Some("hi".into()),
        delay: Duration::from_millis(10),
        tokens_per_second: Some(5.0),
        error_after: Some(3),
        status: Some(429),
        hang: true,
    };
    assert_eq!(config.models[0].script, expected);
    assert_eq!(config.models[0].max_output_tokens, 100);
    assert_eq!(config.models[1].name, "mock/echo");
}

#[test]
fn a_mock_without_models_gets_echo_beside_others() {
    let text = "[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'http://[::1]:1'\n\
                [[providers]]\nname = 'fake'\nkind = 'mock'\n[[models]]\nname = 'x'\nprovider = 'a'";
    let config = Place::with(text).config();
    let names: Vec<_> = config.models.iter().map(|model| (&*model.name, &*model.provider)).collect();
    assert_eq!(names, [("x", "a"), ("mock/echo", "fake")]);
}

#[test]
fn limits_in_the_file_replace_the_defaults() {
    let text = "[[limits]]\nname = 'budget'\nper = 'key'\ncount = 'cost'\nmax = 2.5\nwindow = 'month'\n\
                [[limits]]\nname = 'burst'\nper = 'global'\ncount = 'messages'\nmax = 3\nwindow = '250ms'";
    let limits = Place::with(text).config().limits;
    let budget =
        Limit { name: "budget".into(), per: Per::Key, count: Count::Cost, max: 2_500_000_000, window: Window::Month };
    assert_eq!(limits[0], budget);
    assert_eq!(limits[1].window, Window::Sliding(Duration::from_millis(250)));
    assert_eq!(limits.len(), 2);
    assert!(Place::with("limits = []").config().limits.is_empty());
}

#[test]
fn secrets_come_from_values_variables_and_files() {
    let secret = "x".repeat(40);
    for (form, place) in [
        (format!("'{secret}'"), Place::new()),
        ("{ env = 'SIGNING' }".to_owned(), Place::new().variable("SIGNING", &secret)),
        ("{ file = 'keys/jwt' }".to_owned(), Place::new().file("keys/jwt", &format!("{secret}\r\n"))),
    ] {
        let place =
            place.named("mcpchat.toml", &format!("[auth]\njwt_secret = {form}\nprevious_jwt_secrets = [{form}]\n"));
        let auth = place.config().auth;
        assert_eq!(auth.jwt_secret.unwrap().expose(), secret, "{form}");
        assert_eq!(auth.previous_jwt_secrets[0].expose(), secret, "{form}");
    }
}

#[test]
fn a_secret_file_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o644, 0o660] {
        let place = Place::with("[auth]\njwt_secret = { file = 'jwt' }\n").file("jwt", &"x".repeat(40));
        let path = place.path().join("jwt");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let mistakes = place.mistakes();
        assert!(mistakes.starts_with("mcpchat.toml:2:23: auth.jwt_secret:"), "{mistakes}");
        assert!(mistakes.ends_with(&format!("chmod 600 {}", path.display())), "{mistakes}");
    }
}

#[test]
fn a_secret_in_a_file_others_can_read_is_warned_about() {
    let text = "[database]\nurl = 'postgres://u:planted@h/d'\n[auth]\njwt_secret = { env = 'SIGNING' }\n\
                previous_jwt_secrets = [{ env = 'SIGNING' }, 'plantedxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']\n";
    let place = Place::with(text).variable("SIGNING", &"s".repeat(32));
    assert_eq!(place.load().unwrap().exposed, []);
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(place.path().join("mcpchat.toml"), fs::Permissions::from_mode(mode)).unwrap();
        let warnings: Vec<String> = place.load().unwrap().exposed.iter().map(ToString::to_string).collect();
        let [url, previous] = &warnings[..] else { panic!("{warnings:#?}") };
        let start =
            format!("mcpchat.toml:2:7: database.url: others can read this secret (the file's mode is {mode:04o}); ");
        assert!(url.starts_with(&start) && url.contains("chmod 600 mcpchat.toml"), "{url}");
        assert!(previous.starts_with("mcpchat.toml:5:24: auth.previous_jwt_secrets:"), "{previous}");
        assert!(!warnings.concat().contains("planted"));
    }
    let harmless = Place::with("[database]\nurl = 'postgres:///d'\n[auth]\njwt_secret = { env = 'SIGNING' }\n");
    let harmless = harmless.variable("SIGNING", &"s".repeat(32));
    fs::set_permissions(harmless.path().join("mcpchat.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(harmless.load().unwrap().exposed, []);
}

#[test]
fn a_limit_that_one_answer_exceeds_is_warned_about() {
    let models = "[[providers]]\nname = 'p'\nkind = 'openai'\napi_key = 'k'\n\
                  [[models]]\nname = 'short'\nprovider = 'p'\nmax_output_tokens = 100\nprice = { input = 1.0, output = 2.0 }\n\
                  [[models]]\nname = 'long'\nprovider = 'p'\nprice = { input = 1.0, output = 2.0 }\n";
    for (count, max, warning) in [
        (
            "tokens",
            "4095",
            Some(
                "one answer of \"long\" may take 4096 tokens (max_output_tokens = 4096), and the whole limit is 4095 tokens",
            ),
        ),
        ("tokens", "4096", None),
        (
            "cost",
            "0.0006",
            Some(
                "one answer of \"long\" may take $0.008192 (max_output_tokens = 4096), and the whole limit is $0.0006",
            ),
        ),
        ("cost", "0.01", None),
    ] {
        let limit = format!("{models}[[limits]]\nname = 'budget'\ncount = '{count}'\nmax = {max}\nwindow = 'month'\n");
        let warnings = Place::with(&limit).load().unwrap().warnings;
        match (&warnings[..], warning) {
            ([], None) => {}
            ([one], Some(warning)) => {
                let start = format!("mcpchat.toml:17:7: limits[0].max: {warning}");
                assert!(one.to_string().starts_with(&start), "{one}");
            }
            _ => panic!("{count} {max}: {warnings:#?}"),
        }
    }
}

#[test]
fn an_api_keys_origin_is_shown_and_the_key_is_not() {
    let by_itself = Place::new().variable("OPENAI_API_KEY", "sk-planted").load().unwrap();
    let file = "[[providers]]\nname = 'a'\nkind = 'openai'\n[[models]]\nname = 'm'\nprovider = 'a'\n";
    let shared = Place::with(file).variable("OPENAI_API_KEY", "sk-planted").load().unwrap();
    for loaded in [by_itself, shared] {
        assert_eq!(origin_of(&loaded, "providers[0].api_key"), "environment variable OPENAI_API_KEY");
        assert!(!format!("{:?}", loaded.settings).contains("planted"));
    }
}

#[test]
fn no_secret_is_printed_in_any_way() {
    let text = "[database]\nurl = 'postgres://u:planted1@h/d'\n[redis]\nurl = 'redis://:planted2@h'\n[auth]\n\
                jwt_secret = 'planted3xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'\n\
                previous_jwt_secrets = ['planted4xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']\n\
                [[providers]]\nname = 'a'\nkind = 'openai'\napi_key = 'planted5'\n[[models]]\nname = 'm'\nprovider = 'a'\n";
    let loaded = Place::with(text).load().unwrap();
    let printed = format!("{loaded:?}");
    assert!(!printed.contains("planted"), "{printed}");
    assert!(printed.contains("postgres://u:***@h/d") && printed.contains("redis://:***@h"), "{printed}");
}

#[test]
fn no_mistake_repeats_a_secret() {
    for text in [
        "[auth]\njwt_secret = 'planted'",
        "[auth]\njwt_secret = ['planted']",
        "[auth]\njwt_secret = { value = 'planted' }",
        "[auth]\nprevious_jwt_secrets = ['planted']",
        "[auth]\njwt_secret = 'planted",
        "[database]\nurl = 'postgres://u:planted@['",
        "[database]\nurl = 'planted'",
        "[database]\nurl = '//u:planted@h'",
        "[redis]\nurl = 'http://u:planted@h'",
        "[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'https://u:planted@h'",
        "[[providers]]\nname = 'a'\nkind = 'openai'\napi_key = 'planted key'",
    ] {
        let mistakes = Place::with(text).mistakes();
        assert!(!mistakes.contains("planted"), "{text}: {mistakes}");
        assert!(mistakes.starts_with("mcpchat.toml:"), "{mistakes}");
    }
}

/// `(text, place and key, remedy)`
#[rustfmt::skip]
const MISTAKES: &[(&str, &str, &str)] = &[
    ("[server]\nlisten = '127.0.0.1:8080'\nlisen = 1", "mcpchat.toml:3:1: server.lisen: unknown key", "did you mean `listen`?"),
    ("[servr]\n", "mcpchat.toml:1:2: servr: unknown key", "did you mean `server`?"),
    ("qqq = 1", "mcpchat.toml:1:1: qqq: unknown key", "known: `server`"),
    ("server = 3", "mcpchat.toml:1:10: server: expected a table, found an integer", "write it as [server]"),
    ("[server]\nlisten = 8080", "mcpchat.toml:2:10: server.listen: expected an address", "like \"127.0.0.1:8080\""),
    ("[server]\nlisten = 'db.example:8080'", "mcpchat.toml:2:10: server.listen: \"db.example:8080\" is not an address", "or \":8080\""),
    ("[server]\nlisten = ':+80'", "mcpchat.toml:2:10: server.listen: \":+80\" is not an address", "like \"127.0.0.1:8080\""),
    ("[database]\nurl = \"sqlite:///x\\ny.db\"", "mcpchat.toml:2:7: database.url: the URL holds a line break", "copy it again"),
    ("[database]\nurl = 'sqlite:///x.db '", "mcpchat.toml:2:7: database.url: the URL holds a line break", "copy it again"),
    ("[database]\nurl = 'sqlite://x?mode=memory'", "mcpchat.toml:2:7: database.url: a SQLite database is a file", "sqlite://"),
    ("[redis]\nurl = \"redis://h\\n/1\"", "mcpchat.toml:2:7: redis.url: the URL holds a line break", "copy it again"),
    ("[redis]\nurl = \"redis+cluster://h,\\nh\"", "mcpchat.toml:2:7: redis.url: the URL holds a line break", "copy it again"),
    ("[audit]\ncheckpoint_file = \"x\\n\"", "mcpchat.toml:2:19: audit.checkpoint_file: the path holds a line break", "write it again"),
    ("[database]\nurl = 'postgres:///d'\n[audit]\ncheckpoint_file = 'x'", "mcpchat.toml:4:19: audit.checkpoint_file: with PostgreSQL the file of the key", "signing_key_file"),
    ("[[limits]]\nname = 'team:daily'\ncount = 'messages'\nmax = 5\nwindow = '1m'", "mcpchat.toml:2:8: limits[0].name: \"team:daily\" is not a name of a limit", "A-Z 0-9 . _ -"),
    ("[[limits]]\nname = 'a/b'\ncount = 'turns'\nmax = 5", "mcpchat.toml:2:8: limits[0].name: \"a/b\" is not a name of a limit", "A-Z 0-9 . _ -"),
    ("[[limits]]\nname = 'login_name'\ncount = 'turns'\nmax = 5", "mcpchat.toml:2:8: limits[0].name: \"login_name\" is the name of a limit that is built in", "choose another"),
    ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = \"http://h\\n/v1\"", "mcpchat.toml:4:12: providers[0].base_url: the URL holds a line break", "copy it again"),
    ("[server]\nmetrics_listen = 'no'", "mcpchat.toml:2:18: server.metrics_listen: \"no\"", "or \"off\""),
    ("[server]\ndrain_timeout = 30", "mcpchat.toml:2:17: server.drain_timeout: expected a duration", "like \"30s\""),
    ("[server]\ndrain_timeout = 'soon'", "mcpchat.toml:2:17: server.drain_timeout: \"soon\" is not a duration", "\"30s\""),
    ("[server]\ndrain_timeout = '2d'", "mcpchat.toml:2:17: server.drain_timeout: \"2days\" is out of range", "give \"0s\" to \"1day\""),
    ("[server]\ntrusted_proxies = [\n  '10.0.0.0/8',\n  'x',\n]", "mcpchat.toml:4:3: server.trusted_proxies: \"x\" is not a network", "like \"10.0.0.0/8\""),
    ("[server]\ntrusted_proxies = '10.0.0.0/8;::1'", "mcpchat.toml:2:19: server.trusted_proxies: expected a list", "put it in [ ]"),
    ("[database]\nurl = 'mysql://h/d'", "mcpchat.toml:2:7: database.url: no database of the kind \"mysql\"", "postgres://"),
    ("[database]\nurl = 'postgres://h:x/d'", "mcpchat.toml:2:7: database.url: not a URL: invalid port", "postgres://"),
    ("[database]\nurl = 'sqlite::memory:'", "mcpchat.toml:2:7: database.url: a SQLite database is a file", "sqlite://"),
    ("[database]\nurl = 'chat.db'", "mcpchat.toml:2:7: database.url: not a URL", "sqlite://"),
    ("[database]\nurl = 5", "mcpchat.toml:2:7: database.url: expected a secret, found an integer", "{ env = \"NAME\" }"),
    ("[database]\nmax_connections = 0", "mcpchat.toml:2:19: database.max_connections: 0 is out of range", "give 1 to 1000"),
    ("[database]\nmax_connections = -1", "mcpchat.toml:2:19: database.max_connections: -1 is out of range", "give 0 to"),
    ("[database]\nmax_connections = '5x'", "mcpchat.toml:2:19: database.max_connections: \"5x\" is not a whole number", "like 10"),
    ("[redis]\nurl = 'localhost:6379'", "mcpchat.toml:2:7: redis.url: Redis is not reached by \"localhost\"", "redis://"),
    ("[redis]\nurl = 'redis+sentinel://a,b'", "mcpchat.toml:2:7: redis.url: the name of the master is missing", "redis+sentinel://host:26379"),
    ("[redis]\non_failure = 'panic'", "mcpchat.toml:2:14: redis.on_failure: \"panic\" is not a choice", "choose \"database\" or \"refuse\""),
    ("[redis]\ncommand_timeout = '0s'", "mcpchat.toml:2:19: redis.command_timeout: \"0s\" is out of range", "give \"1ms\" to"),
    ("[auth]\nregistration = 'opn'", "mcpchat.toml:2:16: auth.registration: \"opn\" is not a choice", "choose \"closed\" or \"open\""),
    ("[auth]\nregistration = true", "mcpchat.toml:2:16: auth.registration: expected a string", "in quotes"),
    ("[auth]\nmin_password_length = 4", "mcpchat.toml:2:23: auth.min_password_length: 4 is out of range", "give 8 to 256"),
    ("[auth]\njwt_secret = 'short'", "mcpchat.toml:2:14: auth.jwt_secret: the secret has 5 bytes", "at least 32"),
    ("[auth]\njwt_secret = ''", "mcpchat.toml:2:14: auth.jwt_secret: the secret is empty", "{ file = \"PATH\" }"),
    ("[auth]\njwt_secret = { env = 'NONE' }", "mcpchat.toml:2:22: auth.jwt_secret: environment variable \"NONE\" is not set", "set it"),
    ("[auth]\njwt_secret = { file = 'none' }", "mcpchat.toml:2:23: auth.jwt_secret: cannot read", "name a file"),
    ("[auth]\njwt_secret = { vault = 'x' }", "mcpchat.toml:2:16: auth.jwt_secret: unknown source \"vault\"", "{ env = \"NAME\" }"),
    ("[auth]\nprevious_jwt_secrets = ['short']", "mcpchat.toml:2:25: auth.previous_jwt_secrets: the secret has 5 bytes", "at least 32"),
    ("providers = 1", "mcpchat.toml:1:13: providers: expected a list of tables", "[[providers]]"),
    ("providers = [1]", "mcpchat.toml:1:14: providers[0]: expected a table", "[[providers]]"),
    ("[providers]\nname = 'x'", "mcpchat.toml:1:1: providers: expected a list of tables, found a table", "[[providers]]"),
    ("[[providers]]\nname = 'a'", "mcpchat.toml:1:1: providers[0].kind: missing", "add kind = \"openai\""),
    ("[[providers]]\nkind = 'mock'", "mcpchat.toml:1:1: providers[0].name: missing", "add name ="),
    ("[[providers]]\nname = 'a b'\nkind = 'mock'", "mcpchat.toml:2:8: providers[0].name: \"a b\" is not a name", "use 1 to 64"),
    ("[[providers]]\nname = 'a'\nkind = 'gpt'", "mcpchat.toml:3:8: providers[0].kind: \"gpt\" is not a choice", "\"openai\", \"anthropic\", \"mock\""),
    ("[[providers]]\nname = 'a'\nkind = 'openai'", "mcpchat.toml:1:1: providers[0].api_key: https://api.openai.com/v1 wants a key", "set OPENAI_API_KEY"),
    ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'ftp://x'", "mcpchat.toml:4:12: providers[0].base_url: providers are not reached by \"ftp\"", "https://"),
    ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'x'", "mcpchat.toml:4:12: providers[0].base_url: not a URL", "https://"),
    ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'http://h/v1?k=1'", "mcpchat.toml:4:12: providers[0].base_url: the URL has a query", "https://"),
    ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'http://h'", "mcpchat.toml:2:8: providers[0].name: \"a\" has no model", "add [[models]]"),
    ("[[providers]]\nname = 'a'\nkind = 'mock'\napi_key = 'x'", "mcpchat.toml:4:11: providers[0].api_key: a mock provider makes no calls", "remove api_key"),
    ("[[providers]]\nname = 'a'\nkind = 'mock'\n[[providers]]\nname = 'a'\nkind = 'mock'", "mcpchat.toml:5:8: providers[1].name: \"a\" is there twice, first at mcpchat.toml:2:8", "its own name"),
    ("[[providers]]\nname = 'a'\nkind = 'mock'\ntimeouts = { idle = '0s' }", "mcpchat.toml:4:21: providers[0].timeouts.idle: \"0s\" is out of range", "give \"1ms\""),
    ("[[providers]]\nname = 'a'\nkind = 'mock'\ntimeouts = { idl = '1s' }", "mcpchat.toml:4:14: providers[0].timeouts.idl: unknown key", "did you mean `idle`?"),
    ("[[models]]\nname = 'm'\nprovider = 'mok'", "mcpchat.toml:3:12: models[0].provider: no provider \"mok\"", "did you mean `mock`?"),
    ("[[models]]\nname = 'm'\nprovider = 'mock'\n[[models]]\nname = 'm'\nprovider = 'mock'", "mcpchat.toml:5:8: models[1].name: \"m\" is there twice", "its own name"),
    ("[[models]]\nname = 'm'\nprovider = 'mock'\ncontext_window = 100\nmax_output_tokens = 100", "mcpchat.toml:5:21: models[0].max_output_tokens: 100 is out of range", "give 1 to 99"),
    ("[[models]]\nname = 'm'\nprovider = 'mock'\nprice = { input = 1.0 }", "mcpchat.toml:4:9: models[0].price.output: missing", "add output ="),
    ("[[models]]\nname = 'm'\nprovider = 'mock'\nprice = { input = -1, output = 1 }", "mcpchat.toml:4:19: models[0].price.input: -1 is out of range", "give 0 to"),
    ("[[models]]\nname = 'm'\nprovider = 'mock'\nscript = { status = 200 }", "mcpchat.toml:4:21: models[0].script.status: 200 is out of range", "give 400 to 599"),
    ("[[models]]\nname = 'm'\nprovider = 'mock'\nscript = { hang = 'yes' }", "mcpchat.toml:4:19: models[0].script.hang: \"yes\" is not a boolean", "true or false"),
    ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'http://h'\n[[models]]\nname = 'm'\nprovider = 'a'\nscript = { hang = true }", "mcpchat.toml:8:10: models[0].script: only models of a mock provider", "remove it"),
    ("[[limits]]\nname = 'a'\nmax = 1\nwindow = '1s'", "mcpchat.toml:1:1: limits[0].count: missing", "add count ="),
    ("[[limits]]\nname = 'a'\ncount = 'mesages'\nmax = 1\nwindow = '1s'", "mcpchat.toml:3:9: limits[0].count: \"mesages\" is not a choice", "\"messages\""),
    ("[[limits]]\nname = 'a'\ncount = 'messages'\nmax = 1\nwindow = '25h'", "mcpchat.toml:5:10: limits[0].window: \"1day 1h\" is out of range", "to \"1day\""),
    ("[[limits]]\nname = 'a'\ncount = 'messages'\nmax = 1\nwindow = 'day'", "mcpchat.toml:5:10: limits[0].window: \"day\" is not a duration", "\"12h\""),
    ("[[limits]]\nname = 'a'\ncount = 'messages'\nmax = 1", "mcpchat.toml:1:1: limits[0].window: missing", "add window = \"1m\""),
    ("[[limits]]\nname = 'a'\ncount = 'messages'\nmax = 5000\nwindow = '1ms'", "mcpchat.toml:4:7: limits[0].max: more than one message a microsecond", "longer window"),
    ("[[limits]]\nname = 'a'\ncount = 'messages'\nmax = 0\nwindow = '1s'", "mcpchat.toml:4:7: limits[0].max: 0 is out of range", "give 1 to"),
    ("[[limits]]\nname = 'a'\ncount = 'messages'\nmax = 1.5\nwindow = '1s'", "mcpchat.toml:4:7: limits[0].max: expected a whole number", "like 10"),
    ("[[limits]]\nname = 'a'\ncount = 'tokens'\nmax = 1\nwindow = '1d'", "mcpchat.toml:5:10: limits[0].window: \"1d\" is not a calendar window", "\"day\" or \"month\""),
    ("[[limits]]\nname = 'a'\ncount = 'cost'\nmax = -2\nwindow = 'day'", "mcpchat.toml:4:7: limits[0].max: -2 is out of range", "give 0.000001"),
    ("[[limits]]\nname = 'a'\ncount = 'turns'\nmax = 1\nwindow = '1s'", "mcpchat.toml:5:10: limits[0].window: turns are limited by", "remove window"),
    ("[[limits]]\nname = 'a'\nper = 'team'\ncount = 'turns'\nmax = 1", "mcpchat.toml:3:7: limits[0].per: \"team\" is not a choice", "\"user\", \"key\", \"address\", \"global\""),
    ("[[limits]]\nname = 'a'\ncount = 'turns'\nmax = 1\n[[limits]]\nname = 'a'\ncount = 'turns'\nmax = 2", "mcpchat.toml:6:8: limits[1].name: \"a\" is there twice", "its own name"),
    ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'http://h'\n[[models]]\nname = 'm'\nprovider = 'a'\n[[limits]]\nname = 'b'\ncount = 'cost'\nmax = 2\nwindow = 'day'", "mcpchat.toml:10:9: limits[0].count: cost cannot be limited: no price for m", "price = { input"),
    ("[server]\nlisten = ", "mcpchat.toml:2:", "https://toml.io"),
    ("[server]\nlisten = '1'\nlisten = '2'", "mcpchat.toml:3:1: not TOML: duplicate key", "https://toml.io"),
];

#[test]
fn every_mistake_names_its_place_key_and_remedy() {
    for (text, place, remedy) in MISTAKES {
        let mistakes = Place::with(text).mistakes();
        assert!(mistakes.starts_with(place), "{text}\nwant {place}\ngot  {mistakes}");
        assert!(mistakes.contains(remedy), "{text}\nwant {remedy}\ngot  {mistakes}");
        assert_eq!(mistakes.lines().count(), 1, "{text}\n{mistakes}");
    }
}

#[test]
fn mistakes_in_variables_name_the_variable() {
    for (name, value, message, remedy) in [
        ("MCPCHAT_SERVER__LISTEN", "x", "server.listen: \"x\" is not an address", "like"),
        ("MCPCHAT_DATABASE__MAX_CONNECTIONS", "many", "database.max_connections: \"many\" is not", "like 10"),
        ("MCPCHAT_SERVER__LISEN", "x", "there is no such key", "did you mean `MCPCHAT_SERVER__LISTEN`"),
        ("MCPCHAT_server__listen", "x", "there is no such key", "did you mean `MCPCHAT_SERVER__LISTEN`"),
        ("MCPCHAT_SERVER_LISTEN", "x", "two underscores", "did you mean `MCPCHAT_SERVER__LISTEN`?"),
        ("MCPCHAT_PROVIDERS__NAME", "x", "there is no such key", "write the others in a file"),
        ("MCPCHAT_JWT_SECRET", "x", "auth.jwt_secret: the secret has 1 bytes", "at least 32"),
        ("DATABASE_URL", "mysql://h", "database.url: no database of the kind \"mysql\"", "postgres://"),
        ("OPENAI_API_KEY", "a\nb", "the key holds", "copy it again"),
    ] {
        let mistakes = Place::new().variable(name, value).mistakes();
        assert!(mistakes.starts_with(&format!("environment variable {name}: {message}")), "{mistakes}");
        assert!(mistakes.contains(remedy), "{mistakes}");
        assert_eq!(mistakes.lines().count(), 1, "{mistakes}");
    }
}

#[test]
fn without_a_home_the_error_names_variables_to_set() {
    let mut place = Place::new();
    place.environment.variables.clear();
    let mistakes = place.mistakes();
    assert!(mistakes.starts_with("database.url: there is no home directory"), "{mistakes}");
    assert!(mistakes.contains("DATABASE_URL") && mistakes.contains("MCPCHAT_DATABASE__URL"), "{mistakes}");
    place.variable("DATABASE_URL", "sqlite:///tmp/x.db").config();
}

#[test]
fn all_mistakes_are_reported_at_once_in_file_order() {
    let text = "[server]\nlisten = 8080\nlog = 'x'\n\n[auth]\nmin_password_length = 3\n\n[[limits]]\nname = 'fast'\n\
                count = 'messages'\nmax = 0\nwindow = '1s'\n";
    let place = Place::with(text).variable("MCPCHAT_REDIS__TIMEOUT", "1s");
    assert_eq!(
        place.mistakes(),
        "\
mcpchat.toml:2:10: server.listen: expected an address with a port, found an integer; write it like \"127.0.0.1:8080\", \"[::1]:8080\", \"localhost:8080\" or \":8080\"
mcpchat.toml:3:1: server.log: unknown key; known: `listen`, `metrics_listen`, `drain_timeout`, `trusted_proxies`, `allowed_origins`, `max_sockets_per_user`, `ws_heartbeat`, `ws_write_timeout`, `ws_echo`, `max_connections`, `max_connections_per_address`, `max_requests_in_flight`, `max_running_turns`, `max_message`, `head_timeout`, `idle_timeout`, `body_timeout`, `write_timeout`
mcpchat.toml:6:23: auth.min_password_length: 3 is out of range; give 8 to 256
mcpchat.toml:11:7: limits[0].max: 0 is out of range; give 1 to 1000000000
environment variable MCPCHAT_REDIS__TIMEOUT: there is no such key that a variable can set; did you mean `MCPCHAT_REDIS__COMMAND_TIMEOUT` or `MCPCHAT_REDIS__URL` or `MCPCHAT_REDIS__ON_FAILURE`?"
    );
}

#[test]
fn a_files_control_characters_reach_no_terminal() {
    for text in ["\"\\u001b[2J\\n\" = 1", "[server]\nlisten = \"\\u001b[2J\\n\"", "[server]\nlisten = '\u{1b}[2J'"] {
        let mistakes = Place::with(text).mistakes();
        assert!(!mistakes.chars().any(char::is_control), "{mistakes:?}");
    }
}

#[test]
fn columns_are_counted_in_characters() {
    let mistakes = Place::with("'größe' = 1\n[server]\n\"lästen\" = 1").mistakes();
    assert!(mistakes.contains("mcpchat.toml:3:1: server.lästen: unknown key; did you mean `listen`?"), "{mistakes}");
}

proptest! {
    /// A file cut, doubled or garbled anywhere gives a configuration or mistakes with a place, never a panic.
    #[test]
    fn a_garbled_file_never_panics(from in 0..EXAMPLE.len(), to in 0..EXAMPLE.len(), with in "[\\PC\n=\\[\\]'\"#]{0,6}") {
        let [from, to] = [from.min(to), from.max(to)].map(|at| EXAMPLE.floor_char_boundary(at));
        let place = Place::with(&format!("{}{with}{}", &EXAMPLE[..from], &EXAMPLE[to..]));
        for mistake in place.load().err().into_iter().flat_map(|error| error.mistakes) {
            prop_assert!(mistake.to_string().starts_with("mcpchat.toml:"), "{}", mistake);
        }
    }
}
