//! Keying material that both ends derive.

use rcgen::PKCS_ECDSA_P256_SHA256;
use sealgram::iana::{SrtpProfile, Version};
use sealgram::{ClientConfig, Connection, Instant, Misuse, Path, ServerConfig};

use crate::rig::{Authority, Met, VERSIONS, meet};

fn met(version: Version, profile: Option<SrtpProfile>) -> Met {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let own = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let profiles: Vec<_> = profile.into_iter().collect();
    let client = ClientConfig::builder()
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
        .with_srtp(profiles.clone())
        .with_versions(&[version])
        .build()
        .expect("a client");
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_identity(own.0, &own.1)
        .with_srtp(profiles)
        .with_versions(&[version])
        .build()
        .expect("a server");
    meet(&client, "a.example", &server)
}

/// RFC 5764 §4.2, RFC 7714 §12.
#[test]
fn srtp_keys_are_the_exported_bytes_in_the_order_of_the_rfc() {
    for version in VERSIONS {
        for (profile, key, salt) in [
            (SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80, 16, 14),
            (SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32, 16, 14),
            (SrtpProfile::SRTP_AEAD_AES_128_GCM, 16, 12),
            (SrtpProfile::SRTP_AEAD_AES_256_GCM, 32, 12),
        ] {
            let met = met(version, Some(profile));
            let mut material = vec![0; 2 * (key + salt)];
            let label = b"EXTRACTOR-dtls_srtp";
            met.connections[0].export_keying_material(&mut material, label, None).expect("both");
            for connection in &met.connections {
                let keys = connection.srtp_keys().expect("connected").expect("negotiated");
                assert_eq!(keys.profile, profile);
                let parts = [
                    keys.client.key.expose(),
                    keys.server.key.expose(),
                    keys.client.salt.expose(),
                    keys.server.salt.expose(),
                ];
                assert_eq!(parts.map(<[u8]>::len), [key, key, salt, salt], "{version} {profile}");
                assert_eq!(parts.concat(), material);
            }
        }
    }
}

#[test]
fn srtp_keys_are_there_only_if_a_profile_was_negotiated_and_while_connected() {
    for version in VERSIONS {
        let Met { mut connections, .. } = met(version, None);
        assert!(connections[1].srtp_keys().expect("connected").is_none());
        connections[1].close(Instant::ZERO);
        assert_eq!(connections[1].srtp_keys().err(), Some(Misuse::Closed));
    }
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let client = ClientConfig::builder()
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
        .build()
        .expect("a client");
    let name = Some("a.example".try_into().expect("a name"));
    let client = Connection::client(&client, name, Path::connected(), Instant::ZERO);
    assert_eq!(client.expect("a client").srtp_keys().err(), Some(Misuse::NotConnected));
}

/// RFC 5705 §4: in 1.2 no context differs from an empty one; RFC 8446 §7.5: in 1.3 it does not.
#[test]
fn exported_material_depends_on_the_label_and_on_the_context() {
    for version in VERSIONS {
        let met = met(version, None);
        let export = |end: usize, label: &[u8], context: Option<&[u8]>| {
            let mut out = [0; 40];
            let connection = &met.connections[end];
            connection.export_keying_material(&mut out, label, context).expect("connected");
            out
        };
        let rows: [(&[u8], Option<&[u8]>); 4] = [
            (b"EXPERIMENTAL one", None),
            (b"EXPERIMENTAL one", Some(b"")),
            (b"EXPERIMENTAL one", Some(b"context")),
            (b"EXPERIMENTAL two", Some(b"context")),
        ];
        let made = rows.map(|(label, context)| {
            let ours = export(0, label, context);
            assert_eq!(ours, export(1, label, context), "{version}");
            ours
        });
        assert_eq!(made[0] == made[1], version == Version::V13);
        assert_ne!(made[1], made[2]);
        assert_ne!(made[2], made[3]);
    }
}
