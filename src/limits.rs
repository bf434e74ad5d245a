//! How many requests a caller or an address may send (GCRA, by the governor crate), in the memory of
//! each instance.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;

use crate::auth::Caller;
use crate::config::Config;
use crate::error::{Error, Result};

/// From one address there may be more people who sign in than one.
const PEOPLE: u32 = 3;

/// No username is longer, in characters.
const LONGEST_NAME: usize = 255;

/// The limits of one instance; those that are off are none.
pub struct Limits {
    callers: Limit<i64>,
    admins: Limit<i64>,
    addresses: Limit<IpAddr>,
    sign_ins: Limit<String>,
    sign_ins_from: Limit<IpAddr>,
    trusted: Vec<IpNet>,
    clock: DefaultClock,
}

type Limit<K> = Option<DefaultKeyedRateLimiter<K>>;

/// So many a minute, which may all come at once; none for 0.
fn limit<K: Clone + Eq + std::hash::Hash>(per_minute: u32) -> Limit<K> {
    NonZeroU32::new(per_minute).map(|most| RateLimiter::keyed(Quota::per_minute(most)))
}

impl Limits {
    pub fn new(config: &Config) -> Self {
        Self {
            callers: limit(config.rate_limit),
            admins: limit(config.admin_rate_limit),
            addresses: limit(config.rate_limit),
            sign_ins: limit(config.sign_in_limit),
            sign_ins_from: limit(config.sign_in_limit.saturating_mul(PEOPLE)),
            trusted: config.trusted_proxies.clone(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of the caller.
    pub fn count_caller(&self, caller: &Caller) -> Result<()> {
        let limit = match caller.admin {
            true => &self.admins,
            false => &self.callers,
        };
        self.count(limit, &caller.id)
    }

    /// Counts a request of nobody in particular, from its address.
    pub fn count_address(&self, request: &ServiceRequest) -> Result<()> {
        let peer = request.peer_addr().map(|peer| peer.ip());
        self.count(&self.addresses, &self.client(peer, request.headers()))
    }

    /// Counts somebody trying to sign in, by name and by address.
    pub fn count_sign_in(&self, username: &str, request: &HttpRequest) -> Result<()> {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let address = self.client(peer, request.headers());
        self.count(&self.sign_ins_from, &address)?;
        self.count(
            &self.sign_ins,
            &username.to_lowercase().chars().take(LONGEST_NAME).collect(),
        )
    }

    /// Forgets who has not been here for a while.
    pub fn sweep(&self) {
        self.callers.iter().for_each(RateLimiter::retain_recent);
        self.admins.iter().for_each(RateLimiter::retain_recent);
        self.addresses.iter().for_each(RateLimiter::retain_recent);
        self.sign_ins.iter().for_each(RateLimiter::retain_recent);
        self.sign_ins_from
            .iter()
            .for_each(RateLimiter::retain_recent);
    }

    fn count<K: Clone + Eq + std::hash::Hash>(&self, limit: &Limit<K>, key: &K) -> Result<()> {
        let Some(limit) = limit else {
            return Ok(());
        };
        limit.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Error::RateLimited(
                wait.saturating_add(Duration::from_millis(999))
                    .as_secs()
                    .max(1),
            )
        })
    }

    /// Who a request comes from: the address at the other end, or the last one that a proxy which
    /// is trusted names. Of an IPv6 address the first half: a client has the rest to itself.
    fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: &IpAddr| self.trusted.iter().any(|net| net.contains(address));
        let mut client = peer
            .unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
            .to_canonical();
        let forwarded: Vec<_> = headers.get_all("x-forwarded-for").collect();
        // Each proxy adds the address that it sees at the end: what stands before is hearsay.
        let hops = forwarded
            .iter()
            .rev()
            .flat_map(|header| header.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops {
            let address = std::str::from_utf8(hop)
                .ok()
                .and_then(|hop| hop.trim().parse().ok());
            match address.filter(|_| trusted(&client)) {
                Some(address) => client = IpAddr::to_canonical(&address),
                None => break,
            }
        }
        match client {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            address => address,
        }
    }
}
