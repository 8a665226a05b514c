//! Which of many connections is due next.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::Instant;

/// The timeouts of many connections, ordered by time.
///
/// Lives beside an [`Endpoint`](crate::Endpoint): after every call on a connection, its owner sets
/// what [`poll_timeout`](crate::Connection::poll_timeout) says.
///
/// ```
/// use sealgram::{Instant, Timers};
/// let mut timers = Timers::default();
/// timers.set('a', Some(Instant::from_micros(20)));
/// timers.set('b', Some(Instant::from_micros(10)));
/// assert_eq!(timers.next(), Some(Instant::from_micros(10)));
/// assert_eq!(timers.pop_due(Instant::from_micros(15)), Some('b'));
/// assert_eq!(timers.pop_due(Instant::from_micros(15)), None);
/// ```
#[derive(Clone, Debug)]
pub struct Timers<H> {
    /// Both hold the same pairs.
    by_time: BTreeSet<(Instant, H)>,
    by_handle: BTreeMap<H, Instant>,
}

impl<H: Copy + Ord> Timers<H> {
    /// Sets or clears the one timeout of `handle`.
    pub fn set(&mut self, handle: H, at: Option<Instant>) {
        let old = match at {
            Some(at) => self.by_handle.insert(handle, at),
            None => self.by_handle.remove(&handle),
        };
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.by_time.remove(&(old, handle));
        }
        if let Some(at) = at {
            self.by_time.insert((at, handle));
        }
    }

    /// The earliest timeout.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes one connection whose timeout is at or before `now`. Its timeout is cleared.
    pub fn pop_due(&mut self, now: Instant) -> Option<H> {
        let (at, handle) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.set(handle, None);
        Some(handle)
    }
}

impl<H> Default for Timers<H> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_handle: BTreeMap::new() }
    }
}
