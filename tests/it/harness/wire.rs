//! A wire between mcpchat and a server, which a test can cut and mend: a dependency unavailable to one process alone.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    Cut,
    Stalled,
}

pub struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
}

impl Wire {
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::Whole));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, server.clone(), shared.subscribe()));
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and every new one at once.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Keeps all connections, old and new, and carries nothing.
    pub fn stall(&self) {
        self.state.send_replace(State::Stalled);
    }

    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn carry(mut near: TcpStream, server: String, mut state: watch::Receiver<State>) {
    let both_ways = async {
        if let Ok(mut far) = TcpStream::connect(server).await {
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        }
    };
    tokio::pin!(both_ways);
    loop {
        let now = *state.borrow_and_update();
        let changed = tokio::select! {
            biased;
            changed = state.changed(), if now != State::Cut => changed,
            () = &mut both_ways, if now == State::Whole => return,
            else => return,
        };
        if changed.is_err() {
            return;
        }
    }
}
