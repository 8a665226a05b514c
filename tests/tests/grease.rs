//! Values that stand for nothing (RFC 8701): whoever finds one where there is a choice passes over
//! it, and whoever hears that one was chosen refuses.

use sealgram::iana::{
    CertificateType, CipherSuite, ClientCertificateType, HandshakeType, NamedGroup,
    ProtocolVersion, PskKeyExchangeMode, SignatureScheme, SrtpProfile, Version,
};
use sealgram::{CloseReason, Connection, Error, Event, Instant, Path, PeerMisbehaved};
use sealgram_testkit::{Record, Setup, records};
use sealgram_wire::messages12::CertificateRequest;
use sealgram_wire::{
    ClientHello, Fragment, KeyShareEntry, List, MessageSeq, ProtocolName, Reader, ServerHello,
    UseSrtp, messages13,
};

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// The sixteen values of two bytes: 0x0a0a, 0x1a1a, .. 0xfafa.
fn values() -> impl Iterator<Item = u16> {
    (0..16).map(|n| 0x0a0a + 0x1010 * n)
}

/// One value in front of a list and the others behind it.
fn around<T: From<u16>>(list: impl Iterator<Item = T>) -> Vec<T> {
    let mut grease = values().map(T::from);
    grease.next().into_iter().chain(list).chain(grease).collect()
}

fn setup(version: Version) -> Setup {
    let mut setup = Setup::new(1);
    setup.versions = vec![version];
    setup
}

fn path() -> Path {
    Path::to(([192, 0, 2, 1], 5000).into())
}

fn sent(connection: &mut Connection) -> Vec<Vec<u8>> {
    let mut buf = [0; 4096];
    core::iter::from_fn(|| {
        let len = connection.poll_transmit(Instant::ZERO, &mut buf)?.len;
        Some(buf[..len].to_vec())
    })
    .collect()
}

fn hand(connection: &mut Connection, datagram: &mut [u8]) {
    connection.handle_datagram(Instant::ZERO, path(), datagram, &mut |_| {});
}

fn closed(connection: &mut Connection) -> Option<CloseReason> {
    core::iter::from_fn(|| connection.poll_event()).find_map(|event| match event {
        Event::Closed(closed) => Some(closed.reason),
        _ => None,
    })
}

/// A datagram with one whole plaintext message.
fn message(typ: HandshakeType, seq: u16, record: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("a message");
    let header = Fragment::header(typ, MessageSeq(seq), len, 0, len);
    let len = u16::try_from(header.len() + body.len()).expect("a record").to_be_bytes();
    let record = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, record][..], &len].concat();
    [&record, &header[..], body].concat()
}

/// A hello of the client with values that stand for nothing wherever there is room for one.
fn greased_hello(version: Version) -> Vec<u8> {
    let mut client = setup(version).client();
    let datagrams = sent(&mut client.connection);
    let hello = ClientHello::read(&datagrams[0][25..]).expect("a hello");
    let extensions = &hello.extensions;

    let suites: Vec<CipherSuite> = around(hello.cipher_suites.iter());
    let groups: Vec<NamedGroup> = around(extensions.supported_groups.into_iter().flatten());
    let schemes: Vec<SignatureScheme> =
        around(extensions.signature_algorithms.into_iter().flatten());
    let versions: Vec<ProtocolVersion> =
        around(extensions.supported_versions.into_iter().flatten());
    let shares = extensions.key_share.into_iter().flatten();
    let none = KeyShareEntry { group: NamedGroup(0x1a1a), key_exchange: &[0] };
    let shares: Vec<_> = [none].into_iter().chain(shares).collect();
    let profiles: Vec<SrtpProfile> = around([].into_iter());
    // One byte: 0x0b, 0x2a, .. for modes of pre-shared keys; of types of certificates all but
    // those of the registry are as good.
    let modes: Vec<_> = [0x0b, 0x2a, 1].map(PskKeyExchangeMode).to_vec();
    let types = [0x2a, 0].map(CertificateType);
    let versions = List::from_slice(&versions);

    let mut greased = hello;
    greased.cipher_suites = List::from_slice(&suites);
    greased.extensions.supported_groups = Some(List::from_slice(&groups));
    greased.extensions.signature_algorithms = Some(List::from_slice(&schemes));
    greased.extensions.signature_algorithms_cert = Some(List::from_slice(&schemes));
    greased.extensions.supported_versions = (version == Version::V13).then_some(versions);
    greased.extensions.key_share = (version == Version::V13).then_some(List::from_slice(&shares));
    greased.extensions.use_srtp = Some(UseSrtp { profiles: List::from_slice(&profiles), mki: &[] });
    greased.extensions.psk_key_exchange_modes = Some(List::from_slice(&modes));
    greased.extensions.server_certificate_type = Some(List::from_slice(&types));
    greased.extensions.client_certificate_type = Some(List::from_slice(&types));
    let alpn = [ProtocolName(&[0x0a, 0x0a]), ProtocolName(b"coap")];
    greased.extensions.alpn = Some(List::from_slice(&alpn));

    // Extensions that no field stands for, at the end of the block.
    let mut body = greased.encode();
    // version, random, and four lists with lengths of 1, 1, 2 and 1 bytes in front of the block
    let lists = [greased.session_id, greased.cookie, greased.compression_methods];
    let lists: usize = lists.iter().map(|list| list.len()).sum();
    let block = 2 + 32 + 5 + lists + 2 * suites.len();
    let unknown = [0x0a, 0x0a, 0, 0, 0x1a, 0x1a, 0, 1, 0, 0xfa, 0xfa, 0, 2, 7, 7];
    body.extend(unknown);
    let len = u16::from_be_bytes([body[block], body[block + 1]]);
    let len = len + u16::try_from(unknown.len()).expect("short");
    body[block..block + 2].copy_from_slice(&len.to_be_bytes());
    body
}

