//! What differs between the versions, and what an application may set. Data only.

use core::time::Duration;

/// Everything the flight layer must know about the version. A table, not a trait: there is one
/// code path and no `match version`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlightRules {
    /// ACKs are sent and obeyed (RFC 9147 §7). Without them nothing is ever marked as
    /// acknowledged, so a resend repeats the whole flight, and a message that only an ACK could
    /// acknowledge has no timer.
    pub acks: bool,
    /// Received records are remembered for an ACK. Before the version is known they are, because
    /// the ACK may become due as soon as it is.
    pub note_received: bool,
    /// A ChangeCipherSpec travels between two messages of different phase (RFC 6347 §4.2.4).
    pub change_cipher_spec: bool,
    /// The last flight is kept after the handshake and sent again when the peer repeats its
    /// Finished (RFC 6347 §4.2.4).
    pub resend_final_flight_on_repeat: bool,
    /// The first new fragment of the reply acknowledges the flight that it answers
    /// (RFC 9147 §7.1). Without it a flight ends when the next one begins.
    pub implicit_ack: bool,
    /// Fragments of several messages may share one record. Peers of the older version are known
    /// that read only the first fragment of a record.
    pub pack_messages: bool,
}

impl FlightRules {
    /// Before the version is known: what both versions allow (RFC 9147 §7).
    pub const UNDECIDED: Self = Self {
        acks: false,
        note_received: true,
        change_cipher_spec: false,
        resend_final_flight_on_repeat: false,
        implicit_ack: false,
        pack_messages: false,
    };

    /// DTLS 1.2 (RFC 6347 §4.2.4).
    pub const V12: Self = Self {
        acks: false,
        note_received: false,
        change_cipher_spec: true,
        resend_final_flight_on_repeat: true,
        implicit_ack: false,
        pack_messages: false,
    };

    /// DTLS 1.3 (RFC 9147 §5.8, §7).
    pub const V13: Self = Self {
        acks: true,
        note_received: true,
        change_cipher_spec: false,
        resend_final_flight_on_repeat: false,
        implicit_ack: true,
        pack_messages: true,
    };
}

/// What an application may set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlightConfig {
    /// The first retransmission timeout of a flight. Default 1 s (RFC 9147 §5.8.2).
    pub initial_timeout: Duration,
    /// Where the doubling of the timeout ends. Default 60 s (RFC 9147 §5.8.2).
    pub max_timeout: Duration,
    /// How often a flight is sent again; the next expiry ends the handshake. Default 12: with
    /// the other defaults that is 1 + 2 + 4 + 8 + 16 + 32 + 7 x 60 = 483 s, longer than any
    /// outage that a handshake is worth waiting for.
    pub max_retransmits: u32,
    /// The longest message that is accepted, in bytes. Default 65,536: a chain of certificates
    /// with post-quantum signatures fits several times.
    pub max_message_len: u32,
    /// Whether a peer whose flight has stopped half-way is sent the same ACK again, after the
    /// first retransmission timeout and then with a back-off of its own. Default: yes.
    pub repeat_acks: bool,
}

impl FlightConfig {
    /// The sum of all retransmission periods: how long a flight without any answer lives.
    #[must_use]
    pub fn give_up_after(&self) -> Duration {
        let mut sum = Duration::ZERO;
        let mut period = self.initial_timeout.min(self.max_timeout);
        if period.is_zero() {
            return sum; // doubling it leads nowhere
        }
        for expiry in 0..=self.max_retransmits {
            if period >= self.max_timeout {
                let rest = self.max_retransmits.saturating_sub(expiry).saturating_add(1);
                return sum.saturating_add(self.max_timeout.saturating_mul(rest));
            }
            sum = sum.saturating_add(period);
            period = period.saturating_mul(2).min(self.max_timeout);
        }
        sum
    }
}

impl Default for FlightConfig {
    fn default() -> Self {
        Self {
            initial_timeout: Duration::from_secs(1),
            max_timeout: Duration::from_secs(60),
            max_retransmits: 12,
            max_message_len: 65_536,
            repeat_acks: true,
        }
    }
}
