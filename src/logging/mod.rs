//! Logging to stderr: readable lines on a terminal, one JSON object a line anywhere else.
//!
//! `RUST_LOG` (the syntax of tracing's `EnvFilter`) replaces the levels chosen here; `-v` raises them. External values
//! are escaped before they are written, so that none can begin a line of its own or reach a terminal as a command.
//! Which values are logged is up to the callers: never message text, a token, a password or a key. A service does not
//! wait for the reader of its log (`lines`); a command writes its few lines at once.

mod json;
mod lines;

use std::{
    any::Any,
    fmt,
    io::{self, IsTerminal},
    sync::Arc,
    time::Duration,
};

use tracing::{Level, Subscriber, field::Field, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    fmt::{
        MakeWriter,
        format::{FormatFields, JsonFields, Writer, debug_fn},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
};

use self::{json::JsonLines, lines::Lines};
use crate::terminal::{self, Color};

/// The kind of process that logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogMode {
    /// Logs what it does, from info on, and must not be delayed by its log.
    Service,
    /// Logs what is wrong, from warn on, in order with its other output.
    Command,
}

/// A guard that flushes the log when dropped.
#[must_use]
pub struct Log(Option<Arc<Lines>>);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.iter().for_each(|lines| lines.flush(FLUSH_TIMEOUT));
    }
}

/// How long the end of the process may wait for the log to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts logging for the whole process. Dependencies stay at warn until `-vvv`.
/// Does nothing where a log has been started before.
pub fn init(speaker: LogMode, verbosity: u8, color: Color) -> Log {
    let (level, lines) = match speaker {
        LogMode::Service => (Level::INFO, lines::to_stderr().ok()),
        LogMode::Command => (Level::WARN, None),
    };
    match &lines {
        Some(lines) => start(level, verbosity, color, lines::Writer(Arc::clone(lines))),
        None => start(level, verbosity, color, io::stderr),
    }
    std::panic::set_hook(Box::new(report_panic));
    Log(lines)
}

fn start<W>(level: Level, verbosity: u8, color: Color, to: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let is_terminal = io::stderr().is_terminal();
    let colored = color.applies(std::env::var("NO_COLOR").ok().as_deref(), is_terminal);
    let asked = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let chosen = asked.as_deref().map_or_else(|| Ok(levels(level, verbosity)), EnvFilter::try_new);
    let filter = chosen.as_ref().map_or_else(|_| levels(level, verbosity), Clone::clone);

    let log = tracing_subscriber::registry().with(filter);
    // Fails where a log has been started before, which is what we want.
    let _ = if is_terminal {
        tracing::subscriber::set_global_default(log.with(human(to, colored)))
    } else {
        tracing::subscriber::set_global_default(log.with(json(to)))
    };
    if let Err(error) = chosen {
        tracing::warn!(%error, "RUST_LOG is not a list of levels such as `mcpchat=debug,sqlx=info`; it is ignored");
    }
}

/// Logs a panic. A formatted message may contain user data, so only literal messages are logged.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let words = words_in_the_source(panic.payload());
    tracing::error!(place = panic.location().map(tracing::field::display), words, "a bug: something panicked");
}

fn words_in_the_source(payload: &dyn Any) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

/// A duration as logged: in milliseconds, to the microsecond.
pub fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

/// The levels: mcpchat at `level` and a step more for each `-v`; dependencies at warn, from `-vvv` at debug.
fn levels(level: Level, verbosity: u8) -> EnvFilter {
    let steps = [LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE];
    let start = steps.iter().position(|step| *step == level).unwrap_or_default();
    let ours = steps[(start + usize::from(verbosity)).min(steps.len() - 1)];
    let theirs = if verbosity >= 3 { LevelFilter::DEBUG } else { LevelFilter::WARN };
    EnvFilter::new(format!("{theirs},mcpchat={ours}"))
}

fn human<S, W>(to: W, colored: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(colored).with_target(false);
    lines.fmt_fields(escaped_fields()).with_filter(filter_fn(harmless))
}

fn json<S, W>(to: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    let lines = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(JsonLines);
    lines.with_writer(to).with_filter(filter_fn(harmless))
}

