//! Whom a server lets in: its three policies for client certificates, and its two for what no
//! revocation list speaks of.

use rcgen::PKCS_ECDSA_P256_SHA256;
use sealgram::crypto::CertificateError as E;
use sealgram::iana::{AlertDescription, Version};
use sealgram::pki_types::CertificateRevocationListDer;
use sealgram::{
    ClientConfig, CloseReason, Error, ServerConfig, UnknownStatus, WebPkiClientVerifier,
    default_provider,
};

use crate::rig::{Authority, Chain, Met, VERSIONS, meet};

/// What a server does about certificates of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Policy {
    /// It does not ask.
    None,
    /// It asks; a client may have none.
    Optional,
    /// It asks; a client must have one.
    Required,
}

/// What becomes of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fate {
    /// It is let in, and has shown so many certificates.
    LetIn(usize),
    /// It has shown nothing, and had to.
    Missing,
    /// Its certificate is refused for this.
    Refused(E),
}

fn fate(met: &Met) -> Fate {
    match &met.server {
        Ok(connected) => Fate::LetIn(connected.peer_chain.len()),
        Err(CloseReason::Error(Error::NoPeerCertificate)) => Fate::Missing,
        Err(CloseReason::Error(Error::PeerIdentity(error))) => {
            Fate::Refused(error.errors()[0].clone())
        }
        Err(other) => panic!("{other:?}"),
    }
}

struct Place {
    servers: Authority,
    own: Chain,
    clients: Authority,
}

impl Place {
    fn new() -> Self {
        let servers = Authority::new("servers", &PKCS_ECDSA_P256_SHA256);
        let own = servers.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
        Self { servers, own, clients: Authority::new("clients", &PKCS_ECDSA_P256_SHA256) }
    }

    fn server(
        &self,
        version: Version,
        policy: Policy,
        crls: &[CertificateRevocationListDer<'static>],
        unknown: Option<UnknownStatus>,
    ) -> ServerConfig {
        let algorithms = default_provider().signature_algorithms;
        let mut verifier = WebPkiClientVerifier::builder(self.clients.roots().into(), algorithms)
            .with_crls(crls.to_vec());
        if let Some(unknown) = unknown {
            verifier = verifier.with_unknown_revocation(unknown);
        }
        let verifier = match policy {
            Policy::Optional => verifier.optional(),
            Policy::None | Policy::Required => verifier.required(),
        };
        let verifier = verifier.build().expect("a verifier");
        let builder = ServerConfig::builder();
        let builder = match policy {
            Policy::None => builder.with_no_client_auth(),
            Policy::Optional | Policy::Required => builder.with_client_verifier(verifier),
        };
        builder
            .with_identity(self.own.0.clone(), &self.own.1)
            .with_versions(&[version])
            .build()
            .expect("a server")
    }

    fn client(&self, version: Version, shown: Option<&Chain>) -> ClientConfig {
        let mut builder = ClientConfig::builder()
            .with_root_certificates(self.servers.roots())
            .with_no_client_auth();
        if let Some((chain, key)) = shown {
            builder = builder.and_identity(chain.clone(), key);
        }
        builder.with_versions(&[version]).build().expect("a client")
    }
}

#[test]
fn policy_decides_whether_a_client_must_show_a_certificate() {
    let place = Place::new();
    let good = place.clients.issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    // The server knows the root; what stands between comes with the leaf.
    let long = place.clients.below("between").issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    let stranger = Authority::new("strangers", &PKCS_ECDSA_P256_SHA256)
        .issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    let unknown = || Fate::Refused(E::UnknownIssuer);
    for version in VERSIONS {
        for (policy, shown, expected) in [
            (Policy::None, None, Fate::LetIn(0)),
            (Policy::None, Some(&good), Fate::LetIn(0)),
            (Policy::None, Some(&stranger), Fate::LetIn(0)),
            (Policy::Optional, None, Fate::LetIn(0)),
            (Policy::Optional, Some(&good), Fate::LetIn(1)),
            (Policy::Optional, Some(&long), Fate::LetIn(2)),
            // A bad certificate is worse than none.
            (Policy::Optional, Some(&stranger), unknown()),
            (Policy::Required, None, Fate::Missing),
            (Policy::Required, Some(&good), Fate::LetIn(1)),
            (Policy::Required, Some(&long), Fate::LetIn(2)),
            (Policy::Required, Some(&stranger), unknown()),
        ] {
            let server = place.server(version, policy, &[], None);
            let met = meet(&place.client(version, shown), "a.example", &server);
            assert_eq!(fate(&met), expected, "{version} {policy:?}");
            if let (Fate::LetIn(1..), Some((chain, _)), Ok(connected)) =
                (&expected, shown, &met.server)
            {
                assert_eq!(&connected.peer_chain, chain, "the application sees all of it");
            }
        }
    }
}

/// RFC 5246 §7.4.6 and RFC 8446 §4.4.2.4.
#[test]
fn client_without_the_certificate_that_it_must_have_is_told_so() {
    let place = Place::new();
    for (version, expected) in [
        (Version::V12, AlertDescription::HANDSHAKE_FAILURE),
        (Version::V13, AlertDescription::CERTIFICATE_REQUIRED),
    ] {
        let server = place.server(version, Policy::Required, &[], None);
        let met = meet(&place.client(version, None), "a.example", &server);
        let description = match met.client {
            Err(CloseReason::Error(Error::AlertReceived { description, .. })) => description,
            other => panic!("{version}: {other:?}"),
        };
        assert_eq!(description, expected, "{version}");
    }
}

#[test]
fn certificate_that_no_list_speaks_of_is_refused_unless_the_policy_allows_it() {
    let place = Place::new();
    let good = place.clients.issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    let revoked = place.clients.issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    let listed = [place.clients.revoke_last()];
    // A list that says nothing of the clients' authority.
    let other = Authority::new("others", &PKCS_ECDSA_P256_SHA256);
    let foreign = [other.revoke_last()];
    let refused = |error| Fate::Refused(error);
    for version in VERSIONS {
        for (crls, unknown, shown, expected) in [
            (&[][..], None, &revoked, Fate::LetIn(1)),
            (&listed[..], None, &good, Fate::LetIn(1)),
            (&listed[..], None, &revoked, refused(E::Revoked)),
            (&listed[..], Some(UnknownStatus::Allow), &revoked, refused(E::Revoked)),
            // Denied unless somebody says otherwise.
            (&foreign[..], None, &good, refused(E::UnknownRevocationStatus)),
            (&foreign[..], Some(UnknownStatus::Deny), &good, refused(E::UnknownRevocationStatus)),
            (&foreign[..], Some(UnknownStatus::Allow), &good, Fate::LetIn(1)),
        ] {
            let server = place.server(version, Policy::Required, crls, unknown);
            let met = meet(&place.client(version, Some(shown)), "a.example", &server);
            assert_eq!(fate(&met), expected, "{version} {unknown:?}, {} lists", crls.len());
        }
    }
}
