//! Sessions that are resumed.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::time::Duration;

use sealgram::iana::{NamedGroup, Version};
use sealgram_peers::{
    Agreed, Authority, Checked, ClientCertificate, KeyKind, Library, Meeting, Party, Resumption,
    Role, Terms, check, check_eq, is_wanted, rows,
};
use sealgram_testkit::{Fate, plan};

const LIBRARY: Library = Library::Boring;

/// How the two resume.
#[derive(Clone, Copy)]
struct Way {
    role: Role,
    version: Version,
    client: Resumption,
    server: Resumption,
}

impl Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, version, client, server } = self;
        write!(f, "{role}, {version:?}, client {client:?}, server {server:?}")
    }
}

/// Ways that work.
fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for role in Role::BOTH {
        for (version, client, server) in [
            (Version::V12, Resumption::Tickets, Resumption::Tickets),
            (Version::V12, Resumption::Tickets, Resumption::SessionIds),
            (Version::V13, Resumption::Tickets, Resumption::Tickets),
        ] {
            ways.push(Way { role, version, client, server });
        }
    }
    // BoringSSL's client can be told to take no tickets.
    ways.push(Way {
        role: Role::Server,
        version: Version::V12,
        client: Resumption::SessionIds,
        server: Resumption::SessionIds,
    });
    ways
}

/// Terms with certificates on both sides.
fn terms(authority: &Authority, way: Way) -> [Terms; 2] {
    let [mut client, mut server] = Terms::pair(authority, &[way.version]);
    client.identity = Some(authority.client.clone());
    server.trust = Some(authority.root());
    server.client_certificate = ClientCertificate::Required;
    client.resumption = way.client;
    server.resumption = way.server;
    [client, server]
}

/// One association, from beginning to end.
fn meet(pause: Duration, parties: &[Box<dyn Party>; 2]) -> Checked<[Agreed; 2]> {
    let mut meeting = Meeting::start_after(pause, parties)?;
    let agreed = meeting.connect()?;
    meeting.check_exports()?;
    meeting.exchange()?;
    meeting.close(sealgram::Side::Client)?;
    Ok(agreed)
}

/// Sessions of 1.2 live for an hour or two, and are not renewed when they are resumed.
const PAUSE: Duration = Duration::from_secs(10 * 60);

#[test]
fn boring_and_sealgram_resume_again_and_again_and_keep_both_certificates() {
    if !is_wanted(LIBRARY) {
        return;
    }
    let authority = LIBRARY.authority(KeyKind::P256);
    rows(&ways(), |way| {
        let [client, server] = terms(&authority, *way);
        let parties = way.role.parties(LIBRARY, &client, &server);
        let mut first: Option<[Agreed; 2]> = None;
        for round in 0..4 {
            let agreed = meet(PAUSE, &parties)?;
            check_eq(&format!("resumption in round {round}"), agreed[0].resumed, round > 0)?;
            check_eq("the version", agreed[0].version, way.version)?;
            let certificates = agreed.clone().map(|agreed| agreed.peer_certificate);
            check(certificates.iter().all(Option::is_some), "a certificate is missing")?;
            let first = first.get_or_insert(agreed).clone().map(|agreed| agreed.peer_certificate);
            check_eq("the certificates", certificates, first)?;
        }
        Ok(())
    });
}

#[test]
fn boring_and_sealgram_resume_after_a_retry_for_another_group() {
    if !is_wanted(LIBRARY) {
        return;
    }
    let authority = LIBRARY.authority(KeyKind::P256);
    let mut cases = ways();
    cases.retain(|way| way.version == Version::V13);
    rows(&cases, |way| {
        let [mut client, mut server] = terms(&authority, *way);
        client.groups = vec![NamedGroup::X25519, NamedGroup::SECP384R1];
        server.groups = vec![NamedGroup::SECP384R1];
        let parties = way.role.parties(LIBRARY, &client, &server);
        for round in 0..3 {
            let [agreed, _] = meet(PAUSE, &parties)?;
            check_eq(&format!("resumption in round {round}"), agreed.resumed, round > 0)?;
            check_eq("the group", agreed.group, Some(NamedGroup::SECP384R1))?;
        }
        Ok(())
    });
}

#[test]
fn boring_and_sealgram_begin_anew_when_a_session_is_too_old() {
    if !is_wanted(LIBRARY) {
        return;
    }
    let authority = LIBRARY.authority(KeyKind::P256);
    rows(&ways(), |way| {
        let [client, server] = terms(&authority, *way);
        let parties = way.role.parties(LIBRARY, &client, &server);
        meet(PAUSE, &parties)?;
        let [agreed, _] = meet(PAUSE * 6 * 24 * 9, &parties)?;
        check_eq("resumption", agreed.resumed, false)
    });
}

#[test]
fn boring_and_sealgram_begin_anew_when_the_server_has_forgotten_the_session() {
    if !is_wanted(LIBRARY) {
        return;
    }
    let authority = LIBRARY.authority(KeyKind::P256);
    rows(&ways(), |way| {
        let [client, server] = terms(&authority, *way);
        let [client, first] = way.role.parties(LIBRARY, &client, &server);
        let [_, second] = way.role.parties(LIBRARY, &terms(&authority, *way)[0], &server);
        let mut parties = [client, first];
        meet(PAUSE, &parties)?;
        parties[1] = second;
        for round in 0..2 {
            let [agreed, _] = meet(PAUSE, &parties)?;
            check_eq(&format!("resumption in round {round}"), agreed.resumed, round > 0)?;
        }
        Ok(())
    });
}

/// What happens to one datagram of a resumed handshake.
struct Mishap {
    way: Way,
    index: usize,
    fate: Fate,
}

impl Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, datagram {}: {:?}", self.way, self.index, self.fate)
    }
}

#[test]
fn boring_and_sealgram_resume_in_spite_of_the_mishap_of_each_single_datagram() {
    if !is_wanted(LIBRARY) {
        return;
    }
    let authority = LIBRARY.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for way in ways() {
        // As many as any of them has.
        for index in 0..8 {
            for fate in [
                Fate::Drop,
                Fate::Duplicate(Duration::from_millis(300)),
                Fate::Delay(Duration::from_millis(5)),
                Fate::Delay(Duration::from_millis(1500)),
            ] {
                cases.push(Mishap { way, index, fate });
            }
        }
    }
    rows(&cases, |&Mishap { way, index, fate }| {
        let [client, server] = terms(&authority, way);
        let parties = way.role.parties(LIBRARY, &client, &server);
        meet(PAUSE, &parties)?;
        let mut fates = vec![Fate::Deliver; index];
        fates.push(fate);
        let mut meeting = Meeting::start_after(PAUSE, &parties)?.with_plan(plan::fates(fates));
        let [agreed, _] = meeting.connect()?;
        check_eq("resumption", agreed.resumed, true)?;
        meeting.pair.set_plan(plan::perfect());
        meeting.exchange()
    });
}
