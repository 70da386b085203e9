//! The integration tests: they start the real `mcpchat` and use it as its users do, over HTTP or the command line.
//! Nothing here may import from `src/`. Every test has a home directory, a database and servers of its own.

#![allow(clippy::disallowed_methods, reason = "they hold for the product")]
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
#![allow(clippy::print_stderr, reason = "what a failed test's servers said is printed with it")]
#![allow(clippy::large_futures, reason = "a test is one long future, and it is not in a hurry")]

#[macro_use]
mod harness;

mod accounts;
mod admin_turns;
mod administration;
mod audit;
mod audit_coverage;
mod audit_tamper;
mod bad_input;
mod behind_proxies;
mod budgets;
mod cancel;
mod chaos;
mod chat;
mod chat_cassettes;
mod chat_ci;
mod chat_expect;
mod chat_failures;
mod chat_question;
mod chat_suite;
mod command_line;
mod completions;
mod context;
mod conversations;
mod database_faults;
mod deletion;
mod disconnect;
mod doctor;
mod documented;
mod drain;
mod edge_descriptors;
mod edge_http1;
mod edge_http2;
mod edge_http2_errors;
mod edge_overload;
mod edge_slow;
mod fakes;
mod generated;
mod id_prefixes;
mod idempotency;
mod keys;
mod leaks;
mod limit_reset;
mod limits;
mod login;
mod login_limits;
mod logs;
mod message_length;
mod metrics;
mod nulls_and_marks;
mod openapi;
mod operations;
mod operator_name;
mod overrides;
mod passwords;
mod permissions;
mod pooler;
mod postgres_setup;
mod private_files;
mod provider_options;
mod quotas;
mod recordings;
mod redis_faults;
mod redis_groups;
mod redis_rights;
mod refresh;
mod refusals;
mod replica_lease;
mod resume;
mod revocation;
mod round_trips;
mod secrets;
mod shell;
mod status;
mod structure;
mod takeover;
mod tokens;
mod trusted_files;
mod turn;
mod turn_events;
mod turn_failure;
mod turn_running;
mod usage;
mod users;
mod websocket;
mod websocket_close;
mod websocket_protocol;
