//! Arguments become configurations.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use sealgram::crypto::{AeadKind, ClientVerifier, CryptoProvider, ServerVerifier, Suite};
use sealgram::danger::{AcceptAnyClient, AcceptAnyServer};
use sealgram::iana::{CipherSuite, NamedGroup, SrtpProfile, Version};
use sealgram::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use sealgram::ring::hash::SHA256;
use sealgram::{
    ClientConfig, ConfigError, FingerprintVerifier, RootStore, ServerConfig, TransportConfig,
    UnknownStatus, WebPkiClientVerifier, WebPkiServerVerifier,
};

use crate::args::{ClientAuth, CommonArgs, ConnectArgs, ListenArgs};
use crate::certificates::Wish;
use crate::failure::Failure;
use crate::keylog::KeyLogFiles;
use crate::sessions::SessionFile;
use crate::verifier::Remembering;
use crate::{files, hex, names, raw, screen};

/// How long a handshake may take unless `--timeout` says otherwise: four retransmissions.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// A chain and the key of its leaf.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Applies what both ends are told alike to a builder, whichever of the two it is.
macro_rules! options {
    ($builder:expr, $common:expr) => {{
        let common = $common;
        let mut builder =
            $builder.with_alpn(common.alpn).with_srtp(common.srtp).with_transport(common.transport);
        if let Some(version) = common.version {
            builder = builder.with_versions(&[version]);
        }
        if let Some(suites) = &common.suites {
            builder = builder.with_cipher_suites(suites);
        }
        if let Some(forgeries) = common.ccm_8_forgeries {
            builder = builder.danger_allow_ccm_8(forgeries);
        }
        if let Some(groups) = &common.groups {
            builder = builder.with_groups(groups);
        }
        if let Some(log) = common.key_log {
            builder = builder.with_key_log(log);
        }
        builder
    }};
}

/// A client's configuration and what the command wants to know later.
pub(crate) struct Client {
    pub(crate) config: ClientConfig,
    /// `None` if the server is known by a pre-shared key.
    pub(crate) verifier: Option<Arc<Remembering>>,
    /// Whether the server's identity is really verified.
    pub(crate) verifies: bool,
}

const EARLY_DATA_WARNING: &str =
    "warning: --early-data: what comes early may have been recorded and sent again";

/// How many bytes of early data a server takes with one ticket: the longest datagram.
const MAX_EARLY_DATA: u32 = 1 << 14;

pub(crate) fn client(args: &ConnectArgs) -> Result<Client, Failure> {
    let common = Common::new(&args.common)?;
    if args.common.cert.len() > 1 || args.common.psk.len() > 1 {
        return Err(Failure::usage("--cert and --psk can be repeated on a server only"));
    }
    let builder = ClientConfig::builder_with_provider(common.provider.clone());
    let (mut builder, verifier) = match args.common.psk.first() {
        _ if args.common.raw_public_key => {
            if !args.common.psk.is_empty() || args.common.key.len() > 1 {
                return Err(Failure::usage("--raw-public-key goes with one --key on a client")
                    .hint("leave out --psk, and give one key or none"));
            }
            let verifier = raw::server_verifier(args, &common.provider)?;
            let mut builder = builder.with_raw_public_keys(verifier).with_no_client_auth();
            for key in raw::own_keys(&args.common)? {
                builder = builder.and_raw_public_key(&key);
            }
            (builder, None)
        }
        Some(psk) => {
            let others = [args.ca.is_empty(), args.fingerprint.is_empty(), !args.insecure];
            if others.contains(&false) || !common.crls.is_empty() || !args.common.cert.is_empty() {
                return Err(Failure::usage("--psk goes without certificates")
                    .hint("leave out --ca, --fingerprint, --insecure, --crl and --cert"));
            }
            (builder.with_psk(psk.clone()), None)
        }
        None => {
            let verifier = server_verifier(args, &common)?;
            (builder.with_server_verifier(verifier.clone()).with_no_client_auth(), Some(verifier))
        }
    };
    for (chain, key) in identities(&args.common)? {
        builder = builder.and_identity(chain, &key);
    }
    if let Some(path) = &args.resume {
        builder = builder.with_session_store(SessionFile::new(path.clone()));
    }
    if args.common.early_data && args.resume.is_none() {
        return Err(Failure::usage("--early-data needs --resume FILE: a first visit has none"));
    }
    builder = builder.danger_offer_early_data(args.common.early_data);
    let config = options!(builder, common).build()?;
    Ok(Client { config, verifier, verifies: !args.insecure })
}

