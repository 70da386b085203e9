//! Identity of the operator at the shell, as the kernel has it. Variables such as `USER` and `SUDO_USER` are the
//! caller's own to set, so none of them counts.

use std::fs;

use nix::unistd::{Uid, User};

use crate::app::Admin;

/// The kernel's login uid of a process without a login.
const NO_LOGIN: u32 = u32::MAX;

/// The operator's authority, under their login name.
pub(super) fn admin() -> Admin {
    Admin::operator(&login(), &host())
}

/// The account that logged in, which stays the same behind `sudo` and `su`; where none did, as in a container or a
/// service, that of this process.
pub(super) fn login() -> String {
    let logged_in = fs::read_to_string("/proc/self/loginuid").ok();
    let logged_in = logged_in.and_then(|text| text.trim().parse().ok());
    let name_of = |uid| User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
    name(logged_in, Uid::current().as_raw(), name_of)
}

fn name(logged_in: Option<u32>, process: u32, name_of: impl Fn(u32) -> Option<String>) -> String {
    let uid = logged_in.filter(|uid| *uid != NO_LOGIN).unwrap_or(process);
    name_of(uid).unwrap_or_else(|| format!("uid:{uid}"))
}

fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().trim().to_owned();
    if name.is_empty() { "localhost".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_comes_before_the_process() {
        let name_of = |uid| [(0, "root"), (33, "www-data"), (1000, "ada")].into_iter().find(|(id, _)| *id == uid);
        let name_of = |uid| name_of(uid).map(|(_, name)| name.to_owned());
        for (logged_in, process, expected) in [
            (Some(1000), 0, "ada"),
            (Some(1000), 33, "ada"),
            (Some(0), 0, "root"),
            (Some(NO_LOGIN), 33, "www-data"),
            (None, 0, "root"),
            (None, 4711, "uid:4711"),
            (Some(4711), 0, "uid:4711"),
        ] {
            assert_eq!(name(logged_in, process, name_of), expected, "{logged_in:?} {process}");
        }
    }
}