#[test]
fn server_passes_over_values_that_stand_for_nothing() {
    for version in VERSIONS {
        let body = greased_hello(version);
        let read = ClientHello::read(&body).expect("still a hello");
        assert_eq!(read.cipher_suites.iter().next(), Some(CipherSuite(0x0a0a)));
        let mut server = setup(version).trusting_server().connection;
        hand(&mut server, &mut message(HandshakeType::CLIENT_HELLO, 0, 0, &body));
        let flight = sent(&mut server);
        assert_eq!(closed(&mut server), None, "{version}");
        // Protected records follow in 1.3.
        let mut reader = Reader::new(&flight[0][13..]);
        let fragment = Fragment::read(&mut reader).expect("a message");
        assert_eq!(fragment.typ, HandshakeType::SERVER_HELLO);
        let hello = ServerHello::read(fragment.body).expect("a hello");
        assert!(hello.cipher_suite.name().is_some());
        let extensions = hello.extensions;
        let chosen = extensions.supported_versions.unwrap_or(hello.legacy_version);
        assert_eq!(chosen, version.wire());
        assert!(extensions.key_share.is_none_or(|share| share.group.name().is_some()));
        assert_eq!((extensions.use_srtp, extensions.unknown), (None, None));
    }
}

/// The client's connection, and the plaintext messages of the server's whole 1.2 flight.
fn flight_v12() -> (Connection, Vec<(HandshakeType, u16, Vec<u8>)>) {
    let mut setup = setup(Version::V12);
    setup.client_auth = true;
    setup.max_datagram = Some(4000);
    let mut client = setup.client().connection;
    let mut server = setup.trusting_server().connection;
    for mut datagram in sent(&mut client) {
        hand(&mut server, &mut datagram);
    }
    let flight: Vec<Record> = sent(&mut server).iter().flat_map(|d| records(d)).collect();
    let fragments = flight.iter().flat_map(Record::fragments);
    let messages = fragments.map(|seen| (seen.typ, seen.seq.0, seen.body)).collect();
    (client, messages)
}

#[test]
fn client_passes_over_values_in_a_request() {
    let (mut client, messages) = flight_v12();
    let mut requests = 0;
    for (record, (typ, seq, mut body)) in (0..).zip(messages) {
        if typ == HandshakeType::CERTIFICATE_REQUEST {
            requests += 1;
            let request = CertificateRequest::read(&body).expect("a request");
            let types = request.certificate_types.iter();
            let types: Vec<_> = [ClientCertificateType(0x0a)].into_iter().chain(types).collect();
            let schemes: Vec<SignatureScheme> =
                around(request.supported_signature_algorithms.iter());
            body = CertificateRequest {
                certificate_types: List::from_slice(&types),
                supported_signature_algorithms: List::from_slice(&schemes),
                certificate_authorities: request.certificate_authorities,
            }
            .encode();
        }
        hand(&mut client, &mut message(typ, seq, record, &body));
    }
    assert_eq!((requests, closed(&mut client)), (1, None));
    // It shows its certificate, as it does when nothing stands in the way.
    let flight: Vec<Record> = sent(&mut client).iter().flat_map(|d| records(d)).collect();
    let first = flight.iter().flat_map(Record::fragments).next().expect("a flight");
    assert_eq!(first.typ, HandshakeType::CERTIFICATE);
    assert!(first.message_len > 10, "the certificate is there");
}

/// RFC 8446 §4.3.2, §4.6.1: clients ignore extensions that they do not know.
#[test]
fn requests_and_tickets_of_1_3_may_have_unknown_extensions() {
    let schemes = [0, 8, 0, 6, 0x0a, 0x0a, 4, 3, 0xfa, 0xfa];
    let unknown = [0x2a, 0x2a, 0, 1, 0];
    let block = [&unknown[..], &[0, 13], &schemes[..]].concat();
    let len = u16::try_from(block.len()).expect("short").to_be_bytes();
    let body = [&[0][..], &len, &block].concat();
    let request = messages13::CertificateRequest::read(&body).expect("a request");
    let schemes = request.signature_algorithms.expect("schemes");
    assert!(schemes.contains(SignatureScheme::ECDSA_SECP256R1_SHA256));

    let ticket = [0, 0, 0, 9, 1, 2, 3, 4, 1, 0, 0, 2, 8, 8, 0, 5, 0x2a, 0x2a, 0, 1, 0];
    let ticket = messages13::NewSessionTicket::read(&ticket).expect("a ticket");
    assert_eq!((ticket.ticket_lifetime, ticket.ticket), (9, &[8, 8][..]));
}

#[test]
fn client_refuses_a_server_that_chooses_such_a_value() {
    for (suite, extension, expected) in [
        (Some(0x0a0a), None, PeerMisbehaved::UnofferedSuite),
        (None, Some(0x1a1a), PeerMisbehaved::UnsolicitedExtension(0x1a1a.into())),
    ] {
        let (mut client, messages) = flight_v12();
        let (typ, seq, mut body) = messages.into_iter().next().expect("a hello");
        // version, random, an empty session ID, the suite, the compression, the extensions
        if let Some(suite) = suite {
            body[35..37].copy_from_slice(&u16::to_be_bytes(suite));
        }
        if let Some(extension) = extension {
            let len = u16::from_be_bytes([body[38], body[39]]) + 4;
            body[38..40].copy_from_slice(&len.to_be_bytes());
            body.extend(u16::to_be_bytes(extension));
            body.extend([0, 0]);
        }
        hand(&mut client, &mut message(typ, seq, 0, &body));
        assert_eq!(closed(&mut client), Some(CloseReason::Error(Error::from(expected))));
    }
}
