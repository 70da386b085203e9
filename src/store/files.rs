//! The files of a SQLite database: their paths and their permissions. They hold password hashes and messages.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::sqlite::SqliteConnectOptions;

use super::Store;
use crate::{config, private_file};

/// The suffixes of the files that SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

impl Store {
    /// The file of a SQLite database, which may not exist.
    pub fn file_of(config: &config::Database) -> Option<PathBuf> {
        let url = Some(config.url.expose()).filter(|url| url.starts_with("sqlite:"))?;
        Some(SqliteConnectOptions::from_str(url).ok()?.get_filename().to_path_buf())
    }

    /// The database and the files that SQLite keeps beside it, whether they exist or not.
    pub fn files_of(file: &Path) -> impl Iterator<Item = PathBuf> {
        let beside = move |suffix: &str| {
            let mut path = file.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        std::iter::once(file.to_owned()).chain(BESIDE.into_iter().map(beside))
    }

    /// Removes all permissions of others from files that an older version, or a copy, has left open to them.
    pub fn make_files_private(&self) {
        for file in self.file().into_iter().flat_map(Self::files_of) {
            let shown = file.display();
            match private_file::make_private(&file) {
                Ok(None) => {}
                Ok(Some(mode)) => {
                    let mode = format_args!("{mode:04o}");
                    tracing::warn!(file = %shown, %mode, "others had access to the database; it was taken from them");
                }
                Err(error) => {
                    tracing::warn!(file = %shown, %error, "others have access to the database, and it cannot be taken from them; chmod 600 it as its owner");
                }
            }
        }
    }
}

/// Creates an empty file where there is none, because SQLite would create one that others can read; the files beside it
/// get the same mode. The folder is created too. SQLite reports other errors when it opens the file.
pub(super) fn prepare(options: &SqliteConnectOptions, url: &str) -> io::Result<()> {
    let file = options.get_filename();
    if let Some(folder) = file.parent() {
        make_private_folder(folder)?;
    }
    let is_read_only = url.split_once('?').is_some_and(|(_, query)| query.contains("mode=ro"));
    if !is_read_only {
        private_file::create_empty(file).ok();
    }
    Ok(())
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
