//! The permission matrix: every route with every kind of credential. A route that is not in the table is found in the
//! API's description, which has them all.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    harness::{Answer, JWT_SECRET, Jwt, PASSWORD, Person, Server, Setup, Value, World, eventually, json, unix_now},
    keys::{make, path_of, with},
};

on_every_setup! { every_route_admits_exactly_the_callers_it_should }

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Open to all.
    Nothing,
    /// A login, or a key with this scope.
    Scope(&'static str),
    /// A login; no key will do.
    Login,
    /// The role `auditor` or `admin`, by a login or a key for `admin`.
    Auditor,
    /// The role `admin`, by a login or a key for `admin`.
    Admin,
}
use Needs::{Admin, Auditor, Login, Nothing, Scope};

/// Method, path as the router has it, what it needs. Logging out comes last, because it ends the session. What acts on
/// all users must be called in a way that does nothing (`body`, `NOT_THERE`).
const ROUTES: &[(&str, &str, Needs)] = &[
    ("GET", "/livez", Nothing),
    ("GET", "/readyz", Nothing),
    ("POST", "/api/v1/auth/login", Nothing),
    ("POST", "/api/v1/auth/refresh", Nothing),
    ("POST", "/api/v1/users", Nothing),
    ("GET", "/api/v1/users/me", Scope("read")),
    ("PUT", "/api/v1/users/me/password", Login),
    ("GET", "/api/v1/users/me/keys", Login),
    ("POST", "/api/v1/users/me/keys", Login),
    ("DELETE", "/api/v1/users/me/keys/{id}", Login),
    ("GET", "/api/v1/models", Scope("read")),
    ("GET", "/api/v1/conversations", Scope("read")),
    ("POST", "/api/v1/conversations", Scope("chat")),
    ("GET", "/api/v1/conversations/{id}", Scope("read")),
    ("PATCH", "/api/v1/conversations/{id}", Scope("chat")),
    ("DELETE", "/api/v1/conversations/{id}", Scope("chat")),
    ("GET", "/api/v1/conversations/{id}/messages", Scope("read")),
    ("POST", "/api/v1/messages", Scope("chat")),
    ("GET", "/api/v1/messages/{id}", Scope("read")),
    ("GET", "/api/v1/turns", Scope("read")),
    ("GET", "/api/v1/turns/{id}", Scope("read")),
    ("DELETE", "/api/v1/turns/{id}", Scope("chat")),
    ("GET", "/api/v1/turns/{id}/events", Scope("read")),
    ("GET", "/api/v1/admin/metrics", Admin),
    ("GET", "/api/v1/admin/service-status", Admin),
    ("GET", "/api/v1/admin/system-status", Admin),
    ("GET", "/api/v1/admin/turns", Admin),
    ("GET", "/api/v1/admin/users", Admin),
    ("POST", "/api/v1/admin/users", Admin),
    ("GET", "/api/v1/admin/users/{id}", Admin),
    ("POST", "/api/v1/admin/users/{id}/promote", Admin),
    ("POST", "/api/v1/admin/users/{id}/demote", Admin),
    ("POST", "/api/v1/admin/users/{id}/enable", Admin),
    ("POST", "/api/v1/admin/users/{id}/disable", Admin),
    ("POST", "/api/v1/admin/users/{id}/password", Admin),
    ("POST", "/api/v1/admin/users/{id}/revoke-sessions", Admin),
    ("DELETE", "/api/v1/admin/users/{id}", Admin),
    ("GET", "/api/v1/admin/rate-limits", Admin),
    ("PUT", "/api/v1/admin/rate-limits/{user_id}/{rule}", Admin),
    ("DELETE", "/api/v1/admin/rate-limits/{user_id}/{rule}", Admin),
    ("POST", "/api/v1/admin/rate-limits/reset", Admin),
    ("GET", "/api/v1/admin/rate-limit-violations", Admin),
    ("GET", "/api/v1/admin/rate-limit-violations/{id}", Admin),
    ("GET", "/api/v1/admin/audit-log", Auditor),
    ("GET", "/api/v1/admin/audit-log/events", Auditor),
    ("GET", "/api/v1/admin/audit-log/verify", Auditor),
    ("POST", "/api/v1/auth/logout", Login),
];

/// A body that gets past the reading of it.
fn body(method: &str, path: &str) -> Value {
    match (method, path) {
        ("PUT", "/api/v1/users/me/password") => json!({"current_password": "not-mine", "new_password": PASSWORD}),
        ("POST", "/api/v1/users/me/keys") => json!({"name": "k", "scopes": ["read"]}),
        ("POST", "/api/v1/messages") => json!({"content": "hello"}),
        _ => json!({}),
    }
}

const NOT_THERE: &str = "018f0000-0000-7000-8000-000000000000";

