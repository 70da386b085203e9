//! What an idle WebSocket costs mcpchat in memory.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    process::ExitCode,
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use crate::{
    Result,
    bed::Bed,
    client::position,
    mcpchat::{Mcpchat, PEOPLE},
    numbers::mib,
    options::Options,
    say, usage,
};

/// How many come from the same address of this machine.
const PER_ADDRESS: usize = 100;

/// How many of them fail to open before the rest is given up.
const PATIENCE: usize = 20;

pub async fn measure(count: usize, bed: &mut Bed, options: &Options) -> Result<ExitCode> {
    let mcpchat = bed.serve().await?;
    let tokens = mcpchat.log_in_all().await?;
    // The logins' memory is used again, not given back: one of each first, so that it is not counted.
    let (mut open, mut failed) = (Vec::with_capacity(count), 0);
    for number in 0..usize::from(PEOPLE) {
        open.push(socket(&mcpchat, number, &tokens).await?);
    }
    sleep(Duration::from_secs(1)).await;
    let before = usage::memory_of(mcpchat.pid());
    say(&format!("opening {count} WebSockets"));
    for number in 0..count {
        match socket(&mcpchat, number, &tokens).await {
            Ok(socket) => open.push(socket),
            Err(error) => {
                say(&format!("WebSocket {number}: {error}"));
                failed += 1;
            }
        }
        if failed >= PATIENCE {
            return Err(mcpchat.last_words().into());
        }
    }
    sleep(Duration::from_secs(2)).await;
    let after = usage::memory_of(mcpchat.pid());
    let opened = open.len() - usize::from(PEOPLE);
    drop(open);
    sleep(Duration::from_secs(2)).await;
    print(opened, [before, after, usage::memory_of(mcpchat.pid())], options)?;
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(opened: usize, memory: [u64; 3], options: &Options) -> Result<()> {
    let [before, after, closed] = memory;
    let kib_each = after.saturating_sub(before) as f64 / 1024.0 / opened.max(1) as f64;
    let text = if options.json {
        let [before, after, closed] = memory.map(mib);
        let memory = json!({"before_mib": before, "open_mib": after, "closed_mib": closed});
        json!({"websockets": opened, "kib_per_websocket": kib_each, "memory": memory}).to_string()
    } else {
        let [before, after, closed] = [before, after, closed].map(|bytes| format!("{:.1} MiB", mib(bytes)));
        format!(
            "{opened} idle WebSockets: {kib_each:.1} KiB each (resident: {before} before, {after} with them, {closed} after)"
        )
    };
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Opens one and reads its `welcome`.
async fn socket(mcpchat: &Mcpchat, number: usize, tokens: &[String]) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // One address may have only so many connections.
    let network = u8::try_from(number / PER_ADDRESS % 200)?;
    socket.bind((Ipv4Addr::new(127, 0, 2, network + 1), 0).into())?;
    let mut connection = socket.connect(mcpchat.api).await?;
    let upgrade = format!(
        "GET /api/v1/ws HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        tokens[number % tokens.len()]
    );
    connection.write_all(upgrade.as_bytes()).await?;
    let mut read = Vec::with_capacity(1024);
    while position(&read, b"\"welcome\"").is_none() {
        let refused = read.len() >= 12 && !read.starts_with(b"HTTP/1.1 101");
        if refused || connection.read_buf(&mut read).await? == 0 {
            return Err(String::from_utf8_lossy(&read).lines().next().unwrap_or("closed").into());
        }
    }
    Ok(connection)
}
