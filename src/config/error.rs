//! Configuration errors: all mistakes at once, each with its place and its remedy.

use std::fmt;

use super::Origin;
use crate::terminal;

/// At least one mistake. Prints one line each, without any secret value.
#[derive(Debug)]
pub struct Error {
    pub mistakes: Vec<Mistake>,
}

/// Prints as `mcpchat.toml:3:10: server.listen: "x" is not an address with a port; write it like "127.0.0.1:8080"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub origin: Origin,
    /// Like `server.listen` or `limits[0].max`; empty where it is about a whole file.
    pub key: String,
    pub what: String,
    pub remedy: String,
}

/// Paths, keys and values are untrusted: no control character of them reaches a terminal.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", terminal::line(&self.origin.to_string()))?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", terminal::line(&self.key))?;
        }
        f.write_str(&terminal::line(&self.what))?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", terminal::line(&self.remedy))?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{}{mistake}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        Self { mistakes: vec![mistake] }
    }
}
