//! The ClientHello and what may answer it.
//!
//! ```text
//! ClientHello ──>
//!             <── HelloVerifyRequest        (a few times)
//! ClientHello + cookie ──>
//!             <── ServerHello ... -> v12
//! ```

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::ServerName;
use sealgram_iana::{
    CompressionMethod, EcPointFormat, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
    Version,
};
use sealgram_wire::{
    ClientExtensions, ClientHello, Extension, Group, HelloVerifyRequest, List, Message, MessageSeq,
    Phase, ProtocolName, Random, ServerHello, UseSrtp, Writer,
};

use super::{Client, v12};
use crate::machine::{malformed, unexpected};
use crate::negotiate::Offered;
use crate::transcript::Transcript;
use crate::{ClientConfig, Effects, Error, PeerIncompatible, PeerMisbehaved, Randoms};

/// How many HelloVerifyRequests are answered. An honest server sends one, or a second one if its
/// cookie expired meanwhile; a forger could send any number, each worth a ClientHello from us.
const MAX_HELLO_VERIFY_REQUESTS: u8 = 4;

/// The hello is out.
#[derive(Debug)]
pub(crate) struct HelloSent {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
    random: Random,
    hello: SentHello,
    requests_answered: u8,
}

/// A hello as it was sent.
#[derive(Debug)]
struct SentHello {
    seq: MessageSeq,
    body: Vec<u8>,
    /// The extensions in it: the server may answer these and no others.
    types: Vec<ExtensionType>,
}

impl HelloSent {
    pub(super) fn start(
        config: Arc<ClientConfig>,
        name: Option<ServerName<'static>>,
        fx: &mut dyn Effects,
    ) -> Result<Self, Error> {
        let mut random = [0; 32];
        config.common.provider.random.fill(&mut random)?;
        let random = Random(random);
        let hello = send_hello(&config, name.as_ref(), random, &[], fx)?;
        Ok(Self { config, name, random, hello, requests_answered: 0 })
    }

    pub(super) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<Client, Error> {
        match message.typ {
            HandshakeType::HELLO_VERIFY_REQUEST => {
                self.answer_request(message, fx).map(|state| Client::Hello(Box::new(state)))
            }
            HandshakeType::SERVER_HELLO => self.on_server_hello(message, fx),
            _ => Err(unexpected(message, "ServerHello or HelloVerifyRequest")),
        }
    }

