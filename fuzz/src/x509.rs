//! The X.509 adaptor on arbitrary certificates, revocation lists, names and keys.
//!
//! Half of the runs take every signature in a chain for right, so that what lies behind a
//! signature is reached with altered certificates too.
//!
//! Input: flags, time, name, certificates, a revocation list, a handshake signature.

use core::time::Duration;
use std::sync::{Arc, LazyLock};

use pki_types::{
    AlgorithmIdentifier, CertificateDer, CertificateRevocationListDer, InvalidSignature,
    PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer, ServerName,
    SignatureVerificationAlgorithm, UnixTime,
};
use sealgram_crypto::{
    CertificateError, ClientVerifier, PeerChain, ServerVerifier, SignatureAlgorithms,
    SignatureVerifier, SignedMessage, SigningKey, VerificationError,
};
use sealgram_iana::{SignatureScheme, Version};
use sealgram_ring::verify::SIGNATURE_ALGORITHMS;
use sealgram_x509::danger::{AcceptAnyClient, AcceptAnyServer, AcceptErrors};
use sealgram_x509::{
    FingerprintVerifier, RootStore, UnknownStatus, WebPkiClientVerifier, WebPkiServerVerifier,
    check_key,
};

use crate::input::{Input, Program};

pub(crate) const ROOT: &[u8] = include_bytes!("../../vectors/x509/root.der");
pub(crate) const INTERMEDIATE: &[u8] = include_bytes!("../../vectors/x509/intermediate.der");
pub(crate) const SERVER: &[u8] = include_bytes!("../../vectors/x509/server.der");
pub(crate) const SERVER_KEY: &[u8] = include_bytes!("../../vectors/x509/server.key");
const CLIENT: &[u8] = include_bytes!("../../vectors/x509/client.der");
const SELF: &[u8] = include_bytes!("../../vectors/x509/self.der");
const CRL: &[u8] = include_bytes!("../../vectors/x509/intermediate.crl");

/// When the certificates are good, in Unix seconds.
const NOW: u64 = 2_000_000_000;

/// ring's algorithms without their verification.
static CREDULOUS: LazyLock<SignatureAlgorithms> = LazyLock::new(|| {
    let credulous = |algorithm: &&'static dyn SignatureVerificationAlgorithm| {
        let leaked: &'static dyn SignatureVerificationAlgorithm =
            Box::leak(Box::new(Credulous(*algorithm)));
        leaked
    };
    let all: Vec<_> = SIGNATURE_ALGORITHMS.all.iter().map(credulous).collect();
    SignatureAlgorithms { all: all.leak(), mapping: SIGNATURE_ALGORITHMS.mapping }
});

static KEY: LazyLock<Arc<dyn SigningKey>> = LazyLock::new(|| {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(SERVER_KEY));
    sealgram_ring::sign::KEY_LOADER.load(&key).expect("a key")
});

#[derive(Debug)]
struct Credulous(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Credulous {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
}

/// The input that shows these certificates to a verifier with these flags.
#[must_use]
pub fn chain(flags: u8, certificates: &[&[u8]]) -> Vec<u8> {
    let count = u8::try_from(certificates.len()).expect("few");
    let program = Program::default().bytes(&[flags, 0, 0, 0]).short(b"server.example");
    let program = certificates.iter().fold(program.bytes(&[count]), |p, der| p.long(der));
    program.long(CRL).bytes(&[4, 3]).short(b"message").short(b"signature").0
}

/// The seeds of this target.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let chains: [&[&[u8]]; 5] = [
        &[SERVER, INTERMEDIATE],
        &[CLIENT, INTERMEDIATE],
        &[SELF],
        &[SERVER, INTERMEDIATE, ROOT],
        &[INTERMEDIATE, ROOT],
    ];
    let flags = [0, 1, 2, 3, 6, 0x0a, 0x1b];
    let key = [&[0xe0], SERVER_KEY].concat();
    let chains = chains.iter().flat_map(|c| flags.iter().map(|flags| chain(*flags, c)));
    chains.chain([key]).collect()
}

