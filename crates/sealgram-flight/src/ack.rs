//! ACKs in both directions: which received records we owe one for, and which sent record carried
//! what.
//!
//! ```text
//!   received   end_record -> [ most recent 32 ] -> due (timer, or at once) -> ACK
//!                                  ^ emptied when our reply goes out: it acknowledges them
//!   sent       sent(number) -> [ most recent 32: number, range ] -> on_ack -> acknowledged range
//! ```

use alloc::collections::VecDeque;

use sealgram_wire::{Phase, RecordNumber};

use crate::outgoing::SentRange;

/// Received records that an ACK names. The most recent suffice: a sender treats a record as
/// acknowledged once any ACK named it (RFC 9147 §7.2), and the older ones were named before or
/// are sent again. 32 entries are 514 bytes, which fit into one datagram of any size in use.
const MAX_RECEIVED: usize = 32;

/// Records remembered for matching ACKs. Forgetting one costs a needless resend, never the
/// connection, so the bound may be small: 32 full datagrams are more than a flight.
const MAX_SENT: usize = 32;

/// `RecordNumber` in an ACK: 64 bits of epoch and 64 bits of sequence number (RFC 9147 §4).
const ENTRY_LEN: usize = 16;

#[derive(Clone, Copy, Debug)]
struct Received {
    number: RecordNumber,
    /// The phase it was protected in.
    phase: Phase,
    /// An ACK has named it.
    acked: bool,
}

/// The records that we owe an ACK for.
#[derive(Debug)]
pub(crate) struct AckList {
    /// In order of arrival. Bound: [`MAX_RECEIVED`].
    received: VecDeque<Received>,
    /// An ACK has to go out now.
    due: bool,
    /// The highest phase that can be written in, which an ACK has unless the peer may lack its
    /// keys (RFC 9147 §7).
    phase: Phase,
}

impl Received {
    /// It came before application keys were in use: nothing like it can come again once the keys
    /// of the handshake are gone.
    fn is_of_handshake(&self) -> bool {
        self.phase < Phase::Application(0)
    }
}

impl AckList {
    pub(crate) const fn new() -> Self {
        Self { received: VecDeque::new(), due: false, phase: Phase::Plaintext }
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) {
        // RFC 9147 §7: no ACK in epoch 1; epoch 0 takes its place.
        self.phase = if phase == Phase::EarlyData { Phase::Plaintext } else { phase };
    }

    /// The highest phase that an ACK can have.
    pub(crate) const fn highest_phase(&self) -> Phase {
        self.phase
    }

    /// A record arrived that deserves an ACK.
    pub(crate) fn push(&mut self, number: RecordNumber, phase: Phase) {
        // Only unauthenticated records can repeat a number: others have a replay window.
        if self.received.iter().any(|received| received.number == number) {
            return;
        }
        if self.received.len() >= MAX_RECEIVED {
            self.received.pop_front();
        }
        self.received.push_back(Received { number, phase, acked: false });
    }

    pub(crate) fn set_due(&mut self) {
        self.due = true;
    }

    pub(crate) const fn is_due(&self) -> bool {
        self.due
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// The phase of the ACK that has to go out now: the highest there is, and where the peer may
    /// lack its keys, no higher than `limit`. What the peer has used itself it can read, and an ACK
    /// must not be below what it names (RFC 9147 §7).
    pub(crate) fn wants(&self, limit: Option<Phase>) -> Option<Phase> {
        let used = self.received.iter().map(|received| received.phase).max()?;
        let phase = limit.map_or(self.phase, |limit| self.phase.min(used.max(limit)));
        self.due.then_some(phase)
    }

    /// Writes the ACK: as many of the most recent records as fit, in numerical order
    /// (RFC 9147 §7). `None` if not even one fits.
    pub(crate) fn fill(&self, out: &mut [u8]) -> Option<usize> {
        let (prefix, entries) = out.split_first_chunk_mut::<2>()?;
        let fit = entries.len().checked_div(ENTRY_LEN)?.min(self.received.len());
        if fit == 0 {
            return None;
        }
        let mut numbers = [RecordNumber::default(); MAX_RECEIVED];
        let numbers = numbers.get_mut(..fit)?;
        for (number, received) in numbers.iter_mut().zip(self.received.iter().rev()) {
            *number = received.number;
        }
        numbers.sort_unstable();
        for (entry, number) in entries.chunks_exact_mut(ENTRY_LEN).zip(numbers.iter()) {
            let (epoch, sequence) = entry.split_first_chunk_mut::<8>()?;
            *epoch = u64::from(number.epoch()).to_be_bytes();
            sequence.copy_from_slice(&number.sequence().to_be_bytes());
        }
        let len = fit.saturating_mul(ENTRY_LEN);
        *prefix = u16::try_from(len).ok()?.to_be_bytes();
        Some(len.saturating_add(prefix.len()))
    }

    /// The ACK was sent. Its records stay: later ACKs name them again, in case this one is lost.
    pub(crate) fn on_sent(&mut self) {
        self.due = false;
        for received in &mut self.received {
            received.acked = true;
        }
    }

    /// A reply to all of them went out: it is the acknowledgement.
    pub(crate) fn clear(&mut self) {
        self.received = VecDeque::new();
        self.due = false;
    }

    /// A message went out that is no reply: what was acknowledged before is not named again.
    /// Whether records are left that still need an ACK.
    pub(crate) fn forget_acked(&mut self) -> bool {
        self.received.retain(|received| !received.acked);
        self.release_empty();
        !self.received.is_empty()
    }

    /// The keys of the handshake go: what was acknowledged under them is not named again. The rest
    /// stays, because the peer may have lost the only ACK that named it.
    pub(crate) fn forget_handshake(&mut self) {
        self.received.retain(|received| !(received.is_of_handshake() && received.acked));
        self.release_empty();
    }

    fn release_empty(&mut self) {
        if self.received.is_empty() {
            self.clear();
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.received.capacity().saturating_mul(size_of::<Received>())
    }
}

/// What the most recent records of ours carried.
#[derive(Default, Debug)]
pub(crate) struct SentRecords {
    /// In order of sending. Bound: [`MAX_SENT`]; allocated at once, so that no record allocates.
    ring: VecDeque<(RecordNumber, SentRange)>,
}

impl SentRecords {
    pub(crate) fn push(&mut self, number: RecordNumber, range: SentRange) {
        if self.ring.capacity() == 0 {
            self.ring.reserve_exact(MAX_SENT);
        }
        if self.ring.len() >= MAX_SENT {
            self.ring.pop_front();
        }
        self.ring.push_back((number, range));
    }

    /// What the record carried; once.
    pub(crate) fn take(&mut self, number: RecordNumber) -> Option<SentRange> {
        let index = self.ring.iter().position(|sent| sent.0 == number)?;
        self.ring.remove(index).map(|(_, range)| range)
    }

    pub(crate) fn clear(&mut self) {
        self.ring = VecDeque::new();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.ring.capacity().saturating_mul(size_of::<(RecordNumber, SentRange)>())
    }
}
