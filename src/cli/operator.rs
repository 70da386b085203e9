//! Who sits at the shell.

use std::{env, fs};

use crate::app::Admin;

/// The operator's authority, under the name they logged in with: behind `sudo`, their own.
pub(super) fn admin() -> Admin {
    Admin::operator(&login(), &host())
}

/// The login name, by `SUDO_USER`, `USER` or `LOGNAME`, else the owner of this process.
pub(super) fn login() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| env::var(name).ok());
    named.filter(|name| !name.is_empty()).or_else(owner_of_process).unwrap_or_else(|| "unknown".into())
}

fn owner_of_process() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.to_owned();
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let mut entries = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    entries.find(|entry| entry.get(2) == Some(&uid.as_str())).map(|entry| entry[0].to_owned())
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".into())
}
