//! Timers, sizes and limits: what the handshake never sees.

use core::time::Duration;

use sealgram_flight::FlightConfig;
use sealgram_record::WindowSize;

use crate::ConfigError;

/// Timers, sizes and limits of a connection. The defaults suit the Internet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TransportConfig {
    pub(crate) flight: FlightConfig,
    pub(crate) deadline: Option<Duration>,
    pub(crate) max_datagram: Option<usize>,
    pub(crate) window: WindowSize,
    pub(crate) fail_fast: bool,
    /// Set by the builder of a configuration whose provider has suites with CCM_8.
    pub(crate) ccm_8_forgeries: Option<u64>,
}

impl TransportConfig {
    /// The smallest size that [`TransportConfig::with_max_datagram`] takes, in bytes: a fragment
    /// of some use fits with every header and tag.
    pub const MIN_DATAGRAM: usize = 128;

    pub(crate) const MIN_RETRANSMIT_TIMEOUT: Duration = Duration::from_millis(1);
    /// Where the doubling ends as well (RFC 9147 §5.8.2).
    pub(crate) const MAX_RETRANSMIT_TIMEOUT: Duration = Duration::from_secs(60);

    /// The first retransmission timeout: 1 s by default; 400 ms or less for real-time media
    /// (RFC 9147 §5.8.2). It doubles with every retransmission, up to 60 s. From 1 ms to 60 s.
    pub fn with_retransmit_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        if !(Self::MIN_RETRANSMIT_TIMEOUT..=Self::MAX_RETRANSMIT_TIMEOUT).contains(&timeout) {
            return Err(ConfigError::OutOfRange("the retransmission timeout"));
        }
        self.flight.initial_timeout = timeout;
        Ok(self)
    }

    /// How often a flight is sent again before the handshake fails: 12 by default, from 1 to 100.
    pub fn with_max_retransmits(mut self, count: u32) -> Result<Self, ConfigError> {
        if !(1..=100).contains(&count) {
            return Err(ConfigError::OutOfRange("the number of retransmissions"));
        }
        self.flight.max_retransmits = count;
        Ok(self)
    }

    /// How long the whole handshake may take, questions to the application included. The default
    /// is the sum of all retransmission periods: with the other defaults 483 s.
    #[must_use]
    pub const fn with_handshake_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The largest UDP payload that is sent during the handshake, in bytes: from 128 to 65,507.
    ///
    /// Without it datagrams have at most 1,200 bytes, and 528 after the third retransmission. A
    /// size that is set is kept. Drivers that know an IP MTU subtract the headers (28 bytes with
    /// IPv4, 48 with IPv6).
    pub fn with_max_datagram(mut self, bytes: usize) -> Result<Self, ConfigError> {
        if !(Self::MIN_DATAGRAM..=65_507).contains(&bytes) {
            return Err(ConfigError::OutOfRange("the datagram size"));
        }
        self.max_datagram = Some(bytes);
        Ok(self)
    }

    /// The longest handshake message that is accepted, in bytes: 65,536 by default. A peer can
    /// make us hold a small multiple of it.
    pub fn with_max_message(mut self, bytes: u32) -> Result<Self, ConfigError> {
        if !(1024..1 << 24).contains(&bytes) {
            return Err(ConfigError::OutOfRange("the message length"));
        }
        self.flight.max_message_len = bytes;
        Ok(self)
    }

    /// How many records the replay window spans: 128 by default, from 64 to 1,024. Records that
    /// are older are dropped; a wider window helps on paths that reorder a lot.
    pub fn with_replay_window(mut self, records: u16) -> Result<Self, ConfigError> {
        self.window =
            WindowSize::new(records).ok_or(ConfigError::OutOfRange("the replay window"))?;
        Ok(self)
    }

    /// Whether unauthenticated evidence of failure (a plaintext alert, a record that does not
    /// decrypt) ends a handshake at once instead of after a retransmission period without
    /// progress. Faster errors, at the price that one forged datagram can end a handshake. Off by
    /// default.
    #[must_use]
    pub const fn with_fail_fast(mut self, on: bool) -> Self {
        self.fail_fast = on;
        self
    }

    /// Whether a 1.3 peer whose flight has stopped half-way is sent the same ACK again, after a
    /// retransmission timeout and with a back-off. On by default: a server that has not seen our
    /// address proven may send three times what it received (RFC 9147 §5.1), and without a word
    /// from us that can be the end.
    #[must_use]
    pub const fn with_repeated_acks(mut self, on: bool) -> Self {
        self.flight.repeat_acks = on;
        self
    }

    pub(crate) fn handshake_deadline(&self) -> Duration {
        self.deadline.unwrap_or_else(|| self.flight.give_up_after())
    }
}
