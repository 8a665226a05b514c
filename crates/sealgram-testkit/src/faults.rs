//! A network with faults: each kind has its own knob, and all of them can be turned at once.

use core::time::Duration;

use sealgram::Instant;

use crate::{Damage, Fate, Plan, Rng, Sent};

/// What a network does to the datagrams of both sides. The default is nothing.
///
/// Percentages are of datagrams, and each is drawn on its own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// How many are lost.
    pub loss: u64,
    /// Losses that come together.
    pub bursts: Option<Bursts>,
    /// How many arrive twice, the second time up to ten seconds later.
    pub duplication: u64,
    /// How many are held back for one to four [`Faults::HELD_BACK`], so that those sent after
    /// them overtake.
    pub reordering: u64,
    /// How many are late, and by how much at most.
    pub delay: Option<(u64, Duration)>,
    /// Each takes up to so much longer than the link's latency.
    pub jitter: Duration,
    /// How many lose their end.
    pub truncation: u64,
    /// How many arrive with one bit flipped.
    pub flips: u64,
    /// Longer ones, in bytes, get lost: a path with a smaller MTU that tells nobody.
    pub black_hole: Option<usize>,
}

/// Losses that come together: while a burst lasts, everything is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bursts {
    /// The chance that a datagram begins one, in percent.
    pub begin: u64,
    /// The chance that the datagram after a lost one gets through, in percent; not 0.
    pub end: u64,
}

impl Faults {
    /// The unit of reordering.
    pub const HELD_BACK: Duration = Duration::from_millis(30);

    /// How late a duplicate is at most.
    const LATEST_DUPLICATE: Duration = Duration::from_secs(10);

    /// Whether datagrams can arrive with other bytes than they were sent with.
    #[must_use]
    pub const fn damage(&self) -> bool {
        self.truncation > 0 || self.flips > 0
    }

    /// A plan with these faults for datagrams sent before `end`; later ones arrive unharmed.
    #[must_use]
    pub fn plan(&self, seed: u64, end: Instant) -> Plan {
        let (faults, mut rng, mut in_burst) = (self.clone(), Rng::new(seed), false);
        Plan::new(move |sent| {
            if sent.at >= end { Fate::Deliver } else { faults.fate(&mut rng, &mut in_burst, sent) }
        })
    }

    fn fate(&self, rng: &mut Rng, in_burst: &mut bool, sent: &Sent) -> Fate {
        let len = sent.bytes.len();
        if let Some(Bursts { begin, end }) = self.bursts {
            *in_burst = if *in_burst { !rng.chance(end) } else { rng.chance(begin) };
        }
        if *in_burst || rng.chance(self.loss) || self.black_hole.is_some_and(|most| len > most) {
            return Fate::Drop;
        }
        let mut late = up_to(rng, self.jitter);
        if let Some((percent, most)) = self.delay {
            late += if rng.chance(percent) { up_to(rng, most) } else { Duration::ZERO };
        }
        if rng.chance(self.reordering) {
            late += Self::HELD_BACK * u32::try_from(rng.range(1..5)).expect("small");
        }
        if rng.chance(self.truncation) {
            return Fate::Damage(Damage::Truncate(rng.range(0..len.max(1))), late);
        }
        if rng.chance(self.flips) {
            return Fate::Damage(Damage::Flip(rng.range(0..(8 * len).max(1))), late);
        }
        if rng.chance(self.duplication) {
            return Fate::Duplicate(late + up_to(rng, Self::LATEST_DUPLICATE));
        }
        if late.is_zero() { Fate::Deliver } else { Fate::Delay(late) }
    }
}

/// From nothing to all of it.
fn up_to(rng: &mut Rng, most: Duration) -> Duration {
    if most.is_zero() {
        return Duration::ZERO;
    }
    most / 1000 * u32::try_from(rng.range(0..1001)).expect("small")
}

#[cfg(test)]
mod tests {
    use sealgram::Side;

    use super::*;

