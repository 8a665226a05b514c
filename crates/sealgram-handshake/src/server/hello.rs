//! The ClientHello that was let in, and the choice of the version.

use alloc::sync::Arc;

use sealgram_iana::{CipherSuite, CompressionMethod, HandshakeType, ProtocolVersion, Version};
use sealgram_wire::{ClientHello, Message, Random};

use super::{Server, v12};
use crate::machine::{malformed, unexpected};
use crate::negotiate::{Answers, check_point_formats, choose_v12, choose_version};
use crate::transcript::Transcript;
use crate::{Effects, Error, PeerIncompatible, PeerMisbehaved, Randoms, ServerConfig};

/// Waits for the hello. Its cookie, if it needs one, was verified by the endpoint.
#[derive(Debug)]
pub(crate) struct ExpectHello {
    config: Arc<ServerConfig>,
}

impl ExpectHello {
    pub(super) const fn new(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }

    pub(super) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<Server, Error> {
        if message.typ != HandshakeType::CLIENT_HELLO {
            return Err(unexpected(message, "ClientHello"));
        }
        let hello = ClientHello::read(message.body).map_err(malformed(message))?;
        match choose_version(self.config.common.versions, &hello)? {
            Version::V12 => self.start_v12(message, &hello, fx),
            // Unreachable while no configuration can enable it.
            Version::V13 => Err(PeerIncompatible::NoSharedVersion.into()),
        }
    }

    fn start_v12(
        self,
        message: &Message<'_>,
        hello: &ClientHello<'_>,
        fx: &mut dyn Effects,
    ) -> Result<Server, Error> {
        let config = self.config;
        let common = &config.common;
        if !hello.compression_methods.contains(&CompressionMethod::NULL.0) {
            return Err(PeerMisbehaved::Compression.into());
        }
        let extensions = &hello.extensions;
        check_point_formats(extensions.ec_point_formats)?;
        // A first handshake has nothing to bind to (RFC 5746 §3.6).
        if extensions.renegotiation_info.is_some_and(|info| !info.is_empty()) {
            return Err(PeerMisbehaved::BadRenegotiationInfo.into());
        }
        if common.require_extended_master_secret && !extensions.extended_master_secret {
            return Err(PeerIncompatible::NoExtendedMasterSecret.into());
        }
        let choice = choose_v12(&config, hello)?;
        let answers = Answers::choose(common, extensions)?;

        fx.set_version(Version::V12);
        let mut random = [0; 32];
        common.provider.random.fill(&mut random)?;
        let mut random = Random(random);
        if common.versions.v13 {
            // Tells a client that speaks 1.3 that it did not get here by our wish (RFC 8446
            // §4.1.3).
            random = random.with_sentinel(Random::DOWNGRADE_TO_1_2);
        }
        let mut transcript = Transcript::new(Version::V12, choice.suite.hash);
        if config.client_signatures().is_some() {
            transcript.keep_raw();
        }
        transcript.add_message(message);
        let scsv = CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV;
        let hello = v12::Hello {
            randoms: Randoms { client: hello.random.0, server: random.0 },
            suite: choice.suite,
            extended_master_secret: extensions.extended_master_secret,
            signals_renegotiation: extensions.renegotiation_info.is_some()
                || hello.cipher_suites.contains(scsv),
            lists_point_formats: extensions.ec_point_formats.is_some(),
            answers,
            transcript,
            config: config.clone(),
        };
        hello.answer(ProtocolVersion::DTLS_1_2, &choice, fx).map(Server::from)
    }
}
