//! dimpl's ends.
//!
//! It looks at no certificate chain, negotiates no application protocol, changes keys only by
//! itself, and exports nothing but the keys of SRTP. It sends no alerts but close_notify.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant as Clock;

use dimpl::crypto::{Dtls12CipherSuite, Dtls13CipherSuite};
use dimpl::{Config, Dtls, DtlsCertificate, NamedGroup, Output, ProtocolVersion};
use sealgram::Instant;
use sealgram::iana::{AlertDescription, SrtpProfile, Version};
use sealgram_testkit::Face;

use crate::{Agreed, Authority, ClientCertificate, End, Ended, KeyKind, Leaf, Party, Terms};

/// How often its timeouts are served at most. A client that waits for part of a flight wants to be
/// called again at once, and each time sends the same ACK.
const GRANULARITY: Duration = Duration::from_millis(50);

/// The label of keys for SRTP (RFC 5764 §4.2).
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

struct Peer {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    versions: Vec<Version>,
    client: bool,
}

impl Party for Peer {
    fn start(&self, _peer: SocketAddr, now: Instant) -> Box<dyn End> {
        let zero = Clock::now();
        let (config, certificate) = (self.config.clone(), self.certificate.clone());
        let mut dtls = match self.versions.as_slice() {
            [Version::V12] => Dtls::new_12(config, certificate, zero),
            [Version::V13] => Dtls::new_13(config, certificate, zero),
            _ => Dtls::new_auto(config, certificate, zero),
        };
        dtls.set_active(self.client);
        let mut end = DimplEnd {
            dtls,
            zero,
            datagrams: VecDeque::new(),
            data: Vec::new(),
            timeout: None,
            served: now,
            connected: false,
            certificate: None,
            srtp: None,
            ended: None,
            closing: false,
        };
        end.handle_timeout(now);
        Box::new(end)
    }
}

fn peer(terms: &Terms, client: bool) -> Box<dyn Party> {
    let suites12: Vec<_> = terms
        .suites
        .iter()
        .map(|suite| Dtls12CipherSuite::from_u16(suite.numbers()[1].0))
        .collect();
    let suites13: Vec<_> = terms
        .suites
        .iter()
        .map(|suite| Dtls13CipherSuite::from_u16(suite.numbers()[0].0))
        .collect();
    let groups: Vec<_> = terms.groups.iter().map(|group| NamedGroup::from_u16(group.0)).collect();
    let config = Config::builder()
        // For its timers, which are jittered: a row that fails fails again.
        .dangerously_set_rng_seed(if client { 1 } else { 2 })
        .aead_encryption_limit(terms.key_limit.unwrap_or(1 << 23))
        .mtu(terms.max_datagram)
        .require_client_certificate(terms.client_certificate == ClientCertificate::Required)
        .use_server_cookie(terms.cookies)
        .dtls12_cipher_suites(&suites12)
        .dtls13_cipher_suites(&suites13)
        .kx_groups(&groups)
        .build()
        .expect("dimpl's configuration");
    // Its clients always have a certificate, for the case that they are asked.
    let identity = terms
        .identity
        .clone()
        .unwrap_or_else(|| Authority::without_intermediate(KeyKind::P256).client);
    let certificate =
        DtlsCertificate { certificate: identity.leaf().to_vec(), private_key: identity.key };
    let versions = terms.versions.clone();
    Box::new(Peer { config: Arc::new(config), certificate, versions, client })
}

pub(crate) fn client(terms: &Terms) -> Box<dyn Party> {
    assert!(terms.shares.is_none(), "dimpl sends a share of its first group");
    peer(terms, true)
}

pub(crate) fn server(terms: &Terms) -> Box<dyn Party> {
    assert!(
        terms.client_certificate != ClientCertificate::Asked,
        "dimpl asks for certificates only to insist on them"
    );
    peer(terms, false)
}

struct DimplEnd {
    dtls: Dtls,
    /// What its clock says at our time 0.
    zero: Clock,
    datagrams: VecDeque<Vec<u8>>,
    data: Vec<Vec<u8>>,
    timeout: Option<Instant>,
    /// When a timeout was served last.
    served: Instant,
    connected: bool,
    certificate: Option<Vec<u8>>,
    srtp: Option<(SrtpProfile, Vec<u8>)>,
    ended: Option<Ended>,
    closing: bool,
}

impl DimplEnd {
    fn clock(&self, now: Instant) -> Clock {
        self.zero + Duration::from_micros(now.as_micros())
    }