    /// The fates of a thousand datagrams of 100 bytes, one every millisecond.
    fn fates(faults: &Faults) -> Vec<Fate> {
        let mut plan = faults.plan(1, Instant::from_micros(u64::MAX));
        let sent = |index: usize| Sent {
            from: Side::Client,
            index,
            index_of_side: index,
            at: Instant::from_micros(1000 * u64::try_from(index).unwrap()),
            bytes: vec![0; 100],
            fate: Fate::Deliver,
        };
        (0..1000).map(|index| plan.decide(&sent(index))).collect()
    }

    fn count(fates: &[Fate], wanted: impl Fn(&Fate) -> bool) -> usize {
        fates.iter().filter(|fate| wanted(fate)).count()
    }

    #[test]
    fn network_without_faults_delivers_everything() {
        assert_eq!(fates(&Faults::default()), [Fate::Deliver; 1000]);
    }

    #[test]
    fn each_kind_of_fault_does_what_it_says_about_as_often_as_it_says() {
        let lost = |fate: &Fate| *fate == Fate::Drop;
        let loss = Faults { loss: 20, ..Faults::default() };
        assert!((150..250).contains(&count(&fates(&loss), lost)));
        let bursts = Some(Bursts { begin: 2, end: 20 });
        let burst = fates(&Faults { bursts, ..Faults::default() });
        let pairs = burst.windows(2).filter(|two| two.iter().all(lost)).count();
        assert!(pairs * 2 > count(&burst, lost), "losses come together");
        let twice = Faults { duplication: 20, ..Faults::default() };
        let is_twice = |fate: &Fate| matches!(fate, Fate::Duplicate(_));
        assert!((150..250).contains(&count(&fates(&twice), is_twice)));
        let late = |least: Duration, most: Duration| move |fate: &Fate| matches!(fate, Fate::Delay(late) if (least..=most).contains(late));
        let held = Faults { reordering: 20, ..Faults::default() };
        let is_held = late(Faults::HELD_BACK, 4 * Faults::HELD_BACK);
        assert!((150..250).contains(&count(&fates(&held), is_held)));
        let second = Duration::from_secs(1);
        let delay = Faults { delay: Some((20, second)), ..Faults::default() };
        assert!((150..250).contains(&count(&fates(&delay), late(Duration::ZERO, second))));
        let jitter = Faults { jitter: second, ..Faults::default() };
        assert!(count(&fates(&jitter), late(Duration::ZERO, second)) > 900);
        let cut = Faults { truncation: 20, ..Faults::default() };
        let is_cut = |fate: &Fate| matches!(fate, Fate::Damage(Damage::Truncate(0..100), _));
        assert!((150..250).contains(&count(&fates(&cut), is_cut)));
        let flip = Faults { flips: 20, ..Faults::default() };
        let is_flip = |fate: &Fate| matches!(fate, Fate::Damage(Damage::Flip(0..800), _));
        assert!((150..250).contains(&count(&fates(&flip), is_flip)));
        for (most, lost_of_1000) in [(99, 1000), (100, 0)] {
            let hole = Faults { black_hole: Some(most), ..Faults::default() };
            assert_eq!(count(&fates(&hole), lost), lost_of_1000);
        }
    }

    #[test]
    fn faults_end_when_they_are_told_to() {
        let mut plan = Faults { loss: 100, ..Faults::default() }.plan(1, Instant::from_micros(5));
        let sent = |at| Sent {
            from: Side::Server,
            index: 0,
            index_of_side: 0,
            at: Instant::from_micros(at),
            bytes: Vec::new(),
            fate: Fate::Deliver,
        };
        assert_eq!(plan.decide(&sent(4)), Fate::Drop);
        assert_eq!(plan.decide(&sent(5)), Fate::Deliver);
    }

    #[test]
    fn damage_beyond_the_end_changes_nothing() {
        let mut datagram = vec![1, 2];
        Damage::Flip(16).apply(&mut datagram);
        Damage::Truncate(3).apply(&mut datagram);
        assert_eq!(datagram, [1, 2]);
        Damage::Flip(9).apply(&mut datagram);
        assert_eq!(datagram, [1, 0]);
        Damage::Truncate(1).apply(&mut datagram);
        assert_eq!(datagram, [1]);
    }
}
