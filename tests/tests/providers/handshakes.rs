//! Handshakes between the providers: every suite, group and signature scheme, both roles, both
//! versions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;

use sealgram::crypto::{KeyExchangeKind, Suite};
use sealgram::iana::{CipherSuite, NamedGroup, SignatureScheme, Version};
use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};
use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointConfig, ExternalPsk, Instant, Negotiated, Path,
    RootStore, ServerConfig, WebPkiClientVerifier,
};
use sealgram_testkit::{ConnectionFace, Ended, EndpointFace, Pair};
use sealgram_tests::{Authority, KeyKind, Leaf};

use crate::{Provider, pairs};

/// A certificate for `localhost`, its key, and the root that vouches for it.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    roots: Arc<RootStore>,
}

impl Identity {
    pub(crate) fn new(kind: KeyKind) -> Self {
        let authority = Authority::new(kind).expect("an authority");
        let issued = authority.issue(Leaf::default()).expect("a certificate");
        let certificate = |path: &FilePath| {
            CertificateDer::from_pem_slice(&fs::read(path).expect("a file")).expect("a certificate")
        };
        let key = fs::read(&issued.key).expect("a file");
        let mut roots = RootStore::new();
        roots.add(certificate(authority.root())).expect("a root");
        Self {
            chain: vec![certificate(&issued.chain)],
            key: PrivateKeyDer::from_pem_slice(&key).expect("a key"),
            roots: Arc::new(roots),
        }
    }
}

/// One handshake in the making.
pub(crate) struct Row<'a> {
    pub(crate) client: &'a Provider,
    pub(crate) server: &'a Provider,
    pub(crate) version: Version,
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) identity: &'a Identity,
    /// What the client shows, if it is asked to.
    pub(crate) client_identity: Option<&'a Identity>,
}

impl Row<'_> {
    /// Completes the handshake, exchanges data both ways and gives what was negotiated.
    fn run(&self) -> Negotiated {
        let pair = self.connect();
        let negotiated = |face: &ConnectionFace| {
            face.connection.info().negotiated.clone().expect("a connection")
        };
        let ours = negotiated(&pair.client);
        let theirs = negotiated(pair.server.latest().expect("a connection"));
        assert_eq!(ours.cipher_suite, theirs.cipher_suite);
        ours
    }

    /// Both ends, connected, after data went both ways.
    pub(crate) fn connect(&self) -> Pair<ConnectionFace, EndpointFace> {
        let what = format!(
            "{} to {}, {:?}, {:?}, {:?}",
            self.client.name, self.server.name, self.version, self.suite, self.group
        );
        let suites: Vec<_> = self.suite.into_iter().collect();
        let groups: Vec<_> = self.group.into_iter().collect();

        let mut builder = ServerConfig::builder_with_provider(self.server.provider.clone())
            .with_versions(&[self.version])
            .danger_allow_ccm_8(128);
        if self.suite.is_some() {
            builder = builder.with_cipher_suites(&suites);
        }
        if self.group.is_some() {
            builder = builder.with_groups(&groups);
        }
        let builder = match self.client_identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let algorithms = self.server.provider.signature_algorithms;
                let verifier =
                    WebPkiClientVerifier::builder(identity.roots.clone(), algorithms).build();
                builder.with_client_verifier(verifier.expect("a verifier"))
            }
        };
        let uses_psk = self.suite.is_some_and(|id| {
            let suite = self.client.provider.suite(id);
            suite.is_some_and(|suite| suite.facts.key_exchange.uses_psk())
        });
        let psk = Arc::new(ExternalPsk::new(b"device 7", &[7; 32]).expect("a key"));
        let server = if uses_psk {
            builder.with_psks(Arc::new(vec![psk.clone()]))
        } else {
            builder.with_identity(self.identity.chain.clone(), &self.identity.key)
        };
        let server = server.build().expect(&what);

        let mut builder = ClientConfig::builder_with_provider(self.client.provider.clone())
            .with_versions(&[self.version])
            .danger_allow_ccm_8(128);
        if self.group.is_some() {
            builder = builder.with_groups(&groups);
        }
        let client = if uses_psk {
            builder.with_psk(psk)
        } else {
            let builder = builder.with_root_certificates(self.identity.roots.clone());
            match self.client_identity {
                None => builder.with_no_client_auth(),
                Some(identity) => builder.with_identity(identity.chain.clone(), &identity.key),
            }
        };
        let client = client.build().expect(&what);

        let name = Some("localhost".try_into().unwrap());
        let client = Connection::client(&client, name, Path::connected(), Instant::ZERO).unwrap();
        let endpoint = Endpoint::new(EndpointConfig::new(), Some(server)).unwrap();
        let path = Path::to(([192, 0, 2, 1], 5000).into());
        let mut pair = Pair::new(
            ConnectionFace::new(client, Path::connected()),
            EndpointFace::new(endpoint, path),
        );
        assert_eq!(pair.run_until_settled(), Ended::Done, "{what}");
        assert!(pair.is_connected(), "{what}: {:?}", pair.client.closed());
        assert!(pair.data_flows(), "{what}");
        pair
    }
}

