//! No type that holds a secret shows it in `Debug` (nor in `Display`, where it has one).

use core::fmt::Debug;
use std::sync::Arc;

use sealgram::crypto::{Secret, SharedSecret, Tag, TrafficSecret};
use sealgram::pki_types::UnixTime;
use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointConfig, ExternalPsk, Instant, Path, ServerConfig,
    TicketKey, Tickets,
};

/// What every secret of this test is made of: unlikely by chance in any encoding.
const MARKER: [u8; 32] = [
    0xc3, 0x5a, 0x91, 0x7e, 0xd4, 0x2b, 0xe8, 0x66, 0xc3, 0x5a, 0x91, 0x7e, 0xd4, 0x2b, 0xe8, 0x66,
    0xc3, 0x5a, 0x91, 0x7e, 0xd4, 0x2b, 0xe8, 0x66, 0xc3, 0x5a, 0x91, 0x7e, 0xd4, 0x2b, 0xe8, 0x66,
];

/// The marker's first four bytes as they would look in a dump: hex in both cases, a list of
/// decimals, base64 at each of its three alignments.
const FORMS: [&str; 8] = [
    "c35a917e",
    "C35A917E",
    "c3, 5a, 91, 7e",
    "195, 90, 145, 126",
    "0xc3, 0x5a",
    "w1qRfg",
    "NakX7",
    "DWpF+",
];

fn shown(value: &dyn Debug) -> Option<&'static str> {
    let texts =
        [format!("{value:?}"), format!("{value:#?}").replace([' ', '\n'], "").replace(',', ", ")];
    FORMS.into_iter().find(|form| texts.iter().any(|text| text.contains(form)))
}

fn suite() -> &'static sealgram::crypto::Suite {
    &nullcrypto::cipher_suite::TLS_AES_128_GCM_SHA256
}

fn server_config() -> ServerConfig {
    let provider = nullcrypto::provider(1);
    let psk = Arc::new(ExternalPsk::new(b"device", &MARKER).unwrap());
    let tickets = Tickets::with_shared_secret(&provider, &MARKER, 60).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_no_client_auth()
        .with_psks(Arc::new(vec![psk]))
        .with_tickets(Arc::new(tickets))
        .build()
        .unwrap()
}

fn client_config() -> ClientConfig {
    ClientConfig::builder_with_provider(nullcrypto::provider(2))
        .with_psk(Arc::new(ExternalPsk::new(b"device", &MARKER).unwrap()))
        .build()
        .unwrap()
}

/// Every public type that holds a secret, made of the marker.
fn holders() -> Vec<(&'static str, Box<dyn Debug>)> {
    let secret = Secret::copy_from(&MARKER);
    let config = EndpointConfig::new().with_shared_cookie_secret(&MARKER, 0);
    let endpoint = Endpoint::new(
        EndpointConfig::new().with_shared_cookie_secret(&MARKER, 0),
        Some(server_config()),
    );
    let path = Path::connected();
    let traffic = TrafficSecret::V13 { suite: suite(), secret: secret.duplicate() };
    vec![
        ("Secret", Box::new(secret.duplicate())),
        ("SharedSecret", Box::new(SharedSecret::new(MARKER.to_vec()))),
        ("Tag", Box::new(Tag::new(&MARKER))),
        ("TrafficKeys", Box::new(traffic.expand().unwrap())),
        ("TrafficSecret", Box::new(traffic)),
        ("ExternalPsk", Box::new(ExternalPsk::new(b"device", &MARKER).unwrap())),
        ("TicketKey", Box::new(TicketKey::new(suite().aead, suite().hash, &secret).unwrap())),
        ("Tickets", Box::new(Tickets::with_shared_secret(&nullcrypto::provider(1), &MARKER, 60))),
        ("EndpointConfig", Box::new(config)),
        ("Endpoint", Box::new(endpoint.unwrap())),
        ("ServerConfig", Box::new(server_config())),
        ("ClientConfig", Box::new(client_config())),
        (
            "Connection",
            Box::new(Connection::client(&client_config(), None, path, Instant::ZERO).unwrap()),
        ),
        ("Session", Box::new(session())),
    ]
}

/// A session whose secret is the marker, read as a store outside of the process would.
fn session() -> sealgram::Session {
    let mut bytes = vec![3, 0xfe, 0xfc, 0x13, 0x01, 32];
    bytes.extend_from_slice(&MARKER);
    bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[0; 8 + 8 + 4 + 4 + 4 + 1 + 3 + 3]);
    sealgram::Session::decode(&bytes).unwrap()
}

#[test]
fn debug_of_every_holder_of_a_secret_is_redacted() {
    let leaks: Vec<_> = holders()
        .iter()
        .filter_map(|(name, value)| shown(value).map(|form| format!("{name} shows {form}")))
        .collect();
    assert!(leaks.is_empty(), "{leaks:?}");
}

#[test]
fn marker_would_be_found() {
    assert!(shown(&MARKER).is_some());
    assert!(shown(&MARKER.to_vec()).is_some());
    let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
    assert!(shown(&now).is_none());
}

#[test]
fn every_type_with_a_redacted_debug_is_on_the_list() {
    // A type that writes its own `Debug` does so because it holds a secret, or wraps a trait
    // object that may. Whoever adds one says here which.
    let known = [
        "Secret",
        "SharedSecret",
        "Tag",
        "TrafficSecret",
        "TrafficKeys",
        "ExternalPsk",
        "Endpoint",
        // In an `Endpoint`; the crate of cookies has a test of its own.
        "CookieKeys",
        "Cookie13",
        "Core",
        "Settings",
        // Plaintext of the application: only its length is printed.
        "Undelivered",
        // Not secret: printed in another form than the derived one.
        "Digest",
        "Suite",
        "SignatureAlgorithms",
        "dyn ActiveKeyExchange",
        "Transcript",
        "Sign",
        "RecordLayer",
        "Instant",
        "Random",
        "List",
    ];
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let core = ["crypto", "wire", "record", "flight", "handshake", "cookie", "x509"];
    let folders = core.iter().map(|name| crates.join(format!("sealgram-{name}/src")));
    let mut folders: Vec<_> = folders.chain([crates.join("sealgram/src")]).collect();
    let mut unknown = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for line in
                text.lines().filter(|line| line.starts_with("impl") && line.contains("Debug for "))
            {
                let name = line.split("Debug for ").nth(1).unwrap();
                let name = name.split(['<', '{']).next().unwrap().trim();
                if !known.contains(&name) && name != "$name" {
                    unknown.push(format!("{name} in {}", path.display()));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "add to holders() or to the list: {unknown:?}");
}
