//! Key updates, and the end of connections.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::time::Duration;

use sealgram::Side;
use sealgram::iana::Version;
use sealgram_peers::{Checked, KeyKind, Library, Meeting, Role, Terms, check, is_wanted, rows};
use sealgram_testkit::plan;

/// Who updates its keys in a round, and whether it asks the other to do the same.
#[derive(Clone, Copy, Debug)]
struct Update {
    ours: bool,
    peer_too: bool,
}

struct Row {
    role: Role,
    updates: &'static [Update],
    /// Whether the datagrams with the first KeyUpdate and its first ACK are lost.
    lossy: bool,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, updates, lossy } = self;
        write!(f, "{role}, lossy {lossy}")?;
        for Update { ours, peer_too } in *updates {
            write!(f, "; {}", if *ours { "sealgram" } else { "the other" })?;
            write!(f, "{}", if *peer_too { " and asks" } else { "" })?;
        }
        Ok(())
    }
}

const OURS: Update = Update { ours: true, peer_too: false };
const OURS_AND_ASK: Update = Update { ours: true, peer_too: true };
const THEIRS: Update = Update { ours: false, peer_too: false };
const THEIRS_AND_ASK: Update = Update { ours: false, peer_too: true };

/// More than four in a row: a record shows two bits of the epoch (RFC 9147 §4).
const PLANS: [&[Update]; 5] = [
    &[OURS; 9],
    &[OURS_AND_ASK; 9],
    &[THEIRS; 9],
    &[THEIRS_AND_ASK; 9],
    &[OURS, THEIRS_AND_ASK, OURS_AND_ASK, THEIRS, THEIRS, OURS, OURS, OURS, THEIRS],
];

#[test]
fn boring_and_sealgram_update_their_keys_again_and_again() {
    let library = Library::Boring;
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for updates in PLANS {
            cases.extend([false, true].map(|lossy| Row { role, updates, lossy }));
        }
    }
    rows(&cases, |row| {
        let [client, server] = Terms::pair(&authority, &[Version::V13]);
        let mut meeting = Meeting::start(&row.role.parties(library, &client, &server))?;
        meeting.connect()?;
        for Update { ours, peer_too } in row.updates {
            if row.lossy {
                let next = meeting.pair.trace().len();
                meeting.pair.set_plan(plan::dropping(vec![next, next + 2]));
            }
            let side = if *ours { row.role.ours() } else { row.role.theirs() };
            let now = meeting.pair.now();
            check(meeting.end_mut(side).update_keys(now, *peer_too), "no update")?;
            meeting.run_for(Duration::from_secs(10))?;
            meeting.pair.set_plan(plan::perfect());
            meeting.exchange()?;
        }
        meeting.rest()?;
        meeting.close(row.role.ours())
    });
}

struct Automatic {
    role: Role,
    peer_too: bool,
    key_limit: Option<u64>,
}

impl Display for Automatic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, peer_too, key_limit } = self;
        write!(f, "{role}, asks {peer_too}, dimpl updates after {key_limit:?} records")
    }
}

/// dimpl updates its keys when it is asked to, or by itself after so many records, and then asks.
/// Not both: it sends two KeyUpdates under the same keys then.
#[test]
fn dimpl_and_sealgram_update_their_keys_again_and_again() {
    let library = Library::Dimpl;
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for (peer_too, key_limit) in [(false, None), (true, None), (false, Some(5))] {
            cases.push(Automatic { role, peer_too, key_limit });
        }
    }
    rows(&cases, |&Automatic { role, peer_too, key_limit }| {
        let [mut client, mut server] = Terms::pair(&authority, &[Version::V13]);
        client.key_limit = key_limit;
        server.key_limit = key_limit;
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        meeting.connect()?;
        for _ in 0..10 {
            let now = meeting.pair.now();
            check(meeting.end_mut(role.ours()).update_keys(now, peer_too), "no update")?;
            meeting.run_for(Duration::from_secs(10))?;
            meeting.exchange()?;
        }
        meeting.rest()?;
        meeting.close(role.ours())
    });
}

struct Close {
    library: Library,
    role: Role,
    version: Version,
    by: Side,
}

impl Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {:?}, by the {:?}", self.library, self.role, self.version, self.by)
    }
}

fn every_close(library: Library) {
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in [Version::V12, Version::V13] {
            cases.extend([Side::Client, Side::Server].map(|by| Close {
                library,
                role,
                version,
                by,
            }));
        }
    }
    rows(&cases, |case| -> Checked {
        let [client, server] = Terms::pair(&authority, &[case.version]);
        let mut meeting = Meeting::start(&case.role.parties(library, &client, &server))?;
        meeting.connect()?;
        meeting.exchange()?;
        meeting.close(case.by)?;
        meeting.rest()
    });
}

#[test]
fn boring_and_sealgram_hear_each_other_say_goodbye() {
    every_close(Library::Boring);
}

#[test]
fn dimpl_and_sealgram_hear_each_other_say_goodbye() {
    every_close(Library::Dimpl);
}
