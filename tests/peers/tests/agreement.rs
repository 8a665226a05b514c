//! What sealgram and foreign libraries agree on, and the keys that follow.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram::Side;
use sealgram::iana::{NamedGroup, SrtpProfile, Version};
use sealgram_peers::{
    Authority, Checked, KeyKind, Leaf, Library, Meeting, Role, Suite, Terms, check, check_eq,
    is_wanted, rows,
};

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// One agreement: a cell of the product of everything.
struct Agreement<'a> {
    role: Role,
    version: Version,
    authority: &'a Authority,
    kind: KeyKind,
    suite: Suite,
    group: NamedGroup,
}

impl Display for Agreement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, version, kind, suite, group, .. } = self;
        write!(f, "{role}, {version:?}, {kind} certificate, {suite:?}, {group}")
    }
}

/// The group that a key of this kind is on: a 1.2 client that does not offer it wants no such
/// certificate (RFC 8422 §5.1).
fn group_of(kind: KeyKind) -> Option<NamedGroup> {
    match kind {
        KeyKind::P256 => Some(NamedGroup::SECP256R1),
        KeyKind::P384 => Some(NamedGroup::SECP384R1),
        KeyKind::Ed25519 | KeyKind::Rsa => None,
    }
}

fn every_suite_key_and_group(library: Library, expected: usize) {
    if !is_wanted(library) {
        return;
    }
    let authorities: Vec<_> =
        library.key_kinds().iter().map(|kind| (*kind, library.authority(*kind))).collect();
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in VERSIONS {
            for (kind, authority) in &authorities {
                for suite in Suite::ALL {
                    for &group in library.groups(version) {
                        cases.push(Agreement {
                            role,
                            version,
                            authority,
                            kind: *kind,
                            suite,
                            group,
                        });
                    }
                }
            }
        }
    }
    assert_eq!(cases.len(), expected);
    rows(&cases, |&Agreement { role, version, authority, kind, suite, group }| {
        let [mut client, mut server] = Terms::pair(authority, &[version]);
        client.groups = vec![group];
        server.groups = vec![group];
        if version == Version::V12 {
            client.groups.extend(group_of(kind).filter(|of_key| *of_key != group));
        }
        // BoringSSL always offers the other suites of 1.3 too, and sealgram chooses.
        client.suites = vec![suite];
        server.suites = vec![suite];
        let mut meeting = Meeting::start(&role.parties(library, &client, &server))?;
        let [at_client, at_server] = meeting.connect()?;
        let ours = if role == Role::Client { &at_client } else { &at_server };
        let [number13, ecdsa, rsa] = suite.numbers();
        let number = match (version, kind) {
            (Version::V13, _) => number13,
            (Version::V12, KeyKind::Rsa) => rsa,
            (Version::V12, _) => ecdsa,
        };
        check_eq("the version", ours.version, version)?;
        check_eq("the suite", ours.cipher_suite, Some(number))?;
        check_eq("the group", ours.group, Some(group))?;
        let shown = server.identity.map(|identity| Leaf(identity.leaf().to_vec()));
        check_eq("the certificate that the client saw", at_client.peer_certificate, shown)?;
        check_eq("the certificate that the server saw", at_server.peer_certificate, None)?;
        if library != Library::Dimpl {
            meeting.check_exports()?;
        }
        meeting.exchange()?;
        meeting.close(role.theirs())
    });
}

#[test]
fn boring_agrees_on_every_suite_key_and_group() {
    every_suite_key_and_group(Library::Boring, 2 * 4 * 3 * (3 + 4));
}

#[test]
fn dimpl_agrees_on_every_suite_key_and_group() {
    every_suite_key_and_group(Library::Dimpl, 2 * 2 * 3 * (3 + 3));
}

/// Which versions each side knows, and which one they find; `None` if there is none.
struct Versions {
    role: Role,
    client: &'static [Version],
    server: &'static [Version],
    chosen: Version,
}

