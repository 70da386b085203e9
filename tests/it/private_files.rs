//! Modes of the files that mcpchat makes: only the owner can read secrets, whatever the folder and the umask;
//! what is for others is left as the umask says.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use crate::harness::{Invocation, Output, Setup, Value, World};

/// A folder that is open to all, with a configuration of a database in it.
async fn open_folder() -> World {
    let world = World::new(Setup::Sqlite).await.without("auth.jwt_secret");
    let world = world.set("audit.checkpoint_file", "audit.checkpoints").set("audit.checkpoint_every", 1);
    fs::set_permissions(world.home(), Permissions::from_mode(0o777)).unwrap();
    world
}

/// Run by a shell that takes no right from what it makes.
fn generously(command: Invocation) -> Invocation {
    command.by("umask 000; exec \"$0\" \"$@\"")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

/// The database and what belongs to it, as far as it is there.
fn private_files(world: &World) -> Vec<std::path::PathBuf> {
    let names = ["mcpchat.db", "mcpchat.db-wal", "mcpchat.db-shm", "mcpchat.key", "mcpchat.audit.key"];
    names.into_iter().map(|name| world.home().join(name)).filter(|path| path.exists()).collect()
}

async fn doctor(world: &World) -> (String, String) {
    let cli = world.cli(["doctor", "--json"]);
    fs::set_permissions(world.home().join("test.toml"), Permissions::from_mode(0o600)).unwrap();
    let output: Output = cli.run().await;
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"));
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == "secrets.permissions").unwrap();
    (check["status"].as_str().unwrap().to_owned(), check["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_and_its_keys_are_private_from_the_start() {
    let world = open_folder().await;
    let add = generously(world.cli(["user", "add", "ada", "--generate-password"]));
    add.run().await.ended(0);
    let serving = generously(world.cli(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"])).follow();
    let key = world.home().join("mcpchat.key");
    crate::harness::eventually("a key", async || key.exists().then_some(())).await;
    generously(world.cli(["chat", "hello"])).run().await.ended(0);
    let files = private_files(&world);
    assert_eq!(files.len(), 5, "{files:?}, {}", serving.said());
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    assert_eq!(doctor(&world).await.0, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_open_to_others_is_closed() {
    let world = open_folder().await;
    world.cli(["user", "add", "ada", "--generate-password"]).run().await.ended(0);
    for given in [0o644, 0o660, 0o602] {
        for file in private_files(&world).iter().filter(|file| file.extension().is_none_or(|end| end != "key")) {
            fs::set_permissions(file, Permissions::from_mode(given)).unwrap();
        }
        let (status, detail) = doctor(&world).await;
        assert_eq!((status.as_str(), detail.contains("mcpchat.db (mode")), ("failed", true), "{detail}");
        assert_eq!(mode(&world.home().join("mcpchat.db")), given, "looking changes nothing");
        let output = world.cli(["user", "list"]).run().await;
        output.ended(0);
        assert!(output.stderr.contains("others had access to the database"), "{output:#?}");
        private_files(&world).iter().for_each(|file| assert_eq!(mode(file), 0o600, "{}", file.display()));
        assert_eq!(doctor(&world).await.0, "ok");
        assert_eq!(world.cli(["user", "list"]).run().await.stderr, "", "it is said once");
    }
}

/// What `serve` refuses to use, doctor does not call right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_and_serve_agree_about_a_key() {
    let world = open_folder().await;
    fs::set_permissions(world.home(), Permissions::from_mode(0o700)).unwrap();
    let key = world.home().join("mcpchat.key");
    fs::write(&key, "Vq8rJmYp0tX2sKdH6bN4wZc1gLfQ7eUaVq8rJmYp0tX2").unwrap();
    for given in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, Permissions::from_mode(given)).unwrap();
        let serve = world.cli(["serve", "--listen", "127.0.0.1:0"]).run().await;
        serve.ended(9);
        assert!(serve.stderr.contains("chmod 600"), "{serve:#?}");
        assert_eq!(doctor(&world).await.0, "failed", "{given:o}");
    }
}

/// Recordings and reports are made to be committed, uploaded and read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_for_others_follows_the_umask() {
    let world = open_folder().await;
    let chat = ["chat", "hello", "--record", "tape", "--repeat", "1", "--junit", "junit.xml"];
    world.cli(chat).by("umask 022; exec \"$0\" \"$@\"").run().await.ended(0);
    let tape = fs::read_dir(world.home().join("tape")).unwrap().next().unwrap().unwrap().path();
    for file in [tape, world.home().join("junit.xml")] {
        assert_eq!(mode(&file), 0o644, "{}", file.display());
    }
}
