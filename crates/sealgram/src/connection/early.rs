//! Early data: a client's first datagrams, sent with its hello (RFC 8446 §2.3, RFC 9147 §5.6).

use sealgram_handshake::{EarlyData, PeerMisbehaved};
use sealgram_iana::ContentType;
use sealgram_wire::Phase;

use super::{Connection, State};
use crate::event::{Data, EarlyDataOutcome, Event};
use crate::{Instant, Misuse, SendError, Transmit};

/// Where early data stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Early {
    None,
    /// A client may send so many more bytes.
    Sending {
        left: usize,
    },
    /// A server takes so many more bytes.
    Taking {
        left: usize,
    },
}

impl Connection {
    /// Sends a datagram of early data: with the hello, before the server has answered (RFC 8446
    /// §2.3). Saves a round trip.
    ///
    /// # Replay
    ///
    /// Early data has no forward secrecy, and nothing in the protocol keeps it from being received
    /// twice: whoever records the first datagrams can send them again, to this server or to
    /// another one with the same keys. A sealgram server takes them once and from this address
    /// only; others may be less strict. Send only what may happen twice.
    ///
    /// It works if the configuration
    /// [offers early data](crate::ClientConfigBuilder::danger_offer_early_data), a session is
    /// resumed whose server takes it, and the hello has left
    /// [`poll_transmit`](Self::poll_transmit); and it ends with the server's answer.
    /// [`Event::EarlyData`](crate::Event::EarlyData) tells whether the server has taken it;
    /// otherwise everything has to be sent again. As with [`send`](Self::send), one call makes one
    /// datagram, which is lost if the network loses it.
    pub fn send_early(
        &mut self,
        now: Instant,
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<Transmit, SendError> {
        let Early::Sending { left } = self.early else {
            return Err(self.early_misuse().into());
        };
        // Ahead of its hello it could only be dropped.
        if self.is_closed() || self.flight.wants().is_some() {
            return Err(self.early_misuse().into());
        }
        let max = self.max_early_plaintext();
        if plaintext.len() > max {
            return Err(SendError::TooLong { max });
        }
        let overhead = self.records.overhead(Phase::EarlyData).ok_or(Misuse::NoEarlyData)?;
        let end = overhead.before.saturating_add(plaintext.len());
        let needed = end.saturating_add(overhead.after);
        let record = out.get_mut(..needed).ok_or(SendError::BufferTooSmall { needed })?;
        if let Some(room) = record.get_mut(overhead.before..end) {
            room.copy_from_slice(plaintext);
        }
        self.records
            .seal(Phase::EarlyData, ContentType::APPLICATION_DATA, record)
            .map_err(|_| SendError::Crypto)?;
        self.early = Early::Sending { left: left.saturating_sub(plaintext.len()) };
        let _ = now;
        Ok(self.transmitted(needed))
    }

    const fn early_misuse(&self) -> Misuse {
        match self.state {
            State::Closed { .. } => Misuse::Closed,
            _ => Misuse::NoEarlyData,
        }
    }

    /// The longest plaintext that [`send_early`](Self::send_early) takes now, in bytes: 0 if it
    /// takes none.
    #[must_use]
    pub fn max_early_plaintext(&self) -> usize {
        match self.early {
            Early::Sending { left } => {
                left.min(self.records.max_plaintext(Phase::EarlyData).unwrap_or(0))
            }
            Early::None | Early::Taking { .. } => 0,
        }
    }

    /// Does what the handshake has said of early data.
    pub(super) fn mind_early(&mut self, early: Option<EarlyData>) {
        let bytes = |max| usize::try_from(max).unwrap_or(usize::MAX);
        let outcome = match (early, self.early) {
            (None, _) => return,
            (Some(EarlyData::Offered { max }), _) => {
                self.early = Early::Sending { left: bytes(max) };
                return;
            }
            (Some(EarlyData::Accepted { max }), Early::None) => {
                self.early = Early::Taking { left: bytes(max) };
                return;
            }
            (Some(EarlyData::Accepted { .. }), _) => EarlyDataOutcome::Accepted,
            (Some(EarlyData::Rejected), _) => EarlyDataOutcome::Rejected,
        };
        self.early = Early::None;
        self.records.discard_write(Phase::EarlyData);
        self.events.push_back(Event::EarlyData(outcome));
    }

    /// Early data that has come, under keys that are there only if it is taken.
    pub(super) fn on_early_data(&mut self, payload: &mut [u8], deliver: &mut dyn FnMut(Data<'_>)) {
        let Early::Taking { left } = self.early else {
            self.stats.discards.count_unexpected();
            return;
        };
        let Some(left) = left.checked_sub(payload.len()) else {
            self.fail(PeerMisbehaved::TooMuchEarlyData.into());
            return;
        };
        self.early = Early::Taking { left };
        deliver(Data { bytes: payload, early: true });
    }

    /// The client has moved on: its early data ends (RFC 9147 §5.6).
    pub(super) fn forget_early(&mut self) {
        if matches!(self.early, Early::Taking { .. }) {
            self.early = Early::None;
            self.records.discard_read(Phase::EarlyData);
        }
    }
}
