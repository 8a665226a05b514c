//! A server as it stands at the end of a link: behind an endpoint, or alone.

use sealgram::Instant;

use crate::{ConnectionFace, EndpointFace, Face};

/// A server, however clients get in.
#[derive(Debug)]
pub(super) enum Server {
    Endpoint(Box<EndpointFace>),
    Trusting(Box<ConnectionFace>),
}

impl Server {
    fn face(&self) -> &dyn Face {
        match self {
            Self::Endpoint(face) => &**face,
            Self::Trusting(face) => &**face,
        }
    }

    fn face_mut(&mut self) -> &mut dyn Face {
        match self {
            Self::Endpoint(face) => &mut **face,
            Self::Trusting(face) => &mut **face,
        }
    }

    /// How many connections there were so far.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Endpoint(face) => face.connections.len(),
            Self::Trusting(_) => 1,
        }
    }

    /// One of them, in the order in which they came.
    pub(super) fn connection(&self, index: usize) -> Option<&ConnectionFace> {
        match self {
            Self::Endpoint(face) => face.connections.get(index).map(|(_, face)| face),
            Self::Trusting(face) => (index == 0).then_some(&**face),
        }
    }

    pub(super) fn connection_mut(&mut self, index: usize) -> Option<&mut ConnectionFace> {
        match self {
            Self::Endpoint(face) => face.connections.get_mut(index).map(|(_, face)| face),
            Self::Trusting(face) => (index == 0).then_some(&mut **face),
        }
    }

    /// Which one serves the client: the newest that is connected, or else the newest.
    pub(super) fn serving(&self) -> Option<usize> {
        let connected = |index: &usize| self.connection(*index).is_some_and(Face::is_connected);
        (0..self.count()).rfind(connected).or_else(|| self.count().checked_sub(1))
    }
}

impl Face for Server {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    ) {
        self.face_mut().handle_datagram(now, datagram, received);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.face_mut().poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.face().poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.face_mut().handle_timeout(now);
    }

    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        self.face_mut().send(now, plaintext, out)
    }

    fn is_connected(&self) -> bool {
        self.face().is_connected()
    }

    fn is_closed(&self) -> bool {
        self.face().is_closed()
    }

    fn peer_seen_at(&mut self, address: u16) {
        self.face_mut().peer_seen_at(address);
    }

    fn sends_to(&self) -> Option<u16> {
        self.face().sends_to()
    }
}
