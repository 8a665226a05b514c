//! Certificates that are refused, and those of clients.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram::Side;
use sealgram::iana::{AlertDescription, Version};
use sealgram_peers::{
    ClientCertificate, Ended, KeyKind, Leaf, Library, Meeting, Role, Terms, check, check_eq,
    is_wanted, rows,
};

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

struct Row<T> {
    role: Role,
    version: Version,
    what: T,
}

impl<T: fmt::Debug> Display for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}, {:?}", self.role, self.version, self.what)
    }
}

fn every_way<T: Copy>(roles: &[Role], what: &[T]) -> Vec<Row<T>> {
    let mut cases = Vec::new();
    for &role in roles {
        for version in VERSIONS {
            cases.extend(what.iter().map(|what| Row { role, version, what: *what }));
        }
    }
    cases
}

fn client_certificate_of_every_kind(library: Library) {
    if !is_wanted(library) {
        return;
    }
    let cases = every_way(&Role::BOTH, library.key_kinds());
    rows(&cases, |&Row { role, version, what: kind }| {
        let authority = library.authority(kind);
        let [mut client, mut server] = Terms::pair(&authority, &[version]);
        client.identity = Some(authority.client.clone());
        server.trust = Some(authority.root());
        server.client_certificate = ClientCertificate::Required;
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        let [_, at_server] = meeting.connect()?;
        let shown = client.identity.map(|identity| Leaf(identity.leaf().to_vec()));
        check_eq("the certificate that the server saw", at_server.peer_certificate, shown)?;
        meeting.exchange()?;
        meeting.close(role.ours())
    });
}

#[test]
fn boring_and_sealgram_accept_client_certificates_of_every_kind() {
    client_certificate_of_every_kind(Library::Boring);
}

#[test]
fn dimpl_and_sealgram_accept_client_certificates_of_every_kind() {
    client_certificate_of_every_kind(Library::Dimpl);
}

#[test]
fn boring_and_sealgram_let_clients_in_whose_certificate_is_asked_for_and_missing() {
    let library = Library::Boring;
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    rows(&every_way(&Role::BOTH, &["no certificate"]), |&Row { role, version, .. }| {
        let [client, mut server] = Terms::pair(&authority, &[version]);
        server.trust = Some(authority.root());
        server.client_certificate = ClientCertificate::Asked;
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        let [_, at_server] = meeting.connect()?;
        check_eq("the certificate that the server saw", at_server.peer_certificate, None)?;
        meeting.exchange()
    });
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    /// The server's certificate leads to another root.
    ServerUntrusted,
    /// The client's certificate leads to another root.
    ClientUntrusted,
    /// The client has no certificate, and one is required.
    ClientMissing,
}

impl Wrong {
    fn refuser(self) -> Side {
        match self {
            Self::ServerUntrusted => Side::Client,
            Self::ClientUntrusted | Self::ClientMissing => Side::Server,
        }
    }

    fn alert(self, version: Version) -> AlertDescription {
        match (self, version) {
            (Self::ServerUntrusted | Self::ClientUntrusted, _) => AlertDescription::UNKNOWN_CA,
            (Self::ClientMissing, Version::V12) => AlertDescription::HANDSHAKE_FAILURE,
            (Self::ClientMissing, Version::V13) => AlertDescription::CERTIFICATE_REQUIRED,
        }
    }
}

fn terms(library: Library, version: Version, wrong: Wrong) -> [Terms; 2] {
    let [good, bad] = [KeyKind::P256; 2].map(|kind| library.authority(kind));
    let [mut client, mut server] = Terms::pair(&good, &[version]);
    match wrong {
        Wrong::ServerUntrusted => server.identity = Some(bad.server),
        Wrong::ClientUntrusted => client.identity = Some(bad.client),
        Wrong::ClientMissing => {}
    }
    if wrong != Wrong::ServerUntrusted {
        server.trust = Some(good.root());
        server.client_certificate = ClientCertificate::Required;
    }
    [client, server]
}

#[test]
fn boring_and_sealgram_refuse_each_others_bad_certificates() {
    let library = Library::Boring;
    if !is_wanted(library) {
        return;
    }
    let cases = every_way(
        &Role::BOTH,
        &[Wrong::ServerUntrusted, Wrong::ClientUntrusted, Wrong::ClientMissing],
    );
    rows(&cases, |&Row { role, version, what }| {
        let [client, server] = terms(library, version, what);
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        meeting.refused(what.refuser(), what.alert(version))
    });
}

/// dimpl looks at no chain, and always has a certificate.
#[test]
fn sealgram_refuses_bad_certificates_of_dimpl() {
    let library = Library::Dimpl;
    if !is_wanted(library) {
        return;
    }
    let mut cases = every_way(&[Role::Client], &[Wrong::ServerUntrusted]);
    cases.extend(every_way(&[Role::Server], &[Wrong::ClientUntrusted]));
    rows(&cases, |&Row { role, version, what }| {
        let [client, server] = terms(library, version, what);
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        meeting.refused(what.refuser(), what.alert(version))
    });
}

/// dimpl refuses without an alert: a 1.2 client learns it from its deadline, a 1.3 client from
/// nothing but silence.
#[test]
fn dimpl_server_refuses_sealgram_without_a_certificate() {
    let library = Library::Dimpl;
    if !is_wanted(library) {
        return;
    }
    rows(&every_way(&[Role::Client], &[Wrong::ClientMissing]), |&Row { role, version, what }| {
        let [client, server] = terms(library, version, what);
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        meeting.run_for(core::time::Duration::from_secs(600))?;
        let theirs = meeting.end(Side::Server).ended();
        check(matches!(theirs, Some(Ended::Failed { .. })), format!("dimpl: {theirs:?}"))?;
        let ours = meeting.end(Side::Client).ended();
        check(
            matches!(ours, Some(Ended::Failed { .. })),
            meeting.failure(&format!("sealgram: {ours:?}")).to_string(),
        )
    });
}
