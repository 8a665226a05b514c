//! Verifiers that check less than they should. Each says what an attacker gains.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use sealgram_crypto::{
    CertificateError, ClientVerifier, IdentityVerified, PeerChain, RawPublicKeySignatures,
    RawPublicKeyVerifier, ServerVerifier, SignatureAlgorithms, SignatureVerified,
    SignatureVerifier, SignedMessage, VerificationError,
};
use sealgram_iana::SignatureScheme;

use crate::signature::{KeyAlone, signatures_by};
use crate::{AnyPublicKey, BuildError, WebPkiServerVerifier};

/// Accepts any server. Anybody on the path can be that server.
///
/// The server still proves that it holds the key of the certificate it sends, so an application
/// may check that certificate after the handshake.
#[derive(Debug)]
pub struct AcceptAnyServer {
    signatures: KeyAlone,
}

impl AcceptAnyServer {
    /// Accepts any server with a key that `algorithms` knows.
    #[must_use]
    pub fn new(algorithms: SignatureAlgorithms) -> Arc<Self> {
        Arc::new(Self { signatures: KeyAlone::new(algorithms) })
    }
}

signatures_by!(signatures of AcceptAnyServer);

impl ServerVerifier for AcceptAnyServer {
    fn verify_server(
        &self,
        _chain: &PeerChain<'_>,
        _name: Option<&ServerName<'_>>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        Ok(IdentityVerified::danger_assertion())
    }

    fn needs_name(&self) -> bool {
        false
    }
}

/// Accepts any raw public key (RFC 7250). Anybody on the path can be that peer.
///
/// The peer still proves that it holds the key, so an application may look at it after the
/// handshake.
#[derive(Debug)]
pub struct AcceptAnyPublicKey {
    inner: Arc<AnyPublicKey>,
}

impl AcceptAnyPublicKey {
    /// Accepts any peer with a key that `algorithms` knows.
    #[must_use]
    pub fn new(algorithms: SignatureAlgorithms) -> Arc<Self> {
        Arc::new(Self { inner: AnyPublicKey::new(algorithms) })
    }
}

impl RawPublicKeySignatures for AcceptAnyPublicKey {
    fn verify_raw_signature(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.inner.verify_raw_signature(public_key, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.inner.schemes()
    }
}

impl RawPublicKeyVerifier for AcceptAnyPublicKey {
    fn verify_raw_public_key(
        &self,
        _public_key: &SubjectPublicKeyInfoDer<'_>,
        _name: Option<&ServerName<'_>>,
    ) -> Result<IdentityVerified, VerificationError> {
        Ok(IdentityVerified::danger_assertion())
    }
}

/// Asks for a client certificate and accepts any, or none. A certificate then says nothing about
/// the client but that it holds the key.
#[derive(Debug)]
pub struct AcceptAnyClient {
    signatures: KeyAlone,
}

impl AcceptAnyClient {
    /// Accepts any client with a key that `algorithms` knows, or without one.
    #[must_use]
    pub fn new(algorithms: SignatureAlgorithms) -> Arc<Self> {
        Arc::new(Self { signatures: KeyAlone::new(algorithms) })
    }
}

signatures_by!(signatures of AcceptAnyClient);

impl ClientVerifier for AcceptAnyClient {
    fn verify_client(
        &self,
        _chain: &PeerChain<'_>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        Ok(IdentityVerified::danger_assertion())
    }

    fn required(&self) -> bool {
        false
    }
}

/// Verifies a server's path, dates and usage, but no name. Whoever has a certificate from one of
/// the roots can be that server: only for roots that issue to nobody else.
#[derive(Debug)]
pub struct AcceptAnyName {
    inner: Arc<WebPkiServerVerifier>,
}

impl AcceptAnyName {
    /// As `inner`, without its check of the name.
    #[must_use]
    pub fn new(inner: Arc<WebPkiServerVerifier>) -> Arc<Self> {
        Arc::new(Self { inner })
    }
}

signatures_by!(inner of AcceptAnyName);

impl ServerVerifier for AcceptAnyName {
    fn verify_server(
        &self,
        chain: &PeerChain<'_>,
        _name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.inner.verify_chain(chain, now)
    }

    fn needs_name(&self) -> bool {
        false
    }
}

/// Tolerates some errors of another verifier: the peer passes if *every* error found is one of
/// them. An attacker gains what the tolerated errors protect against.
///
/// Handshake signatures are verified as by the other verifier; none of their errors is tolerated.
#[derive(Debug)]
pub struct AcceptErrors<V: ?Sized> {
    tolerated: Vec<CertificateError>,
    inner: Arc<V>,
}

impl<V: ?Sized> AcceptErrors<V> {
    /// As `inner`, with `tolerated` forgiven.
    ///
    /// # Errors
    ///
    /// [`BuildError::NotTolerable`] if there is nothing to tolerate, or if
    /// [`CertificateError::Malformed`] is to be: what cannot be read cannot be found wrong.
    pub fn new(
        inner: Arc<V>,
        tolerated: impl IntoIterator<Item = CertificateError>,
    ) -> Result<Arc<Self>, BuildError> {
        let tolerated: Vec<_> = tolerated.into_iter().collect();
        if tolerated.is_empty() || tolerated.contains(&CertificateError::Malformed) {
            return Err(BuildError::NotTolerable);
        }
        Ok(Arc::new(Self { tolerated, inner }))
    }

    fn forgive(
        &self,
        result: Result<IdentityVerified, VerificationError>,
    ) -> Result<IdentityVerified, VerificationError> {
        let Err(error) = result else { return result };
        if error.errors().iter().all(|found| self.tolerated.contains(found)) {
            Ok(IdentityVerified::danger_assertion())
        } else {
            Err(error)
        }
    }
}

impl<V: SignatureVerifier + ?Sized> SignatureVerifier for AcceptErrors<V> {
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.inner.verify_signature(end_entity, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.inner.schemes()
    }

    fn certificate_schemes(&self) -> &[SignatureScheme] {
        self.inner.certificate_schemes()
    }
}

impl<V: ServerVerifier + ?Sized> ServerVerifier for AcceptErrors<V> {
    fn verify_server(
        &self,
        chain: &PeerChain<'_>,
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.forgive(self.inner.verify_server(chain, name, now))
    }

    fn needs_name(&self) -> bool {
        self.inner.needs_name() && !self.tolerated.contains(&CertificateError::NameMissing)
    }
}

impl<V: ClientVerifier + ?Sized> ClientVerifier for AcceptErrors<V> {
    fn verify_client(
        &self,
        chain: &PeerChain<'_>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.forgive(self.inner.verify_client(chain, now))
    }

    fn required(&self) -> bool {
        self.inner.required()
    }

    fn authorities(&self) -> &[Vec<u8>] {
        self.inner.authorities()
    }
}
