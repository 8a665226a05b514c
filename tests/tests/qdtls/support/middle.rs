//! Stands between clients and a server: sees every datagram, and loses, holds back, repeats and
//! invents some. Unlike the relay of the tests with foreign programs it runs in the test's own
//! thread, so that a test decides what happens between two datagrams.

use core::net::SocketAddr;
use std::net::UdpSocket;

use sealgram_tests::{Checked, Datagram, Direction};

use super::OrFail;

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Lose,
    /// Kept until [`Middle::release`].
    Hold,
}

/// Decides by direction, by how many came before in this direction, and by content.
type Rule = Box<dyn FnMut(Direction, usize, &[u8]) -> Fate>;

pub(crate) struct Middle {
    /// Where clients send to.
    front: UdpSocket,
    /// What the server sees as the client's address.
    back: UdpSocket,
    server: SocketAddr,
    /// To whom answers go: who spoke last, unless a test says otherwise.
    client: Option<SocketAddr>,
    pinned: bool,
    rule: Rule,
    seen: Vec<Datagram>,
    held: Vec<Datagram>,
}

impl Middle {
    /// In front of `server`; everything passes.
    pub(crate) fn to(server: SocketAddr) -> Checked<Self> {
        let any = SocketAddr::new(server.ip(), 0);
        let (front, back) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
        front.set_nonblocking(true)?;
        back.set_nonblocking(true)?;
        Ok(Self {
            front,
            back,
            server,
            client: None,
            pinned: false,
            rule: Box::new(|_, _, _| Fate::Pass),
            seen: Vec::new(),
            held: Vec::new(),
        })
    }

    /// Where clients find it.
    pub(crate) fn address(&self) -> Checked<SocketAddr> {
        Ok(self.front.local_addr()?)
    }

    /// What the server takes for the client's address.
    pub(crate) fn client_as_seen(&self) -> Checked<SocketAddr> {
        Ok(self.back.local_addr()?)
    }

    /// Another server takes the place of the first.
    pub(crate) fn redirect(&mut self, server: SocketAddr) {
        self.server = server;
    }

    /// From now on this decides.
    pub(crate) fn set_rule(&mut self, rule: impl FnMut(Direction, usize, &[u8]) -> Fate + 'static) {
        self.rule = Box::new(rule);
    }

    /// From now on everything passes.
    pub(crate) fn pass_all(&mut self) {
        self.set_rule(|_, _, _| Fate::Pass);
    }

    /// Answers go to this client from now on, whoever speaks.
    pub(crate) fn answer_to(&mut self, client: SocketAddr) {
        self.client = Some(client);
        self.pinned = true;
    }

    /// Everything so far, in the order of arrival; what was invented is not in it.
    pub(crate) fn seen(&self) -> &[Datagram] {
        &self.seen
    }

    /// What went in this direction so far.
    pub(crate) fn seen_to(&self, direction: Direction) -> impl Iterator<Item = &[u8]> {
        let mine = self.seen.iter().filter(move |datagram| datagram.direction == direction);
        mine.map(|datagram| &*datagram.bytes)
    }

    /// How many are held back.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// What is held back, oldest first; it stays here.
    pub(crate) fn held_bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.held.iter().map(|datagram| &*datagram.bytes)
    }

    /// Lets go what is held back, in this order of indices.
    pub(crate) fn release_in(&mut self, order: &[usize]) -> Checked {
        let held = core::mem::take(&mut self.held);
        for index in order {
            let datagram = held.get(*index).or_fail("what was held back")?;
            self.forward(datagram.direction, &datagram.bytes)?;
        }
        Ok(())
    }

    /// Lets go what is held back, in the order it came.
    pub(crate) fn release(&mut self) -> Checked {
        let order: Vec<usize> = (0..self.held.len()).collect();
        self.release_in(&order)
    }

    /// Sends something as if the other end had sent it.
    pub(crate) fn forward(&self, direction: Direction, bytes: &[u8]) -> Checked {
        match direction {
            Direction::ToServer => self.back.send_to(bytes, self.server)?,
            Direction::ToClient => {
                self.front.send_to(bytes, self.client.or_fail("a client that has spoken")?)?
            }
        };
        Ok(())
    }

    /// Handles what waits at both sockets.
    pub(crate) fn turn(&mut self) -> Checked {
        let mut buffer = vec![0; 0x1_0000];
        while let Ok((length, from)) = self.front.recv_from(&mut buffer) {
            if !self.pinned {
                self.client = Some(from);
            }
            self.handle(Direction::ToServer, &buffer[..length])?;
        }
        while let Ok((length, _)) = self.back.recv_from(&mut buffer) {
            self.handle(Direction::ToClient, &buffer[..length])?;
        }
        Ok(())
    }

    fn handle(&mut self, direction: Direction, bytes: &[u8]) -> Checked {
        let before = self.seen_to(direction).count();
        let fate = (self.rule)(direction, before, bytes);
        let datagram = Datagram { direction, bytes: bytes.to_vec(), lost: fate == Fate::Lose };
        self.seen.push(datagram.clone());
        match fate {
            Fate::Pass => self.forward(direction, bytes)?,
            Fate::Lose => {}
            Fate::Hold => self.held.push(datagram),
        }
        Ok(())
    }
}
