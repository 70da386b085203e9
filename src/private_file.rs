//! Files that only their owner may read or change: databases and keys. They are created with that mode.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

const PRIVATE: u32 = 0o600;
const RIGHTS_OF_OTHERS: u32 = 0o077;

/// The mode of a file on which its group or others have any permission. `None`: they have none, or it does not exist.
pub fn exposed_mode(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & RIGHTS_OF_OTHERS != 0).then_some(mode)
}

/// Removes all permissions of group and others, and returns the mode before. `None`: nothing had to be done.
pub fn make_private(path: &Path) -> io::Result<Option<u32>> {
    let Some(mode) = exposed_mode(path) else { return Ok(None) };
    fs::set_permissions(path, Permissions::from_mode(mode & !RIGHTS_OF_OTHERS))?;
    Ok(Some(mode))
}

/// Creates an empty file, if it does not exist.
pub fn create_empty(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Creates a file with this content, which a reader finds whole or not at all. `false`: it existed.
pub fn create_whole(path: &Path, content: &[u8]) -> io::Result<bool> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    fs::remove_file(&part).ok();
    write_new(part.as_ref(), content)?;
    // Not a rename, which would replace what another process has made meanwhile. Some file systems have no links.
    let written = fs::hard_link(&part, path).or_else(|error| match error.kind() {
        ErrorKind::AlreadyExists => Err(error),
        _ => write_new(path, content),
    });
    fs::remove_file(&part).ok();
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        written => written.map(|()| true),
    }
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_private_from_its_first_moment() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, whole) = (folder.path().join("empty"), folder.path().join("whole"));
        create_empty(&empty).unwrap();
        assert!(create_whole(&whole, b"secret").unwrap());
        assert!(!create_whole(&whole, b"other").unwrap());
        assert_eq!(fs::read(&whole).unwrap(), b"secret");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
        for path in [&empty, &whole] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn any_right_of_others_is_seen_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(exposed_mode(&path), None, "a file that is not there");
        create_empty(&path).unwrap();
        for (before, after) in [(0o644, 0o600), (0o640, 0o600), (0o622, 0o600), (0o601, 0o600), (0o477, 0o400)] {
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            assert_eq!(exposed_mode(&path), Some(before));
            assert_eq!(make_private(&path).unwrap(), Some(before));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, after);
            assert_eq!(make_private(&path).unwrap(), None);
        }
    }
}
