//! What goes out: datagrams filled with records.

use sealgram_handshake::Error;
use sealgram_iana::{AlertDescription, AlertLevel, ContentType};
use sealgram_record::SealError;
use sealgram_wire::{Alert, Phase};

use super::{Connection, State};
use crate::{Instant, Transmit};

/// The longest plaintext that every record_size_limit allows, in bytes: the smallest is 64, and
/// in 1.3 the content type counts (RFC 8449 §4).
const SMALLEST_RECORD_LIMIT: usize = 63;

impl Connection {
    /// Writes the next datagram that has to go into `out`; `None` if there is none now.
    ///
    /// `out` should have the size of the largest datagram (1,200 bytes unless set otherwise); a
    /// smaller one makes smaller datagrams, and one below 128 bytes may make none.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        let allowance =
            self.allowance.map_or(usize::MAX, |a| usize::try_from(a).unwrap_or(usize::MAX));
        let limit = out.len().min(self.max_datagram).min(allowance);
        let out = out.get_mut(..limit).unwrap_or_default();
        let mut len = 0;
        if !matches!(self.state, State::Closed { failed: true }) {
            len = self.fill_with_handshake(now, out);
            if matches!(self.state, State::Finishing(_)) {
                self.finish_if_flushed();
            }
        }
        // The alert goes last, and not before what it would overtake.
        let flushed =
            matches!(self.state, State::Closed { failed: true }) || self.flight.wants().is_none();
        if let Some(description) = self.alert.filter(|_| flushed) {
            let sealed = self.seal_alert(description, out.get_mut(len..).unwrap_or_default());
            if let Some(sealed) = sealed {
                self.alert = None;
                len = len.saturating_add(sealed);
            }
        }
        (len > 0).then(|| self.transmitted(len))
    }

    /// Fills a datagram with the records that the flight wants, and says how long it is.
    fn fill_with_handshake(&mut self, now: Instant, out: &mut [u8]) -> usize {
        let mut len = 0_usize;
        while let Some(wanted) = self.flight.wants() {
            let Some(overhead) = self.records.overhead(wanted.phase) else {
                // A message of a phase whose keys are gone can never be sent again.
                self.fail(Error::NumbersExhausted);
                break;
            };
            let room = out.get_mut(len..).unwrap_or_default();
            let content = room.len().saturating_sub(overhead.before.saturating_add(overhead.after));
            let content = content.min(self.max_record(wanted.phase));
            let content = if self.may_hear_a_limit() && wanted.content_type == ContentType::ACK {
                content.min(SMALLEST_RECORD_LIMIT)
            } else {
                content
            };
            let start = overhead.before;
            let end = start.saturating_add(content);
            let Some(content) = room.get_mut(start..end) else { break };
            let Some(filled) = self.flight.fill(content) else { break };
            let record_len = start.saturating_add(filled.len).saturating_add(overhead.after);
            let Some(record) = room.get_mut(..record_len) else { break };
            match self.records.seal(wanted.phase, wanted.content_type, record) {
                Ok(number) => self.flight.sent(now, filled, number),
                Err(error) => {
                    self.fail(seal_failure(error));
                    break;
                }
            }
            len = len.saturating_add(record_len);
        }
        len
    }

    /// Whether a limit on what we send may stand in a flight of which we acknowledge parts.
    fn may_hear_a_limit(&self) -> bool {
        self.offers_limit && self.limits.is_none() && matches!(self.state, State::Handshaking)
    }

    /// Seals an alert into the front of `room`.
    ///
    /// Under the newest keys, unless part of a flight has never left: the peer has only the keys
    /// that what it was sent has led to.
    fn seal_alert(&mut self, description: AlertDescription, room: &mut [u8]) -> Option<usize> {
        let phase = self.flight.unsent_phase().unwrap_or_else(|| self.records.write_phase());
        // A server that does not take early data has no keys for it.
        let phase = if phase == Phase::EarlyData { Phase::Plaintext } else { phase };
        let overhead = self.records.overhead(phase)?;
        let warning = matches!(
            description,
            AlertDescription::CLOSE_NOTIFY | AlertDescription::NO_RENEGOTIATION
        );
        let level = if warning { AlertLevel::WARNING } else { AlertLevel::FATAL };
        let content = Alert { level, description }.encode();
        let end = overhead.before.saturating_add(content.len());
        let record = room.get_mut(..end.saturating_add(overhead.after))?;
        record.get_mut(overhead.before..end)?.copy_from_slice(&content);
        match self.records.seal(phase, ContentType::ALERT, record) {
            Ok(_) => Some(record.len()),
            // Nothing can be said any more.
            Err(_) => {
                self.alert = None;
                None
            }
        }
    }
}

/// Why a handshake record could not be sealed.
fn seal_failure(error: SealError) -> Error {
    match error {
        SealError::Crypto => Error::Crypto(sealgram_crypto::CryptoError),
        _ => Error::NumbersExhausted,
    }
}
