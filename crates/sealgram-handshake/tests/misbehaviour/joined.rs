//! A client's and a server's state machine, joined by whole messages, and somebody between them
//! who changes some.

use std::collections::VecDeque;
use std::sync::Arc;

use pki_types::UnixTime;
use sealgram_crypto::{ChainFacts, CryptoProvider, KeyExchangeKind, TrafficSecret, WallClock};
use sealgram_handshake::{
    Ask, CertifiedKey, ClientConfig, ClientPsk, ClientVerification, CommonConfig, Connected,
    Credential, EarlyData, Effects, Error, ExternalPsk, Handshake, Identities, KeySource,
    NewSession, Origin, PskSource, RecordLimits, ServerConfig, ServerVerification, Side, Versions,
};
use sealgram_iana::{HandshakeType, SignatureScheme, SrtpProfile, Version};
use sealgram_wire::{Group, MessageSeq, OwnedMessage, Phase};

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;

/// A moment at which everything is good.
#[derive(Debug)]
struct Clock;

impl WallClock for Clock {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(core::time::Duration::from_secs(1_700_000_000))
    }
}

fn common(provider: CryptoProvider, versions: &[Version]) -> CommonConfig {
    CommonConfig {
        provider,
        versions: Versions {
            v12: versions.contains(&Version::V12),
            v13: versions.contains(&Version::V13),
        },
        alpn: vec![b"coap".to_vec()],
        srtp: vec![SrtpProfile::SRTP_AEAD_AES_128_GCM],
        record_size_limit: None,
        require_extended_master_secret: true,
        key_log: None,
        wall_clock: Arc::new(Clock),
    }
}

fn identities(seed: u64) -> Identities {
    let (certificate, key) = nullcrypto::certificate_with(seed, SCHEME);
    let key = KeySource::Inline(key);
    let (chain, facts) = (vec![certificate], ChainFacts::default());
    let credential = Credential::Certificates { chain, facts };
    Identities::Fixed(vec![Arc::new(CertifiedKey { credential, key })])
}

/// A client that shows a certificate and answers to ALPN and SRTP.
pub(crate) fn client(versions: &[Version]) -> ClientConfig {
    let verifier = nullcrypto::Verifier { client_required: false };
    ClientConfig {
        common: common(nullcrypto::provider(1), versions),
        verification: ServerVerification::Inline(Arc::new(verifier)),
        raw_public_keys: None,
        identities: identities(1),
        send_server_name: true,
        hybrid_share_first: false,
        max_fragment_length: None,
        sessions: None,
        verify_resumed: false,
        offer_early_data: false,
    }
}

/// A server that requires a certificate.
pub(crate) fn server(versions: &[Version]) -> ServerConfig {
    let verifier = nullcrypto::Verifier { client_required: true };
    ServerConfig {
        common: common(nullcrypto::provider(2), versions),
        psks: None,
        psk_hint: Vec::new(),
        identities: identities(2),
        require_known_name: false,
        verification: ClientVerification::Inline(Arc::new(verifier)),
        raw_public_keys: None,
        raw_public_key_required: false,
        prefer_client_order: false,
        tickets: None,
        asked_sessions: None,
        cache: None,
        verify_resumed: false,
        early_data: None,
    }
}

pub(crate) fn psk(fill: u8) -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(b"device", &[fill; 32]).unwrap())
}

/// A client and a server that know each other by a key.
pub(crate) fn with_psk() -> (ClientConfig, ServerConfig) {
    with_psk_in(Version::V13)
}

/// As [`with_psk`], in 1.2 with a key exchange or without.
pub(crate) fn with_psk_v12(kind: KeyExchangeKind) -> (ClientConfig, ServerConfig) {
    let (mut client, mut server) = with_psk_in(Version::V12);
    for common in [&mut client.common, &mut server.common] {
        common.provider.suites.retain(|suite| suite.facts.key_exchange == kind);
    }
    server.psk_hint = b"which device?".to_vec();
    (client, server)
}

