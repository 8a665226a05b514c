//! Raw public keys (RFC 7250), in both versions and directions.

use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData};
use sealgram::crypto::{
    CertificateError, IdentityVerified, RawPublicKeySignatures, RawPublicKeyVerifier,
    SignatureVerified, SignedMessage, VerificationError,
};
use sealgram::iana::{AlertDescription, CertificateType, SignatureScheme, Version};
use sealgram::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer};
use sealgram::ring::hash::SHA256;
use sealgram::{
    Answer, AnyPublicKey, Ask, ClientConfig, CloseReason, ConfigError, Error, PeerIncompatible,
    PinnedPublicKeys, ServerConfig, Side, default_provider, raw_public_key,
};

use crate::rig::{Authority, Met, VERSIONS, meet, meet_and_answer};

/// A key in the forms that its owner and its peer need.
struct Bare {
    private: PrivateKeyDer<'static>,
    public: SubjectPublicKeyInfoDer<'static>,
}

impl Bare {
    fn new() -> Self {
        Self::of(&PKCS_ECDSA_P256_SHA256)
    }

    fn of(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        Self {
            private: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            public: key.subject_public_key_info().into(),
        }
    }

    fn pinned(&self) -> Arc<PinnedPublicKeys> {
        let algorithms = default_provider().signature_algorithms;
        PinnedPublicKeys::new([self.public.clone()], algorithms).expect("a key")
    }
}

fn client(version: Version, server: &Bare, own: &Bare) -> ClientConfig {
    ClientConfig::builder()
        .with_raw_public_keys(server.pinned())
        .with_raw_public_key(&own.private)
        .with_versions(&[version])
        .build()
        .expect("a client")
}

fn server(version: Version, own: &Bare, client: &Bare) -> ServerConfig {
    ServerConfig::builder()
        .with_raw_public_keys(client.pinned(), true)
        .with_raw_public_key(&own.private)
        .with_versions(&[version])
        .build()
        .expect("a server")
}

fn alert(met: &Met) -> Option<AlertDescription> {
    match met.client.as_ref().err() {
        Some(CloseReason::Error(Error::AlertReceived { description, .. })) => Some(*description),
        _ => None,
    }
}

#[test]
fn both_sides_are_known_by_their_keys() {
    for version in VERSIONS {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let (ours, theirs) = (Bare::of(algorithm), Bare::new());
            let met = meet(
                &client(version, &ours, &theirs),
                "a.example",
                &server(version, &ours, &theirs),
            );
            let seen = |ended: &Result<sealgram::Connected, CloseReason>| {
                let connected = ended.as_ref().expect("connected");
                assert!(connected.peer_chain.is_empty());
                connected.peer_raw_public_key.clone()
            };
            assert_eq!(seen(&met.client), Some(ours.public), "{version}");
            assert_eq!(seen(&met.server), Some(theirs.public), "{version}");
        }
    }
}

#[test]
fn key_that_is_not_pinned_is_refused_on_either_side() {
    for version in VERSIONS {
        let (ours, theirs, other) = (Bare::new(), Bare::new(), Bare::new());
        let met =
            meet(&client(version, &other, &theirs), "a.example", &server(version, &ours, &theirs));
        let refused = Error::PeerIdentity(CertificateError::FingerprintMismatch.into());
        assert_eq!(met.client.err(), Some(CloseReason::Error(refused.clone())), "{version}");

        let met =
            meet(&client(version, &ours, &other), "a.example", &server(version, &ours, &theirs));
        assert_eq!(met.server.err(), Some(CloseReason::Error(refused)), "{version}");
    }
}

#[test]
fn hash_of_a_key_is_enough_to_know_it_by() {
    for version in VERSIONS {
        let own = Bare::new();
        let pin: [u8; 32] = SHA256.hash(&own.public).as_ref().try_into().expect("SHA-256");
        let algorithms = default_provider().signature_algorithms;
        let pinned = PinnedPublicKeys::by_hash([pin], SHA256, algorithms).expect("a pin");
        let client = ClientConfig::builder()
            .with_raw_public_keys(pinned)
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_raw_public_key(&own.private)
            .with_versions(&[version])
            .build()
            .expect("a server");
        let met = meet(&client, "a.example", &server);
        assert_eq!(met.client.expect("connected").peer_raw_public_key, Some(own.public));
        assert_eq!(met.server.expect("connected").peer_raw_public_key, None);
    }
}

