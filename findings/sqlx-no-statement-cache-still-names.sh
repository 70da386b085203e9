#!/usr/bin/env bash
# sqlx 0.9.0 (crates.io), PostgreSQL: statement_cache_capacity(0) does not give unnamed statements.
#
# Poolers in transaction mode that do not follow prepared statements need the unnamed one. With a cache of 0 each query is
# still prepared as `sqlx_s_N`, and closed afterwards; only persistent(false), query by query, sends an empty name.
#
# A server of this script's own speaks just enough of the protocol to answer, and prints the name in each Parse message.
# Needs cargo and python3; sqlx is compiled. Seen 2026-11-28:
#   cache of 0:        sqlx_s_1
#   persistent(false): (unnamed)
set -euo pipefail
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

cat >server.py <<'PY'
import socket, struct

def message(kind, body=b""):
    return kind + struct.pack(">i", len(body) + 4) + body

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    stream = client.makefile("rb")
    def start():
        (length,) = struct.unpack(">i", stream.read(4))
        return stream.read(length - 4)
    while start()[:4] == struct.pack(">i", 80877103):  # TLS is asked for
        client.sendall(b"N")
    client.sendall(message(b"R", struct.pack(">i", 0)) + message(b"S", b"server_version\00016.0\0") + message(b"Z", b"I"))
    while kind := stream.read(1):
        (length,) = struct.unpack(">i", stream.read(4))
        body = stream.read(length - 4)
        if kind == b"P":
            print("parse", body.split(b"\0")[0].decode() or "(unnamed)", flush=True)
            client.sendall(message(b"1"))
        elif kind == b"D":
            if body[:1] == b"S":
                client.sendall(message(b"t", struct.pack(">h", 0)))
            client.sendall(message(b"n"))
        elif kind == b"B":
            client.sendall(message(b"2"))
        elif kind == b"E":
            client.sendall(message(b"C", b"SELECT 0\0"))
        elif kind == b"C":
            client.sendall(message(b"3"))
        elif kind == b"Q":
            client.sendall(message(b"C", b"SET\0") + message(b"Z", b"I"))
        elif kind == b"S":
            client.sendall(message(b"Z", b"I"))
        elif kind == b"X":
            break
    client.close()
PY
python3 server.py >names &
server=$!
until [ -s names ]; do sleep 0.1; done

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"
[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["postgres", "runtime-tokio"] }
tokio = { version = "=1.54.1", features = ["macros", "rt"] }
TOML
cat >src/main.rs <<'RUST'
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sqlx::Error> {
    let port = std::env::args().nth(1).expect("a port").parse().expect("a number");
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).username("a").statement_cache_capacity(0);
    let mut connection = PgConnection::connect_with(&options).await?;
    sqlx::query("select 1 where $1").bind(true).execute(&mut connection).await?;
    sqlx::query("select 2 where $1").bind(true).persistent(false).execute(&mut connection).await?;
    Ok(())
}
RUST
cargo run -q -- "$(head -n 1 names)"

with_cache_of_0=$(grep parse names | sed -n 1p | cut -d' ' -f2)
not_persistent=$(grep parse names | sed -n 2p | cut -d' ' -f2)
echo "cache of 0:        $with_cache_of_0"
echo "persistent(false): $not_persistent"
[ "$with_cache_of_0" = sqlx_s_1 ] && [ "$not_persistent" = "(unnamed)" ]
