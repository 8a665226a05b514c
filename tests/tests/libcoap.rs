//! CoAP over DTLS (RFC 7252 §9) with libcoap: one confirmable GET and its response.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::time::Duration;
use std::fs;
use std::sync::Arc;

use sealgram::crypto::CryptoProvider;
use sealgram::iana::{CipherSuite, Version};
use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use sealgram::{
    ClientConfig, CloseReason, EndpointConfig, ExternalPsk, PinnedPublicKeys, RootStore,
    ServerConfig, WebPkiClientVerifier, default_provider,
};
use sealgram_tests::{
    Authority, Checked, Failure, Identity, Inside, KeyKind, Leaf, Libcoap, Role, Scene, check,
    check_contains, check_eq, foreign_peer, rows,
};
use sealgram_udp::{Client, MAX_PLAINTEXT, Server, ServerEvent};

/// How long the other side has for each step.
const PATIENCE: Duration = Duration::from_secs(10);

/// What we serve.
const TEMPERATURE: &[u8] = b"21.5 C";

/// Wraps the error of a step that should succeed.
fn failed(error: impl Display) -> Failure {
    Failure::new(error.to_string())
}

/// A confirmable GET without a token (RFC 7252 §3).
fn get(message_id: [u8; 2], path: &str) -> Vec<u8> {
    let [high, low] = message_id;
    let mut request = vec![0x40, 0x01, high, low];
    if !path.is_empty() {
        // Option 11, Uri-Path, of less than 13 bytes.
        request.push(0xb0 | u8::try_from(path.len()).expect("a short path"));
        request.extend_from_slice(path.as_bytes());
    }
    request
}

/// The response to a confirmable GET, carried by its acknowledgement (RFC 7252 §5.2.1).
fn content(request: &[u8], payload: &[u8]) -> Checked<Vec<u8>> {
    let &[first, 0x01, high, low, ref rest @ ..] = request else {
        return Err(Failure::new(format!("this is no GET: {request:02x?}")));
    };
    check_eq("version 1 and a confirmable message", first >> 4, 4)?;
    let token =
        rest.get(..usize::from(first & 0xf)).ok_or_else(|| Failure::new("the token is cut off"))?;
    Ok([&[0x60 | first & 0xf, 0x45, high, low], token, &[0xff], payload].concat())
}

/// The payload of the acknowledgement of the request with this ID, if it is 2.05 (Content).
fn payload(response: &[u8], message_id: [u8; 2]) -> Checked<&[u8]> {
    let &[0x60, 0x45, high, low, ref rest @ ..] = response else {
        return Err(Failure::new(format!("this is no content: {response:02x?}")));
    };
    check_eq("the message ID", [high, low], message_id)?;
    let start = rest.iter().position(|byte| *byte == 0xff).map_or(rest.len(), |at| at + 1);
    Ok(&rest[start..])
}

/// Who proves to be whom, and how.
#[derive(Clone, Copy, Debug)]
enum Proof {
    /// The server shows a certificate.
    Server(KeyKind),
    /// Both show one.
    Mutual(KeyKind),
    /// The server shows a raw public key (RFC 7250, and RFC 7252 §9.1.3.2).
    RawServer(KeyKind),
    /// Both show one.
    RawMutual(KeyKind),
    /// Both know a key, and use this suite.
    Psk(PskSuite),
}

/// What a client has shown of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Certificate,
    RawKey,
}

/// The suites with pre-shared keys that devices have.
#[derive(Clone, Copy, Debug)]
enum PskSuite {
    /// TLS_PSK_WITH_AES_128_GCM_SHA256, of ring.
    Gcm,
    /// TLS_PSK_WITH_AES_128_CCM, of RustCrypto.
    Ccm,
    /// TLS_PSK_WITH_AES_128_CCM_8, of RustCrypto: the one that CoAP makes mandatory
    /// (RFC 7252 §9.1.3.1).
    Ccm8,
}

impl PskSuite {
    fn number(self) -> CipherSuite {
        match self {
            Self::Gcm => CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
            Self::Ccm => CipherSuite::TLS_PSK_WITH_AES_128_CCM,
            Self::Ccm8 => CipherSuite::TLS_PSK_WITH_AES_128_CCM_8,
        }
    }

    fn provider(self) -> CryptoProvider {
        use sealgram_rustcrypto::cipher_suite;
        let mut rustcrypto = sealgram_rustcrypto::default_provider();
        match self {
            Self::Gcm => return default_provider(),
            Self::Ccm => rustcrypto.suites = vec![&cipher_suite::TLS_PSK_WITH_AES_128_CCM],
            Self::Ccm8 => {
                rustcrypto.suites = vec![&cipher_suite::danger::TLS_PSK_WITH_AES_128_CCM_8];
            }
        }
        rustcrypto
    }
}

const IDENTITY: &str = "thermometer";
/// libcoap takes it as text.
const KEY: &str = "0123456789abcdef";
/// How many forgeries a suite with short tags may see.
const FORGERIES: u64 = 128;