fn with_psk_in(version: Version) -> (ClientConfig, ServerConfig) {
    let (mut client, mut server) = (client(&[version]), server(&[version]));
    client.verification = ServerVerification::Psk(ClientPsk::One(psk(1)));
    client.identities = Identities::Fixed(Vec::new());
    server.verification = ClientVerification::None;
    server.psks = Some(PskSource::Inline(Arc::new(vec![psk(1)])));
    (client, server)
}

/// What a state machine wants done, collected.
#[derive(Default)]
struct Collected {
    sent: VecDeque<OwnedMessage>,
    next: u16,
    connected: bool,
}

impl Effects for Collected {
    fn send(
        &mut self,
        typ: HandshakeType,
        body: &[u8],
        phase: Phase,
        _: Group,
    ) -> Result<MessageSeq, Error> {
        let seq = MessageSeq(self.next);
        self.next += 1;
        self.sent.push_back(OwnedMessage { typ, seq, phase, body: body.to_vec() });
        Ok(seq)
    }

    fn set_version(&mut self, _: Version) {}
    fn limit_records(&mut self, _: RecordLimits) {}
    fn early_data(&mut self, _: EarlyData) {}

    fn install_read(&mut self, _: Phase, _: TrafficSecret) -> Result<(), Error> {
        Ok(())
    }

    fn install_write(&mut self, _: Phase, _: TrafficSecret) -> Result<(), Error> {
        Ok(())
    }

    fn ask(&mut self, ask: Ask) {
        panic!("nothing is asked: {ask:?}");
    }

    fn acknowledge(&mut self) {}
    fn keep_session(&mut self, _: NewSession) {}
    fn keys_updated(&mut self) {}

    fn connected(&mut self, _: Connected) {
        self.connected = true;
    }
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Who gave up, and why.
    pub(crate) error: Option<(Side, Error)>,
    /// Whether the client, the server is connected.
    pub(crate) connected: [bool; 2],
    /// Every message, with who sent it, as it was sent.
    pub(crate) messages: Vec<(Side, OwnedMessage)>,
}

/// Runs a handshake until nothing more is said or one side gives up. Each message goes through
/// `tamper`, with its sender and how many there were before.
pub(crate) fn run(
    client: ClientConfig,
    server: ServerConfig,
    tamper: &mut dyn FnMut(usize, Side, &mut OwnedMessage),
) -> Outcome {
    let name = Some("server.example".try_into().unwrap());
    let mut fx = [Collected::default(), Collected::default()];
    let [client_fx, server_fx] = &mut fx;
    let mut client = Handshake::client(Arc::new(client), name, client_fx).unwrap();
    let mut server = Handshake::server(Arc::new(server), Origin::Trusted, None);
    let mut messages = Vec::new();
    let mut error = None;
    while error.is_none() {
        let (from, mut message) = if let Some(message) = client_fx.sent.pop_front() {
            (Side::Client, message)
        } else if let Some(message) = server_fx.sent.pop_front() {
            (Side::Server, message)
        } else {
            break;
        };
        messages.push((from, message.clone()));
        tamper(messages.len() - 1, from, &mut message);
        let (to, result) = match from {
            Side::Client => (Side::Server, server.handle(&message.as_message(), server_fx)),
            Side::Server => (Side::Client, client.handle(&message.as_message(), client_fx)),
        };
        error = result.err().map(|error| (to, error));
    }
    Outcome { error, connected: fx.map(|fx| fx.connected), messages }
}

/// As [`run`], but nobody interferes.
pub(crate) fn undisturbed(client: ClientConfig, server: ServerConfig) -> Outcome {
    run(client, server, &mut |_, _, _| {})
}

/// What a client makes of messages that come in plaintext, whatever it says itself.
pub(crate) fn tell(
    client: ClientConfig,
    messages: &[(HandshakeType, Vec<u8>)],
) -> Vec<Result<(), Error>> {
    let mut fx = Collected::default();
    let mut client = Handshake::client(Arc::new(client), None, &mut fx).unwrap();
    let numbered = (0..).map(MessageSeq).zip(messages);
    numbered
        .map(|(seq, (typ, body))| {
            let phase = Phase::Plaintext;
            client.handle(&sealgram_wire::Message { typ: *typ, seq, phase, body }, &mut fx)
        })
        .collect()
}
