//! Both directions of one association.

use alloc::vec::Vec;
use core::{fmt, mem};

use sealgram_crypto::{CryptoError, TrafficSecret};
use sealgram_iana::{ContentType, ProtocolVersion, Version};
use sealgram_wire::{FullHeader, MAX_PLAINTEXT, Phase, RecordNumber};

use crate::epoch::{Configured, Limits, NextNumber, ReadEpoch, WriteEpoch};
use crate::format::{Format, Framing, Overhead};
use crate::open::{Content, Parsed, Refusal};
use crate::outcome::{Discard, Discarded, Fault, Opened, SealError};
use crate::seal::seal_plaintext;
use crate::window::WindowSize;

/// Record protection of one association, both directions.
///
/// Starts without version and keys: only plaintext records pass. Keys come and go by
/// [`Phase`]; at most four protected phases per direction are held at a time.
pub struct RecordLayer {
    version: Option<Version>,
    limits: Configured,
    read: Reading,
    write: Writing,
}

/// The receiving direction.
struct Reading {
    window: WindowSize,
    /// Whether plaintext records are still accepted.
    ///
    /// They have no replay window: one forged record with the number 2^48 - 1 would shut out all
    /// genuine ones (CVE-2016-2181), and a repeated plaintext record changes nothing above.
    plaintext: bool,
    /// Invariant: epochs rise, and `epochs.len() <= 4`: early data, handshake, and two numbers
    /// of application keys.
    epochs: Vec<ReadEpoch>,
    /// The highest epoch that ever had keys; 0 for none.
    newest: u16,
    /// The highest epoch of which a record was opened; 0 for none.
    confirmed: u16,
}

/// The sending direction.
struct Writing {
    /// What the record version field of plaintext records says.
    plaintext_version: ProtocolVersion,
    /// The next plaintext record's number; `None` once plaintext is over.
    plaintext: Option<NextNumber>,
    /// Invariant: as for [`Reading::epochs`].
    epochs: Vec<WriteEpoch>,
    /// The highest epoch that ever had keys; 0 for none.
    newest: u16,
}

/// How much the newest keys of both directions have been used. All zero without keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Records sealed with the newest write keys.
    pub sealed: u64,
    /// How many they may seal.
    pub sealed_limit: u64,
    /// Records that failed to open with the newest read keys.
    pub forged: u64,
    /// How many may.
    pub forged_limit: u64,
}

impl Usage {
    /// Whether the peer's keys should be changed: 7/8 of the forgeries that they stand are there.
    #[must_use]
    pub const fn forged_near(&self) -> bool {
        near(self.forged, self.forged_limit)
    }
}

/// 7/8 of the limit, rounded up. A limit of zero belongs to no keys.
const fn near(count: u64, limit: u64) -> bool {
    limit != 0 && count >= limit.saturating_sub(limit >> 3)
}

impl RecordLayer {
    /// A layer without version and keys.
    ///
    /// `first_write` is the number of our first plaintext record: zero for a client, the number
    /// of the hello's record for a server, so that stateless replies and the connection never
    /// use one number twice (RFC 6347 §4.2.1). Its epoch is 0. `window` is the size of every
    /// replay window.
    #[must_use]
    pub const fn new(first_write: RecordNumber, window: WindowSize) -> Self {
        let read = Reading { window, plaintext: true, epochs: Vec::new(), newest: 0, confirmed: 0 };
        let write = Writing {
            plaintext_version: ProtocolVersion::DTLS_1_2,
            plaintext: Some(NextNumber(first_write.sequence())),
            epochs: Vec::new(),
            newest: 0,
        };
        let limits = Configured { all: None, ccm_8_forged: None };
        Self { version: None, limits, read, write }
    }

    /// Sets the version that was negotiated. Keys of the other version (early data that a client
    /// offered to a server which speaks 1.2) are dropped.
    pub fn set_version(&mut self, version: Version) {
        self.version = Some(version);
        self.read.epochs.retain(|e| e.format.belongs_to(version));
        self.read.newest = self.read.epochs.last().map_or(0, |e| e.epoch);
        self.write.epochs.retain(|e| e.format.belongs_to(version));
        self.write.newest = self.write.epochs.last().map_or(0, |e| e.epoch);
    }

    /// The version, once it is set.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// Sets what the version field of the plaintext records that follow says: `DTLS_1_2` unless
    /// set, `DTLS_1_0` for a first ClientHello to old servers (RFC 9147 §4). Protected records of
    /// 1.2 always say `DTLS_1_2`.
    pub const fn set_plaintext_version(&mut self, version: ProtocolVersion) {
        self.write.plaintext_version = version;
    }

