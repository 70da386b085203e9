//! The operator's name in the audit log: what the system says, whatever the variables say.

use std::process::Command;

use crate::harness::{Setup, World};

/// The account that logged in; where none did, that of this process.
fn known_to_the_system() -> String {
    let logged_in = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    let uid = Some(logged_in.trim().to_owned()).filter(|uid| !uid.is_empty() && uid != "4294967295");
    let id = Command::new("id").arg("-un").args(uid).output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

async fn actor(world: &World) -> String {
    let rows = world.cli(["audit", "tail", "-n", "1", "--json"]).run().await;
    rows.json()["actor"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_variable_names_the_operator() {
    let world = World::migrated(Setup::Sqlite).await;
    let mut add = world.cli(["user", "add", "ada", "--generate-password"]);
    for name in ["USER", "SUDO_USER", "LOGNAME", "USERNAME", "SUDO_UID", "HOSTNAME"] {
        add = add.env(name, "mallory");
    }
    add.run().await.ended(0);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(actor(&world).await, format!("operator:{}@{}", known_to_the_system(), host.trim()));
}

/// As `sudo -u` does it. Only root can become another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_of_the_process_is_named() {
    let world = World::migrated(Setup::Sqlite).await;
    let uid = Command::new("id").arg("-u").output().unwrap().stdout;
    if uid != b"0\n" || known_to_the_system() != "root" {
        return;
    }
    std::fs::set_permissions(world.home(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let chown = "chown -R 33 . && exec setpriv --reuid=33 --regid=33 --clear-groups \"$0\" \"$@\"";
    let add = world.cli(["user", "add", "ada", "--generate-password"]).env("USER", "root").by(chown);
    add.run().await.ended(0);
    assert!(actor(&world).await.starts_with("operator:www-data@"));
}