/// RFC 7250 §4.2: no type in common is unsupported_certificate.
#[test]
fn sides_without_a_common_type_part_with_unsupported_certificate() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let certified = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let bare = Bare::new();
    let reason =
        CloseReason::Error(Error::PeerIncompatible(PeerIncompatible::NoSharedCertificateType));
    for version in VERSIONS {
        let x509_client = ClientConfig::builder()
            .with_root_certificates(authority.roots())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let raw_client = client(version, &bare, &bare);
        let raw_server = server(version, &bare, &bare);
        let x509_server = ServerConfig::builder()
            .with_no_client_auth()
            .with_identity(certified.0.clone(), &certified.1)
            .with_versions(&[version])
            .build()
            .expect("a server");
        // The server has a certificate, and wants a key from its client.
        let wants_key = ServerConfig::builder()
            .with_raw_public_keys(bare.pinned(), true)
            .with_identity(certified.0.clone(), &certified.1)
            .with_versions(&[version])
            .build()
            .expect("a server");
        for (client, server) in
            [(&x509_client, &raw_server), (&raw_client, &x509_server), (&x509_client, &wants_key)]
        {
            let met = meet(client, "a.example", server);
            assert_eq!(alert(&met), Some(AlertDescription::UNSUPPORTED_CERTIFICATE), "{version}");
            assert_eq!(met.server.err(), Some(reason.clone()), "{version}");
        }
    }
}

#[test]
fn client_without_a_key_is_let_in_only_where_none_is_required() {
    for version in VERSIONS {
        let (own, other) = (Bare::new(), Bare::new());
        let client = ClientConfig::builder()
            .with_raw_public_keys(own.pinned())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        for required in [false, true] {
            let server = ServerConfig::builder()
                .with_raw_public_keys(other.pinned(), required)
                .with_raw_public_key(&own.private)
                .with_versions(&[version])
                .build()
                .expect("a server");
            let met = meet(&client, "a.example", &server);
            assert_eq!(met.server.is_ok(), !required, "{version}");
        }
    }
}

/// Both types on both sides: the key is shown, and certificates meet whoever has no key.
#[test]
fn types_are_chosen_in_the_order_of_the_client() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let (chain, key) = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let bare = Bare::new();
    for version in VERSIONS {
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_identity(chain.clone(), &key)
            .and_raw_public_key(&bare.private)
            .with_versions(&[version])
            .build()
            .expect("a server");
        let both = ClientConfig::builder()
            .with_root_certificates(authority.roots())
            .and_raw_public_keys(bare.pinned())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet(&both, "a.example", &server);
        assert_eq!(
            met.client.expect("connected").peer_raw_public_key.as_ref(),
            Some(&bare.public),
            "{version}"
        );
        let certificates = ClientConfig::builder()
            .with_root_certificates(authority.roots())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        assert_eq!(meet(&certificates, "a.example", &server).seen_by_client(), &chain[0]);
        // A server that has no key shows its certificate to a client that takes both.
        let certified = ServerConfig::builder()
            .with_no_client_auth()
            .with_identity(chain.clone(), &key)
            .with_versions(&[version])
            .build()
            .expect("a server");
        assert_eq!(meet(&both, "a.example", &certified).seen_by_client(), &chain[0]);
    }
}

#[test]
fn application_is_asked_about_keys_for_keys_and_to_sign_with_them() {
    let algorithms = default_provider().signature_algorithms;
    for version in VERSIONS {
        let (ours, theirs) = (Bare::new(), Bare::new());
        let server = ServerConfig::builder()
            .with_asked_raw_public_keys(AnyPublicKey::new(algorithms), true)
            .with_asked_certificate()
            .with_versions(&[version])
            .build()
            .expect("a server");
        let client = ClientConfig::builder()
            .with_asked_raw_public_keys(AnyPublicKey::new(algorithms))
            .with_asked_certificate_types(&[CertificateType::RAW_PUBLIC_KEY])
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet_and_answer(&client, "a.example", &server, |side, ask| {
            let (own, peer) = match side {
                Side::Server => (&ours, &theirs),
                Side::Client => (&theirs, &ours),
            };
            match ask {
                Ask::Certificate(wanted) => {
                    assert_eq!(wanted.certificate_types, [CertificateType::RAW_PUBLIC_KEY]);
                    let key = raw_public_key(&default_provider(), &own.private).expect("a key");
                    Answer::Certificate(Some(key))
                }
                Ask::VerifyRawPublicKey(question) => {
                    assert_eq!(question.public_key, peer.public);
                    assert_eq!(question.server_name.is_some(), side == Side::Client);
                    Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()))
                }
                other => panic!("{other:?}"),
            }
        });
        assert!(met.client.is_ok() && met.server.is_ok(), "{version}");
        assert_eq!(met.asked.len(), 4);
    }
}