    /// Replaces the AEADs' own usage limits, for the keys that are installed from now on. They
    /// are then hard in 1.2 too.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits.all = Some(limits);
    }

    /// How many records may fail to open under a key of AES-128-CCM_8, in place of the AEAD's own
    /// limit and for the keys that are installed from now on. It is hard in both versions.
    pub const fn set_ccm_8_forgeries(&mut self, forgeries: u64) {
        self.limits.ccm_8_forged = Some(forgeries);
    }

    /// Installs the keys that the peer protects `phase` with.
    ///
    /// Phases are installed in rising order and once each (a second use of the same keys would
    /// repeat nonces). An `Application` phase drops all but its direct predecessor of the same
    /// kind. Fails, and changes nothing, if the order is broken, if the secret is of another
    /// version than the one set, if that version has no such phase (65,532 is its last key
    /// update, RFC 9147 §4.2.1), or if the provider fails.
    pub fn install_read(&mut self, phase: Phase, secret: TrafficSecret) -> Result<(), CryptoError> {
        let epoch = self.epoch_to_install(phase, &secret, self.read.newest)?;
        let installed = ReadEpoch::new(phase, epoch, secret, self.read.window, self.limits)?;
        self.read.epochs.retain(|e| outlives(e.phase, phase));
        self.read.epochs.push(installed);
        self.read.newest = epoch;
        Ok(())
    }

    /// Installs the keys that we protect `phase` with. As [`RecordLayer::install_read`].
    pub fn install_write(
        &mut self,
        phase: Phase,
        secret: TrafficSecret,
    ) -> Result<(), CryptoError> {
        let epoch = self.epoch_to_install(phase, &secret, self.write.newest)?;
        let installed = WriteEpoch::new(phase, epoch, &secret, self.limits)?;
        self.write.epochs.retain(|e| outlives(e.phase, phase));
        self.write.epochs.push(installed);
        self.write.newest = epoch;
        Ok(())
    }

    fn epoch_to_install(
        &self,
        phase: Phase,
        secret: &TrafficSecret,
        newest: u16,
    ) -> Result<u16, CryptoError> {
        let format = Format::of(secret);
        if self.version.is_some_and(|version| !format.belongs_to(version)) {
            return Err(CryptoError);
        }
        format.epoch(phase).filter(|epoch| *epoch > newest).ok_or(CryptoError)
    }

    /// Drops the keys to read `phase` with; for [`Phase::Plaintext`], refuses such records from
    /// now on.
    pub fn discard_read(&mut self, phase: Phase) {
        if phase.is_plaintext() {
            self.read.plaintext = false;
        }
        self.read.epochs.retain(|e| e.phase != phase);
    }

    /// Drops the keys to write `phase` with; for [`Phase::Plaintext`], seals no more of them.
    pub fn discard_write(&mut self, phase: Phase) {
        if phase.is_plaintext() {
            self.write.plaintext = None;
        }
        self.write.epochs.retain(|e| e.phase != phase);
    }

    /// The newest phase with read keys.
    #[must_use]
    pub fn read_phase(&self) -> Phase {
        self.read.epochs.last().map_or(Phase::Plaintext, |e| e.phase)
    }

    /// The newest phase with write keys.
    #[must_use]
    pub fn write_phase(&self) -> Phase {
        self.write.epochs.last().map_or(Phase::Plaintext, |e| e.phase)
    }

    /// Whether records of `phase` can be opened.
    #[must_use]
    pub fn has_read(&self, phase: Phase) -> bool {
        if phase.is_plaintext() {
            return self.read.plaintext;
        }
        self.read.epochs.iter().any(|e| e.phase == phase)
    }

    /// Whether records of `phase` can be sealed.
    #[must_use]
    pub fn has_write(&self, phase: Phase) -> bool {
        self.overhead(phase).is_some()
    }

    /// Whether the peer has proved by a protected record that it has our keys.
    #[must_use]
    pub const fn any_protected_opened(&self) -> bool {
        self.read.confirmed != 0
    }

    /// How much the newest keys have been used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        if let Some(epoch) = self.write.epochs.last() {
            usage.sealed = epoch.next.0;
            usage.sealed_limit = epoch.limits.counts.sealed;
        }
        if let Some(epoch) = self.read.epochs.last() {
            usage.forged = epoch.forged;
            usage.forged_limit = epoch.limits.counts.forged;
        }
        usage
    }

    /// Whether the newest read keys open nothing any more, because too many records have failed:
    /// the association should end (RFC 9147 §4.5.3).
    #[must_use]
    pub fn read_keys_spent(&self) -> bool {
        self.read.epochs.last().is_some_and(ReadEpoch::is_spent)
    }

    /// Whether either direction's newest keys are at 7/8 of a limit.
    #[must_use]
    pub fn limit_near(&self) -> bool {
        let sealed = |e: &WriteEpoch| near(e.next.0, e.limits.counts.sealed);
        let forged = |e: &ReadEpoch| near(e.forged, e.limits.counts.forged);
        self.write.epochs.last().is_some_and(sealed) || self.read.epochs.last().is_some_and(forged)
    }

    /// Bytes on the heap: expanded keys (without what a provider puts behind them), secrets,
    /// windows and lists.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let read = self.read.epochs.capacity().saturating_mul(size_of::<ReadEpoch>());
        let write = self.write.epochs.capacity().saturating_mul(size_of::<WriteEpoch>());
        let read = self.read.epochs.iter().fold(read, |n, e| n.saturating_add(e.heap_bytes()));
        let write = self.write.epochs.iter().fold(write, |n, e| n.saturating_add(e.heap_bytes()));
        read.saturating_add(write)
    }

    /// Opens the next record of a datagram in place and takes it from `rest`. `None` when the
    /// datagram is used up.
    ///
    /// Copies and allocates nothing, unless the record is a late one of a phase that the peer has
    /// moved on from. A record whose header cannot be read takes the rest of the datagram with it.
    pub fn open<'d>(&mut self, rest: &mut &'d mut [u8]) -> Option<Result<Opened<'d>, Fault<'d>>> {
        let datagram = mem::take(rest);
        if datagram.is_empty() {
            return None;
        }
        let Some((header, len)) = Parsed::read(datagram) else {
            let reason = Discard::Malformed;
            return Some(Err(Fault::Discarded(Discarded {
                reason,
                phase: None,
                record: datagram,
            })));
        };
        let (record, tail) = datagram.split_at_mut(len.min(datagram.len()));
        *rest = tail;
        Some(match self.open_record(&header, record) {
            Ok(Content { content_type, phase, number, payload }) => {
                let payload = record.get_mut(payload).unwrap_or_default();
                Ok(Opened { content_type, phase, number, payload })
            }
            Err(Refusal::Violation(violation)) => Err(Fault::Violation(violation)),
            Err(Refusal::Discard(reason, phase)) => {
                Err(Fault::Discarded(Discarded { reason, phase, record }))
            }
        })
    }

    fn open_record(&mut self, header: &Parsed, record: &mut [u8]) -> Result<Content, Refusal> {
        let found = match header {
            Parsed::Full(full) if full.number.epoch() == 0 => return self.open_plaintext(full),
            Parsed::Full(full) => self.find_v12(full),
            Parsed::Unified { epoch_bits, .. } => self.find_v13(*epoch_bits),
        };
        let index = found.map_err(|(reason, phase)| Refusal::Discard(reason, phase))?;
        let Some(epoch) = self.read.epochs.get_mut(index) else {
            return Err(Refusal::Discard(Discard::UnknownEpoch, None));
        };
        let (number, phase) = (epoch.epoch, epoch.phase);
        let outcome = epoch.open(header, record);
        // A violation is authentic as well.
        if !matches!(outcome, Err(Refusal::Discard(..))) {
            self.read.confirm(number, phase);
        }
        outcome
    }

    /// Plaintext records are checked for what can be seen from outside, and no more: they may be
    /// forged, so nothing here is fatal or changes state.
    fn open_plaintext(&self, header: &FullHeader) -> Result<Content, Refusal> {
        let discard = |reason| Err(Refusal::Discard(reason, Some(Phase::Plaintext)));
        if !self.read.plaintext {
            return discard(Discard::UnknownEpoch);
        }
        let content_type = header.typ;
        let expected = match content_type {
            ContentType::ALERT | ContentType::HANDSHAKE => true,
            // RFC 9147 §4.1: neither exists in the other version.
            ContentType::CHANGE_CIPHER_SPEC => self.version != Some(Version::V13),
            ContentType::ACK => self.version != Some(Version::V12),
            _ => false,
        };
        if !expected {
            return discard(Discard::UnexpectedType);
        }
        let len = usize::from(header.len);
        if len > MAX_PLAINTEXT {
            return discard(Discard::TooLong);
        }
        if len == 0 {
            return discard(Discard::EmptyFragment);
        }
        let payload = FullHeader::LEN..FullHeader::LEN.saturating_add(len);
        Ok(Content { content_type, phase: Phase::Plaintext, number: header.number, payload })
    }

    /// The keys for a protected record with a 13-byte header.
    fn find_v12(&self, header: &FullHeader) -> Result<usize, (Discard, Option<Phase>)> {
        if self.version == Some(Version::V13) || header.version != ProtocolVersion::DTLS_1_2 {
            return Err((Discard::WrongVersion, None));
        }
        let epoch = header.number.epoch();
        let found = |e: &ReadEpoch| e.format == Format::V12 && e.epoch == epoch;
        self.read
            .epochs
            .iter()
            .position(found)
            .ok_or_else(|| self.read.without_keys(Format::V12, epoch))
    }

    /// The keys for a record with a unified header: the newest whose epoch has these low bits
    /// (RFC 9147 §4.2.2).
    fn find_v13(&self, epoch_bits: u8) -> Result<usize, (Discard, Option<Phase>)> {
        if self.version == Some(Version::V12) {
            return Err((Discard::WrongVersion, None));
        }
        let bits = u16::from(epoch_bits);
        let found = |e: &ReadEpoch| e.format == Format::V13 && e.epoch & 3 == bits;
        self.read
            .epochs
            .iter()
            .rposition(found)
            .ok_or_else(|| self.read.without_keys(Format::V13, bits))
    }

    /// How many bytes surround a plaintext of `phase`. `None` without keys to write it.
    #[must_use]
    pub fn overhead(&self, phase: Phase) -> Option<Overhead> {
        if phase.is_plaintext() {
            return self.write.plaintext.map(|_| Overhead::PLAINTEXT);
        }
        let epoch = self.write.epochs.iter().find(|e| e.phase == phase)?;
        Some(epoch.framing.overhead)
    }

    /// The framing of the newest phase with write keys; `None` without keys.
    #[inline]
    #[must_use]
    pub fn newest_framing(&self) -> Option<Framing> {
        self.write.epochs.last().map(|e| e.framing)
    }

    /// [`RecordLayer::seal`] with the newest keys.
    pub fn seal_newest(
        &mut self,
        content_type: ContentType,
        buf: &mut [u8],
    ) -> Result<RecordNumber, SealError> {
        self.write.epochs.last_mut().ok_or(SealError::NoKeys)?.seal(content_type, buf)
    }

    /// The longest plaintext that one record of `phase` takes, in bytes: 2^14, or 7 less where
    /// 1.3 pads for a short tag. `None` without keys to write it.
    #[must_use]
    pub fn max_plaintext(&self, phase: Phase) -> Option<usize> {
        if phase.is_plaintext() {
            return self.write.plaintext.map(|_| MAX_PLAINTEXT);
        }
        let epoch = self.write.epochs.iter().find(|e| e.phase == phase)?;
        Some(epoch.framing.max_plaintext)
    }

    /// Seals a record in place and returns its number.
    ///
    /// `buf` is exactly the record: [`Overhead::before`] bytes, the plaintext (at most
    /// [`RecordLayer::max_plaintext`] bytes), [`Overhead::after`] bytes. Allocates nothing. After an error the content of `buf`
    /// is unspecified and must not be sent.
    pub fn seal(
        &mut self,
        phase: Phase,
        content_type: ContentType,
        buf: &mut [u8],
    ) -> Result<RecordNumber, SealError> {
        let write = &mut self.write;
        if phase.is_plaintext() {
            let next = write.plaintext.as_mut().ok_or(SealError::NoKeys)?;
            return seal_plaintext(next, write.plaintext_version, content_type, buf);
        }
        let epoch = write.epochs.iter_mut().find(|e| e.phase == phase);
        epoch.ok_or(SealError::NoKeys)?.seal(content_type, buf)
    }
}