/// What decides whether the server is the one that is wanted.
fn server_verifier(args: &ConnectArgs, common: &Common) -> Result<Arc<Remembering>, Failure> {
    let algorithms = common.provider.signature_algorithms;
    let verifier: Arc<dyn ServerVerifier> = if !args.ca.is_empty() {
        let mut builder = WebPkiServerVerifier::builder(roots(&args.ca)?, algorithms);
        if !common.crls.is_empty() {
            builder = builder
                .with_crls(common.crls.clone())
                .with_unknown_revocation(UnknownStatus::Allow);
        }
        builder.build().map_err(ConfigError::Verifier)?
    } else if !args.fingerprint.is_empty() {
        let known = args.fingerprint.iter().copied();
        FingerprintVerifier::new(known, SHA256, algorithms).map_err(ConfigError::Verifier)?
    } else if args.insecure {
        screen::say(&"warning: --insecure: the server can be anybody");
        AcceptAnyServer::new(algorithms)
    } else {
        return Err(Failure::usage("nothing says how the server is verified")
            .hint("give --ca FILE, --fingerprint SHA256HEX, --psk IDENTITY:HEX, or --insecure"));
    };
    if args.ca.is_empty() && !common.crls.is_empty() {
        return Err(Failure::usage("--crl needs --ca: only chains are checked for revocation"));
    }
    Ok(Remembering::new(verifier))
}

/// A server's configuration, and whether it verifies the certificates that clients show.
pub(crate) struct Server {
    pub(crate) config: ServerConfig,
    pub(crate) verifies: bool,
}

pub(crate) fn server(args: &ListenArgs) -> Result<Server, Failure> {
    let common = Common::new(&args.common)?;
    let provider = common.provider.clone();
    if args.common.raw_public_key {
        return raw_server(args, common);
    }
    let client_auth = client_verifier(args, &common)?;
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let (builder, verifies) = match client_auth {
        None => (builder.with_no_client_auth(), false),
        Some((verifier, verifies)) => (builder.with_client_verifier(verifier), verifies),
    };
    let mut identities = identities(&args.common)?;
    if let Some(name) = &args.self_signed {
        let made = Wish::self_signed(name)?;
        let fingerprint = SHA256.hash(&made.certificate);
        screen::say(&format_args!("fingerprint {}", hex::encode(fingerprint.as_ref())));
        identities.push((vec![made.certificate], made.key));
    }
    let mut identities = identities.into_iter();
    let psks = (!args.common.psk.is_empty()).then(|| Arc::new(args.common.psk.clone()));
    let mut builder = match (identities.next(), psks) {
        (Some((chain, key)), None) => builder.with_identity(chain, &key),
        (Some((chain, key)), Some(psks)) => builder.with_identity(chain, &key).and_psks(psks),
        (None, Some(psks)) => builder.with_psks(psks),
        (None, None) => {
            return Err(Failure::usage("a server needs a certificate or a pre-shared key")
                .hint("give --cert FILE --key FILE, --self-signed NAME, or --psk IDENTITY:HEX"));
        }
    };
    for (chain, key) in identities {
        builder = builder.and_identity(chain, &key);
    }
    if args.common.early_data {
        screen::say(&EARLY_DATA_WARNING);
        builder = builder.danger_accept_early_data(MAX_EARLY_DATA);
    }
    let config = options!(builder, common).build()?;
    Ok(Server { config, verifies })
}

/// A server that shows keys without certificates, and takes such keys from clients.
fn raw_server(args: &ListenArgs, common: Common) -> Result<Server, Failure> {
    let keys = raw::own_keys(&args.common)?;
    if keys.is_empty() || args.self_signed.is_some() || !args.common.psk.is_empty() {
        return Err(Failure::usage("a server with --raw-public-key needs a key and nothing else")
            .hint("give --key FILE, and leave out --self-signed and --psk"));
    }
    let builder = ServerConfig::builder_with_provider(common.provider.clone());
    let (builder, verifies) = match raw::client_verifier(args, &common.provider)? {
        None => (builder.with_no_client_auth(), false),
        Some(raw::ClientVerifier { verifier, required, verifies }) => {
            (builder.with_raw_public_keys(verifier, required), verifies)
        }
    };
    let mut builder = builder.with_certificates([]);
    for key in keys {
        raw::announce(&common.provider, &key)?;
        builder = builder.and_raw_public_key(&key);
    }
    if args.common.early_data {
        screen::say(&EARLY_DATA_WARNING);
        builder = builder.danger_accept_early_data(MAX_EARLY_DATA);
    }
    let config = options!(builder, common).build()?;
    Ok(Server { config, verifies })
}

/// Who verifies clients, and whether it is more than a formality.
type Verifier = (Arc<dyn ClientVerifier>, bool);

