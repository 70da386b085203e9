//! HTTP/1 framing, sent to the server byte by byte: what could be read in two ways is refused and the connection
//! closed; what is merely unusual works.

use crate::harness::{Raw, Server, Setup, World};

/// Each text is answered with this status and code, and the connection closed.
async fn are_refused(texts: &[(&str, u16, &str)]) {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    for (text, status, code) in texts {
        let (mut raw, answer) = Raw::ask(&server, text).await;
        assert_eq!(answer.status, *status, "{text:?} gave {answer:#?}");
        answer.problem(*status, code);
        assert_eq!(answer.header("connection"), "close", "{text:?}");
        raw.is_closed().await;
    }
}

#[tokio::test]
async fn a_host_has_to_be_one_and_valid() {
    are_refused(&[
        ("GET /livez HTTP/1.1\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: me@a\r\n\r\n", 400, "bad_request"),
        ("GET http://other/livez HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
    ])
    .await;
}

#[tokio::test]
async fn methods_for_proxies_are_refused() {
    are_refused(&[
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, "not_implemented"),
        ("GET http://me@a/livez HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
        ("GET http://me:pw@a/livez HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
    ])
    .await;
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_a_405() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let mut raw = Raw::connect(&server).await;
    for method in ["TRACE", "BREW", "QUERY", "PROPFIND", "trace", "M-SEARCH"] {
        raw.say(format!("{method} /api/v1/messages HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = raw.answer().await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST", "{method}");
    }
}

#[tokio::test]
async fn a_length_has_to_be_one() {
    const LOGIN: &str = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let with = |headers: &str| format!("{LOGIN}{headers}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
    let both = with("Content-Length: 2\r\nTransfer-Encoding: chunked");
    let both_reversed = with("Transfer-Encoding: chunked\r\nContent-Length: 2");
    are_refused(&[
        (&both, 400, "bad_request"),
        (&both_reversed, 400, "bad_request"),
        (&with("Content-Length: 2\r\nContent-Length: 3"), 400, "bad_request"),
        (&with("Content-Length: 2, 2"), 400, "bad_request"),
        (&with("Content-Length: -1"), 400, "bad_request"),
        (&with("Content-Length: +2"), 400, "bad_request"),
        (&with("Transfer-Encoding: gzip"), 400, "bad_request"),
        (&with("Transfer-Encoding: gzip, chunked"), 501, "not_implemented"),
        (&with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 501, "not_implemented"),
        (&both.replace("1.1", "1.0"), 400, "bad_request"),
    ])
    .await;
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let mut raw = Raw::connect(&server).await;
    raw.say(format!("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n{both_reversed}")).await;
    raw.answer().await.ok(200);
    raw.answer().await.problem(400, "bad_request");
    raw.is_closed().await;
}

#[tokio::test]
async fn a_head_that_is_none_is_refused() {
    are_refused(&[
        ("GET /livez HTTP/1.1\r\nHost: a\r\nFolded: one\r\n two\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost : a\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nNul: \0\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nBare: a\rb\r\n\r\n", 400, "bad_request"),
        ("GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/3.7\r\nHost: a\r\n\r\n", 400, "bad_request"),
        ("GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
        ("\u{16}\u{3}\u{1} hello TLS\r\n\r\n", 400, "bad_request"),
        ("POST /livez HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\n\r\n", 417, "expectation_failed"),
    ])
    .await;
}

#[tokio::test]
async fn a_head_has_its_sizes() {
    let long = "a".repeat(9 * 1024);
    let huge = "a".repeat(40 * 1024);
    let many: String = (0..101).map(|i| format!("X-{i}: y\r\n")).collect();
    are_refused(&[
        (&format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "url_too_long"),
        (&format!("GET /livez?{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "url_too_long"),
        (&format!("GET /{huge} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "url_too_long"),
        (&format!("GET /livez HTTP/1.1\r\nHost: a\r\nLong: {huge}\r\n\r\n"), 431, "head_too_large"),
        (&format!("GET /livez HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431, "head_too_large"),
    ])
    .await;
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let fits = format!("GET /livez HTTP/1.1\r\nHost: a\r\nLong: {long}\r\n\r\n");
    Raw::ask(&server, &fits).await.1.ok(200);
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused_before_it_comes() {
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let announced = format!("{head}Content-Length: 1048577\r\n\r\n");
    let expected = format!("{head}Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n");
    let chunk = format!("80000\r\n{}\r\n", " ".repeat(0x80000));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}1\r\n \r\n0\r\n\r\n");
    are_refused(&[
        (&announced, 413, "body_too_large"),
        (&expected, 413, "body_too_large"),
        (&chunked, 413, "body_too_large"),
    ])
    .await;
}

/// What the requests of a login take.
const BODY_TYPES: &str = "application/json, application/x-www-form-urlencoded";

#[tokio::test]
async fn bodies_are_plain_utf8_of_a_known_type() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    for (headers, code, hint, value) in [
        ("Content-Type: text/plain", "unsupported_media_type", "accept", BODY_TYPES),
        ("Content-Type: application/json; charset=latin1", "unsupported_media_type", "accept", BODY_TYPES),
        ("X-None: none", "unsupported_media_type", "accept", BODY_TYPES),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip",
            "unsupported_content_coding",
            "accept-encoding",
            "identity",
        ),
    ] {
        let text =
            format!("POST /api/v1/auth/refresh HTTP/1.1\r\nHost: a\r\n{headers}\r\nContent-Length: 2\r\n\r\n{{}}");
        let (_raw, answer) = Raw::ask(&server, &text).await;
        answer.problem(415, code);
        assert_eq!(answer.header(hint), value, "{headers}");
    }
}

#[tokio::test]
async fn what_is_unusual_works() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    for text in [
        "GET /livez HTTP/1.0\r\n\r\n",
        "GET /livez HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET http://A:80/livez HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "\r\nGET /livez HTTP/1.1\r\nhOsT: [::1]:8080\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        "GET /livez HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ] {
        let (_raw, answer) = Raw::ask(&server, text).await;
        assert_eq!(answer.status, 200, "{text:?} gave {answer:#?}");
    }
    let (mut old, _) = Raw::ask(&server, "GET /livez HTTP/1.0\r\n\r\n").await;
    old.is_closed().await;
}

#[tokio::test]
async fn head_and_options_work_wherever_get_does() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let (mut raw, head) = Raw::ask(&server, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await;
    raw.say("HEAD /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let rest = String::from_utf8(raw.rest().await).unwrap();
    assert!(rest.starts_with("HTTP/1.1 200") && rest.ends_with("\r\n\r\n"), "a head and no body: {rest}");
    assert!(rest.contains(&format!("content-length: {}", head.header("content-length"))), "{rest}");

    let (mut raw, options) = Raw::ask(&server, "OPTIONS /api/v1/messages HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((options.status.as_u16(), options.header("allow")), (204, "POST"));
    raw.say("BREW /api/v1/messages HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let brew = raw.answer().await;
    brew.problem(405, "method_not_allowed");
    assert_eq!(brew.header("allow"), "POST");
    raw.say("BREW /coffee HTTP/1.1\r\nHost: a\r\n\r\n").await;
    raw.answer().await.problem(404, "no_such_route");
    raw.say("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(raw.answer().await.status.as_u16() < 500);
}

#[tokio::test]
async fn an_expected_body_is_asked_for() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let mut raw = Raw::connect(&server).await;
    raw.say("POST /api/v1/auth/refresh HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 21\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 100);
    raw.say("{\"refresh_token\":\"no\"}").await;
    raw.answer().await.any_problem(400);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let mut raw = Raw::connect(&server).await;
    let login = "{\"username\":\"a\"}";
    let login = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{login}", login.len());
    let mut all = String::new();
    for i in 0..20 {
        all += &format!("GET /livez HTTP/1.1\r\nHost: a\r\nX-Request-Id: get-{i}\r\n\r\n");
        all += &format!("POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nX-Request-Id: post-{i}\r\n{login}");
    }
    raw.say(all).await;
    for i in 0..20 {
        for (method, status) in [("get", 200), ("post", 422)] {
            let answer = raw.answer().await;
            assert_eq!((answer.status.as_u16(), answer.header("x-request-id")), (status, &*format!("{method}-{i}")));
        }
    }
}

#[tokio::test]
async fn responses_are_not_cached_or_sniffed() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    for text in ["GET /livez", "GET /nothing", "GET /api/v1/models"] {
        let (_raw, answer) = Raw::ask(&server, &format!("{text} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

const REFRESH: &str = "POST /api/v1/auth/refresh HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
/// Read to its end and refused, without a limit on how often.
const BODY: &str = "{\"no_such_member\":\"a\"}";

/// Requests of each framing, and the status that each is answered with.
fn sound_requests() -> Vec<(String, u16)> {
    let chunked = format!("{REFRESH}Transfer-Encoding: chunked\r\n\r\n");
    let (first, second) = BODY.split_at(7);
    let chunks = format!("{:x};a=b\r\n{first}\r\n{:X}\r\n{second}\r\n", first.len(), second.len());
    vec![
        ("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".into(), 200),
        (format!("{REFRESH}Content-Length:          {}\r\n\r\n{BODY}", BODY.len()), 422),
        (format!("{chunked}{chunks}0\r\n\r\n"), 422),
        (format!("{chunked}{chunks}000\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n"), 422),
        ("POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\n".into(), 404),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\n".into(), 200),
    ]
}

/// Says it at once, or cut in two at each of some places.
async fn said_in_pieces(server: &Server, text: &str, cut: Option<usize>) -> Raw {
    let mut raw = Raw::connect(server).await;
    let (first, second) = text.split_at(cut.unwrap_or(text.len()));
    raw.say(first).await;
    tokio::task::yield_now().await;
    // Refused for its first part, it may be gone.
    raw.try_say(second).await.ok();
    raw
}

#[tokio::test]
async fn a_smuggled_head_is_refused_wherever_it_stands() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let body = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let bad: Vec<String> = [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length:                                              3\r\n",
        "transfer-ENCODING:chunked\r\ncontent-LENGTH:3\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 0\r\nX: y\nTransfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
    ]
    .map(|headers| format!("{REFRESH}{headers}\r\n{body}"))
    .into();
    let sound = sound_requests();
    for (number, bad) in bad.iter().enumerate() {
        for (place, (before, status)) in sound.iter().enumerate() {
            let (second, second_status) = &sound[(place + number) % sound.len()];
            let text = format!("{before}{second}{bad}GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
            let inside = before.len() + second.len();
            for cut in [None, Some(before.len() + 1), Some(inside - 1), Some(inside), Some(inside + REFRESH.len() + 20)]
            {
                let mut raw = said_in_pieces(&server, &text, cut).await;
                assert_eq!(raw.answer().await.status, *status, "{text:?} cut at {cut:?}");
                assert_eq!(raw.answer().await.status, *second_status, "{text:?} cut at {cut:?}");
                let refused = raw.answer().await;
                refused.problem(400, "bad_request");
                assert_eq!(refused.header("connection"), "close", "{text:?}");
                raw.is_closed().await;
            }
        }
    }
}

#[tokio::test]
async fn a_bare_line_feed_ends_no_line() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    let chunked = format!("{REFRESH}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n", BODY.len());
    let behind = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    for end in
        ["X-A: b\n\r\n", "X-A: b\nX-C: d\r\n\r\n", "\n", "\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n", "X-A: b\r\n\n"]
    {
        let text = format!("{chunked}{end}{behind}");
        for cut in [None, Some(chunked.len()), Some(chunked.len() + 1), Some(text.len() - behind.len())] {
            let mut raw = said_in_pieces(&server, &format!("{behind}{text}"), cut.map(|cut| cut + behind.len())).await;
            raw.answer().await.ok(200);
            raw.answer().await.problem(400, "malformed_body");
            raw.is_closed().await;
        }
    }
    // Where the body is not read, and for a route that is none.
    for (path, status) in [("/livez", 200), ("/nothing", 400)] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let (mut raw, answer) = Raw::ask(&server, &format!("{head}0\r\nX-A: b\n\r\n\r\n{behind}")).await;
        assert_eq!(answer.status, status, "{path}");
        raw.is_closed().await;
    }
    are_refused(&[
        ("GET /livez HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a\n\r\n", 400, "bad_request"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\n\n", 400, "bad_request"),
        ("\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_waits_for_the_end_of_its_request() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    for (target, content_type, status) in [
        ("POST /nothing", "application/json", 404),
        ("POST /livez", "application/json", 405),
        ("POST /api/v1/auth/refresh", "text/plain", 415),
        ("POST /api/v1/messages", "application/json", 401),
        ("GET /livez", "application/json", 200),
    ] {
        let mut raw = Raw::connect(&server).await;
        let head = format!("{target} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: 5\r\n\r\n");
        raw.say(format!("{head}he")).await;
        // Others that ask later are answered sooner.
        for _ in 0..3 {
            server.stranger().get("/livez").await.ok(200);
        }
        assert!(!raw.has_answer(), "{target} was answered before it had ended");
        raw.say("llo").await;
        assert_eq!(raw.answer().await.status, status, "{target}");
        raw.say("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await;
        raw.answer().await.ok(200);
    }
}

#[tokio::test]
async fn another_protocol_is_answered_with_nothing() {
    let (_world, server) = World::new(Setup::Sqlite).await.with_server().await;
    for text in [
        "INVALID CONNECTION PREFACE\r\n\r\n",
        "OPTIONS rtsp://a/b RTSP/1.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n\0\0",
    ] {
        for _ in 0..5 {
            let mut raw = Raw::connect(&server).await;
            raw.say(text).await;
            raw.is_closed().await;
        }
    }
}
