//! The keys of one epoch in one direction, with the numbers and counters that belong to them.

use sealgram_crypto::{AeadKind, CryptoError, TrafficKeys, TrafficSecret};
use sealgram_wire::{Phase, RecordNumber};

use crate::format::{Format, Framing};
use crate::window::{ReplayWindow, WindowSize};

/// Limits on the use of one key that replace those of its AEAD (RFC 9147 §4.5.3).
///
/// Without them 1.3 obeys the AEAD's own limits, and 1.2, which cannot change its keys, only
/// reports them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many records one key may seal.
    pub sealed: u64,
    /// How many records may fail to open under one key.
    pub forged: u64,
}

/// The limits that a configuration sets, for all keys of an association.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Configured {
    /// In place of every AEAD's own limits.
    pub(crate) all: Option<Limits>,
    /// In place of the forgery limit of AES-128-CCM_8, and hard in both versions.
    pub(crate) ccm_8_forged: Option<u64>,
}

/// Limits as they hold for one epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EpochLimits {
    pub(crate) counts: Limits,
    /// Whether the keys refuse to work beyond the limits.
    pub(crate) hard: bool,
    /// The same for forgeries, which a configuration can limit alone.
    hard_forged: bool,
}

impl EpochLimits {
    fn new(format: Format, kind: AeadKind, configured: Configured) -> Self {
        let ccm_8_forged = configured.ccm_8_forged.filter(|_| kind == AeadKind::Aes128Ccm8);
        let own = Limits {
            sealed: kind.confidentiality_limit(),
            forged: ccm_8_forged.unwrap_or_else(|| kind.integrity_limit()),
        };
        let hard = format == Format::V13 || configured.all.is_some();
        Self {
            counts: configured.all.unwrap_or(own),
            hard,
            hard_forged: hard || ccm_8_forged.is_some(),
        }
    }
}

/// Keys to read with.
pub(crate) enum ReadKeys {
    /// Expanded. The secret is kept where a later epoch may put the keys to rest: 1.3.
    Live { keys: TrafficKeys, secret: Option<TrafficSecret> },
    /// The peer has moved on; the few records still under way expand the secret each time. Far
    /// smaller than expanded keys, and such records are rare.
    Resting(TrafficSecret),
}

/// Reading one protected epoch.
pub(crate) struct ReadEpoch {
    pub(crate) phase: Phase,
    pub(crate) epoch: u16,
    pub(crate) format: Format,
    pub(crate) keys: ReadKeys,
    pub(crate) window: ReplayWindow,
    /// Records that failed to open.
    pub(crate) forged: u64,
    pub(crate) limits: EpochLimits,
}

impl ReadEpoch {
    pub(crate) fn new(
        phase: Phase,
        epoch: u16,
        secret: TrafficSecret,
        size: WindowSize,
        configured: Configured,
    ) -> Result<Self, CryptoError> {
        let format = Format::of(&secret);
        let keys = secret.expand()?;
        let limits = EpochLimits::new(format, keys.kind, configured);
        let secret = (format == Format::V13).then_some(secret);
        let keys = ReadKeys::Live { keys, secret };
        let window = ReplayWindow::new(size);
        Ok(Self { phase, epoch, format, keys, window, forged: 0, limits })
    }

    /// Drops the expanded keys and keeps what they came from.
    pub(crate) fn rest(&mut self) {
        let ReadKeys::Live { secret, .. } = &mut self.keys else { return };
        if let Some(secret) = secret.take() {
            self.keys = ReadKeys::Resting(secret);
        }
    }

    /// Whether too many records have failed for another one to be tried.
    pub(crate) const fn is_spent(&self) -> bool {
        self.limits.hard_forged && self.forged >= self.limits.counts.forged
    }

    /// Bytes on the heap, as far as they can be told from here.
    pub(crate) fn heap_bytes(&self) -> usize {
        let keys = match &self.keys {
            ReadKeys::Live { keys, secret } => {
                keys_bytes(keys).saturating_add(secret.as_ref().map_or(0, secret_bytes))
            }
            ReadKeys::Resting(secret) => secret_bytes(secret),
        };
        keys.saturating_add(self.window.heap_bytes())
    }
}

/// Writing one protected epoch.
pub(crate) struct WriteEpoch {
    pub(crate) phase: Phase,
    pub(crate) epoch: u16,
    pub(crate) format: Format,
    pub(crate) framing: Framing,
    pub(crate) keys: TrafficKeys,
    pub(crate) next: NextNumber,
    pub(crate) limits: EpochLimits,
}

impl WriteEpoch {
    pub(crate) fn new(
        phase: Phase,
        epoch: u16,
        secret: &TrafficSecret,
        configured: Configured,
    ) -> Result<Self, CryptoError> {
        let format = Format::of(secret);
        let keys = secret.expand()?;
        let limits = EpochLimits::new(format, keys.kind, configured);
        let framing = format.framing(keys.kind);
        Ok(Self { phase, epoch, format, framing, keys, next: NextNumber(0), limits })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        keys_bytes(&self.keys)
    }
}

/// The sequence number of the next record: at most 2^48, which means that none is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextNumber(pub(crate) u64);

impl NextNumber {
    /// Takes the next number. It is used up whatever becomes of the record: a number that has
    /// been in a nonce once must never be in another.
    pub(crate) fn take(&mut self, epoch: u16) -> Option<RecordNumber> {
        let number = RecordNumber::new(epoch, self.0)?;
        self.0 = self.0.saturating_add(1);
        Some(number)
    }
}

fn keys_bytes(keys: &TrafficKeys) -> usize {
    let mask = keys.mask.as_deref().map_or(0, size_of_val);
    size_of_val(&*keys.aead).saturating_add(mask)
}

fn secret_bytes(secret: &TrafficSecret) -> usize {
    match secret {
        TrafficSecret::V12 { key, fixed_iv, .. } => key.len().saturating_add(fixed_iv.len()),
        TrafficSecret::V13 { secret, .. } => secret.len(),
    }
}
