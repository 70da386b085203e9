//! RFC 6455 to the letter, on the diagnostic echo: frames, fragments, control frames, UTF-8, closing, and handshakes.

use crate::harness::{
    Answer, Server, Setup, Socket, World, eventually, json,
    socket::{BINARY, CLOSE, CONTINUE, FIN, Handshake, PING, PONG, TEXT},
};

const ECHO: &str = "/api/v1/ws-echo";

async fn start() -> (World, Server, String) {
    let (world, server) = World::new(Setup::Sqlite).await.set("server.ws_echo", true).with_server().await;
    let address = server.url().trim_start_matches("http://").to_owned();
    (world, server, address)
}

/// What these frames end with.
async fn code_after(address: &str, frames: &[(u8, &[u8])]) -> u16 {
    let mut socket = Socket::echo(address).await;
    for (first, payload) in frames {
        socket.put(*first, payload).await;
    }
    socket.closed().await.0
}

#[tokio::test]
async fn messages_of_every_size_come_back() {
    let (_world, _server, address) = start().await;
    let mut socket = Socket::echo(&address).await;
    for size in [0, 1, 125, 126, 127, 128, 4095, 16_384, 16_385, 65_535, 65_536, 65_537, 1024 * 1024] {
        for kind in [TEXT, BINARY] {
            let payload = "*".repeat(size).into_bytes();
            socket.put(FIN | kind, &payload).await;
            assert!(socket.message().await == Some((kind, payload)), "{size} bytes of kind {kind}");
        }
    }
}

/// What Autobahn's sections 9.1 to 9.6 send, whole and in fragments.
#[tokio::test]
async fn the_echo_takes_sixteen_mebibytes() {
    let (_world, _server, address) = start().await;
    let mut socket = Socket::echo(&address).await;
    let payload = vec![b'*'; 16 * 1024 * 1024];
    for kind in [TEXT, BINARY] {
        socket.put(FIN | kind, &payload).await;
        assert!(socket.message().await == Some((kind, payload.clone())));
    }
    for (place, piece) in payload.chunks(4 * 1024 * 1024).enumerate() {
        let (kind, end) = (if place == 0 { BINARY } else { CONTINUE }, if place == 3 { FIN } else { 0 });
        socket.put(end | kind, piece).await;
    }
    assert!(socket.message().await == Some((BINARY, payload.clone())));
}

#[tokio::test]
async fn fragments_may_have_control_frames_between_them() {
    let (_world, _server, address) = start().await;
    let mut socket = Socket::echo(&address).await;
    // "κόσμε🌍" cut inside of characters.
    let text = "κόσμε🌍".as_bytes();
    for cut in 0..=text.len() {
        socket.put(TEXT, &text[..cut]).await;
        socket.put(FIN | PING, b"between").await;
        socket.put(FIN | CONTINUE, &text[cut..]).await;
        assert_eq!(socket.message().await, Some((PONG, b"between".to_vec())));
        assert_eq!(socket.message().await, Some((TEXT, text.to_vec())), "cut at {cut}");
    }
    socket.put(TEXT, b"").await;
    for byte in text {
        socket.put(CONTINUE, &[*byte]).await;
    }
    socket.put(FIN | CONTINUE, b"").await;
    assert_eq!(socket.message().await, Some((TEXT, text.to_vec())));
}

#[tokio::test]
async fn a_frame_comes_byte_by_byte() {
    let (_world, _server, address) = start().await;
    let mut socket = Socket::echo(&address).await;
    for byte in [0x81, 0x85, 1, 2, 3, 4, b'H' ^ 1, b'e' ^ 2, b'l' ^ 3, b'l' ^ 4, b'o' ^ 1] {
        socket.bytes(&[byte]).await;
    }
    assert_eq!(socket.message().await, Some((TEXT, b"Hello".to_vec())));
}

