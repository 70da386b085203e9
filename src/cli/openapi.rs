//! `mcpchat openapi`: the OpenAPI description, generated from the code. Hidden, because a server serves it; the
//! committed file is made with it.

use std::io::{self, Write};

use clap::Args;

use super::{Exit, Failure};

/// Print the OpenAPI description of the HTTP API
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct Openapi {}

impl Openapi {
    /// Prints the description made by `http`, which the command line cannot call.
    pub fn print(&self, description: &str) -> Result<Exit, Failure> {
        io::stdout().lock().write_all(description.as_bytes())?;
        Ok(Exit::Done)
    }
}
