//! BoringSSL's ends.
//!
//! Its servers have no cookies. Its clients and servers always offer all three suites of 1.3.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use boring::pkey::PKey;
use boring::ssl::{
    AlpnError, ErrorCode, ShutdownResult, Ssl, SslContext, SslContextBuilder, SslMethod,
    SslOptions, SslSession, SslSessionCacheMode, SslSignatureAlgorithm, SslStream, SslVerifyMode,
    SslVersion, select_next_proto,
};
use boring::x509::X509;
use boring::x509::store::X509StoreBuilder;
use sealgram::Instant;
use sealgram::iana::{AlertDescription, CipherSuite, NamedGroup, SrtpProfile, Version};
use sealgram_testkit::Face;

use crate::{
    Agreed, ClientCertificate, End, Ended, Leaf, Party, Resumption, Suite, Terms, clock, ffi,
};

/// What is added to an alert's number to make the reason of BoringSSL's error.
const ALERT_REASON: i32 = 1000;

struct Peer {
    context: SslContext,
    terms: Terms,
    client: bool,
    /// A client's newest session.
    session: Arc<Mutex<Option<SslSession>>>,
}

impl Party for Peer {
    fn start(&self, _peer: SocketAddr, now: Instant) -> Box<dyn End> {
        clock::set(now);
        let mut ssl = Ssl::new(&self.context).expect("an SSL");
        let mtu = u32::try_from(self.terms.max_datagram).expect("a size");
        ssl.set_mtu(mtu).expect("BoringSSL takes the size");
        if self.client {
            let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(session) = &*session {
                ffi::set_session(&mut ssl, session, &self.context);
            }
            drop(session);
            ssl.set_hostname("localhost").expect("a name");
            ssl.param_mut().set_host("localhost").expect("a name");
            if let Some(shares) = &self.terms.shares {
                ffi::set_shares(&mut ssl, shares);
            }
        }
        if self.terms.grease {
            ssl.set_enable_ech_grease(true);
        }
        let stream = SslStream::new(ssl, Mail::default()).expect("a stream");
        let mut end = BoringEnd { stream, client: self.client, now, ended: None };
        end.go_on(&mut |_| {});
        Box::new(end)
    }
}

fn protocol_version(version: Version) -> SslVersion {
    match version {
        Version::V12 => SslVersion::DTLS1_2,
        Version::V13 => SslVersion::DTLS1_3,
    }
}

/// Suites of 1.2 by OpenSSL's names.
fn cipher_names(suite: Suite) -> &'static str {
    match suite {
        Suite::Aes128Gcm => "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        Suite::Aes256Gcm => "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
        Suite::ChaCha20Poly1305 => "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
    }
}

fn group_name(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::X25519 => "X25519",
        NamedGroup::SECP256R1 => "P-256",
        NamedGroup::SECP384R1 => "P-384",
        NamedGroup::X25519_MLKEM768 => "X25519MLKEM768",
        other => panic!("BoringSSL's name of {other} is not known here"),
    }
}

fn srtp_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80 => "SRTP_AES128_CM_SHA1_80",
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32 => "SRTP_AES128_CM_SHA1_32",
        SrtpProfile::SRTP_AEAD_AES_128_GCM => "SRTP_AEAD_AES_128_GCM",
        SrtpProfile::SRTP_AEAD_AES_256_GCM => "SRTP_AEAD_AES_256_GCM",
        other => panic!("BoringSSL's name of {other} is not known here"),
    }
}

fn joined(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(":")
}

fn alpn(terms: &Terms) -> Vec<u8> {
    let mut wire = Vec::new();
    for name in &terms.alpn {
        wire.push(u8::try_from(name.len()).expect("a short name"));
        wire.extend_from_slice(name.as_bytes());
    }
    wire
}

