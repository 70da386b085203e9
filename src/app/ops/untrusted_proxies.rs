//! Detection of untrusted proxies: all clients behind one share its address, and so its limits.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::app::App;

/// Whether the warning was logged; once is enough.
#[derive(Default)]
pub(in crate::app) struct UntrustedProxies(AtomicBool);

impl App {
    /// Warns of a forwarding peer that is no trusted proxy.
    pub fn note_untrusted_proxy(&self, peer: IpAddr) {
        if !self.untrusted_proxies.0.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                address = %peer.to_canonical(),
                "requests with X-Forwarded-For come from an address that is no trusted proxy: if it is one, all clients behind it \
                 share its limits until `[server] trusted_proxies` has it"
            );
        }
    }
}
