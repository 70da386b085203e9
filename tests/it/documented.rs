//! `tests/cli/*.md`: commands with their exact output, run as they stand. They are the documentation of the command line,
//! so with `TRYCMD=overwrite` the outputs are written anew, to be read by a person before they are committed.

#[test]
fn the_commands_do_what_their_documentation_says() {
    let home = tempfile::tempdir().unwrap();
    // Nothing of the machine's own environment gets in.
    let cases = trycmd::TestCases::new();
    for name in ["MCPCHAT_SERVER", "MCPCHAT_TOKEN", "DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"]
    {
        cases.env(name, "");
    }
    cases
        .register_bin("mcpchat", std::path::Path::new(env!("CARGO_BIN_EXE_mcpchat")))
        .env("HOME", home.path().to_str().unwrap())
        .env("XDG_DATA_HOME", "")
        .env("XDG_CONFIG_HOME", "")
        .env("NO_COLOR", "1")
        .case("tests/cli/*.md");
}