#[test]
fn key_elsewhere_signs_by_the_application() {
    for version in VERSIONS {
        let own = Bare::new();
        let key = default_provider().key_loader.load(&own.private).expect("a key");
        let scheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
        // A resolver would do as well; here the key itself is nowhere near the configuration.
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_certificates([])
            .and_asked_raw_public_key(own.public.clone(), key.algorithm(), vec![scheme])
            .with_versions(&[version])
            .build()
            .expect("a server");
        let client = ClientConfig::builder()
            .with_raw_public_keys(own.pinned())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet_and_answer(&client, "a.example", &server, |_, ask| match ask {
            Ask::Sign(sign) => {
                assert!(sign.chain.is_empty());
                assert_eq!(sign.raw_public_key.as_ref(), Some(&own.public));
                Answer::Sign(key.sign(sign.scheme, &sign.message))
            }
            other => panic!("{other:?}"),
        });
        assert!(met.client.is_ok() && met.server.is_ok(), "{version}");
    }
}

/// Whoever holds no key for what it shows is refused, whatever the verifier says of the key.
#[test]
fn signature_by_another_key_is_refused() {
    for version in VERSIONS {
        let (shown, held) = (Bare::new(), Bare::new());
        let key = default_provider().key_loader.load(&held.private).expect("a key");
        let scheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_certificates([])
            .and_asked_raw_public_key(shown.public.clone(), key.algorithm(), vec![scheme])
            .with_versions(&[version])
            .build()
            .expect("a server");
        let client = ClientConfig::builder()
            .with_raw_public_keys(shown.pinned())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet_and_answer(&client, "a.example", &server, |_, ask| match ask {
            Ask::Sign(sign) => Answer::Sign(key.sign(sign.scheme, &sign.message)),
            other => panic!("{other:?}"),
        });
        let reason = Error::PeerMisbehaved(sealgram::PeerMisbehaved::BadSignature);
        assert_eq!(met.client.err(), Some(CloseReason::Error(reason)), "{version}");
    }
}

/// Knows names and keys by a table, and takes every name that it does not know for a lie.
#[derive(Debug)]
struct Table {
    rows: Vec<(ServerName<'static>, SubjectPublicKeyInfoDer<'static>)>,
    signatures: Arc<AnyPublicKey>,
}

impl RawPublicKeySignatures for Table {
    fn verify_raw_signature(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.signatures.verify_raw_signature(public_key, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.signatures.schemes()
    }
}

impl RawPublicKeyVerifier for Table {
    fn verify_raw_public_key(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        name: Option<&ServerName<'_>>,
    ) -> Result<IdentityVerified, VerificationError> {
        let known = |row: &(ServerName<'static>, SubjectPublicKeyInfoDer<'static>)| {
            Some(&row.0) == name && &row.1 == public_key
        };
        if self.rows.iter().any(known) {
            Ok(IdentityVerified::danger_assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }
}

#[test]
fn verifier_of_the_application_sees_the_name_that_is_wanted() {
    let algorithms = default_provider().signature_algorithms;
    for version in VERSIONS {
        let own = Bare::new();
        let table = Table {
            rows: vec![("a.example".try_into().expect("a name"), own.public.clone())],
            signatures: AnyPublicKey::new(algorithms),
        };
        let client = ClientConfig::builder()
            .with_raw_public_keys(Arc::new(table))
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_raw_public_key(&own.private)
            .with_versions(&[version])
            .build()
            .expect("a server");
        assert!(meet(&client, "a.example", &server).client.is_ok());
        let refused = Error::PeerIdentity(CertificateError::NotValidForName.into());
        let met = meet(&client, "b.example", &server);
        assert_eq!(met.client.err(), Some(CloseReason::Error(refused)), "{version}");
    }
}

#[test]
fn session_keeps_the_key_that_the_peer_was_known_by() {
    for version in VERSIONS {
        let (ours, theirs) = (Bare::new(), Bare::new());
        let client = client(version, &ours, &theirs);
        let server = server(version, &ours, &theirs);
        for resumed in [false, true] {
            let met = meet(&client, "a.example", &server);
            let connected = met.client.expect("connected");
            assert_eq!(connected.negotiated.resumed, resumed, "{version}");
            assert_eq!(connected.peer_raw_public_key.as_ref(), Some(&ours.public));
            let connected = met.server.expect("connected");
            assert_eq!(connected.peer_raw_public_key.as_ref(), Some(&theirs.public));
        }
    }
}

#[test]
fn server_without_anything_to_show_is_a_contradiction() {
    let bare = Bare::new();
    let nothing = ServerConfig::builder()
        .with_raw_public_keys(bare.pinned(), true)
        .with_certificates([])
        .build();
    assert_eq!(nothing.err(), Some(ConfigError::NoIdentity));
}