/// `None` if clients are not asked for a certificate.
fn client_verifier(args: &ListenArgs, common: &Common) -> Result<Option<Verifier>, Failure> {
    let algorithms = common.provider.signature_algorithms;
    let auth = args.client_auth.unwrap_or(ClientAuth::None);
    if args.client_ca.is_empty() && !common.crls.is_empty() {
        return Err(Failure::usage("--crl needs --client-ca on a server"));
    }
    match (auth, args.client_ca.as_slice()) {
        (ClientAuth::None, []) => Ok(None),
        (ClientAuth::None, _) => Err(Failure::usage("--client-ca without --client-auth")
            .hint("give --client-auth request or --client-auth require")),
        (ClientAuth::Require, []) => {
            Err(Failure::usage("--client-auth require without --client-ca")
                .hint("give --client-ca FILE: whom should it let in?"))
        }
        (ClientAuth::Request, []) => {
            screen::say(
                &"warning: --client-auth request without --client-ca: any certificate is accepted",
            );
            Ok(Some((AcceptAnyClient::new(algorithms), false)))
        }
        (auth, files) => {
            let mut builder = WebPkiClientVerifier::builder(roots(files)?, algorithms);
            if !common.crls.is_empty() {
                builder = builder
                    .with_crls(common.crls.clone())
                    .with_unknown_revocation(UnknownStatus::Allow);
            }
            if auth == ClientAuth::Request {
                builder = builder.optional();
            }
            Ok(Some((builder.build().map_err(ConfigError::Verifier)?, true)))
        }
    }
}

fn roots(files: &[PathBuf]) -> Result<Arc<RootStore>, Failure> {
    let mut roots = RootStore::new();
    for path in files {
        for certificate in files::certificates(path)? {
            roots.add(certificate).map_err(|error| Failure::file(path, error))?;
        }
    }
    Ok(Arc::new(roots))
}

/// None with raw public keys, which have no chains.
fn identities(args: &CommonArgs) -> Result<Vec<Identity>, Failure> {
    if args.raw_public_key {
        return Ok(Vec::new());
    }
    if args.cert.len() != args.key.len() {
        return Err(Failure::usage("--cert and --key come in pairs: one key for each chain"));
    }
    let pairs = args.cert.iter().zip(&args.key);
    pairs.map(|(cert, key)| Ok((files::certificates(cert)?, files::private_key(key)?))).collect()
}

/// What clients and servers are told alike.
struct Common {
    provider: CryptoProvider,
    version: Option<Version>,
    suites: Option<Vec<CipherSuite>>,
    /// How many forgeries end a connection, if a suite with CCM_8 was asked for.
    ccm_8_forgeries: Option<u64>,
    groups: Option<Vec<NamedGroup>>,
    alpn: Vec<Vec<u8>>,
    srtp: Vec<SrtpProfile>,
    key_log: Option<Arc<KeyLogFiles>>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    transport: TransportConfig,
}

impl Common {
    fn new(args: &CommonArgs) -> Result<Self, Failure> {
        args.later.check()?;
        if args.psk.iter().any(|psk| psk.is_weak()) {
            screen::say(&"warning: --psk: a key of less than 16 bytes can be guessed");
        }
        let mut provider = sealgram::default_provider();
        let mut ccm_8_forgeries = None;
        let suites = match &args.suites {
            Some(list) => {
                // Whoever wants CCM says so: it is slower, and no peer on a network needs it.
                provider.suites.extend(ccm_suites());
                let suites = names::suites(list, &provider)?;
                let ccm_8 = AeadKind::Aes128Ccm8;
                let short =
                    |id: &CipherSuite| provider.suite(*id).is_some_and(|s| s.facts.aead == ccm_8);
                ccm_8_forgeries = suites.iter().any(short).then(|| ccm_8.integrity_limit());
                Some(suites)
            }
            None => None,
        };
        let crls = args.crl.iter().map(|path| files::crls(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            version: args.dtls.only(),
            suites,
            ccm_8_forgeries,
            groups: args.groups.as_deref().map(|l| names::groups(l, &provider)).transpose()?,
            provider,
            alpn: args.alpn.as_deref().map(names::alpn).transpose()?.unwrap_or_default(),
            srtp: args.srtp.as_deref().map(names::srtp).transpose()?.unwrap_or_default(),
            key_log: KeyLogFiles::open(args.keylog.as_deref())?.map(Arc::new),
            crls: crls.into_iter().flatten().collect(),
            transport: transport(args)?,
        })
    }
}

/// The suites with AES-CCM.
fn ccm_suites() -> impl Iterator<Item = &'static Suite> {
    let ccm =
        |suite: &&&Suite| matches!(suite.facts.aead, AeadKind::Aes128Ccm | AeadKind::Aes128Ccm8);
    sealgram_rustcrypto::cipher_suite::ALL.iter().filter(ccm).copied()
}

fn transport(args: &CommonArgs) -> Result<TransportConfig, Failure> {
    let mut transport = TransportConfig::default()
        .with_handshake_deadline(args.timeout.unwrap_or(HANDSHAKE_TIMEOUT));
    if let Some(bytes) = args.mtu {
        transport = transport
            .with_max_datagram(bytes)
            .map_err(|_| Failure::usage("--mtu must be from 128 to 65507"))?;
    }
    if let Some(millis) = args.retransmit {
        transport = transport
            .with_retransmit_timeout(Duration::from_millis(millis))
            .map_err(|_| Failure::usage("--retransmit must be from 1 to 60000 (milliseconds)"))?;
    }
    // The deadline alone decides when to give up, however short the first timeout is.
    Ok(transport.with_max_retransmits(100)?)
}
