//! What the program connects: configurations of a client and a server.

use alloc::sync::Arc;
use alloc::vec;
use core::time::Duration;

use sealgram::crypto::{CryptoError, CryptoProvider, SecureRandom, WallClock};
use sealgram::iana::{CipherSuite, SignatureScheme, Version};
use sealgram::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use sealgram::{ClientConfig, ExternalPsk, RootStore, ServerConfig};
use sealgram_rustcrypto::cipher_suite::danger;
use sealgram_rustcrypto::{RustCrypto, cipher_suite};

#[link(name = "c")]
unsafe extern "C" {
    fn getentropy(buffer: *mut u8, length: usize) -> i32;
}

/// A device that knows no calendar better than this.
#[derive(Debug)]
struct Fixed;

impl WallClock for Fixed {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000))
    }
}

/// The device's own random generator.
#[derive(Debug)]
struct Device;

impl SecureRandom for Device {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        // It gives at most 256 bytes at once.
        for chunk in out.chunks_mut(256) {
            // SAFETY: writes that many bytes to where they may be written.
            if unsafe { getentropy(chunk.as_mut_ptr(), chunk.len()) } != 0 {
                return Err(CryptoError);
            }
        }
        Ok(())
    }
}

static CRYPTO: RustCrypto = RustCrypto::new(&Device);

/// A client and a server that fit.
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) suite: CipherSuite,
    keys: Keys,
}

#[derive(Clone, Copy)]
enum Keys {
    /// Make-believe cryptography throughout.
    Null,
    /// A chain of two certificates with P-256 keys.
    Certificate,
    /// A key that both sides have.
    Psk,
}

pub(crate) static ALL: [Setup; 5] = [
    Setup {
        name: "null 1.2",
        version: Version::V12,
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        keys: Keys::Null,
    },
    Setup {
        name: "null 1.3",
        version: Version::V13,
        suite: CipherSuite::TLS_AES_128_GCM_SHA256,
        keys: Keys::Null,
    },
    Setup {
        name: "ECDHE_ECDSA, CCM_8, 1.2",
        version: Version::V12,
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
        keys: Keys::Certificate,
    },
    Setup {
        name: "ECDHE with a certificate, CCM_8, 1.3",
        version: Version::V13,
        suite: CipherSuite::TLS_AES_128_CCM_8_SHA256,
        keys: Keys::Certificate,
    },
    Setup {
        name: "PSK, CCM_8, 1.2",
        version: Version::V12,
        suite: CipherSuite::TLS_PSK_WITH_AES_128_CCM_8,
        keys: Keys::Psk,
    },
];

static ROOT: &[u8] = include_bytes!("../../../vectors/x509/root.der");
static INTERMEDIATE: &[u8] = include_bytes!("../../../vectors/x509/intermediate.der");
static SERVER: &[u8] = include_bytes!("../../../vectors/x509/server.der");
static SERVER_KEY: &[u8] = include_bytes!("../../../vectors/x509/server.key");

/// Who the certificate is for.
pub(crate) const SERVER_NAME: &str = "server.example";

/// The key that both sides have, if they have one.
fn psk() -> Option<Arc<ExternalPsk>> {
    ExternalPsk::new(b"device 7", &[0x5a; 16]).map(Arc::new)
}

impl Setup {
    pub(crate) fn has_server_name(&self) -> bool {
        matches!(self.keys, Keys::Certificate)
    }

    fn provider(&self, seed: u64) -> CryptoProvider {
        if let Keys::Null = self.keys {
            return nullcrypto::provider(seed);
        }
        let mut provider = CRYPTO.provider();
        provider.suites = vec![
            &danger::TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
            &danger::TLS_AES_128_CCM_8_SHA256,
            &danger::TLS_PSK_WITH_AES_128_CCM_8,
            &cipher_suite::TLS_AES_128_CCM_SHA256,
        ];
        provider
    }

    pub(crate) fn client(&self) -> Option<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(self.provider(1))
            .with_versions(&[self.version])
            .with_cipher_suites(&[self.suite])
            .danger_allow_ccm_8(128)
            .with_wall_clock(Arc::new(Fixed));
        let ready = match self.keys {
            Keys::Null => builder
                .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
                .with_no_client_auth(),
            Keys::Certificate => {
                let mut roots = RootStore::new();
                roots.add(CertificateDer::from(ROOT)).ok()?;
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Keys::Psk => builder.with_psk(psk()?),
        };
        ready.build().ok()
    }

    pub(crate) fn server(&self) -> Option<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(self.provider(2))
            .with_versions(&[self.version])
            .with_cipher_suites(&[self.suite])
            .danger_allow_ccm_8(128)
            .with_wall_clock(Arc::new(Fixed))
            .with_no_client_auth();
        let ready = match self.keys {
            Keys::Null => {
                let (certificate, _) = nullcrypto::certificate(7);
                let scheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
                builder.with_identity(vec![certificate], &nullcrypto::private_key(7, scheme))
            }
            Keys::Certificate => {
                let chain = [SERVER, INTERMEDIATE].map(CertificateDer::from).to_vec();
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(SERVER_KEY));
                builder.with_identity(chain, &key)
            }
            Keys::Psk => builder.with_psks(Arc::new(vec![psk()?])),
        };
        ready.build().ok()
    }
}