    /// Every call may leave output behind, which must be taken until a timeout comes.
    fn take_output(&mut self, result: Result<(), dimpl::Error>) {
        if let Err(error) = result {
            self.fail(&error);
        }
        if self.ended.is_some() && !self.closing {
            self.timeout = None;
            return;
        }
        let mut buffer = vec![0; 0x1_0000];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.datagrams.push_back(datagram.to_vec()),
                Output::BufferTooSmall { needed } => panic!("{needed} bytes for one output"),
                Output::Timeout(at) => {
                    let after = at.saturating_duration_since(self.zero);
                    // Far away means never.
                    let soon = after < Duration::from_secs(24 * 60 * 60);
                    // Rounded up: it must not be told the time too early.
                    let at = Instant::ZERO + after + Duration::from_micros(1);
                    self.timeout = soon.then(|| at.max(self.served + GRANULARITY));
                    return;
                }
                Output::Connected => self.connected = true,
                Output::PeerCert(der) => self.certificate = Some(der.to_vec()),
                Output::KeyingMaterial(material, profile) => {
                    let profile = match profile {
                        dimpl::SrtpProfile::AES128_CM_SHA1_80 => {
                            SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80
                        }
                        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::SRTP_AEAD_AES_128_GCM,
                        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::SRTP_AEAD_AES_256_GCM,
                        other => panic!("another SRTP profile: {other}"),
                    };
                    self.srtp = Some((profile, material.to_vec()));
                }
                Output::ApplicationData(data) => self.data.push(data.to_vec()),
                Output::CloseNotify => {
                    self.ended.get_or_insert(Ended::ByPeer);
                    self.closing = true;
                }
                other => panic!("another output: {other:?}"),
            }
        }
    }

    fn fail(&mut self, error: &dimpl::Error) {
        let received = match error {
            dimpl::Error::SecurityError(dimpl::SecurityError::FatalAlert { description }) => {
                Some(AlertDescription(*description))
            }
            _ => None,
        };
        let text = error.to_string();
        self.ended.get_or_insert(Ended::Failed { sent: None, received, text });
        self.connected = false;
    }
}

impl Face for DimplEnd {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    ) {
        if self.is_closed() {
            return;
        }
        let clock = self.clock(now);
        let result = self.dtls.handle_timeout(clock);
        self.take_output(result);
        let result = self.dtls.handle_packet(datagram);
        self.take_output(result);
        for data in self.data.drain(..) {
            received(&data);
        }
    }

    fn poll_transmit(&mut self, _now: Instant, out: &mut [u8]) -> Option<usize> {
        let datagram = self.datagrams.pop_front()?;
        out[..datagram.len()].copy_from_slice(&datagram);
        Some(datagram.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout.filter(|_| !self.is_closed())
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        self.served = now;
        let clock = self.clock(now);
        let result = self.dtls.handle_timeout(clock);
        self.take_output(result);
    }

    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        if !self.is_connected() {
            return None;
        }
        assert!(self.datagrams.is_empty(), "something else goes out first");
        let clock = self.clock(now);
        let result = self.dtls.handle_timeout(clock);
        self.take_output(result);
        let result = self.dtls.send_application_data(plaintext).map(|_| ());
        self.take_output(result);
        self.poll_transmit(now, out)
    }

    fn is_connected(&self) -> bool {
        self.connected && self.ended.is_none()
    }

    fn is_closed(&self) -> bool {
        self.ended.is_some()
    }
}

impl End for DimplEnd {
    fn agreed(&self) -> Option<Agreed> {
        if !self.connected {
            return None;
        }
        let version = match self.dtls.protocol_version()? {
            ProtocolVersion::DTLS1_2 => Version::V12,
            ProtocolVersion::DTLS1_3 => Version::V13,
            other => panic!("another version: {other:?}"),
        };
        Some(Agreed {
            version,
            cipher_suite: None,
            group: None,
            alpn: None,
            srtp: self.srtp.as_ref().map(|(profile, _)| *profile),
            peer_certificate: self.certificate.clone().map(Leaf),
            resumed: false,
        })
    }

    fn export(&self, out: &mut [u8], label: &str, context: Option<&[u8]>) -> bool {
        match &self.srtp {
            Some((_, keys))
                if label == SRTP_LABEL && context.is_none() && keys.len() == out.len() =>
            {
                out.copy_from_slice(keys);
                true
            }
            _ => false,
        }
    }

    fn update_keys(&mut self, _now: Instant, _peer_too: bool) -> bool {
        false
    }

    fn close(&mut self, now: Instant) {
        let clock = self.clock(now);
        let result = self.dtls.handle_timeout(clock);
        self.take_output(result);
        self.ended.get_or_insert(Ended::ByUs);
        self.closing = true;
        let result = self.dtls.close();
        self.take_output(result);
    }

    fn ended(&self) -> Option<Ended> {
        self.ended.clone()
    }
}
