//! Reachability check of a provider and its key: requests the list of models, which costs nothing.

use tokio::time::Instant;

use super::{
    Failure, Provider,
    call::{Upstream, address, not_sent, redirected, refused},
    call_timeouts::CallTimeouts,
};

impl Provider {
    /// Has no timeout of its own; the caller bounds it.
    pub async fn reach(&self) -> Result<(), Failure> {
        match self {
            Self::Openai(openai) => openai.upstream().reach("/models").await,
            Self::Anthropic(anthropic) => anthropic.upstream().reach("/v1/models").await,
            Self::Mock(_) | Self::Cassette(_) => Ok(()),
            Self::Recorded(recorder) => Box::pin(recorder.provider().reach()).await,
        }
    }
}

impl Upstream {
    async fn reach(&self, path: &str) -> Result<(), Failure> {
        let url = address(&self.base_url, path).expect("it was joined to another path when this was made");
        let asked = match self.client.get(url).send().await {
            Ok(response) if response.status().is_redirection() => Err(redirected(&response)),
            Ok(response) => match response.status().as_u16() {
                status @ (401 | 403 | 500..) => {
                    let failure = refused(response.status(), "", response).await;
                    Err(Failure { status: Some(status), ..failure })
                }
                // A server without such a list is reachable all the same.
                _ => Ok(()),
            },
            Err(error) => Err(not_sent(&error, &CallTimeouts::start(self.timeouts, Instant::now()))),
        };
        asked.map_err(|failure| failure.presentable(&self.secrets))
    }
}
