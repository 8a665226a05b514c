//! Stateless replies of servers, and what clients make of such replies.

use sealgram::iana::{AlertDescription, ContentType, HandshakeType, ProtocolVersion, Version};
use sealgram::{CloseReason, Error, Instant, Path, PeerMisbehaved, Routed, Side};
use sealgram_testkit::{EndpointFace, Face, Fate, Plan, Setup, plan, records};
use sealgram_wire::{ClientHello, HelloVerifyRequest};

use crate::mutate::{fragment, record};

/// What the endpoint answers to this datagram.
fn reply(server: &mut EndpointFace, datagram: &[u8]) -> Vec<u8> {
    let (mut datagram, mut out) = (datagram.to_vec(), [0; 256]);
    let path = server.path;
    match server.endpoint.handle_datagram(Instant::ZERO, path, &mut datagram, &mut out) {
        Routed::Reply(transmit) => {
            assert_eq!(transmit.path, path);
            out[..transmit.len].to_vec()
        }
        other => panic!("{other:?}"),
    }
}

/// A client's first hello, as the body of a message.
fn hello(setup: &Setup) -> Vec<u8> {
    let mut out = [0; 2048];
    let len = setup.client().poll_transmit(Instant::ZERO, &mut out).expect("a hello");
    records(&out[..len])[0].fragments()[0].body.clone()
}

fn hello_datagram(seq: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("short");
    let payload = fragment(HandshakeType::CLIENT_HELLO.0, seq, len, 0, body);
    record(ContentType::HANDSHAKE.0, 0, sequence, &payload)
}

/// RFC 6347 §4.2.1, and the numbers that let the next hello be answered without memory.
#[test]
fn hello_verify_request_has_sixty_bytes_and_echoes_the_numbers() {
    let setup = Setup::new(1);
    let body = hello(&setup);
    let mut server = setup.server();
    for (seq, sequence) in [(0, 0), (1, 1), (5, 0x1234_5678_9abc), (65_535, (1 << 48) - 1)] {
        let datagram = reply(&mut server, &hello_datagram(seq, sequence, &body));
        // Not longer than the smallest legal hello.
        assert_eq!(datagram.len(), 60);
        assert!(datagram.len() < 67);
        let [answer] = &records(&datagram)[..] else { panic!("one record") };
        assert_eq!((answer.number.epoch(), answer.number.sequence()), (0, sequence));
        let [fragment] = &answer.fragments()[..] else { panic!("one fragment") };
        assert_eq!(fragment.typ, HandshakeType::HELLO_VERIFY_REQUEST);
        assert_eq!(fragment.seq.0, seq);
        assert_eq!(fragment.offset, 0);
        let request = HelloVerifyRequest::read(&fragment.body).expect("well-formed");
        assert_eq!(request.server_version, ProtocolVersion(0xfeff));
        assert_eq!(request.cookie.len(), 32);
    }
    assert_eq!(server.endpoint.stats().replies, 4);
    assert_eq!(server.endpoint.connections(), 0);
}

/// A hello that is sent again after a loss has another number, and the ServerHello follows it.
#[test]
fn server_hello_follows_the_numbers_of_the_accepted_hello() {
    for lost in 0..4 {
        let mut pair = Setup::new(1).pair();
        // So many of the client's hellos are lost after the first.
        pair.set_plan(Plan::new(move |sent| {
            let lost = sent.from == Side::Client && (1..=lost).contains(&sent.index_of_side);
            if lost { Fate::Drop } else { Fate::Deliver }
        }));
        pair.run_until_settled();
        assert!(pair.is_connected());
        let hello = pair.sent_by(Side::Client).nth(1 + lost).expect("accepted");
        let accepted = &records(&hello.bytes)[0];
        let server_hello = &pair.sent_by(Side::Server).nth(1).expect("its flight").bytes;
        let first = &records(server_hello)[0];
        assert_eq!(first.fragments()[0].typ, HandshakeType::SERVER_HELLO);
        assert_eq!(first.number, accepted.number);
        assert_eq!(first.fragments()[0].seq, accepted.fragments()[0].seq);
    }
}

/// The body of a hello with this cookie.
fn with_cookie(body: &[u8], version: Version, cookie: &[u8]) -> Vec<u8> {
    let mut hello = ClientHello::read(body).expect("genuine");
    match version {
        Version::V12 => hello.cookie = cookie,
        Version::V13 => hello.extensions.cookie = Some(cookie),
    }
    hello.encode()
}

/// The cookie that the server gives for this hello.
fn cookie(server: &mut EndpointFace, version: Version, body: &[u8]) -> Vec<u8> {
    let datagram = reply(server, &hello_datagram(0, 0, body));
    let body = records(&datagram)[0].fragments()[0].body.clone();
    match version {
        Version::V12 => HelloVerifyRequest::read(&body).expect("well-formed").cookie.to_vec(),
        Version::V13 => {
            let retry = sealgram_wire::ServerHello::read(&body).expect("well-formed");
            retry.extensions.cookie.expect("a cookie").to_vec()
        }
    }
}

