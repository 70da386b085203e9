//! Evaluations: expectations of a reply, suites of cases, and templates. Only `mcpchat chat` uses them.

mod expectations;
mod suite;
mod template;

pub use self::{
    expectations::{Check, Expectations, JudgedReply, Unmet, percentile, read_schema, repair_request},
    suite::{Case, SCHEMA as SUITE_SCHEMA, Suite, SuiteOptions},
    template::{Template, Variables, is_name, variable},
};
