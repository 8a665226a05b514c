//! Records that came before their keys.

use alloc::vec::Vec;

/// How many bytes of records may wait: a flight's worth of encrypted messages with a certificate
/// chain. Whatever does not fit is sent again by the peer anyway.
const MAX_BYTES: usize = 16 * 1024;

/// How many records may wait, so that tiny ones cannot cost more in bookkeeping than in bytes.
const MAX_RECORDS: usize = 32;

/// Records of a coming epoch, kept until its keys are there. Anyone can send such records, so the
/// bounds are small and the first ones win: a flood must not push out the peer's.
#[derive(Default, Debug)]
pub(super) struct Parked {
    records: Vec<Vec<u8>>,
    bytes: usize,
}

impl Parked {
    /// Keeps a record if there is room; says whether there was.
    pub(super) fn park(&mut self, record: &[u8]) -> bool {
        let bytes = self.bytes.saturating_add(record.len());
        let room = bytes <= MAX_BYTES && self.records.len() < MAX_RECORDS;
        if room {
            self.bytes = bytes;
            self.records.push(record.to_vec());
        }
        room
    }

    /// Takes all records, in the order they came in.
    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        self.bytes = 0;
        core::mem::take(&mut self.records)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let list = self.records.capacity().saturating_mul(size_of::<Vec<u8>>());
        list.saturating_add(self.bytes)
    }
}