impl Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?} and {:?}", self.role, self.client, self.server)
    }
}

fn highest_common_version(library: Library) {
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for (client, server, chosen) in [
            (&VERSIONS[..], &VERSIONS[..], Version::V13),
            (&VERSIONS[..], &VERSIONS[..1], Version::V12),
            (&VERSIONS[..], &VERSIONS[1..], Version::V13),
            (&VERSIONS[..1], &VERSIONS[..], Version::V12),
            (&VERSIONS[1..], &VERSIONS[..], Version::V13),
        ] {
            cases.push(Versions { role, client, server, chosen });
        }
    }
    rows(&cases, |case| {
        let [mut client, mut server] = Terms::pair(&authority, &VERSIONS);
        client.versions = case.client.to_vec();
        server.versions = case.server.to_vec();
        let mut meeting = Meeting::start(&case.role.parties(library, &client, &server))?;
        let [agreed, _] = meeting.connect()?;
        check_eq("the version", agreed.version, case.chosen)?;
        meeting.exchange()?;
        meeting.close(case.role.ours())
    });
}

#[test]
fn boring_and_sealgram_choose_the_highest_common_version() {
    highest_common_version(Library::Boring);
}

#[test]
fn dimpl_and_sealgram_choose_the_highest_common_version() {
    highest_common_version(Library::Dimpl);
}

/// What each side offers of something, and what comes of it.
struct Offers<T: 'static> {
    role: Role,
    version: Version,
    client: &'static [T],
    server: &'static [T],
    chosen: Option<T>,
}

impl<T: fmt::Debug> Display for Offers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, version, client, server, chosen } = self;
        write!(f, "{role}, {version:?}, {client:?} and {server:?} give {chosen:?}")
    }
}

fn every_way<T: Copy>(offers: &[(&'static [T], &'static [T], Option<T>)]) -> Vec<Offers<T>> {
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in VERSIONS {
            for &(client, server, chosen) in offers {
                cases.push(Offers { role, version, client, server, chosen });
            }
        }
    }
    cases
}

#[test]
fn boring_agrees_on_the_application_protocol() {
    if !is_wanted(Library::Boring) {
        return;
    }
    let authority = Library::Boring.authority(KeyKind::P256);
    let cases: Vec<Offers<&str>> = every_way(&[
        (&["coap"], &["coap"], Some("coap")),
        (&["webrtc", "coap", "c-webrtc"], &["c-webrtc", "coap"], Some("c-webrtc")),
        (&["coap"], &[], None),
        (&[], &["coap"], None),
    ]);
    rows(&cases, |case| {
        let [mut client, mut server] = Terms::pair(&authority, &[case.version]);
        client.alpn = case.client.to_vec();
        server.alpn = case.server.to_vec();
        let mut meeting = Meeting::start(&case.role.parties(Library::Boring, &client, &server))?;
        let [agreed, _] = meeting.connect()?;
        let chosen = case.chosen.map(|name| name.as_bytes().to_vec());
        check_eq("the protocol", agreed.alpn, chosen)?;
        meeting.exchange()
    });
}

const SHA1_80: SrtpProfile = SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80;
const SHA1_32: SrtpProfile = SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32;
const GCM_128: SrtpProfile = SrtpProfile::SRTP_AEAD_AES_128_GCM;
const GCM_256: SrtpProfile = SrtpProfile::SRTP_AEAD_AES_256_GCM;

/// How many bytes of keys and salts both directions of a profile need (RFC 5764 §4.1.2, RFC 7714
/// §12).
fn srtp_keys(profile: SrtpProfile) -> usize {
    match profile {
        GCM_128 => 2 * (16 + 12),
        GCM_256 => 2 * (32 + 12),
        _ => 2 * (16 + 14),
    }
}

