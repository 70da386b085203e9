//! Tampering with the audit log: whatever a role with all rights on the database does to it, `audit verify` finds it,
//! names the row, and exits 8; so does a verifier in another language, from an export.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use sha2::{Digest, Sha256};

use crate::harness::{Database, Setup, Value, World, json};

on_both_databases! {
    an_untouched_log_is_verified
    an_edit_is_found
    a_changed_time_is_found
    a_deleted_row_is_found
    a_deleted_row_is_found_despite_renumbering
    an_inserted_row_is_found
    swapped_rows_are_found
    an_edit_with_its_hash_made_anew_is_found
    a_row_that_cannot_be_read_is_named
    a_cut_tail_is_found_by_a_checkpoint
    a_log_computed_anew_is_found_by_a_checkpoint
    an_old_copy_is_found_by_a_checkpoint
    a_forged_checkpoint_is_found
    missing_checkpoints_are_found
    without_checkpoints_verify_says_what_it_cannot_see
    an_export_is_verified_without_a_database
    a_service_writes_a_checkpoint_when_it_stops
}

on_database_servers! { a_key_for_checkpoints_is_demanded }

const ROWS: i64 = 9;
const COLUMNS: &str =
    "at, actor, surface, address, action, target, outcome, reason, before, after, request_id, previous_hash, hash";

/// A world whose log has nine rows, with a checkpoint at row 7.
async fn world(setup: Setup) -> World {
    let world = World::new(setup).await;
    let file = |name: &str| world.home().join(name).to_str().unwrap().to_owned();
    let (checkpoints, key) = (file("checkpoints"), file("audit.key"));
    let world = world.set("audit.checkpoint_file", checkpoints).set("audit.signing_key_file", key);
    let world = world.set("audit.checkpoint_every", 7);
    world.cli(["migrate"]).run().await.ended(0);
    world.cli(["user", "add", "ada", "--generate-password"]).run().await.ended(0);
    for number in 2..=ROWS {
        act(&world, number).await;
    }
    world
}

/// One more row.
async fn act(world: &World, number: i64) {
    let reason = format!("act {number} \"\\\u{7f}\t grüße");
    world.cli(["ratelimit", "reset", "ada", "--yes", "--reason", &reason]).run().await.ended(0);
}

/// As a role with the right to change the schema.
async fn tamper(world: &World, statements: &str) {
    let whole = match world.database {
        Database::Postgres { .. } => format!("alter table audit disable trigger user; {statements}"),
        Database::Sqlite(_) => format!(
            "drop trigger if exists audit_refuses_update; drop trigger if exists audit_refuses_delete; \
             drop trigger if exists audit_grows_at_its_end; {statements}"
        ),
    };
    world.database.try_run(whole).await.unwrap();
}

async fn export(world: &World) -> Vec<Value> {
    let lines = world.cli(["audit", "export"]).run().await;
    lines.ended(0).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the verifier in Python says to an export of the log as it is.
async fn second_opinion(world: &World) -> i32 {
    let (log, key) = (world.home().join("log.ndjson"), world.home().join("audit.pub"));
    world.cli(["audit", "export", "--out", log.to_str().unwrap()]).run().await.ended(0);
    fs::write(&key, world.cli(["audit", "public-key"]).run().await.ended(0)).unwrap();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/audit_verify.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(log).arg(world.home().join("checkpoints")).arg(key).stdin(Stdio::null());
    let output = python.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.status.code().unwrap()
}

/// Both verifiers refuse the log; ours names this row and says what was done.
async fn is_found(world: &World, row: i64, kind: &str) {
    is_found_by_us(world, row, kind).await;
    assert_eq!(second_opinion(world).await, 8);
}

async fn is_found_by_us(world: &World, row: i64, kind: &str) {
    let verified = world.cli(["audit", "verify", "--json"]).run().await;
    let verified: Value = serde_json::from_str(verified.ended(8)).unwrap();
    assert_eq!(verified["verified"], false);
    let first = &verified["findings"][0];
    assert_eq!((&first["row"], &first["kind"]), (&json!(row), &json!(kind)), "{verified}");
    let told = world.cli(["audit", "verify"]).run().await;
    assert!(told.ended(8).contains(first["detail"].as_str().unwrap()), "{told:?}");
}

async fn an_untouched_log_is_verified(setup: Setup) {
    let world = world(setup).await;
    let verified = world.cli(["audit", "verify", "--json"]).run().await.json();
    assert_eq!(verified["verified"], true, "{verified}");
    assert_eq!((&verified["rows"], &verified["checkpoint"]), (&json!(ROWS), &json!(7)), "{verified}");
    assert_eq!((&verified["findings"], &verified["notes"]), (&json!([]), &json!([])), "{verified}");
    let lines = fs::read_to_string(world.home().join("checkpoints")).unwrap();
    let rows: Vec<i64> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["row"].as_i64().unwrap()).collect();
    assert_eq!(rows, [7], "{lines}");
    assert_eq!(second_opinion(&world).await, 0);
}

