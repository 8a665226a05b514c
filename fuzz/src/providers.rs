//! The same ClientHello for three servers that differ in nothing but their cryptography: nullcrypto,
//! *ring* and RustCrypto. What they make of it must be the same.
//!
//! Input: flags, then the hello's body.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use nullcrypto::Source;
use pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sealgram::crypto::CryptoProvider;
use sealgram::iana::{
    AlertDescription, CipherSuite, ContentType, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme, SrtpProfile, Version,
};
use sealgram::{
    CloseReason, Endpoint, EndpointConfig, Error, Event, Instant, Path, PeerMisbehaved, Routed,
    ServerConfig,
};
use sealgram_testkit::StoppedClock;
use sealgram_wire::{
    Alert, Fragment, FullHeader, HelloVerifyRequest, MessageSeq, Reader, RecordHeader,
    RecordNumber, ServerHello,
};

use crate::input::Input;
use crate::setup::{NOW, client_address};
use crate::x509::{SERVER, SERVER_KEY};

static SOURCE: Source = Source::new();
const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;

/// What a server makes of a hello.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    Silence,
    CookieRequest,
    Retry {
        suite: CipherSuite,
        group: Option<NamedGroup>,
    },
    Alert(AlertDescription),
    Hello {
        version: Version,
        suite: CipherSuite,
        group: Option<NamedGroup>,
        alpn: Option<Vec<u8>>,
        srtp: Option<SrtpProfile>,
    },
    Failed(String),
    /// The share has the right length and is none: which ones are is what providers differ in.
    BadShare,
}

/// Compares the servers.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let flags = input.u8() & 15;
    let hello = input.rest();
    let Ok(len) = u32::try_from(hello.len()) else { return };
    if hello.len() > 16_000 {
        return;
    }
    SOURCE.reset(1);
    let datagram = datagram(hello, len);
    let answers = configs(flags).map(|config| ask(&config, flags, &datagram));
    let [null, ring, rustcrypto] = &answers;
    if !answers.contains(&Answer::BadShare) {
        assert_eq!(null, ring, "nullcrypto and ring disagree");
    }
    // Both are real, so they know the same shares.
    assert_eq!(ring, rustcrypto, "ring and RustCrypto disagree");
}

type Three = [ServerConfig; 3];

/// The configurations with these flags, made once.
fn configs(flags: u8) -> Three {
    static MADE: LazyLock<Mutex<BTreeMap<u8, Three>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    made.entry(flags).or_insert_with(|| make(flags)).clone()
}

fn make(flags: u8) -> Three {
    let real_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(SERVER_KEY.to_vec()));
    let (null_leaf, _) = nullcrypto::certificate_with(1, SCHEME);
    let null_key = nullcrypto::private_key(1, SCHEME);
    let versions: &[Version] = match flags >> 1 & 3 {
        0 => &[Version::V12],
        1 => &[Version::V13],
        _ => &[Version::V12, Version::V13],
    };
    // The others have more suites than ring: all get those of ring.
    let suites: Vec<_> = sealgram_ring::ALL_SUITES.iter().map(|suite| suite.facts.suite).collect();
    let build = |provider: CryptoProvider, leaf, key: &PrivateKeyDer<'_>| {
        ServerConfig::builder_with_provider(provider)
            .with_cipher_suites(&suites)
            .with_versions(versions)
            .with_wall_clock(Arc::new(StoppedClock::at(NOW)))
            .with_alpn(vec![b"coap".to_vec()])
            .with_srtp(vec![SrtpProfile::SRTP_AEAD_AES_128_GCM])
            .with_no_client_auth()
            .with_identity(vec![leaf], key)
            .with_client_preference(flags & 8 != 0)
            .without_resumption()
            .build()
            .expect("a configuration")
    };
    let real_leaf = CertificateDer::from(SERVER);
    [
        build(SOURCE.provider(), null_leaf, &null_key),
        build(sealgram_ring::default_provider(), real_leaf.clone(), &real_key),
        build(sealgram_rustcrypto::default_provider(), real_leaf, &real_key),
    ]
}

fn datagram(hello: &[u8], len: u32) -> Vec<u8> {
    let head = Fragment::header(HandshakeType::CLIENT_HELLO, MessageSeq(0), len, 0, len);
    let record = FullHeader {
        typ: ContentType::HANDSHAKE,
        version: ProtocolVersion::DTLS_1_2,
        number: RecordNumber::default(),
        len: u16::try_from(hello.len() + head.len()).expect("short"),
    };
    [&record.encode()[..], &head, hello].concat()
}

fn ask(config: &ServerConfig, flags: u8, datagram: &[u8]) -> Answer {
    let endpoint = EndpointConfig::new();
    let endpoint = if flags & 1 == 0 { endpoint } else { endpoint.danger_without_cookies() };
    let mut endpoint = Endpoint::new(endpoint, Some(config.clone())).expect("an endpoint");
    let (now, path) = (Instant::ZERO, Path::to(client_address(0)));
    let (mut datagram, mut out) = (datagram.to_vec(), [0; 2048]);
    match endpoint.handle_datagram(now, path, &mut datagram, &mut out) {
        Routed::Reply(transmit) => read(&out[..transmit.len]),
        Routed::Accept(incoming) => {
            let (_, mut connection) = endpoint.accept(incoming, now).expect("serves");
            while let Some(event) = connection.poll_event() {
                if let Event::Closed(closed) = event {
                    return match closed.reason {
                        CloseReason::Error(Error::PeerMisbehaved(PeerMisbehaved::BadKeyShare)) => {
                            Answer::BadShare
                        }
                        reason => Answer::Failed(reason.to_string()),
                    };
                }
            }
            match connection.poll_transmit(now, &mut out) {
                Some(transmit) => read(&out[..transmit.len]),
                None => Answer::Silence,
            }
        }
        _ => Answer::Silence,
    }
}

/// Reads a server's first record.
fn read(datagram: &[u8]) -> Answer {
    let Ok((RecordHeader::Full(header), len)) = RecordHeader::read(datagram, 0) else {
        panic!("not a plaintext record: {datagram:02x?}");
    };
    let content = &datagram[len..len + usize::from(header.len)];
    if header.typ == ContentType::ALERT {
        return Answer::Alert(Alert::read(content).expect("an alert").description);
    }
    let fragment = Fragment::read(&mut Reader::new(content)).expect("a fragment");
    assert!(fragment.is_whole());
    if fragment.typ == HandshakeType::HELLO_VERIFY_REQUEST {
        HelloVerifyRequest::read(fragment.body).expect("a request");
        return Answer::CookieRequest;
    }
    assert_eq!(fragment.typ, HandshakeType::SERVER_HELLO);
    let hello = ServerHello::read(fragment.body).expect("a hello");
    let extensions = hello.extensions;
    if hello.is_hello_retry_request() {
        return Answer::Retry { suite: hello.cipher_suite, group: extensions.selected_group };
    }
    let v13 = extensions.supported_versions == Some(ProtocolVersion::DTLS_1_3);
    Answer::Hello {
        version: if v13 { Version::V13 } else { Version::V12 },
        suite: hello.cipher_suite,
        group: extensions.key_share.map(|share| share.group),
        alpn: extensions.alpn.map(<[u8]>::to_vec),
        srtp: extensions.use_srtp.map(|srtp| srtp.profile),
    }
}
