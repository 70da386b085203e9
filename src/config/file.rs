//! The configuration file: where it is found, its text, and the line of a byte in it.

use std::{
    ops::Range,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::de::DeTable;

use super::{Environment, Error, Mistake, Origin, Overrides};

/// The usual name of a project's own file.
const LOCAL: &str = "mcpchat.toml";

#[derive(Debug)]
pub(super) struct File {
    pub path: PathBuf,
    /// The path as messages show it.
    shown: Arc<str>,
    text: String,
    mode: u32,
}

impl File {
    /// Finds the first file that exists; one that is named has to. Never one of the current folder that is not named: a
    /// checkout is untrusted, and its `api_key` could name any variable or file, its `base_url` any address.
    pub fn find(overrides: &Overrides, environment: &Environment) -> Result<Option<Self>, Error> {
        if let Some(path) = &overrides.config {
            return Self::read(path, Origin::Flag("--config"), environment).map(Some);
        }
        if let Some(path) = environment.variable("MCPCHAT_CONFIG") {
            let origin = Origin::Environment("MCPCHAT_CONFIG".to_owned());
            return Self::read(Path::new(path), origin, environment).map(Some);
        }
        let places = [
            environment.config_dir().map(|dir| dir.join("config.toml")),
            Some(environment.system_dir.join("config.toml")),
        ];
        let found = places.into_iter().flatten().find(|path| environment.current_dir.join(path).exists());
        found.map(|path| Self::read(&path, Origin::Default, environment)).transpose()
    }

    /// Reports a file in the current folder that is not read, because nothing names it.
    pub fn ignored_file(overrides: &Overrides, environment: &Environment) -> Option<Mistake> {
        let is_named = overrides.config.is_some() || environment.variable("MCPCHAT_CONFIG").is_some();
        if is_named || !environment.current_dir.join(LOCAL).is_file() {
            return None;
        }
        Some(Mistake {
            origin: Origin::Default,
            key: String::new(),
            what: format!("./{LOCAL} is not read: a file in the current folder has to be named"),
            remedy: format!("add `--config {LOCAL}` (or set MCPCHAT_CONFIG) if you trust it"),
        })
    }

    fn read(path: &Path, asked_by: Origin, environment: &Environment) -> Result<Self, Error> {
        let shown: Arc<str> = path.display().to_string().into();
        let mistake = |what: String, remedy: &str| Mistake {
            origin: asked_by.clone(),
            key: String::new(),
            what,
            remedy: remedy.to_owned(),
        };
        let full = environment.current_dir.join(path);
        let unreadable = |error: std::io::Error| {
            mistake(format!("{shown}: cannot read the configuration: {error}"), "name a file that can be read")
        };
        let bytes = std::fs::read(&full).map_err(unreadable)?;
        let mode = std::fs::metadata(&full).map_err(unreadable)?.permissions().mode();
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            mistake(format!("{shown}:{line}: not UTF-8"), "save the file as UTF-8")
        })?;
        Ok(Self { path: full, shown, text, mode })
    }

    /// Warns of each secret in the file, if other users can read the file.
    pub fn exposed(&self, secrets: Vec<(String, Origin)>) -> Vec<Mistake> {
        if self.mode & 0o044 == 0 {
            return Vec::new();
        }
        let what = format!("others can read this secret (the file's mode is {:04o})", self.mode & 0o7777);
        let remedy = format!("chmod 600 {}, or give it as {{ env = \"NAME\" }} or {{ file = \"PATH\" }}", self.shown);
        let warn = |(key, origin)| Mistake { origin, key, what: what.clone(), remedy: remedy.clone() };
        secrets.into_iter().map(warn).collect()
    }

    /// Parses the file, up to the first syntax error: the parser guesses on after it, and its guesses confuse.
    pub fn parse(&self) -> Result<DeTable<'_>, Error> {
        DeTable::parse(&self.text).map(toml::Spanned::into_inner).map_err(|error| {
            let origin = self.origin(error.span().unwrap_or(0..0));
            let what = format!("not TOML: {}", error.message().replace('\n', ", "));
            Mistake { origin, key: String::new(), what, remedy: "see https://toml.io/en/v1.0.0".to_owned() }.into()
        })
    }

    pub fn origin(&self, span: Range<usize>) -> Origin {
        let before = &self.text[..self.text.floor_char_boundary(span.start)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Origin::File { path: self.shown.clone(), line, column }
    }

    /// The text of a span.
    pub fn written(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }
}
