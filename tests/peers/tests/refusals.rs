//! Peers that have nothing in common.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram::Side;
use sealgram::iana::{AlertDescription, NamedGroup, Version};
use sealgram_peers::{KeyKind, Library, Meeting, Role, Suite, Terms, is_wanted, rows};

const V12: &[Version] = &[Version::V12];
const V13: &[Version] = &[Version::V13];

/// What the two do not have in common.
#[derive(Clone, Copy, Debug)]
enum Lacking {
    /// The client knows 1.2 and the server 1.3.
    VersionOfServer,
    /// The client knows 1.3 and the server 1.2.
    VersionOfClient,
    Suite(&'static [Version]),
    Group(&'static [Version]),
    Protocol(&'static [Version]),
}

impl Lacking {
    fn terms(self, library: Library) -> [Terms; 2] {
        let authority = library.authority(KeyKind::P256);
        let versions = match self {
            Self::Suite(versions) | Self::Group(versions) | Self::Protocol(versions) => versions,
            Self::VersionOfClient => V13,
            Self::VersionOfServer => V12,
        };
        let [mut client, mut server] = Terms::pair(&authority, versions);
        match self {
            Self::VersionOfServer => server.versions = V13.to_vec(),
            Self::VersionOfClient => server.versions = V12.to_vec(),
            Self::Suite(_) => {
                client.suites = vec![Suite::Aes128Gcm];
                server.suites = vec![Suite::Aes256Gcm];
            }
            Self::Group(_) => {
                // 1.2 looks for the group of the certificate's key too.
                client.groups = vec![NamedGroup::SECP256R1];
                server.groups = vec![NamedGroup::X25519];
            }
            Self::Protocol(_) => {
                client.alpn = vec!["coap"];
                server.alpn = vec!["webrtc", "c-webrtc"];
            }
        }
        [client, server]
    }

    const fn alert(self) -> AlertDescription {
        match self {
            Self::VersionOfServer | Self::VersionOfClient => AlertDescription::PROTOCOL_VERSION,
            Self::Suite(_) | Self::Group(_) => AlertDescription::HANDSHAKE_FAILURE,
            Self::Protocol(_) => AlertDescription::NO_APPLICATION_PROTOCOL,
        }
    }
}

struct Row {
    role: Role,
    lacking: Lacking,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}", self.role, self.lacking)
    }
}

#[test]
fn boring_and_sealgram_refuse_each_other_without_anything_in_common() {
    let library = Library::Boring;
    if !is_wanted(library) {
        return;
    }
    let mut cases = Vec::new();
    for role in Role::BOTH {
        // BoringSSL has all suites of 1.3.
        let all = [
            Lacking::VersionOfServer,
            Lacking::VersionOfClient,
            Lacking::Suite(V12),
            Lacking::Group(V12),
            Lacking::Group(V13),
            Lacking::Protocol(V12),
            Lacking::Protocol(V13),
        ];
        cases.extend(all.map(|lacking| Row { role, lacking }));
    }
    rows(&cases, |&Row { role, lacking }| {
        let [client, server] = lacking.terms(library);
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        meeting.refused(Side::Server, lacking.alert())
    });
}

/// dimpl's servers refuse without a word.
#[test]
fn sealgram_server_refuses_dimpl_without_anything_in_common() {
    let library = Library::Dimpl;
    if !is_wanted(library) {
        return;
    }
    let role = Role::Server;
    let cases = [
        Lacking::VersionOfServer,
        Lacking::VersionOfClient,
        Lacking::Suite(V12),
        Lacking::Suite(V13),
        Lacking::Group(V12),
        Lacking::Group(V13),
    ]
    .map(|lacking| Row { role, lacking });
    rows(&cases, |&Row { role, lacking }| {
        let [client, server] = lacking.terms(library);
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        meeting.refused(Side::Server, lacking.alert())
    });
}