fn context(terms: &Terms) -> Result<SslContextBuilder, boring::error::ErrorStack> {
    let mut context = SslContext::builder(SslMethod::dtls())?;
    ffi::use_virtual_time(&mut context);
    context.set_min_proto_version(terms.versions.iter().min().copied().map(protocol_version))?;
    context.set_max_proto_version(terms.versions.iter().max().copied().map(protocol_version))?;
    // Or it would ask the transport and find nothing.
    context.set_options(SslOptions::NO_QUERY_MTU);
    context.set_strict_cipher_list(&joined(terms.suites.iter().copied().map(cipher_names)))?;
    context.set_curves_list(&joined(terms.groups.iter().copied().map(group_name)))?;
    // Ed25519 is not among its defaults.
    context.set_verify_algorithm_prefs(&[
        SslSignatureAlgorithm::ECDSA_SECP256R1_SHA256,
        SslSignatureAlgorithm::ECDSA_SECP384R1_SHA384,
        SslSignatureAlgorithm::ED25519,
        SslSignatureAlgorithm::RSA_PSS_RSAE_SHA256,
        SslSignatureAlgorithm::RSA_PKCS1_SHA256,
    ])?;
    if let Some(identity) = &terms.identity {
        let [leaf, rest @ ..] = identity.chain.as_slice() else { panic!("an empty chain") };
        context.set_certificate(&*X509::from_der(leaf)?)?;
        for certificate in rest {
            context.add_extra_chain_cert(X509::from_der(certificate)?)?;
        }
        context.set_private_key(&*PKey::private_key_from_pkcs8(&identity.key)?)?;
        context.check_private_key()?;
    }
    if let Some(root) = &terms.trust {
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(&*X509::from_der(root)?)?;
        context.set_cert_store_builder(store);
    }
    if !terms.srtp.is_empty() {
        context.set_tlsext_use_srtp(&joined(terms.srtp.iter().copied().map(srtp_name)))?;
    }
    if terms.resumption != Resumption::Tickets {
        context.set_options(SslOptions::NO_TICKET);
    }
    context.set_session_cache_mode(match terms.resumption {
        Resumption::None => SslSessionCacheMode::OFF,
        Resumption::Tickets | Resumption::SessionIds => SslSessionCacheMode::BOTH,
    });
    context.set_session_id_context(b"sealgram-peers")?;
    context.set_grease_enabled(terms.grease);
    context.set_permute_extensions(terms.grease);
    Ok(context)
}

pub(crate) fn client(terms: &Terms) -> Box<dyn Party> {
    let mut context = context(terms).expect("BoringSSL's context");
    context.set_verify(SslVerifyMode::PEER);
    if !terms.alpn.is_empty() {
        context.set_alpn_protos(&alpn(terms)).expect("protocols");
    }
    let session = Arc::new(Mutex::new(None));
    let newest = session.clone();
    context.set_new_session_callback(move |_, session| {
        *newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    });
    Box::new(Peer { context: context.build(), terms: terms.clone(), client: true, session })
}

pub(crate) fn server(terms: &Terms) -> Box<dyn Party> {
    let mut context = context(terms).expect("BoringSSL's context");
    context.set_verify(match terms.client_certificate {
        ClientCertificate::Unasked => SslVerifyMode::NONE,
        ClientCertificate::Asked => SslVerifyMode::PEER,
        ClientCertificate::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
    });
    if !terms.alpn.is_empty() {
        let ours = alpn(terms);
        context.set_alpn_select_callback(move |_, theirs| {
            let chosen = select_next_proto(&ours, theirs).ok_or(AlpnError::ALERT_FATAL)?;
            // One of theirs is wanted, not the equal one of ours.
            let start = theirs
                .windows(chosen.len())
                .position(|part| part == chosen)
                .ok_or(AlpnError::ALERT_FATAL)?;
            Ok(&theirs[start..start + chosen.len()])
        });
    }
    let session = Arc::new(Mutex::new(None));
    Box::new(Peer { context: context.build(), terms: terms.clone(), client: false, session })
}

/// Datagrams on their way in and out, as a stream whose every read and write is one of them.
#[derive(Default)]
struct Mail {
    inward: VecDeque<Vec<u8>>,
    outward: VecDeque<Vec<u8>>,
}