async fn an_edit_is_found(setup: Setup) {
    let world = world(setup).await;
    let changes = ["actor = 'operator:nobody@x'", "reason = null", "outcome = 'forbidden'", "before = '{\"x\": 1}'"];
    // The last first, because only the first that is wrong is named.
    for (row, change) in (5..).zip(changes).collect::<Vec<_>>().into_iter().rev() {
        tamper(&world, &format!("update audit set {change} where id = {row}")).await;
        is_found(&world, row, "edited").await;
    }
}

async fn a_changed_time_is_found(setup: Setup) {
    let world = world(setup).await;
    tamper(&world, "update audit set at = '2020-01-01 00:00:00+00:00' where id = 2").await;
    is_found(&world, 2, "edited").await;
}

async fn a_deleted_row_is_found(setup: Setup) {
    let first = world(setup).await;
    tamper(&first, "delete from audit where id = 1").await;
    is_found_by_us(&first, 1, "missing").await;
    let middle = world(setup).await;
    tamper(&middle, "delete from audit where id in (5, 6)").await;
    is_found(&middle, 5, "missing").await;
}

async fn a_deleted_row_is_found_despite_renumbering(setup: Setup) {
    let world = world(setup).await;
    let renumber = "update audit set id = id + 100 where id > 5; update audit set id = id - 101 where id > 100";
    tamper(&world, &format!("delete from audit where id = 5; {renumber}")).await;
    is_found(&world, 5, "missing").await;
}

async fn an_inserted_row_is_found(setup: Setup) {
    let below = world(setup).await;
    tamper(&below, &format!("insert into audit select 0, {COLUMNS} from audit where id = 1")).await;
    is_found_by_us(&below, 0, "inserted").await;
    let between = world(setup).await;
    let make_room = "update audit set id = id + 100 where id >= 5; update audit set id = id - 99 where id > 100";
    let insert = format!("insert into audit select 5, {COLUMNS} from audit where id = 6");
    tamper(&between, &format!("{make_room}; {insert}; update audit set actor = 'user:x' where id = 5")).await;
    is_found(&between, 5, "inserted").await;
    let behind = world(setup).await;
    tamper(&behind, &format!("insert into audit select 10, {COLUMNS} from audit where id = 9")).await;
    is_found(&behind, 10, "inserted").await;
}

async fn swapped_rows_are_found(setup: Setup) {
    let swap = |a: i64, b: i64| {
        format!(
            "update audit set id = -1 where id = {a}; update audit set id = {a} where id = {b}; update audit set id = {b} where id = -1"
        )
    };
    let neighbours = world(setup).await;
    tamper(&neighbours, &swap(5, 6)).await;
    is_found(&neighbours, 5, "swapped").await;
    let far = world(setup).await;
    tamper(&far, &swap(3, 8)).await;
    is_found(&far, 3, "edited").await;
}

/// Computes the hashes of the rows from this number on anew, as an attacker who knows the form can.
async fn compute_anew(world: &World, rows: &mut [Value], from: i64, upto: i64) {
    let mut statements = Vec::new();
    for index in from as usize - 1..upto as usize {
        let previous = if index == 0 { "00".repeat(32) } else { rows[index - 1]["hash"].as_str().unwrap().to_owned() };
        let row = rows[index].as_object_mut().unwrap();
        row.remove("hash");
        row.remove("previous_hash");
        let canonical = serde_json::to_string(row).unwrap();
        let hash =
            hex::encode(Sha256::new().chain_update(hex::decode(&previous).unwrap()).chain_update(canonical).finalize());
        let bytes = |hex: &str| match world.database {
            Database::Postgres { .. } => format!("decode('{hex}', 'hex')"),
            Database::Sqlite(_) => format!("x'{hex}'"),
        };
        let (actor, id) = (row["actor"].as_str().unwrap(), index + 1);
        let (hash_bytes, previous_bytes) = (bytes(&hash), bytes(&previous));
        statements.push(format!(
            "update audit set actor = '{actor}', hash = {hash_bytes}, previous_hash = {previous_bytes} where id = {id}"
        ));
        row.insert("hash".into(), hash.into());
        row.insert("previous_hash".into(), previous.into());
    }
    tamper(world, &statements.join("; ")).await;
}

async fn an_edit_with_its_hash_made_anew_is_found(setup: Setup) {
    let world = world(setup).await;
    let mut rows = export(&world).await;
    rows[4]["actor"] = json!("user:somebody-else");
    compute_anew(&world, &mut rows, 5, 5).await;
    is_found(&world, 6, "unlinked").await;
}

async fn a_row_that_cannot_be_read_is_named(setup: Setup) {
    let world = world(setup).await;
    if let Database::Sqlite(_) = world.database {
        tamper(&world, "update audit set at = 'long ago' where id = 5").await;
        is_found_by_us(&world, 5, "unreadable").await;
        world.cli(["audit", "export"]).run().await.ended(1);
    }
}

