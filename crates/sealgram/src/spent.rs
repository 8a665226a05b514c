//! Which tickets were spent on early data.

use alloc::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sealgram_crypto::CryptoProvider;
use sealgram_handshake::EarlyDataLedger;

use crate::ConfigError;

/// The tickets that were spent on early data, in memory and within a bound (RFC 8446 §8.1).
///
/// Exact and bounded at once: when it is full, it forgets the tickets that were given out first and
/// from then on takes every ticket of that age, or older, for spent. So nothing is ever taken
/// twice, and a server that resumes more sessions than it can remember rejects the early data of
/// old tickets.
///
/// Its ID is random: what was given out under another ledger, by another process or before a
/// restart, is not taken at all.
#[derive(Debug)]
pub struct SpentTickets {
    id: [u8; 16],
    capacity: usize,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    /// By the time when they were given out, in Unix seconds, and ID.
    tickets: BTreeSet<(u64, [u8; 16])>,
    /// Tickets that were given out before this second count as spent.
    horizon: u64,
}

impl SpentTickets {
    /// Room for 16,384 tickets, each of them about 50 bytes.
    pub const DEFAULT_CAPACITY: usize = 1 << 14;

    /// Room for `capacity` tickets, at least one. Fails without randomness.
    pub fn new(provider: &CryptoProvider, capacity: usize) -> Result<Self, ConfigError> {
        let mut id = [0; 16];
        provider.random.fill(&mut id).map_err(ConfigError::Random)?;
        Ok(Self { id, capacity: capacity.max(1), spent: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        // Nothing in here can panic half-way.
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn is_unspent(&self, ticket: (u64, [u8; 16])) -> bool {
        ticket.0 >= self.horizon && !self.tickets.contains(&ticket)
    }
}

impl EarlyDataLedger for SpentTickets {
    fn id(&self) -> [u8; 16] {
        self.id
    }

    fn is_unspent(&self, ticket: &[u8; 16], issued_at: u64) -> bool {
        self.lock().is_unspent((issued_at, *ticket))
    }

    fn spend(&self, ticket: &[u8; 16], issued_at: u64) -> bool {
        let mut spent = self.lock();
        if !spent.is_unspent((issued_at, *ticket)) {
            return false;
        }
        spent.tickets.insert((issued_at, *ticket));
        while spent.tickets.len() > self.capacity {
            let Some((oldest, _)) = spent.tickets.pop_first() else { break };
            spent.horizon = oldest.saturating_add(1);
            // All of that second count as spent now.
            let horizon = spent.horizon;
            spent.tickets = spent.tickets.split_off(&(horizon, [0; 16]));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(capacity: usize) -> SpentTickets {
        SpentTickets::new(&nullcrypto::provider(1), capacity).unwrap()
    }

    #[test]
    fn ticket_is_spent_once() {
        let ledger = ledger(10);
        assert!(ledger.is_unspent(&[1; 16], 5));
        assert!(ledger.spend(&[1; 16], 5));
        assert!(!ledger.is_unspent(&[1; 16], 5));
        assert!(!ledger.spend(&[1; 16], 5));
        assert!(ledger.spend(&[2; 16], 5));
    }

    #[test]
    fn full_ledger_never_takes_a_ticket_twice() {
        let ledger = ledger(8);
        let tickets: alloc::vec::Vec<_> =
            (0..100_u8).map(|n| ([n; 16], u64::from(n / 3))).collect();
        for (ticket, issued_at) in &tickets {
            assert!(ledger.spend(ticket, *issued_at), "new tickets are taken: {issued_at}");
        }
        for (ticket, issued_at) in &tickets {
            assert!(!ledger.spend(ticket, *issued_at), "{issued_at}");
        }
        assert!(ledger.lock().tickets.len() <= 8);
        // Of the seconds that were forgotten none is taken, spent or not.
        assert!(!ledger.spend(&[200; 16], 0));
        assert!(ledger.spend(&[200; 16], 34));
    }

    #[test]
    fn two_ledgers_have_different_ids() {
        assert_ne!(ledger(1).id(), SpentTickets::new(&nullcrypto::provider(2), 1).unwrap().id());
    }
}
