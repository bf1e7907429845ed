//! `PerIpLimit`: how many connections an address may hold.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use parking_lot::Mutex;

/// Whom an address stands for: in IPv6 one host has a whole /64.
pub fn ip_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
    }
}

/// How many connections each address holds.
#[derive(Debug, Clone)]
pub struct PerIpLimit {
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of them, until dropped.
#[derive(Debug)]
pub struct PerIpPermit {
    per_ip: PerIpLimit,
    address: IpAddr,
}

impl PerIpLimit {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    pub fn take(&self, address: IpAddr) -> Option<PerIpPermit> {
        let address = ip_prefix(address);
        let mut taken = self.taken.lock();
        let count = taken.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(PerIpPermit {
            per_ip: self.clone(),
            address,
        })
    }
}

impl Drop for PerIpPermit {
    fn drop(&mut self) {
        let mut taken = self.per_ip.taken.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_so_many_and_gives_them_back() {
        let per_ip = PerIpLimit::new(2);
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let same: IpAddr = "2001:db8::ffff".parse().unwrap();
        let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        let first = per_ip.take(one).unwrap();
        let _second = per_ip.take(same).unwrap();
        assert!(per_ip.take(one).is_none());
        assert!(per_ip.take(other).is_some());
        drop(first);
        assert!(per_ip.take(one).is_some());
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(ip_prefix(mapped), IpAddr::from([192, 0, 2, 1]));
    }
}
