//! Evaluations: expectations of a reply, suites of cases, and templates. Only `mcpchat chat` uses them.

mod expectations;
mod suite;
mod template;

pub use self::{
    expectations::{Answered, Check, Expectations, Unmet, percentile, read_schema, repair_request},
    suite::{Case, Choice, SCHEMA as SUITE_SCHEMA, Suite},
    template::{Template, Variables, is_name, variable},
};
