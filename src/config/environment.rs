//! The environment of the process as plain data: passed in, so that a test needs no variables of its own process.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The line break characters of all systems.
pub(super) const LINE_BREAKS: [char; 2] = ['\n', '\r'];

#[derive(Clone, Debug)]
pub struct Environment {
    pub variables: BTreeMap<String, String>,
    pub current_dir: PathBuf,
    /// `/etc/mcpchat`.
    pub system_dir: PathBuf,
}

impl Environment {
    /// Reads the environment of this process. Bytes that are not UTF-8 become `�`, and are refused where they matter.
    pub fn of_process() -> Self {
        let text = |bytes: std::ffi::OsString| bytes.to_string_lossy().into_owned();
        Self {
            variables: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
            current_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            system_dir: PathBuf::from("/etc/mcpchat"),
        }
    }

    /// The value of a variable that is set. An empty one counts as not set, as compose files and CI systems pass them.
    /// Line breaks at its end, which a Kubernetes secret made by `echo` has, are dropped, as in a secret's file.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name).map(|value| value.trim_end_matches(LINE_BREAKS));
        value.filter(|value| !value.is_empty())
    }

    /// `$XDG_CONFIG_HOME/mcpchat` or `~/.config/mcpchat`.
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.xdg_dir("XDG_CONFIG_HOME", ".config")
    }

    /// `$XDG_DATA_HOME/mcpchat` or `~/.local/share/mcpchat`. It may not exist yet.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.xdg_dir("XDG_DATA_HOME", ".local/share")
    }

    /// Resolves an XDG directory; a relative path is to be ignored (XDG Base Directory Specification 0.8).
    fn xdg_dir(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let given = self.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = given.or_else(|| self.variable("HOME").map(|home| Path::new(home).join(below_home)))?;
        Some(base.join("mcpchat"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdg_directories_come_before_home_unless_relative() {
        for (variables, expected) in [
            (vec![("HOME", "/home/a")], Some("/home/a/.local/share/mcpchat")),
            (vec![("HOME", "/home/a"), ("XDG_DATA_HOME", "/data")], Some("/data/mcpchat")),
            (vec![("HOME", "/home/a"), ("XDG_DATA_HOME", "data")], Some("/home/a/.local/share/mcpchat")),
            (vec![("HOME", "")], None),
            (vec![], None),
        ] {
            let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let environment = Environment { variables, current_dir: "/".into(), system_dir: "/etc/mcpchat".into() };
            assert_eq!(environment.data_dir().as_deref(), expected.map(Path::new));
        }
    }
}