/// The kind of key that a 1.2 suite signs with, and any for one of 1.3.
fn kind_for(suite: &Suite) -> KeyKind {
    match suite.facts.key_exchange {
        KeyExchangeKind::EcdheRsa => KeyKind::Rsa,
        _ => KeyKind::P256,
    }
}

/// Whether the provider can sign with such keys.
fn can_sign(provider: &Provider, kind: KeyKind) -> bool {
    kind != KeyKind::Rsa || provider.name == "ring"
}

#[test]
fn every_suite_connects_every_pair_of_providers() {
    let identities = [KeyKind::P256, KeyKind::Rsa].map(|kind| (kind, Identity::new(kind)));
    let mut connected = BTreeSet::new();
    for [client, server] in pairs() {
        for suite in &client.provider.suites {
            let (kind, identity) =
                identities.iter().find(|(kind, _)| *kind == kind_for(suite)).expect("both kinds");
            if server.provider.suite(suite.id()).is_none() || !can_sign(&server, *kind) {
                continue;
            }
            let row = Row {
                client: &client,
                server: &server,
                version: suite.facts.version,
                suite: Some(suite.id()),
                group: None,
                identity,
                client_identity: None,
            };
            assert_eq!(row.run().cipher_suite, suite.id());
            connected.insert((client.name, server.name, u16::from(suite.id())));
        }
    }
    // ring as the client: 3 of 1.3, 3 with ECDSA and 5 with pre-shared keys; ring as the server: 3
    // with RSA more; rustcrypto with itself: 8 with CCM more than with ring.
    assert_eq!(connected.len(), 11 + 14 + 19);
}

#[test]
fn every_group_connects_every_pair_of_providers_in_both_versions() {
    // A key on a curve could be shown only to clients that offer this curve (RFC 8422 §5.1).
    let identity = Identity::new(KeyKind::Ed25519);
    for [client, server] in pairs() {
        for version in [Version::V12, Version::V13] {
            for group in [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1] {
                let row = Row {
                    client: &client,
                    server: &server,
                    version,
                    suite: None,
                    group: Some(group),
                    identity: &identity,
                    client_identity: None,
                };
                assert_eq!(row.run().group, Some(group));
            }
        }
    }
}

/// Both ends show a certificate with a key of the same kind, if both can sign with it.
#[test]
fn every_kind_of_key_connects_every_pair_of_providers_in_both_versions() {
    let mut schemes = BTreeSet::new();
    for kind in KeyKind::ALL {
        let identity = Identity::new(kind);
        for [client, server] in pairs() {
            if !can_sign(&server, kind) {
                continue;
            }
            for version in [Version::V12, Version::V13] {
                let row = Row {
                    client: &client,
                    server: &server,
                    version,
                    suite: None,
                    group: None,
                    identity: &identity,
                    client_identity: can_sign(&client, kind).then_some(&identity),
                };
                let scheme = row.run().signature_scheme.expect("the server has signed");
                schemes.insert((server.name, u16::from(scheme)));
            }
        }
    }
    let expected = [
        ("ring", SignatureScheme::ECDSA_SECP256R1_SHA256),
        ("ring", SignatureScheme::ECDSA_SECP384R1_SHA384),
        ("ring", SignatureScheme::ED25519),
        ("ring", SignatureScheme::RSA_PSS_RSAE_SHA256),
        ("rustcrypto", SignatureScheme::ECDSA_SECP256R1_SHA256),
        ("rustcrypto", SignatureScheme::ECDSA_SECP384R1_SHA384),
        ("rustcrypto", SignatureScheme::ED25519),
    ];
    assert_eq!(schemes, expected.map(|(name, scheme)| (name, u16::from(scheme))).into());
}