struct Row {
    role: Role,
    inside: Inside,
    proof: Proof,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, libcoap with {}, {:?}", self.role, self.inside, self.proof)
    }
}

fn cases() -> Vec<Row> {
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for inside in Inside::BOTH {
            for kind in [KeyKind::P256, KeyKind::Rsa] {
                cases.push(Row { role, inside, proof: Proof::Server(kind) });
                cases.push(Row { role, inside, proof: Proof::Mutual(kind) });
                // With OpenSSL inside, libcoap 4.3.1 says "RPK Support not available in OpenSSL".
                if let Inside::Gnutls = inside {
                    cases.push(Row { role, inside, proof: Proof::RawServer(kind) });
                    cases.push(Row { role, inside, proof: Proof::RawMutual(kind) });
                }
            }
            for suite in [PskSuite::Gcm, PskSuite::Ccm, PskSuite::Ccm8] {
                // OpenSSL counts 64 bits of tag as 64 bits of security, and libcoap's asks for more.
                if let (Inside::Openssl, PskSuite::Ccm8) = (inside, suite) {
                    continue;
                }
                cases.push(Row { role, inside, proof: Proof::Psk(suite) });
            }
        }
    }
    cases
}

fn chain_and_key(
    identity: &Identity,
) -> Checked<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = CertificateDer::pem_file_iter(&identity.chain).map_err(failed)?;
    let chain = chain.collect::<Result<_, _>>().map_err(failed)?;
    Ok((chain, PrivateKeyDer::from_pem_file(&identity.key).map_err(failed)?))
}

fn roots(authority: &Authority) -> Checked<RootStore> {
    let mut roots = RootStore::new();
    let root = CertificateDer::from_pem_file(authority.root()).map_err(failed)?;
    roots.add(root).map_err(failed)?;
    Ok(roots)
}

#[test]
fn coap_request_over_dtls_is_answered() {
    if !foreign_peer("libcoap") {
        return;
    }
    rows(&cases(), |&Row { role, inside, proof }, scene| {
        let kind = match proof {
            Proof::Server(kind) | Proof::Mutual(kind) => kind,
            Proof::RawServer(kind) => return with_raw_keys(scene, role, inside, kind, false),
            Proof::RawMutual(kind) => return with_raw_keys(scene, role, inside, kind, true),
            Proof::Psk(suite) => return with_psk(scene, role, inside, suite),
        };
        let authority = Authority::new(kind)?;
        let identity = authority.issue(Leaf { names: &["127.0.0.1"], ..Leaf::default() })?;
        let (chain, key) = chain_and_key(&identity)?;
        let roots = roots(&authority)?;
        let mutual = matches!(proof, Proof::Mutual(_));
        let libcoap = Libcoap::new(inside);
        match role {
            Role::Client => {
                let config = ClientConfig::builder().with_root_certificates(roots);
                let config = match mutual {
                    true => config.with_identity(chain, &key),
                    false => config.with_no_client_auth(),
                };
                let libcoap = libcoap.identity(&identity);
                let libcoap = if mutual { libcoap.trust(authority.root()) } else { libcoap };
                ask(scene, &config.build().map_err(failed)?, &libcoap)
            }
            Role::Server => {
                let config = ServerConfig::builder();
                let config = match mutual {
                    true => {
                        let algorithms = default_provider().signature_algorithms;
                        let verifier = WebPkiClientVerifier::builder(Arc::new(roots), algorithms);
                        config.with_client_verifier(verifier.build().map_err(failed)?)
                    }
                    false => config.with_no_client_auth(),
                };
                let libcoap = libcoap.trust(authority.root());
                let libcoap = if mutual { libcoap.identity(&identity) } else { libcoap };
                answer(
                    scene,
                    config.with_identity(chain, &key).build().map_err(failed)?,
                    &libcoap,
                    if mutual { Shown::Certificate } else { Shown::Nothing },
                )
            }
        }
    });
}

/// Both keys are of this kind. We know libcoap's key; it takes ours for what it is, since nothing
/// tells it which keys are good.
fn with_raw_keys(
    scene: &Scene,
    role: Role,
    inside: Inside,
    kind: KeyKind,
    mutual: bool,
) -> Checked {
    let authority = Authority::new(kind)?;
    let (ours, theirs) = (authority.issue(Leaf::default())?, authority.issue(Leaf::default())?);
    let ours = PrivateKeyDer::from_pem_file(&ours.key).map_err(failed)?;
    let public = theirs.public_key()?;
    let pin = SubjectPublicKeyInfoDer::from_pem_slice(public.as_bytes()).map_err(failed)?;
    let pinned = PinnedPublicKeys::new([pin], default_provider().signature_algorithms);
    let pinned = pinned.map_err(failed)?;
    // A file with the PKCS#8 key alone is not enough: "Base64 unexpected header error".
    let pair = scene.new_path("pair.pem");
    fs::write(&pair, fs::read_to_string(&theirs.key)? + &public)?;
    let libcoap = Libcoap::new(inside).raw_key(&pair);
    match role {
        Role::Client => {
            let config = ClientConfig::builder().with_raw_public_keys(pinned);
            let (config, libcoap) = match mutual {
                true => (config.with_raw_public_key(&ours), libcoap),
                false => (config.with_no_client_auth(), libcoap.flag("-n")),
            };
            ask(scene, &config.build().map_err(failed)?, &libcoap)
        }
        Role::Server => {
            let config = ServerConfig::builder();
            let (config, shown) = match mutual {
                true => (config.with_raw_public_keys(pinned, true), Shown::RawKey),
                false => (config.with_no_client_auth(), Shown::Nothing),
            };
            let config = config.with_raw_public_key(&ours).build().map_err(failed)?;
            answer(scene, config, &libcoap, shown)
        }
    }
}

