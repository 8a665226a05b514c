//! Datagrams: how long they are, and what happens when they are lost, doubled or late.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::time::Duration;

use sealgram::Side;
use sealgram::iana::{NamedGroup, Version};
use sealgram_peers::{
    Authority, Checked, ClientCertificate, KeyKind, Library, Meeting, Party, Resumption, Role,
    Terms, check, is_wanted, rows,
};
use sealgram_testkit::{Fate, plan};

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// Terms with certificates on both sides, so that both sides' flights are long, and tickets.
fn mutual(authority: &Authority, version: Version, max_datagram: usize) -> [Terms; 2] {
    let [mut client, mut server] = Terms::pair(authority, &[version]);
    client.identity = Some(authority.client.clone());
    server.trust = Some(authority.root());
    server.client_certificate = ClientCertificate::Required;
    client.max_datagram = max_datagram;
    server.max_datagram = max_datagram;
    server.resumption = Resumption::Tickets;
    [client, server]
}

struct Size {
    role: Role,
    version: Version,
    bytes: usize,
}

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}, {} bytes", self.role, self.version, self.bytes)
    }
}

fn sizes(bytes: &[usize]) -> Vec<Size> {
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in VERSIONS {
            cases.extend(bytes.iter().map(|bytes| Size { role, version, bytes: *bytes }));
        }
    }
    cases
}

fn every_size_of_datagrams(library: Library, kind: KeyKind) {
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(kind);
    rows(&sizes(&[256, 300, 400, 528, 700, 1000, 1200, 1232, 1400]), |case| {
        let [client, server] = mutual(&authority, case.version, case.bytes);
        let mut meeting = Meeting::start(&case.role.parties(library, &client, &server))?;
        meeting.connect()?;
        let sent = meeting.pair.sent_by(case.role.ours());
        let longest = sent.map(|sent| sent.bytes.len()).max().unwrap_or_default();
        check(longest <= case.bytes, format!("sealgram sends {longest} bytes"))?;
        // None is wasted: the certificates fill at least one.
        let floor = case.bytes.min(400) - 60;
        check(longest >= floor, format!("sealgram never sends more than {longest} bytes"))?;
        meeting.exchange()
    });
}

#[test]
fn boring_and_sealgram_connect_with_every_size_of_datagrams() {
    every_size_of_datagrams(Library::Boring, KeyKind::Rsa);
}

#[test]
fn dimpl_and_sealgram_connect_with_every_size_of_datagrams() {
    every_size_of_datagrams(Library::Dimpl, KeyKind::P384);
}

fn data_of_every_length(library: Library, lengths: &[usize]) {
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    rows(&sizes(&[1200]), |case| {
        let [client, server] = Terms::pair(&authority, &[case.version]);
        let mut meeting = Meeting::start(&case.role.parties(library, &client, &server))?;
        meeting.connect()?;
        for &len in lengths {
            for from in [Side::Client, Side::Server] {
                meeting.send(from, len)?;
            }
        }
        Ok(())
    });
}

#[test]
fn boring_and_sealgram_exchange_data_of_every_length() {
    let mut lengths: Vec<usize> = (1..80).collect();
    lengths.extend([255, 256, 1024, 1200, 1472, 4096, 8192, 16_383, 16_384]);
    data_of_every_length(Library::Boring, &lengths);
}

/// dimpl sends no datagram longer than its MTU.
#[test]
fn dimpl_and_sealgram_exchange_data_of_every_length() {
    let mut lengths: Vec<usize> = (1..80).collect();
    lengths.extend([255, 256, 1024, 1100, 1150]);
    data_of_every_length(Library::Dimpl, &lengths);
}

#[test]
fn empty_data_of_sealgram_does_no_harm() {
    for library in [Library::Boring, Library::Dimpl] {
        if !is_wanted(library) {
            continue;
        }
        let authority = library.authority(KeyKind::P256);
        rows(&sizes(&[0]), |case| {
            let [client, server] = Terms::pair(&authority, &[case.version]);
            let mut meeting = Meeting::start(&case.role.parties(library, &client, &server))?;
            meeting.connect()?;
            check(meeting.pair.send(case.role.ours(), b""), "nothing was sent")?;
            meeting.run_for(Duration::from_secs(1))?;
            meeting.exchange()
        });
    }
}

/// What happens to one datagram of a handshake.
struct Mishap {
    role: Role,
    version: Version,
    max_datagram: usize,
    /// The first has this fate, ...
    index: usize,
    fate: Fate,
    /// ... and this one is lost too.
    lost_too: Option<usize>,
}

impl Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, version, max_datagram, index, fate, lost_too } = self;
        write!(f, "{role}, {version:?}, {max_datagram} bytes, datagram {index}: {fate:?}")?;
        match lost_too {
            Some(index) => write!(f, ", datagram {index} lost"),
            None => Ok(()),
        }
    }
}

/// How many datagrams a handshake has until everybody is at rest.
fn datagrams(
    library: Library,
    authority: &Authority,
    role: Role,
    version: Version,
    max_datagram: usize,
) -> usize {
    let [client, server] = mutual(authority, version, max_datagram);
    let parties = role.parties(library, &client, &server);
    let mut meeting = Meeting::start(&parties).expect("two ends");
    meeting.connect().expect("a handshake without mishaps");
    meeting.pair.trace().len()
}

fn overcome(library: Library, authority: &Authority, case: &Mishap, within: Duration) -> Checked {
    let [client, server] = mutual(authority, case.version, case.max_datagram);
    go_on_in_spite_of(case, &case.role.parties(library, &client, &server), within)
}