    /// Sends the same hello again with the cookie (RFC 6347 §4.2.1). Neither the request nor the
    /// hello it answers is part of the transcript.
    fn answer_request(
        mut self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<Self, Error> {
        let request = HelloVerifyRequest::read(message.body).map_err(malformed(message))?;
        self.requests_answered = self.requests_answered.saturating_add(1);
        if self.requests_answered > MAX_HELLO_VERIFY_REQUESTS {
            return Err(PeerMisbehaved::TooManyHelloVerifyRequests.into());
        }
        let name = self.name.as_ref();
        self.hello = send_hello(&self.config, name, self.random, request.cookie, fx)?;
        Ok(self)
    }

    fn on_server_hello(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<Client, Error> {
        let hello = ServerHello::read(message.body).map_err(malformed(message))?;
        self.check_version(&hello)?;
        let Self { config, name, random, hello: sent, .. } = self;
        let common = &config.common;
        let suite = common
            .provider
            .suite(hello.cipher_suite)
            .filter(|suite| suite.facts.version == Version::V12)
            .ok_or(PeerMisbehaved::UnofferedSuite)?;
        if hello.compression_method != CompressionMethod::NULL {
            return Err(PeerMisbehaved::Compression.into());
        }
        let offered = Offered { config: common, types: &sent.types };
        let mut answers = offered.accept(&hello.extensions)?;
        answers.server_name = sent_name(&config, name.as_ref()).map(<[u8]>::to_vec);
        // A first handshake has nothing to bind to (RFC 5746 §3.4).
        if hello.extensions.renegotiation_info.is_some_and(|info| !info.is_empty()) {
            return Err(PeerMisbehaved::BadRenegotiationInfo.into());
        }
        let extended_master_secret = hello.extensions.extended_master_secret;
        if common.require_extended_master_secret && !extended_master_secret {
            return Err(PeerIncompatible::NoExtendedMasterSecret.into());
        }

        fx.set_version(Version::V12);
        let mut transcript = Transcript::new(Version::V12, suite.hash);
        if !config.identities.is_empty() {
            transcript.keep_raw();
        }
        transcript.add(HandshakeType::CLIENT_HELLO, sent.seq, &sent.body);
        transcript.add_message(message);
        let randoms = Randoms { client: random.0, server: hello.random.0 };
        let start = v12::Hellos {
            config,
            name,
            randoms,
            suite,
            extended_master_secret,
            answers,
            transcript,
        };
        Ok(start.expect_certificate().into())
    }

    fn check_version(&self, hello: &ServerHello<'_>) -> Result<(), Error> {
        let versions = self.config.common.versions;
        if hello.legacy_version != ProtocolVersion::DTLS_1_2 || !versions.v12 {
            return Err(PeerMisbehaved::UnofferedVersion.into());
        }
        // RFC 8446 §4.1.3: the server says in its random that it could have spoken 1.3.
        if versions.v13 && hello.random.has_sentinel(Random::DOWNGRADE_TO_1_2) {
            return Err(PeerMisbehaved::DowngradeDetected.into());
        }
        Ok(())
    }
}

/// Encodes and sends a hello. The only place that says what a ClientHello holds.
fn send_hello(
    config: &ClientConfig,
    name: Option<&ServerName<'static>>,
    random: Random,
    cookie: &[u8],
    fx: &mut dyn Effects,
) -> Result<SentHello, Error> {
    let common = &config.common;
    let versions = common.versions;
    let usable = |version| versions.contains(version);
    let suites: Vec<_> = common
        .provider
        .suites
        .iter()
        .filter(|suite| usable(suite.facts.version))
        .map(|suite| suite.id())
        .collect();
    let groups: Vec<NamedGroup> = common
        .provider
        .groups
        .iter()
        .filter(|group| {
            [Version::V12, Version::V13].iter().any(|v| usable(*v) && group.usable_in(*v))
        })
        .map(|group| group.name())
        .collect();
    let protocols: Vec<_> = common.alpn.iter().map(|name| ProtocolName(name)).collect();
    let extensions = ClientExtensions {
        server_name: sent_name(config, name),
        supported_groups: Some(List::from_slice(&groups)),
        ec_point_formats: Some(&[EcPointFormat::UNCOMPRESSED.0]),
        signature_algorithms: Some(List::from_slice(config.server_signatures().schemes())),
        use_srtp: (!common.srtp.is_empty())
            .then_some(UseSrtp { profiles: List::from_slice(&common.srtp), mki: &[] }),
        alpn: (!protocols.is_empty()).then_some(List::from_slice(&protocols)),
        extended_master_secret: versions.v12,
        renegotiation_info: versions.v12.then_some(&[]),
        ..ClientExtensions::default()
    };
    let hello = ClientHello {
        legacy_version: ProtocolVersion::DTLS_1_2,
        random,
        session_id: &[],
        cookie,
        cipher_suites: List::from_slice(&suites),
        compression_methods: &[CompressionMethod::NULL.0],
        extensions,
    };
    let body = hello.encode();
    let types = extension_types(&extensions);
    let seq = fx.send(HandshakeType::CLIENT_HELLO, &body, Phase::Plaintext, Group::Flight)?;
    Ok(SentHello { seq, body, types })
}

/// The name as it is sent: DNS names only, and without a final dot (RFC 6066 §3).
fn sent_name<'a>(config: &ClientConfig, name: Option<&'a ServerName<'static>>) -> Option<&'a [u8]> {
    match name.filter(|_| config.send_server_name)? {
        ServerName::DnsName(name) => {
            let name: &str = name.as_ref();
            Some(name.strip_suffix('.').unwrap_or(name).as_bytes())
        }
        _ => None,
    }
}

fn extension_types(extensions: &ClientExtensions<'_>) -> Vec<ExtensionType> {
    let mut writer = Writer::new();
    extensions.encode(&mut writer);
    let block = writer.into_vec();
    let list = List::<Extension<'_>>::from_wire(&block);
    list.map(|list| list.iter().map(|e| e.extension_type).collect()).unwrap_or_default()
}
