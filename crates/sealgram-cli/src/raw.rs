//! `--raw-public-key`: keys without certificates (RFC 7250).

use std::path::PathBuf;
use std::sync::Arc;

use sealgram::crypto::{CryptoProvider, RawPublicKeyVerifier};
use sealgram::danger::AcceptAnyPublicKey;
use sealgram::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use sealgram::ring::hash::SHA256;
use sealgram::{ConfigError, PinnedPublicKeys, raw_public_key};

use crate::args::{ClientAuth, CommonArgs, ConnectArgs, ListenArgs};
use crate::failure::Failure;
use crate::{files, hex, screen};

/// Our own keys.
pub(crate) fn own_keys(args: &CommonArgs) -> Result<Vec<PrivateKeyDer<'static>>, Failure> {
    if !args.cert.is_empty() || !args.crl.is_empty() {
        return Err(Failure::usage("--raw-public-key goes without certificates")
            .hint("leave out --cert and --crl: the key of --key is shown"));
    }
    args.key.iter().map(|path| files::private_key(path)).collect()
}

/// Prints by which fingerprint a peer knows one of our keys.
pub(crate) fn announce(
    provider: &CryptoProvider,
    key: &PrivateKeyDer<'static>,
) -> Result<(), Failure> {
    let key = raw_public_key(provider, key)?;
    if let Some(public_key) = key.raw_public_key() {
        screen::say(&format_args!("fingerprint {}", fingerprint(public_key)));
    }
    Ok(())
}

/// What decides whether the server is the one that is wanted.
pub(crate) fn server_verifier(
    args: &ConnectArgs,
    provider: &CryptoProvider,
) -> Result<Arc<dyn RawPublicKeyVerifier>, Failure> {
    let algorithms = provider.signature_algorithms;
    if !args.ca.is_empty() {
        pinned(&args.ca, provider)
    } else if !args.fingerprint.is_empty() {
        let pins = args.fingerprint.iter().copied();
        let verifier = PinnedPublicKeys::by_hash(pins, SHA256, algorithms);
        Ok(verifier.map_err(ConfigError::Verifier)?)
    } else if args.insecure {
        screen::say(&"warning: --insecure: the server can be anybody");
        Ok(AcceptAnyPublicKey::new(algorithms))
    } else {
        Err(Failure::usage("nothing says how the server is verified").hint(
            "give --fingerprint SHA256HEX of its public key, --ca FILE with the key, or --insecure",
        ))
    }
}

/// Who verifies clients.
pub(crate) struct ClientVerifier {
    pub(crate) verifier: Arc<dyn RawPublicKeyVerifier>,
    pub(crate) required: bool,
    /// Whether it is more than a formality.
    pub(crate) verifies: bool,
}

/// `None` if clients are not asked for a key.
pub(crate) fn client_verifier(
    args: &ListenArgs,
    provider: &CryptoProvider,
) -> Result<Option<ClientVerifier>, Failure> {
    let auth = args.client_auth.unwrap_or(ClientAuth::None);
    let required = auth == ClientAuth::Require;
    match (auth, args.client_ca.as_slice()) {
        (ClientAuth::None, []) => Ok(None),
        (ClientAuth::None, _) => Err(Failure::usage("--client-ca without --client-auth")
            .hint("give --client-auth request or --client-auth require")),
        (ClientAuth::Require, []) => {
            Err(Failure::usage("--client-auth require without --client-ca")
                .hint("give --client-ca FILE with the public keys of those to let in"))
        }
        (ClientAuth::Request, []) => {
            screen::say(&"warning: --client-auth request without --client-ca: any key is accepted");
            let verifier = AcceptAnyPublicKey::new(provider.signature_algorithms);
            Ok(Some(ClientVerifier { verifier, required, verifies: false }))
        }
        (_, files) => {
            let verifier = pinned(files, provider)?;
            Ok(Some(ClientVerifier { verifier, required, verifies: true }))
        }
    }
}

/// The SHA-256 fingerprint of a public key.
pub(crate) fn fingerprint(public_key: &SubjectPublicKeyInfoDer<'_>) -> String {
    hex::encode(SHA256.hash(public_key).as_ref())
}

fn pinned(
    paths: &[PathBuf],
    provider: &CryptoProvider,
) -> Result<Arc<dyn RawPublicKeyVerifier>, Failure> {
    let mut keys = Vec::new();
    for path in paths {
        keys.extend(files::public_keys(path)?);
    }
    let verifier = PinnedPublicKeys::new(keys, provider.signature_algorithms);
    Ok(verifier.map_err(ConfigError::Verifier)?)
}