fn go_on_in_spite_of(case: &Mishap, parties: &[Box<dyn Party>; 2], within: Duration) -> Checked {
    let mut fates = vec![Fate::Deliver; case.index];
    fates.push(case.fate);
    if let Some(index) = case.lost_too {
        fates.resize(index, Fate::Deliver);
        fates.push(Fate::Drop);
    }
    let mut meeting = Meeting::start(parties)?.with_plan(plan::fates(fates));
    meeting.connect()?;
    let took = meeting.handshake_time().unwrap_or_default();
    if took > within {
        return Err(meeting.failure(&format!("the handshake took {took:?}")));
    }
    // Data is not sent again.
    meeting.pair.set_plan(plan::perfect());
    meeting.exchange()
}

fn every_single_mishap(library: Library) {
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in VERSIONS {
            for max_datagram in [300, 1200] {
                let count = datagrams(library, &authority, role, version, max_datagram);
                assert!(count >= 4, "a handshake of {count} datagrams");
                for index in 0..count {
                    // Of the server's ACK of the client's last flight, dimpl sends no second one
                    // (RFC 9147 §5.8.1 says that it must).
                    let its_only_ack = library == Library::Dimpl
                        && (role, version) == (Role::Client, Version::V13)
                        && index + 1 == count;
                    for fate in [
                        Fate::Drop,
                        Fate::Duplicate(Duration::from_millis(1)),
                        Fate::Duplicate(Duration::from_millis(300)),
                        // Overtaken by the rest of its flight, and by a whole retransmission.
                        Fate::Delay(Duration::from_millis(5)),
                        Fate::Delay(Duration::from_millis(1500)),
                    ] {
                        if its_only_ack && fate == Fate::Drop {
                            continue;
                        }
                        let lost_too = None;
                        cases.push(Mishap { role, version, max_datagram, index, fate, lost_too });
                    }
                }
            }
        }
    }
    // Two retransmissions.
    let within = Duration::from_secs(3);
    rows(&cases, |case| overcome(library, &authority, case, within));
}

#[test]
fn boring_and_sealgram_overcome_the_mishap_of_each_single_datagram() {
    every_single_mishap(Library::Boring);
}

#[test]
fn dimpl_and_sealgram_overcome_the_mishap_of_each_single_datagram() {
    every_single_mishap(Library::Dimpl);
}

/// A hello with a share of the hybrid group needs two datagrams of this size, and the endpoint puts
/// it together twice: without a cookie and with one.
#[test]
fn boring_and_sealgram_overcome_the_mishap_of_each_datagram_of_a_hybrid_hello() {
    let library = Library::Boring;
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let (version, max_datagram) = (Version::V13, 700);
    let hybrid = |role: Role| {
        let [mut client, mut server] = mutual(&authority, version, max_datagram);
        client.groups = vec![NamedGroup::X25519_MLKEM768];
        client.shares = Some(client.groups.clone());
        server.groups = client.groups.clone();
        role.parties(library, &client, &server)
    };
    let mut cases = Vec::new();
    for role in Role::BOTH {
        // As many as it has with a cookie.
        for index in 0..12 {
            for fate in [
                Fate::Drop,
                Fate::Duplicate(Duration::from_millis(300)),
                Fate::Delay(Duration::from_millis(5)),
                Fate::Delay(Duration::from_millis(1500)),
            ] {
                let lost_too = None;
                cases.push(Mishap { role, version, max_datagram, index, fate, lost_too });
            }
        }
    }
    rows(&cases, |case| go_on_in_spite_of(case, &hybrid(case.role), Duration::from_secs(3)));
}

#[test]
fn boring_and_sealgram_overcome_the_loss_of_every_pair_of_datagrams() {
    let library = Library::Boring;
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in VERSIONS {
            let max_datagram = 600;
            let count = datagrams(library, &authority, role, version, max_datagram);
            for index in 0..count {
                // The second may be a retransmission of the first.
                for other in index + 1..count + 4 {
                    let (fate, lost_too) = (Fate::Drop, Some(other));
                    cases.push(Mishap { role, version, max_datagram, index, fate, lost_too });
                }
            }
        }
    }
    rows(&cases, |case| overcome(library, &authority, case, Duration::from_secs(8)));
}

struct Weather {
    role: Role,
    version: Version,
    seed: u64,
}

impl Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}, seed {}", self.role, self.version, self.seed)
    }
}

fn bad_weather(library: Library, percent: u64) {
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in VERSIONS {
            // dimpl's 1.3 server ends a handshake in which an ACK under application keys overtakes
            // the client's Finished, and repeats no ACK that is lost.
            if library == Library::Dimpl && (role, version) == (Role::Client, Version::V13) {
                continue;
            }
            cases.extend((0..50).map(|seed| Weather { role, version, seed }));
        }
    }
    rows(&cases, |case| {
        let [client, server] = mutual(&authority, case.version, 400);
        let parties = case.role.parties(library, &client, &server);
        let chaos = plan::chaotic(case.seed, percent, Duration::from_millis(400));
        let mut meeting = Meeting::start(&parties)?.with_plan(chaos);
        meeting.connect()?;
        meeting.pair.set_plan(plan::perfect());
        meeting.exchange()
    });
}

#[test]
fn boring_and_sealgram_connect_over_a_link_that_loses_doubles_and_reorders() {
    bad_weather(Library::Boring, 15);
}

/// dimpl gives up after four retransmissions.
#[test]
fn dimpl_and_sealgram_connect_over_a_link_that_loses_doubles_and_reorders() {
    bad_weather(Library::Dimpl, 3);
}
