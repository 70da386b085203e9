//! The probe of a new connection: it runs all commands that are needed. A replica and a full Redis answer `PING` too,
//! and a user who may write may still not run scripts, or not `TIME` within them.

use redis::Script;

use super::{Unavailable, connection::Connection};

/// Has an expiry, in case the script that removes it fails. One key, because a cluster that moves keys refuses a script
/// while one of several is not there.
const KEY: &str = "{mcpchat}:probe";

/// Runs the probe. Any error is a reason not to use this Redis.
pub(super) async fn run_probe(connection: &mut Connection) -> Result<(), Unavailable> {
    let mut write = redis::cmd("SET");
    write.arg(KEY).arg(1).arg("PX").arg(1000).query_async::<()>(connection).await?;
    let script = Script::new(include_str!("probe.lua"));
    let ran = async {
        // Where the script is known already, it would not be loaded.
        script.load_async(connection).await?;
        script.key(KEY).invoke_async::<()>(connection).await?;
        redis::cmd("EVAL").arg("return 1").arg(1).arg(KEY).query_async::<()>(connection).await
    };
    ran.await.map_err(|error| match Unavailable::from(error) {
        // The error does not pass by itself: a command is missing, or renamed.
        Unavailable::Rejected(why) => Unavailable::Denied(why),
        away => away,
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use regex::Regex;

    /// The commands that Lua files call, but for those of the probe.
    fn commands_of(folder: &Path) -> BTreeSet<String> {
        let call = Regex::new(r"(?:redis\.p?call|run)\('([A-Z]+)'").unwrap();
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let scripts = files.filter(|file| file.extension().is_some_and(|extension| extension == "lua"));
        let text: String = scripts.map(|file| fs::read_to_string(file).unwrap()).collect();
        call.captures_iter(&text).map(|found| found[1].to_owned()).collect()
    }

    #[test]
    fn the_probe_runs_every_command_of_every_script() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let probed = commands_of(&source.join("redis"));
        let mut needed = commands_of(&source.join("limits/redis"));
        // What is sent outside of scripts, by `limits` and `live`.
        needed.extend(["HDEL", "HVALS", "PEXPIRE", "XADD", "XRANGE", "XTRIM", "ZREM"].map(str::to_owned));
        // A command whose name is a parameter: `in_pieces` of state.lua.
        needed.extend(["HSET", "HDEL"].map(str::to_owned));
        // A user without this right only begins a new epoch on each connection.
        needed.remove("INFO");
        let missing: Vec<_> = needed.difference(&probed).collect();
        assert!(needed.len() > 15 && missing.is_empty(), "{missing:?}");
    }
}
