//! Configurations and the builders that make them, in the manner of rustls.

mod builder;
mod identity;
mod transport;

use alloc::sync::Arc;

pub use builder::{
    ClientConfigBuilder, Ready, ServerConfigBuilder, WantsClientIdentity, WantsClientVerifier,
    WantsIdentity, WantsServerVerifier,
};
pub use identity::{certified, certified_elsewhere, raw_public_key, raw_public_key_elsewhere};
use sealgram_crypto::Hash;
use sealgram_handshake::{ClientConfig as Client, ServerConfig as Server};
pub use transport::TransportConfig;

/// How clients connect: made once, shared by any number of connections.
///
/// ```
/// # #[cfg(feature = "ring")] {
/// use sealgram::{ClientConfig, RootStore};
///
/// let mut roots = RootStore::new();
/// // roots.add(certificate)?;
/// # roots.add_anchor(sealgram::pki_types::TrustAnchor {
/// #     subject: b"".as_slice().into(), subject_public_key_info: b"".as_slice().into(),
/// #     name_constraints: None });
/// let config = ClientConfig::builder()
///     .with_root_certificates(roots)
///     .with_no_client_auth()
///     .build()?;
/// # }
/// # Ok::<(), sealgram::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(crate) handshake: Arc<Client>,
    pub(crate) transport: TransportConfig,
}

/// How a server meets its clients: made once, shared by any number of connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(crate) handshake: Arc<Server>,
    pub(crate) transport: TransportConfig,
    /// For cookies, which need it whatever the suites are.
    pub(crate) sha256: &'static dyn Hash,
}
