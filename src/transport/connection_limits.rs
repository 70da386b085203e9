//! Connection limits, in all and per address. A connection holds its permit until its socket closes, also after an
//! upgrade.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::subscriber_address;

/// Open connections per address; an address without any has no entry.
type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

pub(crate) struct ConnectionLimits {
    all: Arc<Semaphore>,
    per_address: usize,
    /// Trusted proxies, which carry many clients.
    unlimited: Vec<IpNet>,
    taken: Taken,
}

/// The permit of a connection.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    _permit: OwnedSemaphorePermit,
    from: Option<(IpAddr, Taken)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    Total,
    PerAddress,
}

impl ConnectionLimits {
    pub(crate) fn new(all: usize, per_address: usize, unlimited: &[IpNet]) -> Self {
        let all = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Self { all, per_address, unlimited: unlimited.to_vec(), taken: Arc::default() }
    }

    pub(super) fn take(&self, peer: IpAddr) -> Result<ConnectionPermit, LimitReached> {
        let permit = Arc::clone(&self.all).try_acquire_owned().map_err(|_| LimitReached::Total)?;
        let peer = peer.to_canonical();
        if self.is_unlimited(peer) {
            return Ok(ConnectionPermit { _permit: permit, from: None });
        }
        let from = subscriber_address(peer);
        let mut taken = self.taken.lock();
        let count = taken.entry(from).or_default();
        if *count >= self.per_address {
            return Err(LimitReached::PerAddress);
        }
        *count += 1;
        drop(taken);
        Ok(ConnectionPermit { _permit: permit, from: Some((from, Arc::clone(&self.taken))) })
    }

    /// Whether a peer is exempt: also proxies and probes on this machine, which come from the two loopback addresses.
    fn is_unlimited(&self, peer: IpAddr) -> bool {
        peer == Ipv4Addr::LOCALHOST
            || peer == Ipv6Addr::LOCALHOST
            || self.unlimited.iter().any(|net| net.contains(&peer))
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some((from, taken)) = &self.from else { return };
        let mut taken = taken.lock();
        if let Some(count) = taken.get_mut(from) {
            *count -= 1;
            if *count == 0 {
                taken.remove(from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_has_so_many_places_and_gets_them_back() {
        let places = ConnectionLimits::new(10, 2, &[]);
        let (one, _two) =
            (places.take(address("192.0.2.1")).unwrap(), places.take(address("::ffff:192.0.2.1")).unwrap());
        assert_eq!(places.take(address("192.0.2.1")).unwrap_err(), LimitReached::PerAddress);
        places.take(address("192.0.2.2")).unwrap();
        drop(one);
        places.take(address("192.0.2.1")).unwrap();
        drop(_two);
        assert!(places.taken.lock().is_empty(), "who has no connection is forgotten");
    }

    #[test]
    fn a_network_of_one_subscriber_is_one_address() {
        let places = ConnectionLimits::new(10, 1, &[]);
        let _one = places.take(address("2001:db8:1:2::1")).unwrap();
        assert_eq!(places.take(address("2001:db8:1:2:ffff::9")).unwrap_err(), LimitReached::PerAddress);
        places.take(address("2001:db8:1:3::1")).unwrap();
    }

    #[test]
    fn proxies_have_as_many_as_there_are() {
        let places = ConnectionLimits::new(3, 1, &["10.0.0.0/8".parse().unwrap()]);
        let _held: Vec<_> = (0..3).map(|_| places.take(address("10.1.2.3")).unwrap()).collect();
        assert_eq!(places.take(address("10.1.2.3")).unwrap_err(), LimitReached::Total);
    }
}
