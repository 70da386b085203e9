//! A small load balancer: it asks its servers whether they are ready, and carries each connection to one that is. Only the
//! opening of a connection is tried again elsewhere; what has been sent is not.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{Server, eventually};

const ASKS_EVERY: Duration = Duration::from_millis(100);

pub struct Proxy {
    address: SocketAddr,
    servers: Arc<Mutex<Vec<Backend>>>,
}

#[derive(Clone)]
struct Backend {
    address: String,
    is_ready: bool,
}

impl Proxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let servers = Arc::<Mutex<Vec<Backend>>>::default();
        let shared = Arc::clone(&servers);
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((near, _)) = listener.accept().await {
                number += 1;
                tokio::spawn(carry(near, number, Arc::clone(&shared)));
            }
        });
        Self { address, servers }
    }

    /// Directs requests to this server too, from when it is ready.
    pub async fn takes(&self, server: &Server) {
        let address = server.address().to_owned();
        self.servers.lock().unwrap().push(Backend { address: address.clone(), is_ready: false });
        tokio::spawn(watch(address.clone(), Arc::clone(&self.servers)));
        eventually("the balancer to find it ready", async || {
            self.servers.lock().unwrap().iter().any(|one| one.address == address && one.is_ready).then_some(())
        })
        .await;
    }

    /// Forgets a server that has ended.
    pub fn leaves(&self, server: &Server) {
        self.servers.lock().unwrap().retain(|one| one.address != server.address());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn watch(address: String, servers: Arc<Mutex<Vec<Backend>>>) {
    loop {
        let asked = timeout(Duration::from_secs(1), says_it_is_ready(&address)).await;
        let is_ready = asked.is_ok_and(|answer| answer.is_ok_and(|ready| ready));
        match servers.lock().unwrap().iter_mut().find(|one| one.address == address) {
            Some(one) => one.is_ready = is_ready,
            None => return,
        }
        sleep(ASKS_EVERY).await;
    }
}

async fn says_it_is_ready(address: &str) -> std::io::Result<bool> {
    let mut server = TcpStream::connect(address).await?;
    server.write_all(b"GET /readyz HTTP/1.1\r\nhost: balancer\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

async fn carry(mut near: TcpStream, number: usize, servers: Arc<Mutex<Vec<Backend>>>) {
    let ready: Vec<String> =
        servers.lock().unwrap().iter().filter(|one| one.is_ready).map(|one| one.address.clone()).collect();
    for place in 0..ready.len() {
        let address = &ready[(number + place) % ready.len()];
        if let Ok(Ok(mut far)) = timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            return;
        }
    }
}
