//! max_fragment_length (RFC 6066 §4), and record_size_limit beside it (RFC 8449 §5).

use std::sync::Arc;

use sealgram::iana::{SignatureScheme, Version};
use sealgram::{
    ClientConfig, ConfigError, Connection, ErrorKind, Instant, Path, ServerConfig, TransportConfig,
};

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

fn path() -> Path {
    Path::to("192.0.2.1:5000".parse().unwrap())
}

fn client(version: Version, fragment: Option<u16>, record: Option<u16>) -> ClientConfig {
    let mut builder = ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
        .with_no_client_auth()
        .with_versions(&[version]);
    if let Some(bytes) = fragment {
        builder = builder.with_max_fragment_length(bytes);
    }
    if let Some(bytes) = record {
        builder = builder.with_record_size_limit(bytes);
    }
    builder.build().unwrap()
}

/// A server with a chain of several kilobytes, whose datagrams are as long as they can be.
fn server(version: Version) -> ServerConfig {
    let (leaf, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    ServerConfig::builder_with_provider(nullcrypto::provider(2))
        .with_no_client_auth()
        .with_identity(vec![leaf, vec![0; 5000].into()], &key)
        .with_versions(&[version])
        .with_transport(TransportConfig::default().with_max_datagram(9000).unwrap())
        .build()
        .unwrap()
}

/// Two ends after their handshake, and the lengths of all plaintext records that the server sent.
struct Met {
    ends: [Connection; 2],
    plaintext_records: Vec<usize>,
}

fn meet(client: &ClientConfig, server: &ServerConfig) -> Met {
    let client = Connection::client(client, None, path(), Instant::ZERO).unwrap();
    let server = Connection::server_on_trusted_path(server, path(), Instant::ZERO);
    let mut met = Met { ends: [client, server], plaintext_records: Vec::new() };
    let mut buf = [0; 10_000];
    loop {
        let mut quiet = true;
        for from in [0, 1] {
            while let Some(transmit) = met.ends[from].poll_transmit(Instant::ZERO, &mut buf) {
                quiet = false;
                let datagram = &mut buf[..transmit.len];
                if from == 1 {
                    met.plaintext_records.extend(plaintext_records(datagram));
                }
                met.ends[1 - from].handle_datagram(Instant::ZERO, path(), datagram, &mut |_| {});
            }
        }
        if quiet {
            return met;
        }
    }
}

/// Records of epoch 0 stand in front of all others.
fn plaintext_records(mut datagram: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [typ, _, _, 0, 0, _, _, _, _, _, _, l1, l0, rest @ ..] = datagram {
        if typ >> 5 != 0 {
            break;
        }
        let len = usize::from(u16::from_be_bytes([*l1, *l0]));
        lengths.push(len);
        datagram = &rest[len..];
    }
    lengths
}

#[test]
fn both_sides_keep_to_the_length_that_the_client_asks_for() {
    for version in VERSIONS {
        for bytes in [512_u16, 1024, 2048, 4096] {
            let met = meet(&client(version, Some(bytes), None), &server(version));
            for end in &met.ends {
                assert!(end.is_connected(), "{version}");
                assert_eq!(end.max_plaintext(), usize::from(bytes), "{version}");
            }
            // Messages without protection too: in 1.2 the chain is one.
            assert!(met.plaintext_records.iter().all(|len| *len <= usize::from(bytes)));
            if version == Version::V12 {
                assert!(met.plaintext_records.contains(&usize::from(bytes)));
            }
        }
    }
}

#[test]
fn record_size_limit_takes_the_place_of_the_fragment_length() {
    for version in VERSIONS {
        let met = meet(&client(version, Some(512), Some(300)), &server(version));
        let [client, server] = &met.ends;
        assert_eq!((client.max_plaintext(), server.max_plaintext()), (1 << 14, 300), "{version}");
        // RFC 8449 §4: only protected records are bound.
        if version == Version::V12 {
            assert!(met.plaintext_records.iter().any(|len| *len > 512));
        }
    }
}

#[test]
fn longest_record_that_was_agreed_on_is_sent_and_no_longer_one() {
    for version in VERSIONS {
        let met = meet(&client(version, Some(512), None), &server(version));
        let [mut client, mut server] = met.ends;
        let mut out = [0; 2048];
        let error = server.send(Instant::ZERO, &[0; 513], &mut out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let transmit = server.send(Instant::ZERO, &[7; 512], &mut out).unwrap();
        let mut received = 0;
        let datagram = &mut out[..transmit.len];
        client.handle_datagram(Instant::ZERO, path(), datagram, &mut |data| {
            received += data.bytes.len();
        });
        assert_eq!(received, 512, "{version}");
    }
}

#[test]
fn lengths_that_have_no_code_are_refused() {
    for bytes in [0, 511, 513, 8192, 16_384] {
        let result = ClientConfig::builder_with_provider(nullcrypto::provider(1))
            .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
            .with_no_client_auth()
            .with_max_fragment_length(bytes)
            .build();
        assert!(matches!(result, Err(ConfigError::OutOfRange(_))), "{bytes}");
    }
}
