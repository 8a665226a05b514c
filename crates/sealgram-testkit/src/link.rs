//! What becomes of datagrams.

use core::fmt;
use core::time::Duration;

use sealgram::{Instant, Side};

/// What becomes of one datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives after the link's latency.
    Deliver,
    /// It is lost.
    Drop,
    /// It arrives twice: after the latency, and again so much later.
    Duplicate(Duration),
    /// It arrives so much later, so that others may overtake it.
    Delay(Duration),
    /// It arrives damaged, so much later.
    Damage(Damage, Duration),
}

/// What can happen to a datagram's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// Only so many bytes of it arrive.
    Truncate(usize),
    /// This bit is flipped, counted from the lowest one of the first byte.
    Flip(usize),
}

impl Damage {
    /// Does it. Damage beyond the end changes nothing.
    pub fn apply(self, datagram: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => datagram.truncate(len),
            Self::Flip(bit) => {
                if let Some(byte) = datagram.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }
}

/// A datagram on the link.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who sent it.
    pub from: Side,
    /// How many both sides had sent before it.
    pub index: usize,
    /// How many its sender had sent before it.
    pub index_of_side: usize,
    /// When.
    pub at: Instant,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What became of it: decided by the plan, which sees [`Fate::Deliver`] here.
    pub fate: Fate,
}

/// Decides what becomes of each datagram. [`plan`](crate::plan) has the usual ones.
pub struct Plan(Box<dyn FnMut(&Sent) -> Fate>);

impl Plan {
    /// A plan that asks `decide`.
    pub fn new(decide: impl FnMut(&Sent) -> Fate + 'static) -> Self {
        Self(Box::new(decide))
    }

    pub(crate) fn decide(&mut self, sent: &Sent) -> Fate {
        (self.0)(sent)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plan")
    }
}
