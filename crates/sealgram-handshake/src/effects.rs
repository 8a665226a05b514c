//! What the handshake asks of the world around it, and what it is told.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer};
use sealgram_crypto::{CryptoError, IdentityVerified, Secret, TrafficSecret, VerificationError};
use sealgram_iana::{HandshakeType, SignatureScheme, Version};
use sealgram_wire::{Group, MessageSeq, Phase};

use crate::{
    CertificateWanted, CertifiedKey, EarlyData, Error, ExternalPsk, FindPsk, Negotiated, NewSession,
};

/// The effects of the state machines. The facade carries them out on the flight and record
/// layers; a test may collect them.
pub trait Effects {
    /// Sends a whole message and says which number it got.
    fn send(
        &mut self,
        typ: HandshakeType,
        body: &[u8],
        phase: Phase,
        group: Group,
    ) -> Result<MessageSeq, Error>;

    /// The version is decided. Comes once, before any key.
    fn set_version(&mut self, version: Version);

    /// Both sides have said how long a record's plaintext may be (RFC 8449, RFC 6066 §4).
    fn limit_records(&mut self, limits: RecordLimits);

    /// From now on handshake messages are expected in `phase` (early data excepted), under this
    /// secret.
    fn install_read(&mut self, phase: Phase, secret: TrafficSecret) -> Result<(), Error>;

    /// From now on `phase` can be sent in.
    fn install_write(&mut self, phase: Phase, secret: TrafficSecret) -> Result<(), Error>;

    /// What may be done, or has become, of early data (1.3). The keys of [`Phase::EarlyData`] are
    /// installed before, and go with a rejection.
    fn early_data(&mut self, early: EarlyData);

    /// Asks the application. No message is handed in until the answer is.
    fn ask(&mut self, ask: Ask);

    /// Acknowledges what was received at once instead of after a while (1.3).
    fn acknowledge(&mut self);

    /// The application is to keep a session.
    fn keep_session(&mut self, session: NewSession);

    /// Our key update is complete: the new keys are in use (1.3).
    fn keys_updated(&mut self);

    /// The handshake is complete: the peer is authenticated and both directions have keys.
    fn connected(&mut self, connected: Connected);
}

/// The longest plaintexts of records, without the content type that 1.3 adds, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordLimits {
    /// Of records that we send.
    pub send: usize,
    /// Of protected records that we accept.
    pub receive: usize,
    /// Whether `send` holds for records without protection too (RFC 6066 §4).
    pub unprotected: bool,
}

/// What a completed handshake hands over.
#[derive(Debug)]
pub struct Connected {
    /// What was negotiated.
    pub negotiated: Negotiated,
    /// The certificates that the peer sent, leaf first; empty if it sent none.
    pub peer_chain: Vec<CertificateDer<'static>>,
    /// The raw public key that the peer sent instead of certificates (RFC 7250).
    pub peer_raw_public_key: Option<SubjectPublicKeyInfoDer<'static>>,
}

/// A question to the application. The handshake waits for the answer; its deadline runs on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ask {
    /// Whether the peer's certificates are good.
    VerifyPeer(VerifyPeer),
    /// Whether the peer's raw public key is good.
    VerifyRawPublicKey(VerifyRawPublicKey),
    /// A signature with our own key.
    Sign(Sign),
    /// The certificate to show.
    Certificate(Box<CertificateWanted>),
    /// A pre-shared key.
    Psk(FindPsk),
    /// The session that was kept under this ID. In 1.3 it may be given out once only, so that
    /// nobody can tell that two connections belong together.
    Session([u8; 32]),
}

/// The chain of a peer that waits to be verified.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyPeer {
    /// What the peer sent, leaf first; never empty.
    pub chain: Vec<CertificateDer<'static>>,
    /// On a client: the name that the server should have.
    pub server_name: Option<ServerName<'static>>,
}

/// The raw public key of a peer that waits to be verified (RFC 7250). The peer holds its private
/// half; whose it is, nothing in it says.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyRawPublicKey {
    /// What the peer sent.
    pub public_key: SubjectPublicKeyInfoDer<'static>,
    /// On a client: the name that the server should have.
    pub server_name: Option<ServerName<'static>>,
}

/// Something to be signed.
#[non_exhaustive]
pub struct Sign {
    /// The scheme to sign with.
    pub scheme: SignatureScheme,
    /// The bytes to sign (not a hash of them).
    pub message: Vec<u8>,
    /// The chain whose key must sign; empty if a raw public key is shown.
    pub chain: Vec<CertificateDer<'static>>,
    /// The raw public key whose private half must sign, if one is shown.
    pub raw_public_key: Option<SubjectPublicKeyInfoDer<'static>>,
}

impl Sign {
    pub(crate) fn new(scheme: SignatureScheme, message: Vec<u8>, key: &CertifiedKey) -> Self {
        let chain = key.chain().to_vec();
        Self { scheme, message, chain, raw_public_key: key.raw_public_key().cloned() }
    }
}

impl fmt::Debug for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sign").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// The answer to an [`Ask`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Ask::VerifyPeer`] and [`Ask::VerifyRawPublicKey`].
    VerifyPeer(Result<IdentityVerified, VerificationError>),
    /// To [`Ask::Sign`].
    Sign(Result<Vec<u8>, CryptoError>),
    /// To [`Ask::Certificate`]. With `None` a server ends the handshake, and a client goes on
    /// without a certificate.
    Certificate(Option<Arc<CertifiedKey>>),
    /// To [`Ask::Psk`]: the key, or that there is none.
    Psk(Option<Arc<ExternalPsk>>),
    /// To [`Ask::Session`]: the content of the [`NewSession`], or that there is none (any more): a
    /// full handshake follows.
    Session(Option<Secret>),
}