fn with_psk(scene: &Scene, role: Role, inside: Inside, suite: PskSuite) -> Checked {
    let psk = ExternalPsk::new(IDENTITY.as_bytes(), KEY.as_bytes());
    let psk = Arc::new(psk.ok_or_else(|| Failure::new("a key that does not fit"))?);
    let provider = suite.provider();
    let libcoap = Libcoap::new(inside).with("-k", KEY);
    match role {
        Role::Client => {
            let config = ClientConfig::builder_with_provider(provider).with_psk(psk);
            let config = config.with_versions(&[Version::V12]);
            let config = config.with_cipher_suites(&[suite.number()]);
            ask(scene, &config.danger_allow_ccm_8(FORGERIES).build().map_err(failed)?, &libcoap)
        }
        Role::Server => {
            let config = ServerConfig::builder_with_provider(provider).with_no_client_auth();
            let config = config.with_psks(Arc::new(vec![psk]));
            let config = config.with_versions(&[Version::V12]);
            let config = config.with_cipher_suites(&[suite.number()]);
            let config = config.danger_allow_ccm_8(FORGERIES).build().map_err(failed)?;
            answer(scene, config, &libcoap.with("-u", IDENTITY), Shown::Nothing)
        }
    }
}

/// Gets the root resource of libcoap's server.
fn ask(scene: &Scene, config: &ClientConfig, libcoap: &Libcoap) -> Checked {
    let server = libcoap.serve(scene)?;
    let name = server.address.ip().into();
    let mut client = Client::connect(config, server.address, Some(name)).map_err(failed)?;
    let message_id = [0x5e, 0xa1];
    client.send(&get(message_id, "")).map_err(failed)?;
    let mut buf = [0; MAX_PLAINTEXT];
    let len = client.recv(&mut buf, PATIENCE).map_err(failed)?;
    let len = len.ok_or_else(|| Failure::new("no response in time"))?;
    let text = String::from_utf8_lossy(payload(&buf[..len], message_id)?).into_owned();
    check_contains("what libcoap serves", &text, "libcoap")?;
    client.close().map_err(failed)
}

/// Serves libcoap's client one resource, and waits until it has closed the connection.
fn answer(scene: &Scene, config: ServerConfig, libcoap: &Libcoap, expected: Shown) -> Checked {
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut server = Server::bind(any, EndpointConfig::new(), config).map_err(failed)?;
    let address = server.local_addr().map_err(failed)?;
    let mut client = libcoap.get(scene, address, "temperature")?;
    let mut buf = [0; MAX_PLAINTEXT];
    let mut answered = false;
    loop {
        match server.step(PATIENCE, &mut buf).map_err(failed)? {
            None => return Err(Failure::new("nothing happened in time")),
            Some(ServerEvent::Connected { connected, .. }) => {
                let shown = match (&*connected.peer_chain, &connected.peer_raw_public_key) {
                    ([], None) => Shown::Nothing,
                    ([], Some(_)) => Shown::RawKey,
                    _ => Shown::Certificate,
                };
                check_eq("what the client shows", shown, expected)?;
            }
            Some(ServerEvent::Data { peer, len, .. }) => {
                let request = &buf[..len];
                let path = b"temperature";
                let asked = request.windows(path.len()).any(|window| window == path);
                check(asked, format!("another resource is asked for: {request:02x?}"))?;
                server.send(peer, &content(request, TEMPERATURE)?).map_err(failed)?;
                answered = true;
            }
            Some(ServerEvent::Closed { ended, .. }) => {
                let reason = ended.closed.map(|closed| closed.reason);
                check(
                    matches!(reason, Some(CloseReason::Peer)),
                    format!("the connection has ended otherwise: {reason:?}"),
                )?;
                break;
            }
            Some(_) => {}
        }
    }
    check(answered, "libcoap has not asked for anything")?;
    let exit = client.exit()?;
    check_eq("libcoap's exit code", exit.code, Some(0))?;
    check_contains("what libcoap got", &exit.stdout, "21.5 C")
}