impl Read for Mail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.inward.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        buffer
            .get_mut(..datagram.len())
            .ok_or_else(|| io::Error::other("a datagram is longer than BoringSSL reads"))?
            .copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl Write for Mail {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outward.push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct BoringEnd {
    stream: SslStream<Mail>,
    client: bool,
    now: Instant,
    ended: Option<Ended>,
}

impl BoringEnd {
    fn set_clock(&mut self, now: Instant) {
        self.now = now;
        clock::set(now);
    }

    /// Goes on with the handshake, or reads, until there is nothing more to be had.
    fn go_on(&mut self, received: &mut dyn FnMut(&[u8])) {
        if self.ended.is_some() {
            return;
        }
        if !self.stream.ssl().is_init_finished() {
            let done = if self.client { self.stream.connect() } else { self.stream.accept() };
            if let Err(error) = done {
                self.on_error(&error);
                return;
            }
        }
        let mut buffer = vec![0; 0x4000];
        while self.ended.is_none() {
            match self.stream.ssl_read(&mut buffer) {
                Ok(len) => received(&buffer[..len]),
                Err(error) => {
                    self.on_error(&error);
                    if self.stream.get_ref().inward.is_empty() {
                        return;
                    }
                }
            }
        }
    }

    fn on_error(&mut self, error: &boring::ssl::Error) {
        match error.code() {
            ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => {}
            ErrorCode::ZERO_RETURN => self.ended = Some(Ended::ByPeer),
            _ => {
                let errors = error.ssl_error().map(|stack| stack.errors()).unwrap_or_default();
                let received = errors.iter().find_map(|error| {
                    let alert = error.reason_code().checked_sub(ALERT_REASON)?;
                    u8::try_from(alert).ok().map(AlertDescription)
                });
                let text = error.to_string();
                self.ended = Some(Ended::Failed { sent: None, received, text });
            }
        }
    }
}

impl Face for BoringEnd {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    ) {
        self.set_clock(now);
        self.stream.get_mut().inward.push_back(datagram.to_vec());
        self.go_on(received);
    }

    fn poll_transmit(&mut self, _now: Instant, out: &mut [u8]) -> Option<usize> {
        let datagram = self.stream.get_mut().outward.pop_front()?;
        out[..datagram.len()].copy_from_slice(&datagram);
        Some(datagram.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.ended.is_some() {
            return None;
        }
        clock::set(self.now);
        ffi::timeout(self.stream.ssl()).map(|left| self.now + left)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.set_clock(now);
        if self.ended.is_some() {
            return;
        }
        if !ffi::handle_timeout(self.stream.ssl_mut()) {
            let text = "too many timeouts".to_owned();
            self.ended = Some(Ended::Failed { sent: None, received: None, text });
        }
    }

    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        self.set_clock(now);
        assert!(self.stream.get_ref().outward.is_empty(), "something else goes out first");
        if let Err(error) = self.stream.ssl_write(plaintext) {
            self.on_error(&error);
            return None;
        }
        self.poll_transmit(now, out)
    }

    fn is_connected(&self) -> bool {
        self.stream.ssl().is_init_finished() && self.ended.is_none()
    }

    fn is_closed(&self) -> bool {
        self.ended.is_some()
    }
}

impl End for BoringEnd {
    fn agreed(&self) -> Option<Agreed> {
        let ssl = self.stream.ssl();
        if !ssl.is_init_finished() {
            return None;
        }
        let version = match ssl.version2()? {
            SslVersion::DTLS1_2 => Version::V12,
            SslVersion::DTLS1_3 => Version::V13,
            other => panic!("another version: {other:?}"),
        };
        let srtp = ssl.selected_srtp_profile().map(|profile| {
            SrtpProfile(u16::try_from(profile.id().as_raw()).expect("a 16-bit number"))
        });
        Some(Agreed {
            version,
            cipher_suite: ssl.current_cipher().map(|cipher| CipherSuite(cipher.protocol_id())),
            group: ssl.curve().map(NamedGroup),
            alpn: ssl.selected_alpn_protocol().map(<[u8]>::to_vec),
            srtp,
            peer_certificate: ssl.peer_certificate().map(|x509| Leaf(x509.to_der().expect("DER"))),
            resumed: ssl.session_reused(),
        })
    }

    fn export(&self, out: &mut [u8], label: &str, context: Option<&[u8]>) -> bool {
        self.stream.ssl().export_keying_material(out, label, context).is_ok()
    }

    fn update_keys(&mut self, now: Instant, peer_too: bool) -> bool {
        self.set_clock(now);
        ffi::update_keys(self.stream.ssl_mut(), peer_too)
    }

    fn close(&mut self, now: Instant) {
        self.set_clock(now);
        match self.stream.shutdown() {
            Ok(ShutdownResult::Sent | ShutdownResult::Received) => {
                self.ended.get_or_insert(Ended::ByUs);
            }
            Err(error) => self.on_error(&error),
        }
    }

    fn ended(&self) -> Option<Ended> {
        self.ended.clone()
    }
}
