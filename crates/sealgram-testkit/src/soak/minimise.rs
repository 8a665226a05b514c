//! Finds the simplest scenario that still fails.

use core::time::Duration;

use super::scenario::{Credentials, Door, Past};
use super::timeline::Journal;
use super::{Scenario, Soak};
use crate::{Asks, Fate, Faults};

/// Each makes a scenario simpler, and none undoes what another one does.
const SIMPLER: &[fn(&mut Scenario)] = &[
    |s| s.acts.clear(),
    |s| s.early.clear(),
    |s| s.rebinds = None,
    |s| s.gives_up = None,
    |s| {
        if s.past != Past::None {
            s.past = Past::First;
        }
    },
    |s| s.past = Past::None,
    |s| s.asks = Asks::default(),
    |s| s.answer_after = Duration::ZERO,
    |s| s.credentials = Credentials::Server,
    |s| s.other_group = false,
    |s| s.client_offers_both = false,
    |s| s.server_offers_both = false,
    |s| s.suite = None,
    |s| {
        if s.door != Door::Cookie {
            s.door = Door::Trusted;
        }
    },
    |s| s.door = Door::Cookie,
    |s| s.max_datagram = None,
    |s| s.chain_bytes = 0,
    |s| s.alpn_bytes = 0,
    |s| s.record_size_limit = None,
    |s| s.fail_fast = false,
    |s| s.retransmit_timeout = Duration::from_secs(1),
    |s| s.latency = Duration::from_millis(10),
    |s| s.heals = None,
    |s| s.faults.loss = 0,
    |s| s.faults.bursts = None,
    |s| s.faults.duplication = 0,
    |s| s.faults.reordering = 0,
    |s| s.faults.delay = None,
    |s| s.faults.jitter = Duration::ZERO,
    |s| s.faults.truncation = 0,
    |s| s.faults.flips = 0,
    |s| s.faults.black_hole = None,
];

impl Soak {
    /// The simplest scenario found that fails like this one: with fewer features, and with as few
    /// harmed datagrams as possible, listed one by one. `None` if this one does not fail.
    #[must_use]
    pub fn minimise(&self, scenario: &Scenario) -> Option<Scenario> {
        let mut journal = Journal::default();
        let kind = kind(&self.judge(scenario, &mut journal).err()?);
        let fails = |candidate: &Scenario| {
            let result = self.judge(candidate, &mut Journal::default());
            result.is_err_and(|what| self::kind(&what) == kind)
        };
        let mut best = scenario.clone();
        simplify(&mut best, fails);
        // The same again with what became of each datagram instead of what becomes of most.
        let mut journal = Journal::default();
        let _ = self.judge(&best, &mut journal);
        let mut listed = best.clone();
        listed.fates = Some(journal.fates);
        listed.faults = Faults::default();
        if fails(&listed) {
            best = listed;
            spare(&mut best, fails);
            simplify(&mut best, fails);
            spare(&mut best, fails);
        }
        Some(best)
    }
}

/// Takes features away for as long as it goes on failing.
fn simplify(best: &mut Scenario, fails: impl Fn(&Scenario) -> bool) {
    loop {
        let mut any = false;
        for simpler in SIMPLER {
            let mut candidate = best.clone();
            simpler(&mut candidate);
            let changed = format!("{candidate:?}") != format!("{best:?}");
            if changed && fails(&candidate) {
                *best = candidate;
                any = true;
            }
        }
        if !any {
            return;
        }
    }
}

/// Lets datagrams arrive for as long as it goes on failing.
fn spare(best: &mut Scenario, fails: impl Fn(&Scenario) -> bool) {
    let count = best.fates.as_ref().map_or(0, Vec::len);
    for index in (0..count).rev() {
        let mut candidate = best.clone();
        let Some(fates) = &mut candidate.fates else { return };
        if fates.get(index).is_none_or(|fate| *fate == Fate::Deliver) {
            continue;
        }
        fates[index] = Fate::Deliver;
        if fails(&candidate) {
            *best = candidate;
        }
    }
    if let Some(fates) = &mut best.fates {
        let harmed = fates.iter().rposition(|fate| *fate != Fate::Deliver);
        fates.truncate(harmed.map_or(0, |last| last + 1));
    }
}

/// What failures have in common that have the same cause, as far as one can tell: their text
/// without numbers.
fn kind(what: &str) -> String {
    what.split(|c: char| c.is_ascii_digit() || c == '[').next().unwrap_or_default().to_owned()
}
