//! An HTTP response, read whole, and the checks of every test.

use reqwest::{StatusCode, header::HeaderMap};

use super::{DESCRIPTION, Value};

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// Reads it, and holds it to the API's description.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response = client.execute(request).await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = Self { status, headers, text: response.text().await.expect("a whole body") };
        DESCRIPTION.hold(&method, &path, &answer);
        answer
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header `{name}` in {self:#?}")).to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// The body, if the status is the one expected.
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem document, if the answer is one, whole, with this status and code.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.any_problem(status);
        assert_eq!(problem["code"], code, "{self:#?}");
        problem
    }

    /// The same where the code is not part of the claim.
    pub fn any_problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:#?}");
        for member in ["type", "title", "detail", "code", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no `{member}` in {self:#?}");
        }
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }
}