/// At trace, some dependencies log what goes over the wire, headers included; no setting may enable that.
fn harmless(event: &tracing::Metadata<'_>) -> bool {
    *event.level() < Level::TRACE || event.target().starts_with(env!("CARGO_CRATE_NAME"))
}

/// ``message key=value key=value``. tracing-subscriber's own format leaves line breaks in values as they are.
fn escaped_fields() -> impl for<'w> FormatFields<'w> + 'static {
    use tracing_subscriber::field::MakeExt;
    debug_fn(|to: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(to, "{}", terminal::line(&value)),
            name => write!(to, "{name}={}", terminal::line(&value)),
        }
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        fn writer(&self) -> impl Fn() -> Sink + 'static {
            let sink = self.clone();
            move || sink.clone()
        }
    }

    const NASTY: &str = "a\nERROR forged\r\x1b[2J\u{9b}31m\u{202e}\x7f\u{2028}";

    fn say_nasty_things() {
        let span = tracing::info_span!("request", path = %NASTY);
        let _inside = span.enter();
        tracing::info!(agent = %NASTY, name = NASTY, ms = 1.0, share = f64::NAN, count = 3, gone = true, "said {NASTY}");
    }

    #[test]
    fn values_cannot_break_a_line_on_a_terminal() {
        let sink = Sink::default();
        let log = tracing_subscriber::registry().with(human(sink.writer(), false));
        tracing::subscriber::with_default(log, say_nasty_things);
        let text = sink.text();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert_eq!(terminal::line(text.trim_end()), text.trim_end());
        assert!(text.contains("said a␊ERROR forged␍␛[2J"), "{text}");
    }

    #[test]
    fn a_log_file_has_one_harmless_json_object_per_line() {
        let sink = Sink::default();
        let log = tracing_subscriber::registry().with(json(sink.writer()));
        tracing::subscriber::with_default(log, say_nasty_things);
        let text = sink.text();
        assert_eq!(terminal::line(text.trim_end()), text.trim_end());
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["agent"], NASTY);
        assert_eq!(line["span"]["path"], NASTY);
        assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &module_path!().into()));
        assert_eq!((&line["span"]["name"], &line["message"]), (&"request".into(), &format!("said {NASTY}").into()));
        assert_eq!((&line["ms"], &line["share"]), (&1.0.into(), &serde_json::Value::Null));
        assert_eq!((&line["count"], &line["gone"]), (&3.into(), &true.into()));
        let at = line["timestamp"].as_str().unwrap();
        assert!(at.len() == 27 && chrono::DateTime::parse_from_rfc3339(at).is_ok(), "{at}");
    }

    #[test]
    fn each_v_raises_our_level_the_third_dependencies_too() {
        for (level, verbosity, expected) in [
            (Level::WARN, 0, "mcpchat=warn,warn"),
            (Level::INFO, 0, "mcpchat=info,warn"),
            (Level::INFO, 1, "mcpchat=debug,warn"),
            (Level::WARN, 3, "mcpchat=trace,debug"),
            (Level::INFO, 200, "mcpchat=trace,debug"),
        ] {
            assert_eq!(levels(level, verbosity).to_string(), expected);
        }
    }

    #[test]
    fn a_panic_tells_only_what_stands_in_the_source() {
        let payload = |panic: fn()| std::panic::catch_unwind(panic).unwrap_err();
        assert_eq!(words_in_the_source(&*payload(|| panic!("a rule is broken"))), Some("a rule is broken"));
        assert_eq!(words_in_the_source(&*payload(|| panic!("found {}", std::process::id()))), None);
        assert_eq!(words_in_the_source(&*payload(|| assert_eq!("x".parse::<u8>().expect("a number"), 1))), None);
    }

    #[test]
    fn dependencies_never_speak_at_trace() {
        let sink = Sink::default();
        let log = tracing_subscriber::registry().with(json(sink.writer()));
        tracing::subscriber::with_default(log, || {
            tracing::trace!(target: "hyper::proto", "authorization: Bearer abc");
            tracing::trace!("ours");
        });
        assert!(!sink.text().contains("Bearer"));
        assert!(sink.text().contains("ours"));
    }
}