/// Both have the same keys for SRTP.
fn check_srtp_keys(meeting: &Meeting, profile: SrtpProfile) -> Checked {
    let [client, server] = [Side::Client, Side::Server].map(|side| {
        let mut keys = vec![0; srtp_keys(profile)];
        meeting.end(side).export(&mut keys, "EXTRACTOR-dtls_srtp", None).then_some(keys)
    });
    check(client.is_some() && server.is_some(), "there are no keys for SRTP")?;
    check_eq("the client's keys for SRTP", client, server)
}

#[test]
fn boring_agrees_on_the_srtp_profile_and_its_keys() {
    if !is_wanted(Library::Boring) {
        return;
    }
    let authority = Library::Boring.authority(KeyKind::P256);
    let cases: Vec<Offers<SrtpProfile>> = every_way(&[
        (&[SHA1_80], &[SHA1_80], Some(SHA1_80)),
        (&[SHA1_32], &[SHA1_32, SHA1_80], Some(SHA1_32)),
        (&[GCM_256, GCM_128], &[GCM_128], Some(GCM_128)),
        (&[GCM_256, GCM_128, SHA1_80], &[GCM_256, SHA1_80], Some(GCM_256)),
        (&[GCM_128], &[SHA1_80], None),
        (&[GCM_128], &[], None),
    ]);
    rows(&cases, |case| {
        let [mut client, mut server] = Terms::pair(&authority, &[case.version]);
        client.srtp = case.client.to_vec();
        server.srtp = case.server.to_vec();
        let mut meeting = Meeting::start(&case.role.parties(Library::Boring, &client, &server))?;
        let [agreed, _] = meeting.connect()?;
        check_eq("the profile", agreed.srtp, case.chosen)?;
        match case.chosen {
            Some(profile) => check_srtp_keys(&meeting, profile),
            None => Ok(()),
        }
    });
}

#[test]
fn dimpl_agrees_on_the_srtp_profile_and_its_keys() {
    if !is_wanted(Library::Dimpl) {
        return;
    }
    let authority = Library::Dimpl.authority(KeyKind::P256);
    struct Row(Role, Version, SrtpProfile);
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Self(role, version, profile) = self;
            write!(f, "{role}, {version:?}, {profile}")
        }
    }
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for version in VERSIONS {
            // dimpl offers, and takes, each of these.
            cases.extend([SHA1_80, GCM_128, GCM_256].map(|profile| Row(role, version, profile)));
        }
    }
    rows(&cases, |&Row(role, version, profile)| {
        let [mut client, mut server] = Terms::pair(&authority, &[version]);
        client.srtp = vec![profile];
        server.srtp = vec![profile];
        let mut meeting = Meeting::start(&role.parties(Library::Dimpl, &client, &server))?;
        let [agreed, _] = meeting.connect()?;
        check_eq("the profile", agreed.srtp, Some(profile))?;
        check_srtp_keys(&meeting, profile)
    });
}

#[test]
fn boring_client_with_unknown_values_in_its_hello_is_served() {
    if !is_wanted(Library::Boring) {
        return;
    }
    let authority = Library::Boring.authority(KeyKind::P256);
    struct Row(Version, usize);
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:?}, hello {}", self.0, self.1)
        }
    }
    // The unknown values and the order of the extensions are others in each hello.
    let cases: Vec<Row> =
        VERSIONS.iter().flat_map(|version| (0..20).map(|hello| Row(*version, hello))).collect();
    rows(&cases, |&Row(version, _)| {
        let [mut client, mut server] = Terms::pair(&authority, &VERSIONS);
        client.grease = true;
        server.versions = vec![version];
        client.alpn = vec!["coap"];
        server.alpn = vec!["coap"];
        let parties = Role::Server.parties(Library::Boring, &client, &server);
        let mut meeting = Meeting::start(&parties)?;
        let [agreed, _] = meeting.connect()?;
        check_eq("the version", agreed.version, version)?;
        meeting.exchange()
    });
}
