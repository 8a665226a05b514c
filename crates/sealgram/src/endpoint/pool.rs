//! Where a ClientHello of several datagrams is put together before anything is known of its
//! sender.
//!
//! Post-quantum key shares make such hellos usual. The memory is fixed and shared by all unproven
//! peers: a flood of first fragments pushes out older entries, its own among them, and costs
//! nothing more. An honest client that is pushed out sends its hello again.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::hello::Part;
use crate::Path;

/// How many hellos can be in the making at the same time.
const ENTRIES: usize = 32;

/// The longest hello that is put together, in bytes: a post-quantum hello with a large session
/// ticket has under 4,000.
const MAX_HELLO: usize = 8192;

/// How many separate runs of received bytes a hello may have while it is incomplete. Fragments
/// that arrive in order need one.
const MAX_RUNS: usize = 16;

/// The pool: `ENTRIES` buffers of `MAX_HELLO` bytes, allocated when the first one is needed.
#[derive(Debug)]
pub(super) struct Pool {
    entries: Vec<Entry>,
    /// Rises with every use, to find the oldest entry.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    path: Option<Path>,
    seq: u16,
    len: usize,
    /// Sorted, apart from each other, within `0..len`.
    runs: Vec<(usize, usize)>,
    bytes: Box<[u8]>,
    datagram_bytes: usize,
    used: u64,
}

/// A hello that is complete.
pub(super) struct Whole {
    pub(super) body: Vec<u8>,
    /// Size of the datagrams that carried it.
    pub(super) bytes: usize,
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), clock: 0 }
    }

    /// Adds a fragment; returns the hello if that makes it complete, and forgets it.
    pub(super) fn add(&mut self, path: Path, part: &Part<'_>, datagram: usize) -> Option<Whole> {
        let fragment = &part.fragment;
        let len = usize::try_from(fragment.message_len).ok().filter(|len| *len <= MAX_HELLO)?;
        let start = usize::try_from(fragment.offset).ok()?;
        if fragment.body.is_empty() {
            return None;
        }
        self.clock = self.clock.saturating_add(1);
        let clock = self.clock;
        let seq = fragment.seq.0;
        let entry = self.entry(path)?;
        let same = entry.path == Some(path) && entry.seq == seq && entry.len == len;
        if !same || !entry.agrees(start, fragment.body) {
            // What contradicts an entry replaces it only from the beginning on: a forger who
            // guesses the address must get the first fragment in, again and again, to disturb.
            if entry.path == Some(path) && start != 0 {
                return None;
            }
            entry.reset(path, seq, len);
        }
        entry.used = clock;
        entry.datagram_bytes = entry.datagram_bytes.saturating_add(datagram);
        entry.insert(start, fragment.body);
        entry.is_complete().then(|| entry.take())
    }

    /// The entry of `path`, or a free one, or the oldest.
    fn entry(&mut self, path: Path) -> Option<&mut Entry> {
        if self.entries.is_empty() {
            self.entries = (0..ENTRIES).map(|_| Entry::new()).collect();
        }
        let index = self.entries.iter().position(|entry| entry.path == Some(path));
        let index = index.or_else(|| {
            let oldest = |(_, entry): &(usize, &Entry)| (entry.path.is_some(), entry.used);
            self.entries.iter().enumerate().min_by_key(oldest).map(|(index, _)| index)
        });
        self.entries.get_mut(index?)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let runs = MAX_RUNS.saturating_mul(size_of::<(usize, usize)>());
        let entry = size_of::<Entry>().saturating_add(MAX_HELLO).saturating_add(runs);
        self.entries.len().saturating_mul(entry)
    }
}

impl Entry {
    fn new() -> Self {
        Self {
            path: None,
            seq: 0,
            len: 0,
            runs: Vec::with_capacity(MAX_RUNS),
            bytes: vec![0; MAX_HELLO].into_boxed_slice(),
            datagram_bytes: 0,
            used: 0,
        }
    }

    fn reset(&mut self, path: Path, seq: u16, len: usize) {
        self.path = Some(path);
        self.seq = seq;
        self.len = len;
        self.runs.clear();
        self.datagram_bytes = 0;
    }

    /// Whether `body` at `start` says the same as what is already here.
    fn agrees(&self, start: usize, body: &[u8]) -> bool {
        let end = start.saturating_add(body.len());
        self.runs.iter().all(|&(from, to)| {
            let (from, to) = (from.max(start), to.min(end));
            if from >= to {
                return true;
            }
            let here = self.bytes.get(from..to);
            here == body.get(from.saturating_sub(start)..to.saturating_sub(start))
        })
    }

    fn insert(&mut self, start: usize, body: &[u8]) {
        let end = start.saturating_add(body.len());
        let Some(room) = self.bytes.get_mut(start..end) else { return };
        // Merge with every run that touches; if there is no room for one more, the fragment is
        // forgotten and will come again.
        let (mut from, mut to) = (start, end);
        let touches = |run: &(usize, usize)| run.0 <= end && start <= run.1;
        let apart = self.runs.iter().filter(|run| !touches(run)).count();
        if apart >= MAX_RUNS {
            return;
        }
        room.copy_from_slice(body);
        self.runs.retain(|run| {
            if touches(run) {
                from = from.min(run.0);
                to = to.max(run.1);
            }
            !touches(run)
        });
        self.runs.push((from, to));
    }

    fn is_complete(&self) -> bool {
        self.runs.first() == Some(&(0, self.len))
    }

    fn take(&mut self) -> Whole {
        let body = self.bytes.get(..self.len).unwrap_or_default().to_vec();
        self.path = None;
        self.runs.clear();
        Whole { body, bytes: self.datagram_bytes }
    }
}