/// The status of the response to this caller, and that a refusal is one; a stream without end is not waited for.
async fn status(person: &Person, method: &str, path: &str) -> u16 {
    let pieces = path.split('/').map(|piece| if piece.starts_with('{') { NOT_THERE } else { piece });
    let request = person.request(method.parse().unwrap(), &pieces.collect::<Vec<_>>().join("/"));
    let has_body = !["GET", "DELETE"].contains(&method);
    let request = if has_body { request.json(&body(method, path)) } else { request };
    if path.ends_with("/events") && path.contains("/admin/") {
        return request.send().await.unwrap().status().as_u16();
    }
    let answer = Answer::to(request).await;
    match answer.status.as_u16() {
        401 => drop(answer.problem(401, "unauthenticated")),
        403 => drop(answer.problem(403, "forbidden")),
        _ => {}
    }
    answer.status.as_u16()
}

/// A session's token with another claim, signed with `secret`.
fn changed(token: &str, claim: &str, value: Value, secret: &str) -> String {
    Jwt::of(token).with(claim, value).signed_with(secret)
}

/// Callers that are not authenticated, each for another reason.
async fn unauthenticated(world: &World, root: &Person, ada: &Person, eve: &Person) -> Vec<(&'static str, Person)> {
    let all = &["chat", "read"];
    let (revoked, expired, disabled) = (make(ada, all).await, make(root, all).await, make(eve, all).await);
    ada.delete(&path_of(&revoked)).await.ok(204);
    let age = "update api_keys set expires_at = '2020-01-01 00:00:00+00:00' \
               where user_id = (select id from users where username = 'root')";
    assert_eq!(world.database.execute(age).await, 1);
    world.cli(["user", "disable", "eve", "--yes"]).run().await.ended(0);
    let hour_ago = json!(unix_now() - 3600);
    let mut anonymous = ada.clone();
    anonymous.token = None;
    vec![
        ("no token", anonymous),
        (
            "a forged one",
            ada.with_token(&changed(ada.token(), "iat", json!(0), "a secret of somebody else's, 32 bytes")),
        ),
        ("an expired one", ada.with_token(&changed(ada.token(), "exp", hour_ago, JWT_SECRET))),
        ("a revoked key", with(ada, &revoked)),
        ("an expired key", with(root, &expired)),
        ("a made-up key", ada.with_token(&format!("mck_{}_{}", "a".repeat(12), "b".repeat(32)))),
        ("a disabled user's login", eve.clone()),
        ("a disabled user's key", with(eve, &disabled)),
    ]
}

/// A caller: a user with a login, or with a key.
struct Caller {
    who: String,
    person: Person,
    role: &'static str,
    /// Of a key.
    scope: Option<&'static str>,
}

impl Caller {
    fn may(&self, needs: Needs) -> bool {
        let administers = self.scope.is_none_or(|scope| scope == "admin");
        match needs {
            Nothing => true,
            Login => self.scope.is_none(),
            Scope(needed) => self.scope.is_none_or(|scope| scope == needed),
            Auditor => administers && self.role != "user",
            Admin => administers && self.role == "admin",
        }
    }
}

/// Every role with a login and with a key for each scope it can have.
async fn callers(server: &Server) -> Vec<Caller> {
    let mut callers = Vec::new();
    for role in ["user", "auditor", "admin"] {
        let person = server.person_with_role(role, role).await;
        for scope in ["chat", "read", "admin"].into_iter().filter(|scope| *scope != "admin" || role == "admin") {
            let key = with(&person, &make(&person, &[scope]).await);
            callers.push(Caller { who: format!("{role}'s key for {scope}"), person: key, role, scope: Some(scope) });
        }
        callers.push(Caller { who: format!("{role}'s login"), person, role, scope: None });
    }
    callers
}

async fn every_route_admits_exactly_the_callers_it_should(setup: Setup) {
    let (world, server, root, ada) = World::new(setup).await.with_people().await;
    let eve = server.person("eve").await;
    let unauthenticated = unauthenticated(&world, &root, &ada, &eve).await;
    let callers = callers(&server).await;
    eventually("the end of eve", async || (eve.get("/api/v1/users/me").await.status == 401).then_some(())).await;
    for &(method, path, needs) in ROUTES.iter().filter(|(.., needs)| *needs != Nothing) {
        for (who, person) in &unauthenticated {
            assert_eq!(status(person, method, path).await, 401, "{method} {path} with {who}");
        }
        for caller in &callers {
            let status = status(&caller.person, method, path).await;
            let who = &caller.who;
            if caller.may(needs) {
                assert!(![401, 403].contains(&status) && status < 500, "{method} {path} with {who}: {status}");
            } else {
                assert_eq!(status, 403, "{method} {path} with {who}");
            }
        }
    }
}

/// `METHOD /path` of everything the API's description has, in which no route is missing, but what serves no person.
fn described() -> BTreeSet<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/openapi/openapi.json");
    let document: Value = serde_json::from_str(&fs::read_to_string(document).unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| !UNASKED.contains(&path.as_str()));
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

/// The description itself; and the WebSocket, which has tests of its own.
const UNASKED: [&str; 3] = ["/api/v1/openapi.json", "/docs", "/api/v1/ws"];

#[test]
fn no_route_is_left_out_of_the_table() {
    let table: BTreeSet<String> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(described(), table);
}
