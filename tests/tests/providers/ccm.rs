//! AES-CCM: off unless asked for, and with a short tag only together with a limit on forgeries.

use core::time::Duration;

use sealgram::crypto::{AeadKind, CryptoProvider};
use sealgram::iana::{CipherSuite, Version};
use sealgram::{CloseReason, ConfigError, Error, ServerConfig, Side};
use sealgram_rustcrypto::default_provider;
use sealgram_testkit::{ConnectionFace, EndpointFace, Face, Pair};
use sealgram_tests::KeyKind;

use crate::handshakes::{Identity, Row};
use crate::{Provider, rustcrypto};

#[test]
fn default_provider_has_no_ccm() {
    let ccm = [AeadKind::Aes128Ccm, AeadKind::Aes128Ccm8];
    assert!(default_provider().suites.iter().all(|suite| !ccm.contains(&suite.facts.aead)));
    assert_eq!(rustcrypto().provider.suites.len(), default_provider().suites.len() + 8);
}

fn build(
    provider: CryptoProvider,
    suites: Option<&[CipherSuite]>,
    forgeries: Option<u64>,
) -> Result<ServerConfig, ConfigError> {
    let identity = Identity::new(KeyKind::P256);
    let mut builder = ServerConfig::builder_with_provider(provider);
    if let Some(suites) = suites {
        builder = builder.with_cipher_suites(suites);
    }
    if let Some(forgeries) = forgeries {
        builder = builder.danger_allow_ccm_8(forgeries);
    }
    builder.with_no_client_auth().with_identity(identity.chain, &identity.key).build()
}

#[test]
fn suites_with_a_short_tag_need_a_limit_on_forgeries() {
    let provider = || rustcrypto().provider;
    let refused = |forgeries| build(provider(), None, forgeries).unwrap_err();
    assert_eq!(refused(None), ConfigError::Ccm8NotAllowed);
    for limit in [0, (1 << 36) + 1] {
        assert!(matches!(refused(Some(limit)), ConfigError::OutOfRange(_)), "{limit}");
    }
    assert!(build(provider(), None, Some(1)).is_ok());
    assert!(build(provider(), None, Some(1 << 36)).is_ok());
    // What is not chosen needs no permission, and CCM with a full tag needs none.
    let full = [CipherSuite::TLS_AES_128_CCM_SHA256, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CCM];
    assert!(build(provider(), Some(&full), None).is_ok());
    assert!(build(default_provider(), None, None).is_ok());
}

fn row<'a>(both: &'a Provider, version: Version, identity: &'a Identity) -> Row<'a> {
    let suite = match version {
        Version::V12 => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
        Version::V13 => CipherSuite::TLS_AES_128_CCM_8_SHA256,
    };
    Row {
        client: both,
        server: both,
        version,
        suite: Some(suite),
        group: None,
        identity,
        client_identity: None,
    }
}

/// A record of the client that never arrives, with an altered tag.
fn forged(pair: &mut Pair<ConnectionFace, EndpointFace>) -> Vec<u8> {
    let mut record = vec![0; 100];
    let now = pair.now();
    let sent = pair.client.connection.send(now, b"recorded", &mut record).expect("it can send");
    record.truncate(sent.len);
    *record.last_mut().expect("a tag") ^= 1;
    record
}

/// RFC 9147 §4.5.3. The rows allow 128 forgeries.
#[test]
fn connection_with_a_short_tag_ends_at_its_limit_of_forgeries_and_not_before() {
    let (both, identity) = (rustcrypto(), Identity::new(KeyKind::P256));
    for version in [Version::V12, Version::V13] {
        let mut pair = row(&both, version, &identity).connect();
        let forged = forged(&mut pair);
        // 1.3 would change its keys in time, if it were let.
        for n in 0..128 {
            assert!(pair.is_connected(), "{version} after {n}");
            pair.inject(Side::Server, &forged);
        }
        let server = pair.server.latest().expect("a connection");
        let closed = server.closed().expect("the connection is over");
        assert_eq!(closed.reason, CloseReason::Error(Error::TooManyForgeries), "{version}");
        assert!(pair.server.is_closed());
    }
}

/// Key updates leave the forgeries behind, as long as they get through (RFC 9147 §4.5.3).
#[test]
fn updates_of_keys_outrun_slow_forgeries() {
    let (both, identity) = (rustcrypto(), Identity::new(KeyKind::P256));
    let mut pair = row(&both, Version::V13, &identity).connect();
    for _ in 0..50 {
        let forged = forged(&mut pair);
        for _ in 0..15 {
            pair.inject(Side::Server, &forged);
        }
        pair.run_for(Duration::from_secs(1));
    }
    assert!(pair.is_connected());
    assert!(pair.data_flows());
}
