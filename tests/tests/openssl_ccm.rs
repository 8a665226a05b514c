//! AES-CCM with openssl, in both roles: the provider in pure Rust over real sockets.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::time::Duration;
use std::fs;
use std::sync::Arc;

use sealgram::crypto::{CryptoProvider, Suite};
use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};
use sealgram::{ClientConfig, CloseReason, EndpointConfig, ExternalPsk, RootStore, ServerConfig};
use sealgram_rustcrypto::cipher_suite::{self, danger};
use sealgram_tests::{
    Certified, Checked, Failure, KeyKind, Openssl, Role, Scene, Stream, check, check_eq,
    foreign_peer, rows,
};
use sealgram_udp::{Client, MAX_PLAINTEXT, Server, ServerEvent};

/// Longer than anything takes here, and shorter than a row's deadline.
const WAIT: Duration = Duration::from_secs(10);
const IDENTITY: &str = "device 7";
const KEY: [u8; 16] = [0x5a; 16];

struct Row {
    role: Role,
    suite: &'static Suite,
    /// What openssl calls it.
    openssl: &'static str,
}

impl Row {
    const SUITES: [(&'static Suite, &'static str); 7] = [
        (&cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_CCM, "ECDHE-ECDSA-AES128-CCM"),
        (&danger::TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, "ECDHE-ECDSA-AES128-CCM8"),
        (&cipher_suite::TLS_PSK_WITH_AES_128_CCM, "PSK-AES128-CCM"),
        (&danger::TLS_PSK_WITH_AES_128_CCM_8, "PSK-AES128-CCM8"),
        // What CCM is not: the provider's other ways.
        (&cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (&cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (
            &cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
    ];

    fn uses_psk(&self) -> bool {
        self.suite.facts.key_exchange.uses_psk()
    }

    fn provider(&self) -> CryptoProvider {
        let mut provider = sealgram_rustcrypto::default_provider();
        // Not alone: servers need a SHA-256 from somewhere, for cookies.
        provider.suites.push(self.suite);
        provider
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.role, self.openssl)
    }
}

fn psk() -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(IDENTITY.as_bytes(), &KEY).expect("a key"))
}

/// openssl with this suite, and with the certificate or the key that it needs.
fn openssl(row: &Row, certified: &Certified) -> Openssl {
    let openssl = Openssl::new().with("-cipher", row.openssl);
    if row.uses_psk() {
        let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        let openssl = openssl.with("-psk", key).with("-psk_identity", IDENTITY);
        return if row.role == Role::Client { openssl.flag("-nocert") } else { openssl };
    }
    match row.role {
        Role::Client => {
            openssl.with("-cert", &certified.identity.chain).with("-key", &certified.identity.key)
        }
        Role::Server => openssl.trust(certified.authority.root()),
    }
}

fn failed(error: impl Display) -> Failure {
    Failure::new(error.to_string())
}

fn certificate(path: &std::path::Path) -> Checked<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(&fs::read(path)?).map_err(failed)
}

fn client_meets_openssl(row: &Row, certified: &Certified, scene: &Scene) -> Checked {
    let mut server = openssl(row, certified).with("-naccept", "1").serve(scene)?;
    let builder = ClientConfig::builder_with_provider(row.provider())
        .with_cipher_suites(&[row.suite.id()])
        .danger_allow_ccm_8(128);
    let config = if row.uses_psk() {
        builder.with_psk(psk()).build()
    } else {
        let mut roots = RootStore::new();
        roots.add(certificate(certified.authority.root())?).map_err(failed)?;
        builder.with_root_certificates(roots).with_no_client_auth().build()
    };
    let name = (!row.uses_psk()).then(|| "localhost".try_into().expect("a name"));
    let mut client =
        Client::connect(&config.map_err(failed)?, server.address, name).map_err(failed)?;
    check_eq("openssl's suite", server.cipher()?.as_str(), row.openssl)?;
    // One byte and many: one block of CCM and several.
    for text in ["a\n", &format!("{}\n", "there and back again ".repeat(50))] {
        client.send(text.as_bytes()).map_err(failed)?;
        server.program.wait_for(Stream::Out, text)?;
        server.program.input(text.as_bytes())?;
        let mut buf = [0; MAX_PLAINTEXT];
        let len = client.recv(&mut buf, WAIT).map_err(failed)?;
        check_eq("what comes back", len.and_then(|len| buf.get(..len)), Some(text.as_bytes()))?;
    }
    check_eq("what failed to open", client.stats().discards.unauthentic, 0)?;
    client.close().map_err(failed)?;
    check_eq("openssl's exit code", server.program.exit()?.code, Some(0))
}

fn server_meets_openssl(row: &Row, certified: &Certified, scene: &Scene) -> Checked {
    let builder = ServerConfig::builder_with_provider(row.provider())
        .with_cipher_suites(&[row.suite.id()])
        .danger_allow_ccm_8(128)
        .with_no_client_auth();
    let config = if row.uses_psk() {
        builder.with_psks(Arc::new(vec![psk()])).build()
    } else {
        let key = fs::read(&certified.identity.key)?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(failed)?;
        builder.with_identity(vec![certificate(&certified.identity.chain)?], &key).build()
    };
    let localhost = ([127, 0, 0, 1], 0).into();
    let mut server =
        Server::bind(localhost, EndpointConfig::new(), config.map_err(failed)?).map_err(failed)?;
    let address = server.local_addr().map_err(failed)?;
    let mut client = openssl(row, certified).connect(scene, address)?;
    let mut buf = [0; MAX_PLAINTEXT];
    let mut step = |server: &mut Server| {
        let event = server.step(WAIT, &mut buf).map_err(failed)?;
        let event = event.ok_or_else(|| Failure::new("nothing happens"))?;
        // Sends back what it gets.
        if let ServerEvent::Data { peer, len, .. } = event {
            let text = buf.get(..len).unwrap_or_default().to_vec();
            server.send(peer, &text).map_err(failed)?;
        }
        Ok::<_, Failure>(event)
    };
    let event = step(&mut server)?;
    check(matches!(event, ServerEvent::Connected { .. }), format!("{event:?}"))?;
    check_eq("openssl's suite", client.cipher()?.as_str(), row.openssl)?;
    for text in ["a\n", &format!("{}\n", "there and back again ".repeat(50))] {
        client.program.input(text.as_bytes())?;
        let event = step(&mut server)?;
        check(matches!(event, ServerEvent::Data { .. }), format!("{event:?}"))?;
        client.program.wait_for(Stream::Out, text)?;
    }
    client.program.input(b"Q\n")?;
    let ServerEvent::Closed { ended, .. } = step(&mut server)? else {
        return Err(Failure::new("the connection does not end"));
    };
    check_eq("how it ended", ended.closed.map(|closed| closed.reason), Some(CloseReason::Peer))?;
    check_eq("what failed to open", ended.stats.discards.unauthentic, 0)?;
    check_eq("openssl's exit code", client.program.exit()?.code, Some(0))
}

#[test]
fn suites_of_the_rust_provider_connect_with_openssl_in_both_roles() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let mut cases = Vec::new();
    for role in Role::BOTH {
        cases.extend(Row::SUITES.map(|(suite, openssl)| Row { role, suite, openssl }));
    }
    rows(&cases, |row, scene| match row.role {
        Role::Client => client_meets_openssl(row, &certified, scene),
        Role::Server => server_meets_openssl(row, &certified, scene),
    });
}