/// Shows what there is to all verifiers.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let flags = input.u8();
    if flags & 0xe0 == 0xe0 {
        return load(flags, input.rest());
    }
    let algorithms = if flags & 2 == 0 { SIGNATURE_ALGORITHMS } else { *CREDULOUS };
    let days = u64::from(input.u16());
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW.saturating_add(days * 86_400)));
    let more = input.u8();
    let name = input.short();
    let name = core::str::from_utf8(name).ok().and_then(|name| ServerName::try_from(name).ok());
    let certificates: Vec<_> =
        (0..1 + input.u8() % 6).map(|_| CertificateDer::from(input.long())).collect();
    let crl = CertificateRevocationListDer::from(input.long().to_vec());

    let mut roots = RootStore::new();
    if flags & 4 == 0 {
        roots.add(CertificateDer::from(ROOT)).expect("a root");
    }
    if flags & 8 != 0 {
        for certificate in &certificates {
            let _ = roots.add(certificate.clone());
        }
    }
    let roots = Arc::new(roots);
    let (end_entity, intermediates) = certificates.split_first().expect("one at least");
    let chain = PeerChain { end_entity, intermediates };

    let mut server = WebPkiServerVerifier::builder(roots.clone(), algorithms);
    let mut client = WebPkiClientVerifier::builder(roots.clone(), algorithms);
    if flags & 16 != 0 {
        server = server.with_crls([crl.clone()]);
        client = client.with_crls([crl]);
        if more & 1 != 0 {
            server = server.with_unknown_revocation(UnknownStatus::Allow);
            client = client.with_unknown_revocation(UnknownStatus::Allow);
        }
    }
    let sha256 = sealgram_ring::hash::SHA256;
    let leaf_hash: [u8; 32] = sha256.hash(end_entity).as_ref().try_into().expect("32 bytes");
    if more & 2 != 0 {
        server = server.with_distrusted([leaf_hash], sha256);
        client = client.with_distrusted([[more; 32]], sha256);
    }
    let signed = SignedMessage {
        version: if more & 4 == 0 { Version::V12 } else { Version::V13 },
        scheme: SignatureScheme(input.u16()),
        message: input.short(),
        signature: input.short(),
    };

    if let Ok(server) = server.build() {
        let result = server.verify_server(&chain, name.as_ref(), now);
        assert!(result.is_err() || name.is_some(), "accepted without a name");
        assert!(result.is_err() || more & 2 == 0, "accepted what is distrusted");
        let good = result.is_ok();
        look(result.err());
        look(server.verify_signature(end_entity, &signed).err());
        // Who tolerates one error accepts no less than who tolerates none.
        let tolerant = AcceptErrors::new(server, [CertificateError::Expired]).expect("tolerable");
        let tolerated = tolerant.verify_server(&chain, name.as_ref(), now).is_ok();
        assert!(tolerated || !good);
    }
    if let Ok(client) = client.build() {
        look(client.verify_client(&chain, now).err());
        look(client.verify_signature(end_entity, &signed).err());
        assert!(client.authorities().len() <= roots.len());
    }
    let pinned = FingerprintVerifier::new([leaf_hash], sha256, algorithms).expect("one");
    assert!(pinned.verify_server(&chain, None, now).is_ok());
    look(pinned.verify_signature(end_entity, &signed).err());
    let any = AcceptAnyServer::new(algorithms);
    look(any.verify_server(&chain, name.as_ref(), now).err());
    look(any.verify_signature(end_entity, &signed).err());
    look(AcceptAnyClient::new(algorithms).verify_client(&chain, now).err());
    if check_key(end_entity, &**KEY).is_ok() {
        // Found again where it must be.
        let key = KEY.public_key().expect("it is known");
        let wanted: &[u8] = &key;
        assert!(end_entity.windows(wanted.len()).any(|part| part == wanted));
    }
}

/// Every failure says why, and has an alert.
fn look(error: Option<VerificationError>) {
    if let Some(error) = error {
        assert!(!error.errors().is_empty());
        assert!(!error.to_string().is_empty());
        let _ = error.alert();
    }
}

/// Arbitrary bytes as a private key.
fn load(flags: u8, der: &[u8]) {
    let key = match flags & 3 {
        0 => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
        1 => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
        _ => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
    };
    match sealgram_ring::sign::KEY_LOADER.load(&key) {
        Ok(key) => {
            let scheme = *key.schemes().first().expect("a key signs somehow");
            assert!(key.sign(scheme, b"message").is_ok());
            let _ = key.public_key();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
