//! The usual plans.

use core::time::Duration;

use sealgram::Side;

use crate::{Fate, Plan, Rng};

/// Everything arrives, in order.
#[must_use]
pub fn perfect() -> Plan {
    Plan::new(|_| Fate::Deliver)
}

/// The datagrams of both sides, in the order in which they are sent, have these fates; those after
/// them arrive.
#[must_use]
pub fn fates(fates: Vec<Fate>) -> Plan {
    Plan::new(move |sent| fates.get(sent.index).copied().unwrap_or(Fate::Deliver))
}

/// The datagrams with these indices, counted over both sides from 0, are lost.
#[must_use]
pub fn dropping(indices: Vec<usize>) -> Plan {
    Plan::new(move |sent| if indices.contains(&sent.index) { Fate::Drop } else { Fate::Deliver })
}

/// Everything from this side is lost; with `None`, everything.
#[must_use]
pub fn silence(from: Option<Side>) -> Plan {
    Plan::new(move |sent| match from {
        Some(side) if side != sent.from => Fate::Deliver,
        _ => Fate::Drop,
    })
}

/// Each datagram is lost with this probability.
#[must_use]
pub fn lossy(seed: u64, percent: u64) -> Plan {
    let mut rng = Rng::new(seed);
    Plan::new(move |_| if rng.chance(percent) { Fate::Drop } else { Fate::Deliver })
}

/// Datagrams are lost, duplicated and delayed by up to `delay`, each with this probability.
#[must_use]
pub fn chaotic(seed: u64, percent: u64, delay: Duration) -> Plan {
    let mut rng = Rng::new(seed);
    Plan::new(move |_| {
        let late = delay / 100 * u32::try_from(rng.range(0..101)).expect("small");
        if rng.chance(percent) {
            Fate::Drop
        } else if rng.chance(percent) {
            Fate::Duplicate(late)
        } else if rng.chance(percent) {
            Fate::Delay(late)
        } else {
            Fate::Deliver
        }
    })
}