/// Every bit of a cookie, and its length. In 1.2 such a hello gets a fresh request; in 1.3 an
/// alert (RFC 9147 §5.1).
#[test]
fn every_altered_cookie_gets_one_stateless_reply() {
    for version in [Version::V12, Version::V13] {
        let mut setup = Setup::new(1);
        setup.versions = vec![version];
        let body = hello(&setup);
        let mut server = setup.server();
        let cookie = cookie(&mut server, version, &body);
        let mut altered: Vec<Vec<u8>> = (0..8 * cookie.len())
            .map(|bit| {
                let mut cookie = cookie.clone();
                cookie[bit / 8] ^= 1 << (bit % 8);
                cookie
            })
            .collect();
        altered.push(cookie[1..].to_vec());
        altered.push(cookie[..cookie.len() - 1].to_vec());
        altered.push([&cookie[..], &[0]].concat());
        altered.push(vec![0; 255]);
        for cookie in &altered {
            let datagram =
                reply(&mut server, &hello_datagram(1, 9, &with_cookie(&body, version, cookie)));
            let answer = &records(&datagram)[0];
            assert_eq!(answer.number.sequence(), 9);
            match version {
                Version::V12 => assert_eq!(datagram.len(), 60),
                Version::V13 => {
                    assert_eq!(answer.typ, ContentType::ALERT);
                    assert_eq!(answer.payload, [2, AlertDescription::ILLEGAL_PARAMETER.0]);
                }
            }
        }
        let bad = u64::try_from(altered.len()).expect("few");
        assert_eq!(server.endpoint.stats().bad_cookies, bad);
        assert_eq!(server.endpoint.connections(), 0);
        // And the genuine one is still good.
        let mut datagram = hello_datagram(1, 9, &with_cookie(&body, version, &cookie));
        let path = server.path;
        let routed = server.endpoint.handle_datagram(Instant::ZERO, path, &mut datagram, &mut []);
        assert!(matches!(routed, Routed::Accept(_)), "{routed:?}");
        // But not from elsewhere.
        let mut datagram = hello_datagram(1, 9, &with_cookie(&body, version, &cookie));
        let elsewhere = Path::to(([192, 0, 2, 1], 5001).into());
        let mut out = [0; 256];
        let routed =
            server.endpoint.handle_datagram(Instant::ZERO, elsewhere, &mut datagram, &mut out);
        assert!(matches!(routed, Routed::Reply(_)), "{routed:?}");
    }
}

#[test]
fn server_without_cookies_accepts_the_first_hello() {
    for version in [Version::V12, Version::V13] {
        let mut setup = Setup::new(1);
        setup.versions = vec![version];
        setup.cookies = false;
        let mut pair = setup.pair();
        pair.run_until_settled();
        assert!(pair.is_connected());
        assert_eq!(pair.server.endpoint.stats().replies, 0);
        assert_eq!(pair.sent_by(Side::Client).filter(|sent| sent.bytes[13] == 1).count(), 1);
        // On a trusted path there is not even an endpoint.
        let mut pair = sealgram_testkit::Pair::new(setup.client(), setup.trusting_server());
        pair.run_until_settled();
        assert!(pair.is_connected() && pair.data_flows());
    }
}

fn hello_verify_request(seq: u16, cookie: &[u8]) -> Vec<u8> {
    let body = HelloVerifyRequest { server_version: ProtocolVersion(0xfeff), cookie }.encode();
    let len = u32::try_from(body.len()).expect("short");
    let payload = fragment(HandshakeType::HELLO_VERIFY_REQUEST.0, seq, len, 0, &body);
    record(ContentType::HANDSHAKE.0, 0, u64::from(seq), &payload)
}

#[test]
fn client_repeats_cookies_of_every_length() {
    for len in 0..=255 {
        let mut pair = Setup::new(1).pair();
        pair.set_plan(plan::silence(None));
        pair.drain();
        let cookie = vec![0xa5; len];
        pair.inject(Side::Client, &hello_verify_request(0, &cookie));
        pair.drain();
        let sent = &pair.trace()[1].bytes;
        let body = records(sent)[0].fragments()[0].body.clone();
        let hello = ClientHello::read(&body).expect("well-formed");
        assert_eq!(hello.cookie, cookie);
        // The same hello otherwise (RFC 6347 §4.2.1).
        let first = records(&pair.trace()[0].bytes)[0].fragments()[0].body.clone();
        assert_eq!(with_cookie(&first, Version::V12, &cookie), body);
    }
}

#[test]
fn thousand_forged_requests_cause_five_hellos_at_most() {
    let mut pair = Setup::new(1).pair();
    pair.set_plan(plan::silence(None));
    pair.drain();
    for seq in 0..1000 {
        pair.inject(Side::Client, &hello_verify_request(seq, &seq.to_be_bytes()));
        // Repeats of older ones do nothing at all.
        for old in 0..=seq.min(3) {
            pair.inject(Side::Client, &hello_verify_request(old, &[1; 20]));
        }
        pair.drain();
    }
    let is_hello = |bytes: &[u8]| bytes[0] == ContentType::HANDSHAKE.0;
    assert_eq!(pair.trace().iter().filter(|sent| is_hello(&sent.bytes)).count(), 5);
    let reason = &pair.client.closed().expect("closed").reason;
    let too_many = Error::PeerMisbehaved(PeerMisbehaved::TooManyHelloVerifyRequests);
    assert_eq!(*reason, CloseReason::Error(too_many));
    // The alert that goes with it.
    assert_eq!(pair.trace().len(), 6);
}

/// Three forged requests in front of the genuine one are survived: each new hello gets a fresh
/// cookie from the server.
#[test]
fn handshake_completes_after_three_forged_requests() {
    let mut pair = Setup::new(1).pair();
    pair.drain();
    for seq in 0..3 {
        pair.inject(Side::Client, &hello_verify_request(seq, b"forged"));
        pair.drain();
    }
    pair.run_until_settled();
    assert!(pair.is_connected() && pair.data_flows());
}
