//! jq filters as predicates. They run in this process, by jaq: no jq has to be installed, and no versions differ.

use jaq_core::{
    Compiler, Ctx, Vars,
    compile::Undefined,
    data::JustLut,
    load::{Arena, Error, File, Loader},
    unwrap_valr,
};
use jaq_json::Val;

/// Maximum number of results: a filter may run on for ever, and a predicate has few.
const MOST_RESULTS: usize = 1000;

type Filter = jaq_core::Filter<JustLut<Val>>;

/// Compiles a filter. Errors: why it is none.
pub(super) fn compile(filter: &str) -> Result<Filter, String> {
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code: filter, path: () })
        .map_err(|errors| errors.into_iter().next().map_or_else(String::new, |(_, error)| malformed(&error)))?;
    Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
        let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
        first.map_or_else(String::new, |(name, what)| undefined(name, &what))
    })
}

fn malformed(error: &Error<&str>) -> String {
    let at = |rest: &str| if rest.is_empty() { "its end".to_owned() } else { format!("`{rest}`") };
    match error {
        Error::Io(missing) => format!("modules cannot be loaded: {}", missing.first().map_or("", |(path, _)| path)),
        Error::Lex(wrong) => wrong
            .first()
            .map_or_else(String::new, |(expected, rest)| format!("{} expected at {}", expected.as_str(), at(rest))),
        Error::Parse(wrong) => wrong
            .first()
            .map_or_else(String::new, |(expected, rest)| format!("{} expected at {}", expected.as_str(), at(rest))),
    }
}

fn undefined(name: &str, what: &Undefined) -> String {
    format!("no {} `{name}`", what.as_str())
}

/// Checks that all results of the filter are true, and that there is one. Errors: the result that is not.
pub(super) fn holds(filter: &str, json: &str) -> Result<(), String> {
    let value: Val = serde_json::from_str(json).map_err(|error| error.to_string())?;
    // A compiled filter cannot be shared between threads; compiling takes far less time than any reply.
    let compiled = compile(filter)?;
    let context = Ctx::<JustLut<Val>>::new(&compiled.lut, Vars::new([]));
    let mut found = false;
    for result in compiled.id.run((context, value)).map(unwrap_valr).take(MOST_RESULTS) {
        match result {
            Ok(Val::Bool(false) | Val::Null) | Err(_) => return Err(told(&result)),
            Ok(_) => found = true,
        }
    }
    if found { Ok(()) } else { Err("nothing".into()) }
}

fn told(result: &Result<Val, jaq_core::Error<Val>>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(error) => format!("an error: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_holds_if_all_it_makes_is_true() {
        let json = r#"{"name": "Ada", "items": [{"ok": true}, {"ok": false}], "n": 12345678901234567890}"#;
        for (filter, outcome) in [
            (".name == \"Ada\"", Ok(())),
            (".items | length == 2", Ok(())),
            (".items[0].ok", Ok(())),
            (".items[].ok", Err("false")),
            (".missing", Err("null")),
            (".items[] | select(.ok == 1)", Err("nothing")),
            (".name | test(\"^A\")", Ok(())),
            (".name + 1", Err("an error: cannot calculate \"Ada\" + 1")),
            ("[.items[].ok] | any", Ok(())),
            ("repeat(1)", Ok(())),
            (".n > 12345678901234567889", Ok(())),
        ] {
            assert_eq!(holds(filter, json), outcome.map_err(str::to_owned), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_told_with_its_place() {
        for (filter, why) in [
            (".a ==", "term expected at its end"),
            (".a | foo", "no filter `foo`"),
            ("$x", "no variable `$x`"),
            (".a)", "token expected at `)`"),
            ("\"a", "closing quote expected at its end"),
        ] {
            let told = compile(filter).err().unwrap();
            assert!(told.contains(why), "{filter}: {told}");
        }
    }
}
