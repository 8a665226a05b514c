//! What the network sees of one end.

use sealgram::Instant;

/// One end of an association, sans-IO: the calls that every implementation has in some form.
pub trait Face {
    /// A datagram arrived. Application data in it is handed to `received`, one call per record.
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    );

    /// Writes the next datagram that has to go into `out` and says how long it is.
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize>;

    /// When [`Face::handle_timeout`] must be called next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Handles what is due.
    fn handle_timeout(&mut self, now: Instant);

    /// Seals application data into `out` and says how long the datagram is; `None` if it cannot
    /// be sent now.
    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize>;

    /// Whether the handshake is complete and [`Face::send`] works.
    fn is_connected(&self) -> bool;

    /// Whether the association is over.
    fn is_closed(&self) -> bool;

    /// What is handed in from now on comes from another of the peer's addresses: number `address`,
    /// the first being 0. For faces that look at addresses.
    fn peer_seen_at(&mut self, address: u16) {
        let _ = address;
    }

    /// To which of the peer's addresses the datagram goes that was written last; `None` if the
    /// face does not look at addresses: then to wherever the peer is.
    fn sends_to(&self) -> Option<u16> {
        None
    }
}