#[tokio::test]
async fn pings_get_their_payload_back_and_pongs_nothing() {
    let (_world, _server, address) = start().await;
    let mut socket = Socket::echo(&address).await;
    socket.put(FIN | PONG, b"nobody asked").await;
    for payload in [&b""[..], b"hello", &[0, 0xff, 0xfe], &[0xfe; 125]] {
        socket.put(FIN | PING, payload).await;
        assert_eq!(socket.frame().await, Some((FIN | PONG, payload.to_vec())));
    }
}

#[tokio::test]
async fn what_the_protocol_forbids_is_a_1002() {
    let (_world, _server, address) = start().await;
    for reserved in [0x40, 0x20, 0x10, 0x70] {
        for kind in [TEXT, BINARY, PING, CLOSE] {
            assert_eq!(
                code_after(&address, &[(FIN | reserved | kind, b"")]).await,
                1002,
                "bits {reserved:#x} on {kind}"
            );
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(code_after(&address, &[(FIN | opcode, b"")]).await, 1002, "opcode {opcode}");
        assert_eq!(code_after(&address, &[(TEXT, b"a"), (FIN | opcode, b"b")]).await, 1002, "opcode {opcode}");
    }
    for control in [PING, PONG, CLOSE] {
        assert_eq!(code_after(&address, &[(control, b"")]).await, 1002, "a fragment of a control frame {control}");
        assert_eq!(code_after(&address, &[(FIN | control, &[0; 126])]).await, 1002, "a long control frame {control}");
    }
    assert_eq!(code_after(&address, &[(CONTINUE, b"a")]).await, 1002, "the middle of nothing");
    assert_eq!(code_after(&address, &[(FIN | CONTINUE, b"a")]).await, 1002, "the end of nothing");
    assert_eq!(code_after(&address, &[(TEXT, b"a"), (FIN | TEXT, b"b")]).await, 1002, "a message in a message");
    assert_eq!(code_after(&address, &[(BINARY, b"a"), (TEXT, b"b")]).await, 1002, "a message in a message");
}

#[tokio::test]
async fn a_frame_without_a_mask_is_a_1002() {
    let (_world, _server, address) = start().await;
    for first in [FIN | TEXT, FIN | BINARY, FIN | PING, FIN | CLOSE] {
        let mut socket = Socket::echo(&address).await;
        socket.put_bare(first, b"").await;
        assert_eq!(socket.closed().await.0, 1002, "{first:#x}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_a_1007() {
    let (_world, _server, address) = start().await;
    let wrong: [&[u8]; 9] = [
        b"\xce\xba\xff",
        b"\x80",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b"\xf0\x9f\x8c",
        b"\xce",
    ];
    for text in wrong {
        assert_eq!(code_after(&address, &[(FIN | TEXT, text)]).await, 1007, "{text:x?}");
        for cut in 0..text.len() {
            let pieces = [(TEXT, &text[..cut]), (FIN | CONTINUE, &text[cut..])];
            assert_eq!(code_after(&address, &pieces).await, 1007, "{text:x?} cut at {cut}");
        }
    }
    // At once, without waiting for the end of the message.
    assert_eq!(code_after(&address, &[(TEXT, b"\xce\xba"), (CONTINUE, b"\xff")]).await, 1007);
    assert_eq!(code_after(&address, &[(FIN | CLOSE, b"\x03\xe8\xff")]).await, 1007, "the reason of a close");
}

#[tokio::test]
async fn an_echo_over_sixteen_mebibytes_is_a_1009() {
    let (_world, _server, address) = start().await;
    let big = vec![b'x'; 16 * 1024 * 1024 + 1];
    assert_eq!(code_after(&address, &[(FIN | TEXT, &big)]).await, 1009);
    let half = &big[..8 * 1024 * 1024];
    assert_eq!(code_after(&address, &[(BINARY, half), (CONTINUE, half), (CONTINUE, b"x")]).await, 1009);
    // A length is enough, and one of 2^63 is none at all.
    for length in [u64::from(u32::MAX), u64::MAX, 1 << 63] {
        let mut socket = Socket::echo(&address).await;
        socket.bytes(&[&[FIN | TEXT, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()).await;
        assert_eq!(socket.closed().await.0, 1009, "{length}");
    }
}

#[tokio::test]
async fn a_close_is_answered_in_kind() {
    let (_world, _server, address) = start().await;
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let reason = [&code.to_be_bytes()[..], b"bye"].concat();
        assert_eq!(code_after(&address, &[(FIN | CLOSE, &reason)]).await, code);
    }
    assert_eq!(code_after(&address, &[(FIN | CLOSE, b"")]).await, 1005, "no code, no code");
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(code_after(&address, &[(FIN | CLOSE, &code.to_be_bytes())]).await, 1002, "{code} means nothing");
    }
    assert_eq!(code_after(&address, &[(FIN | CLOSE, b"\x03")]).await, 1002, "half a code");
    let mut socket = Socket::echo(&address).await;
    socket.put(FIN | CLOSE, b"\x03\xe8").await;
    socket.put(FIN | TEXT, b"too late").await;
    socket.put(FIN | PING, b"too late").await;
    assert_eq!(socket.closed().await.0, 1000, "nothing counts after a close");
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused() {
    let (_world, server, address) = start().await;
    let ask = async |headers: &[(&str, &str)]| -> Handshake {
        Socket::ask(&address, ECHO, headers).await.err().unwrap_or_else(|| panic!("{headers:?} passed"))
    };
    for header in [("Upgrade", ""), ("Upgrade", "h2c"), ("Connection", ""), ("Connection", "keep-alive")] {
        let refused = ask(&[header]).await;
        refused.problem(426, "upgrade_required");
        assert_eq!(refused.header("upgrade"), Some("websocket"));
    }
    for version in ["", "8", "14", "013", "13, 8", "x"] {
        let refused = ask(&[("Sec-WebSocket-Version", version)]).await;
        refused.problem(426, "unsupported_websocket_version");
        assert_eq!(refused.header("sec-websocket-version"), Some("13"));
    }
    for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ==x", "AAAAAAAAAAAAAAAAAAAAAAAA", "*"] {
        ask(&[("Sec-WebSocket-Key", key)]).await.problem(400, "malformed_handshake");
    }
    let stranger = server.stranger();
    stranger.get(ECHO).await.problem(426, "upgrade_required");
    stranger.post(ECHO, &json!({})).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn half_a_handshake_costs_nothing() {
    use tokio::io::AsyncWriteExt;
    let (_world, server, address) = start().await;
    for cut in [1, 20, 60, 150] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "GET {ECHO} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(&request.as_bytes()[..cut]).await.unwrap();
    }
    // Whole, and gone before the answer; or opened, and gone without a word.
    for _ in 0..50 {
        drop(Socket::ask(&address, ECHO, &[]).await);
    }
    eventually("nobody to be left", async || {
        (server.metric("mcpchat_websocket_connections", &[]).await == 0.0).then_some(())
    })
    .await;
    let mut socket = Socket::echo(&address).await;
    socket.put(FIN | TEXT, b"fine").await;
    assert_eq!(socket.message().await, Some((TEXT, b"fine".to_vec())));
}

#[tokio::test]
async fn the_echo_socket_has_the_same_time_limits() {
    let world = World::new(Setup::Sqlite).await.set("server.ws_echo", true).set("server.ws_heartbeat", "1s");
    let mut server = world.serve().await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut socket = Socket::echo(&address).await;
    socket.answers_pings = false;
    assert_eq!(socket.closed().await.0, 1008);
    let mut socket = Socket::echo(&address).await;
    server.process.signal("TERM");
    assert_eq!(socket.closed().await.0, 1012);
    assert_eq!(server.process.exit_code().await, 0);
}

#[tokio::test]
async fn the_echo_is_off_by_default() {
    let world = World::new(Setup::Sqlite).await;
    let server = world.serve().await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let refused = Socket::ask(&address, ECHO, &[]).await.err().unwrap();
    refused.problem(404, "no_such_route");
    let answer: Answer = server.stranger().get(ECHO).await;
    answer.problem(404, "no_such_route");
}