async fn a_cut_tail_is_found_by_a_checkpoint(setup: Setup) {
    let world = world(setup).await;
    tamper(&world, "delete from audit where id > 6").await;
    is_found(&world, 7, "cut_tail").await;
}

async fn a_log_computed_anew_is_found_by_a_checkpoint(setup: Setup) {
    let world = world(setup).await;
    let mut rows = export(&world).await;
    rows[4]["actor"] = json!("user:somebody-else");
    compute_anew(&world, &mut rows, 5, ROWS).await;
    is_found(&world, 7, "recomputed").await;
}

async fn an_old_copy_is_found_by_a_checkpoint(setup: Setup) {
    let world = world(setup).await;
    // A copy from before row 6, used since then.
    tamper(&world, "delete from audit where id > 5").await;
    act(&world, 6).await;
    act(&world, 7).await;
    is_found(&world, 7, "recomputed").await;
}

async fn a_forged_checkpoint_is_found(setup: Setup) {
    let world = world(setup).await;
    let file = world.home().join("checkpoints");
    let honest = fs::read_to_string(&file).unwrap();
    fs::write(&file, honest.replace("\"row\":7", "\"row\":8")).unwrap();
    is_found(&world, 8, "bad_checkpoint").await;
    fs::write(&file, format!("{honest}no checkpoint\n")).unwrap();
    is_found_by_us(&world, 0, "bad_checkpoint").await;
    fs::write(&file, format!("{honest}{{\"torn")).unwrap();
    world.cli(["audit", "verify"]).run().await.ended(0);
    // Another key.
    fs::write(&file, &honest).unwrap();
    fs::remove_file(world.home().join("audit.key")).unwrap();
    world.cli(["audit", "public-key"]).run().await.ended(0);
    is_found(&world, 7, "bad_checkpoint").await;
}

async fn missing_checkpoints_are_found(setup: Setup) {
    let world = world(setup).await;
    fs::remove_file(world.home().join("checkpoints")).unwrap();
    is_found_by_us(&world, ROWS, "no_checkpoints").await;
}

async fn without_checkpoints_verify_says_what_it_cannot_see(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let verified = world.cli(["audit", "verify"]).run().await;
    assert!(verified.ended(0).starts_with("1 rows verified, up to row 1"), "{verified:?}");
    assert!(verified.stderr.contains("cannot be detected"), "{verified:?}");
}

async fn an_export_is_verified_without_a_database(setup: Setup) {
    let world = world(setup).await;
    assert_eq!(second_opinion(&world).await, 0);
    let verify = async |export: &str, text: Option<String>| {
        let nowhere = tempfile::tempdir().unwrap();
        let file = |name: &str| world.home().join(name).to_str().unwrap().to_owned();
        let (log, checkpoints, key) = (file(export), file("checkpoints"), file("audit.pub"));
        if let Some(text) = text {
            fs::write(&log, text).unwrap();
        }
        let command =
            ["audit", "verify", "--export", &log, "--checkpoint-file", &checkpoints, "--public-key", &key, "--json"];
        crate::harness::Invocation::new(nowhere.path(), command).run().await
    };
    assert_eq!(verify("log.ndjson", None).await.json()["checkpoint"], 7);
    let log = fs::read_to_string(world.home().join("log.ndjson")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let without = |skipped: usize| {
        lines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != skipped)
            .map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    for (text, row, kind) in [
        (log.replace("act 5", "act 6"), 5, "edited"),
        (without(4), 5, "missing"),
        (lines[..6].join("\n"), 7, "cut_tail"),
        (log.replacen("{", "no", 1), 1, "unreadable"),
        (String::new(), 1, "cut_tail"),
    ] {
        let refused: Value = serde_json::from_str(verify("forged.ndjson", Some(text)).await.ended(8)).unwrap();
        assert_eq!(
            (&refused["findings"][0]["row"], &refused["findings"][0]["kind"]),
            (&json!(row), &json!(kind)),
            "{refused}"
        );
    }
    let part = verify("forged.ndjson", Some(without(0))).await.json();
    assert_eq!((&part["first_row"], &part["checkpoint"]), (&json!(2), &json!(7)), "{part}");
    assert!(part["notes"][0].as_str().unwrap().contains("before the first"), "{part}");
}

async fn a_service_writes_a_checkpoint_when_it_stops(setup: Setup) {
    let world = world(setup).await;
    let mut server = world.serve().await;
    server.process.signal("TERM");
    assert_eq!(server.process.exit_code().await, 0);
    let verified = world.cli(["audit", "verify", "--json"]).run().await.json();
    assert_eq!(verified["checkpoint"], ROWS);
    assert_eq!(second_opinion(&world).await, 0);
    tamper(&world, "delete from audit where id = 9").await;
    is_found(&world, 9, "cut_tail").await;
}

async fn a_key_for_checkpoints_is_demanded(setup: Setup) {
    let world = World::new(setup).await.set("audit.checkpoint_file", "checkpoints");
    let refused = world.cli(["migrate"]).run().await;
    refused.ended(9);
    assert!(refused.stderr.contains("signing_key_file"), "{refused:?}");
}
