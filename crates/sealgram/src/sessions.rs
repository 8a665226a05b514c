//! Where sessions are kept by default: in memory, within bounds. Needs the feature `std`, because
//! connections on several threads share it.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pki_types::{ServerName, UnixTime};
use sealgram_crypto::{AeadKind, CryptoProvider, Secret, SecureRandom, Suite};
use sealgram_handshake::{
    ClientSession, ClientSessionStore, SessionCache, TicketKey, TicketSealer,
};

use crate::ConfigError;

/// A client's sessions in memory.
///
/// Keeps up to four for each server and a bounded number in all; the oldest go first. Sessions of
/// connections that were given no server name are not kept: they could not be told apart.
#[derive(Debug)]
pub struct MemorySessions {
    kept: Mutex<VecDeque<(String, ClientSession)>>,
    capacity: usize,
}

/// As many as a server gives tickets for two handshakes.
const PER_SERVER: usize = 4;

impl MemorySessions {
    /// Room for `capacity` sessions.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { kept: Mutex::new(VecDeque::new()), capacity }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, ClientSession)>> {
        // Nothing in here can panic half-way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for MemorySessions {
    fn put(&self, server: Option<&ServerName<'_>>, session: ClientSession) {
        let Some(name) = server.map(key) else { return };
        let mut kept = self.lock();
        let of_server = |(other, _): &(String, _)| *other == name;
        if kept.iter().filter(|kept| of_server(kept)).count() >= PER_SERVER {
            let oldest = kept.iter().position(of_server);
            oldest.and_then(|oldest| kept.remove(oldest));
        }
        while kept.len() >= self.capacity && kept.pop_front().is_some() {}
        if self.capacity > 0 {
            kept.push_back((name, session));
        }
    }

    fn take(&self, server: Option<&ServerName<'_>>) -> Option<ClientSession> {
        let name = server.map(key)?;
        let mut kept = self.lock();
        let newest = kept.iter().rposition(|(other, _)| *other == name)?;
        kept.remove(newest).map(|(_, session)| session)
    }
}

fn key(name: &ServerName<'_>) -> String {
    name.to_str().to_ascii_lowercase()
}

/// A server's ticket keys: they replace themselves, or are shared between servers.
///
/// A ticket is good for one period, and opens for at least as long: the key before the current one
/// is kept for another period.
#[derive(Debug)]
pub struct Tickets {
    suite: &'static Suite,
    random: Arc<dyn SecureRandom>,
    period: u32,
    keys: Mutex<Keys>,
}

#[derive(Debug)]
struct Keys {
    current: TicketKey,
    previous: Option<TicketKey>,
    /// When the current key was made, in Unix seconds; `None` if the application says when keys
    /// change.
    since: Option<u64>,
}

impl Tickets {
    /// How long random keys are used, and tickets are good, in seconds: a day.
    pub const DEFAULT_PERIOD: u32 = 24 * 60 * 60;

    /// Random keys, replaced after every `period` seconds (up to a week) from `now` on.
    ///
    /// Fails without randomness, or if the provider has no suite but those with CCM_8.
    pub fn new(provider: &CryptoProvider, period: u32, now: UnixTime) -> Result<Self, ConfigError> {
        let secret =
            Secret::try_filled(32, |out| provider.random.fill(out)).map_err(ConfigError::Random)?;
        Self::with(provider, &secret, period, Some(now.as_secs()))
    }

    /// Keys that several servers share, made of a secret of at least 32 bytes. They change only by
    /// [`Tickets::rotate_to`]. Tickets are good for `lifetime` seconds, up to a week.
    pub fn with_shared_secret(
        provider: &CryptoProvider,
        secret: &[u8],
        lifetime: u32,
    ) -> Result<Self, ConfigError> {
        Self::with(provider, &Secret::copy_from(secret), lifetime, None)
    }

    fn with(
        provider: &CryptoProvider,
        secret: &Secret,
        period: u32,
        since: Option<u64>,
    ) -> Result<Self, ConfigError> {
        if !(1..=7 * 24 * 60 * 60).contains(&period) {
            return Err(ConfigError::OutOfRange("the tickets' lifetime"));
        }
        let suite = sealing_suite(provider).ok_or(ConfigError::NoVersion)?;
        let current = ticket_key(suite, secret)?;
        let keys = Mutex::new(Keys { current, previous: None, since });
        Ok(Self { suite, random: provider.random.clone(), period, keys })
    }

    /// Seals with a new shared secret from now on. Tickets of the secret before it still open.
    pub fn rotate_to(&self, secret: &[u8]) -> Result<(), ConfigError> {
        let key = ticket_key(self.suite, &Secret::copy_from(secret))?;
        self.lock().rotate(key);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, replaced if their time has come.
    fn keys(&self, now: UnixTime) -> MutexGuard<'_, Keys> {
        let mut keys = self.lock();
        let now = now.as_secs();
        let old = keys.since.is_some_and(|since| now.saturating_sub(since) >= self.period.into());
        if old {
            let secret = Secret::try_filled(32, |out| self.random.fill(out)).ok();
            // If no new key can be made the old one goes on.
            if let Some(key) = secret.and_then(|secret| ticket_key(self.suite, &secret).ok()) {
                keys.rotate(key);
                keys.since = Some(now);
            }
        }
        keys
    }
}