impl Reading {
    /// A record of this epoch has been authenticated. With the first one under new application
    /// keys, older keys go to rest.
    fn confirm(&mut self, epoch: u16, phase: Phase) {
        if epoch <= self.confirmed {
            return;
        }
        self.confirmed = epoch;
        if matches!(phase, Phase::Application(_)) {
            self.epochs.iter_mut().filter(|e| e.epoch < epoch).for_each(ReadEpoch::rest);
        }
    }

    /// What to say of a record for whose epoch there are no keys.
    ///
    /// Only the handshake's epochs can be early: a peer writes with updated keys when its
    /// KeyUpdate is acknowledged (RFC 9147 §8), and by then they are installed here.
    fn without_keys(&self, format: Format, epoch: u16) -> (Discard, Option<Phase>) {
        let phase = [Phase::EarlyData, Phase::Handshake, Phase::Application(0)]
            .into_iter()
            .find(|phase| format.epoch(*phase) == Some(epoch));
        match phase {
            Some(phase) if epoch > self.newest => (Discard::FutureEpoch, Some(phase)),
            _ => (Discard::UnknownEpoch, None),
        }
    }
}

impl fmt::Debug for RecordLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordLayer")
            .field("version", &self.version)
            .field("read_phase", &self.read_phase())
            .field("write_phase", &self.write_phase())
            .finish_non_exhaustive()
    }
}

/// Whether keys of phase `old` are kept when those of `new` come: of application keys only the
/// direct predecessor.
fn outlives(old: Phase, new: Phase) -> bool {
    match (old, new) {
        (Phase::Application(old), Phase::Application(new)) => old.saturating_add(1) >= new,
        _ => true,
    }
}