impl Keys {
    fn rotate(&mut self, key: TicketKey) {
        self.previous = Some(core::mem::replace(&mut self.current, key));
    }
}

impl TicketSealer for Tickets {
    fn seal(&self, now: UnixTime, content: &Secret) -> Option<Vec<u8>> {
        self.keys(now).current.seal(&*self.random, content).ok()
    }

    fn open(&self, now: UnixTime, ticket: &[u8]) -> Option<Secret> {
        let keys = self.keys(now);
        let previous = || keys.previous.as_ref()?.open(ticket);
        keys.current.open(ticket).or_else(previous)
    }

    fn lifetime(&self) -> u32 {
        self.period
    }
}

fn ticket_key(suite: &'static Suite, secret: &Secret) -> Result<TicketKey, ConfigError> {
    TicketKey::new(suite.aead, suite.hash, secret)
        .ok_or(ConfigError::OutOfRange("the length of the ticket secret"))
}

/// Whether the provider has a suite that tickets may be sealed with.
pub(crate) fn can_seal(provider: &CryptoProvider) -> bool {
    sealing_suite(provider).is_some()
}

/// What tickets are sealed with: the strongest AEAD at hand, as they protect many connections.
fn sealing_suite(provider: &CryptoProvider) -> Option<&'static Suite> {
    let usable = |suite: &&&'static Suite| suite.facts.aead != AeadKind::Aes128Ccm8;
    let strong = |suite: &&&'static Suite| suite.facts.aead.key_len() == 32;
    let suites = provider.suites.iter().filter(usable);
    suites.clone().find(strong).or_else(|| suites.clone().next()).copied()
}

/// A server's cache of 1.2 sessions in memory, for clients that take no tickets.
#[derive(Debug)]
pub struct MemorySessionCache {
    kept: Mutex<Cache>,
    capacity: usize,
    lifetime: u32,
}

#[derive(Debug, Default)]
struct Cache {
    sessions: BTreeMap<[u8; 32], Secret>,
    /// Their IDs, oldest first.
    order: VecDeque<[u8; 32]>,
}

impl MemorySessionCache {
    /// Room for `capacity` sessions that are good for `lifetime` seconds, up to a week.
    #[must_use]
    pub const fn new(capacity: usize, lifetime: u32) -> Self {
        let kept = Cache { sessions: BTreeMap::new(), order: VecDeque::new() };
        Self { kept: Mutex::new(kept), capacity, lifetime }
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionCache for MemorySessionCache {
    fn put(&self, id: [u8; 32], content: Secret) {
        let mut kept = self.lock();
        while kept.order.len() >= self.capacity {
            let Some(oldest) = kept.order.pop_front() else { return };
            kept.sessions.remove(&oldest);
        }
        if kept.sessions.insert(id, content).is_none() {
            kept.order.push_back(id);
        }
    }

    fn get(&self, id: &[u8]) -> Option<Secret> {
        self.lock().sessions.get(id).map(Secret::duplicate)
    }

    fn lifetime(&self) -> u32 {
        self.lifetime
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(secs: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(secs))
    }

    #[test]
    fn ticket_opens_for_at_least_one_period_and_at_most_two() {
        let tickets = Tickets::new(&nullcrypto::provider(1), 100, at(0)).unwrap();
        let ticket = tickets.seal(at(99), &Secret::copy_from(b"x")).unwrap();
        assert!(tickets.open(at(99), &ticket).is_some());
        assert!(tickets.open(at(199), &ticket).is_some());
        assert!(tickets.open(at(300), &ticket).is_none());
    }

    #[test]
    fn servers_that_share_a_secret_open_each_others_tickets_until_it_is_rotated_out() {
        let provider = nullcrypto::provider(1);
        let a = Tickets::with_shared_secret(&provider, &[1; 32], 100).unwrap();
        let b = Tickets::with_shared_secret(&provider, &[1; 32], 100).unwrap();
        let ticket = a.seal(at(0), &Secret::copy_from(b"x")).unwrap();
        assert!(b.open(at(0), &ticket).is_some());
        b.rotate_to(&[2; 32]).unwrap();
        assert!(b.open(at(0), &ticket).is_some());
        b.rotate_to(&[3; 32]).unwrap();
        assert!(b.open(at(0), &ticket).is_none());
        assert!(Tickets::with_shared_secret(&provider, &[1; 31], 100).is_err());
    }

    #[test]
    fn cache_forgets_the_oldest_session_when_it_is_full() {
        let cache = MemorySessionCache::new(2, 100);
        for id in 0..3 {
            cache.put([id; 32], Secret::copy_from(&[id]));
        }
        assert!(cache.get(&[0; 32]).is_none());
        assert_eq!(cache.get(&[2; 32]).unwrap().expose(), [2]);
        assert!(cache.get(b"short").is_none());
    }
}
