//! Known answers, and what the types promise.
//!
//! Nobody publishes the secrets of a DTLS 1.3 resumption, so part of the figures below are
//! computed: with Python's `hmac` and `hashlib`, by a script that follows the text of RFC 8446
//! §7.1 and takes the label prefix as an argument. With "tls13 " it yields every secret, binder
//! and verify_data of RFC 8448 §3 and §4; the figures are what it yields with "dtls13".

extern crate std;

use std::format;
use std::string::String;
use std::sync::Mutex;
use std::vec::Vec;

use sealgram_crypto::HashKind;
use sealgram_ring::cipher_suite::{TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384};

use super::*;

const CLIENT_RANDOM: [u8; 32] = [0xc1; 32];
const NO_LOG: Log<'static> = Log { key_log: None, client_random: &CLIENT_RANDOM };

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| d.try_into().unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn digest(text: &str) -> Digest {
    Digest::new(&hex(text))
}

fn psk(text: &str) -> Secret {
    Secret::copy_from(&hex(text))
}

fn shared(text: &str) -> SharedSecret {
    SharedSecret::new(hex(text))
}

fn exposed(traffic: &TrafficSecret) -> &[u8] {
    match traffic {
        TrafficSecret::V13 { secret, .. } => secret.expose(),
        TrafficSecret::V12 { .. } => panic!("a secret of 1.2"),
    }
}

/// Keeps what is logged.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<(String, Vec<u8>)>>);

impl KeyLog for Kept {
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]) {
        assert_eq!(*client_random, CLIENT_RANDOM);
        self.0.lock().unwrap().push((label.into(), secret.into()));
    }
}

impl Kept {
    /// The one secret that was logged under `label`.
    fn secret(&self, label: &str) -> Vec<u8> {
        let lines = self.0.lock().unwrap();
        let mut found = lines.iter().filter(|(l, _)| l == label).map(|(_, secret)| secret);
        let secret = found.next().unwrap().clone();
        assert_eq!(found.next(), None);
        secret
    }
}

/// The Illustrated DTLS Connection (dtls.xargs.org, MIT License): its ephemeral keys exchanged
/// with Python's `cryptography`, its plaintext messages hashed with their TLS headers, and the
/// secrets of its key log, which wolfSSL wrote.
#[test]
fn schedule_gives_secrets_of_a_foreign_handshake() {
    let hello = digest("aee8eba0d2ee87052fbbc6864c1514c5a927d6f0ffb4f7954c7f379d95f1b1d7");
    let certificate_verify =
        digest("4192c6d177f66f8ecf392831546238a0a64cbce228762e336b6aa7886c32684a");
    let server_finished =
        digest("77ff5eee528abc269960b0ea316eb8578dc8325d86ec1336ffe4b2941e26d82b");

    let suite = &TLS_AES_128_GCM_SHA256;
    let x25519 = shared("df4a291baa1eb7cfa6934b29b474baad2697e29f1f920dcc77c8a0a088447624");
    let (handshake, traffic) =
        Early::without_psk(suite.hash).into_handshake(suite, x25519, &hello, NO_LOG);
    assert_eq!(
        exposed(&traffic.client),
        hex("33e472fb8d821b0193314626bebee307ccbd1aeb3d3a17ba468888ffc5246da1"),
    );
    assert_eq!(
        exposed(&traffic.server),
        hex("8ad7990b9d249bcbaa0805d8d3f3ad2259e75f3a42c5d84db3ea3c6ee57b3d38"),
    );

    let finished = hex("1d89aa62e5f88a0fc952884715d8acb3798659afb9e7789a8db2b3816ba45246");
    assert_eq!(handshake.server_verify_data(&certificate_verify).as_ref(), finished);
    assert!(handshake.server_finished_is_right(&certificate_verify, &finished));

    let master = handshake.into_master(&server_finished, NO_LOG);
    assert_eq!(
        exposed(&master.traffic().client.current()),
        hex("a9185352f61134f1d24eaa4a930fff2edca40ce8c06420848deb27699e9baf2c"),
    );
    assert_eq!(
        exposed(&master.traffic().server.current()),
        hex("4ab12ae4022fc013eca21abb071e13aa24a150e3876c660fe0ed10a8eebd8f17"),
    );

    let finished = hex("6f2801396b0e90ebb4a3ba384abcfc6b24201abd81b316b2391da378377facf5");
    assert_eq!(master.client_verify_data(&server_finished).as_ref(), finished);
    assert!(master.client_finished_is_right(&server_finished, &finished));
}

/// One resumption with early data, key updates, exporters and tickets.
struct Run {
    suite: &'static Suite,
    psk: Secret,
    shared: SharedSecret,
    /// The transcript's hash up to the binders, the ClientHello, the ServerHello, what precedes
    /// the server's Finished, that Finished, and the client's.
    truncated: Digest,
    client_hello: Digest,
    server_hello: Digest,
    encrypted_extensions: Digest,
    server_finished: Digest,
    client_finished: Digest,
    expected: &'static [(&'static str, &'static str)],
}

impl Run {
    fn check(self) {
        let Self { suite, psk, shared, .. } = self;
        let log = Kept::default();
        let logged = Log { key_log: Some(&log), client_random: &CLIENT_RANDOM };
        let mut got: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut note = |name, value: &[u8]| got.push((name, value.to_vec()));

        let external = OfferedPsk::new(suite.hash, PskKind::External, &psk);
        note("ext binder", external.binder(&self.truncated).as_ref());
        let offered = OfferedPsk::new(suite.hash, PskKind::Resumption, &psk);
        note("res binder", offered.binder(&self.truncated).as_ref());
        let early = offered.client_traffic(suite, &self.client_hello, logged);
        note("c e traffic", exposed(&early));

        let (handshake, traffic) =
            offered.accepted().into_handshake(suite, shared, &self.server_hello, logged);
        note("c hs traffic", exposed(&traffic.client));
        note("s hs traffic", exposed(&traffic.server));
        let verify_data = handshake.server_verify_data(&self.encrypted_extensions);
        note("server finished", verify_data.as_ref());

        let master = handshake.into_master(&self.server_finished, logged);
        note("client finished", master.client_verify_data(&self.server_finished).as_ref());
        note("c ap traffic 0", exposed(&master.traffic().client.current()));
        note("s ap traffic 0", exposed(&master.traffic().server.current()));

        let Application { mut traffic, exporter, resumption } =
            master.into_application(&self.client_finished);
        note("c ap traffic 1", exposed(&traffic.client.update()));
        let second = traffic.client.update();
        assert_eq!(exposed(&traffic.client.current()), exposed(&second));
        note("c ap traffic 2", exposed(&second));
        note("s ap traffic 1", exposed(&traffic.server.update()));

        let mut export = |name, len, label: &[u8], context| {
            let mut out = [0; 100];
            exporter.export(&mut out[..len], label, context).unwrap();
            note(name, &out[..len]);
        };
        export("no context", 32, b"EXPERIMENTAL label", None);
        export("empty context", 32, b"EXPERIMENTAL label", Some(b""));
        export("context", 100, b"EXPERIMENTAL label", Some(b"context"));
        export("long context", 32, b"EXPERIMENTAL label", Some(&[0; 300]));
        export("long label", 32, &[b'L'; 249], Some(b"context"));

        let longest: Vec<u8> = (0..=254).collect();
        note("nonce 0000", resumption.psk(&[0, 0]).expose());
        note("no nonce", resumption.psk(&[]).expose());
        note("long nonce", resumption.psk(&longest).expose());

        assert_eq!(got.len(), self.expected.len());
        for ((name, got), (expected_name, expected)) in got.iter().zip(self.expected) {
            assert_eq!(name, expected_name);
            assert_eq!(*got, hex(expected), "{name}");
        }

        let value = |name| &got.iter().find(|(n, _)| *n == name).unwrap().1;
        for (label, name) in [
            ("CLIENT_EARLY_TRAFFIC_SECRET", "c e traffic"),
            ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "c hs traffic"),
            ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "s hs traffic"),
            ("CLIENT_TRAFFIC_SECRET_0", "c ap traffic 0"),
            ("SERVER_TRAFFIC_SECRET_0", "s ap traffic 0"),
        ] {
            assert_eq!(log.secret(label), *value(name), "{label}");
        }
        // Exporters do not show their secret otherwise.
        let secret = Secret::copy_from(&log.secret("EXPORTER_SECRET"));
        let mut out = std::vec![0; value("context").len()];
        Exporter { hash: suite.hash, secret }
            .export(&mut out, b"EXPERIMENTAL label", Some(b"context"))
            .unwrap();
        assert_eq!(out, *value("context"));
        assert_eq!(log.0.lock().unwrap().len(), 6);
    }
}

/// The inputs are those of RFC 8448 §4.
#[test]
fn schedule_with_sha256_gives_computed_secrets() {
    Run {
        suite: &TLS_AES_128_GCM_SHA256,
        psk: psk("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"),
        shared: shared("f44194756ff9ec9d25180635d66ea6824c6ab3bf179977be37f723570e7ccb2e"),
        truncated: digest("63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14"),
        client_hello: digest("08ad0fa05d7c7233b1775ba2ff9f4c5b8b59276b7f227f13a976245f5d960913"),
        server_hello: digest("f736cb34fe25e701551bee6fd24c1cc7102a7daf9405cb15d97aafe16f757d03"),
        encrypted_extensions: digest(
            "04055455ef74b2322ba366cbc4cfe02723434b37b9b3671bb5a3006056d8f02f",
        ),
        server_finished: digest("b0aeffc46a2cfe33114e6fd7d51f9f04b1ca3c497dab08934a774a9d9ad7dbf3"),
        client_finished: digest("c3c122e0bd907a4a3ff6112d8fd53dbf89c773d9552e8b6b9d56d361b3a97bf6"),
        expected: &[
            ("ext binder", "0567dc893e6c31674aa48ca2273ef21b4c46d8fcc95d6ea6b313dae23bdd82e9"),
            ("res binder", "092405d833f5a2ba553e00f695e7cda7c6acaf4b11b4e6a834a1b2c28e3a5922"),
            ("c e traffic", "05def5252850dab5c14202b2b0b2bd09c8fbc96d6d100c9cc3edeab1de47a3bb"),
            ("c hs traffic", "8d85b7d0ada0b8e635256192131c41fe7ed366ce8295a74d5b1e36b44552cff6"),
            ("s hs traffic", "2cb5c907bf7eb7b41f0e9040ea6437df5a438df04051382a39a3c7f52f461024"),
            ("server finished", "a0d71f2f5f4dadc680718095afd80c978a28852c7f0ad8d5eab4494c8ec4be99"),
            ("client finished", "5dbe567b3e375d4b4fe910707c33a316dcb5e98a5c2a421847dc2e406b9989a4"),
            ("c ap traffic 0", "da5dce6627f72949158eae7b3941a91d6b28abd264a1a0dd3d6946709a1993f9"),
            ("s ap traffic 0", "5639e3a51b041bb5c07b0773bb738032371e6d0dc611b1673e2603e9e0b2861c"),
            ("c ap traffic 1", "6aa2c7c65f6f09f0a86046a68274eb43cea509d5337c3c8c60e1f3a0d6e05cf0"),
            ("c ap traffic 2", "8f91b427b3514e7ae8830a556403eef7e71fbc1ddbc5cc5c5d2639a7c0176101"),
            ("s ap traffic 1", "1b8aa68ef9e7dfdb2d5e09bcf85821d415cdc5d008985f88afa78f229e992c32"),
            ("no context", "4521056c6c3c1fd892894ebe79abbd434e2dc602325bf410fa40486d3f47cc1c"),
            ("empty context", "4521056c6c3c1fd892894ebe79abbd434e2dc602325bf410fa40486d3f47cc1c"),
            (
                "context",
                "129d6c5b4782bfb7597bd837f6866d665445281620588a12b169973b7bd6246d
                 af4a445e7a63c7717f24dad158a8ea82e7a37c03e6d8a05bd0530e79ec165ab7
                 746a0ce9262df223e055598f49b3df55027b88addd04a0b5e6b847434026ffd4
                 5d74e535",
            ),
            ("long context", "a4e0e1cf61d7e68ec816b347da4f49ddbce1e6b8338b286ffd60154e2363a0ed"),
            ("long label", "6b2917fc1dae727fc04e7dea9eb08cbceae6630e7a5bd388a2ac4871befa2b8f"),
            ("nonce 0000", "fbfb37200bb03f7d6a34f7f2c6f81f111ed39eb1adbbd6e39257962f9800f1f1"),
            ("no nonce", "2aacae2636be098e1f0fd3c7bb7ec0ea173253c3d3837e8e943c0d17a811be91"),
            ("long nonce", "4459ef575b5600aefa1faf4176e37dabef0060e92c008662a1554c06f99a9fe2"),
        ],
    }
    .check();
}

/// Made-up inputs; the shared secret is as long as a hybrid's.
#[test]
fn schedule_with_sha384_gives_computed_secrets() {
    let hash = |byte| Digest::new(&[byte; 48]);
    Run {
        suite: &TLS_AES_256_GCM_SHA384,
        psk: Secret::copy_from(&[0x50; 48]),
        shared: SharedSecret::new([0x44; 64].into()),
        truncated: hash(1),
        client_hello: hash(2),
        server_hello: hash(3),
        encrypted_extensions: hash(4),
        server_finished: hash(5),
        client_finished: hash(6),
        expected: &[
            (
                "ext binder",
                "d709c3eb86d574f080d845a195b88671abb9d961ee44ba06
                 b733d244b3702811f97fcb808415566a4638c78c5a54930c",
            ),
            (
                "res binder",
                "02797479697fad11ed57c63f6f16912257c2662177f655c7
                 10f1711ad4117cca148900ea63fac194564610a2ddba56f7",
            ),
            (
                "c e traffic",
                "88f751da90d5c361cc549db93c972a77840bc9663d88f869
                 d49ae571b52a7a829acdc25a4addda5942e7b5e6caa891f1",
            ),
            (
                "c hs traffic",
                "04a6f46dae2801c11bde2bce35eb0437485d702a9f2b78a8
                 eec45cd2baf49e0695817f397b6b8f51dff51a58dfde7c02",
            ),
            (
                "s hs traffic",
                "dbe3cc61bb2814e11461ac88a5a17a471f755e6042c732bf
                 61ac8450ecb7ef84356ce7a28bef2a9b6e941862932ff27f",
            ),
            (
                "server finished",
                "86df42e7feba47ccb04a01c44d03671dd3cc45f84bd3b0c0
                 afc34abe6d8bcbc20eb636a541d2035317b51175f89ca491",
            ),
            (
                "client finished",
                "bbccffe31444c144dbaaf60649406866364c82b295b0b0ab
                 877af62f59dd24930f20392fea4344b9d895962f5ca3c804",
            ),
            (
                "c ap traffic 0",
                "698fc86940537ffe8cb89fa8cf582df724e09b4a0274b6d1
                 fc87a745b61baa5fc8e5e727aadd64f47c91b2ecdebe5490",
            ),
            (
                "s ap traffic 0",
                "79fc8b7c235e729bbb11a180ff483156781f394f9ad8d37d
                 e6036588e8ac57321508fe12f081f98c06e18a0df5954878",
            ),
            (
                "c ap traffic 1",
                "816f94eea847be00b9f25dbdb42c432efff95b4d911995b1
                 4441f437ae0adf9cc21ff16b8b7e83e761f1da6efca71c8c",
            ),
            (
                "c ap traffic 2",
                "05a0bd42ae2f967bade7dd0d698709502fddcd19f5a3af40
                 69385799e2c88f6ec0c7914459f5263dd9055d5e77cf41da",
            ),
            (
                "s ap traffic 1",
                "30dcd04e3f96711b4f9b7798313a7857ee3165243a853845
                 b63e3ffba8c2a4e3fac4b3dcf5564e710df4b7baa2849c25",
            ),
            ("no context", "36f28020939ea7c72bf3107494164be0218210c8f9e9a989463d2d396297060a"),
            ("empty context", "36f28020939ea7c72bf3107494164be0218210c8f9e9a989463d2d396297060a"),
            (
                "context",
                "4095f50f9c1fa4b3c1177e9b5afd54e408ceb7972dc846e9145742a9c3fbd15b
                 e847c1a8c31cfb21e3be1f75ef58f5740eadb522638ded0f818eafd84b4a4279
                 918506602c322171582e5d8da199143285ec303f42481aa56b9e04963bc993f2
                 7bad84ac",
            ),
            ("long context", "b917ffe855ad7fdf9e57d0cbd58b4f45d1a2e7e3ddac5326b82c206aa6949bd2"),
            ("long label", "753967b6d4e0580141b5d8d3fb7b1238d3aa3a2d48330aa6c239be23c2ff93de"),
            (
                "nonce 0000",
                "1864e34e0b496d9acc84a8b14c22ece913c1b25f98386571
                 c709f547b382d02762fdeff8533c2b66f07a4a9f41a02516",
            ),
            (
                "no nonce",
                "82782615043f5dd0ac18454ebc86711b236e8cb2232c18fc
                 dddf595e7f24c5d788e05dfce9884af62a1862ef878ad0a6",
            ),
            (
                "long nonce",
                "7c15ce7bc533a3f5c1b5410201c058b29208138f0ddcb649
                 9a18f95ed4f8a823484ddde99af075a4ca5d689f79b1bb2f",
            ),
        ],
    }
    .check();
}

pub(crate) fn application() -> (Handshake, Application) {
    let suite = &TLS_AES_128_GCM_SHA256;
    let stage = || {
        let transcript = Digest::new(&[1; 32]);
        Early::without_psk(suite.hash)
            .into_handshake(suite, SharedSecret::new([7; 32].into()), &transcript, NO_LOG)
            .0
    };
    let transcript = Digest::new(&[2; 32]);
    (stage(), stage().into_master(&transcript, NO_LOG).into_application(&transcript))
}

#[test]
fn finished_is_wrong_when_altered_cut_or_of_the_other_side() {
    let (handshake, _) = application();
    let transcript = Digest::new(&[3; 32]);
    let server = handshake.server_verify_data(&transcript);
    for bit in 0..256 {
        let mut altered = server.as_ref().to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(!handshake.server_finished_is_right(&transcript, &altered));
    }
    for len in 0..32 {
        assert!(!handshake.server_finished_is_right(&transcript, &server.as_ref()[..len]));
    }
    assert!(!handshake.server_finished_is_right(&Digest::new(&[4; 32]), server.as_ref()));

    let master = handshake.into_master(&transcript, NO_LOG);
    let client = master.client_verify_data(&transcript);
    assert!(master.client_finished_is_right(&transcript, client.as_ref()));
    assert!(!master.client_finished_is_right(&transcript, server.as_ref()));
    assert!(!master.client_finished_is_right(&transcript, &client.as_ref()[..31]));
}

#[test]
fn binder_is_right_for_its_key_kind_and_transcript_only() {
    let hash = TLS_AES_128_GCM_SHA256.hash;
    let offer = |kind, key| OfferedPsk::new(hash, kind, &Secret::copy_from(key));
    let transcript = Digest::new(&[1; 32]);
    let offered = offer(PskKind::Resumption, b"key");
    let binder = offered.binder(&transcript);
    assert!(offered.binder_is_right(&transcript, binder.as_ref()));
    assert!(!offered.binder_is_right(&Digest::new(&[2; 32]), binder.as_ref()));
    assert!(!offered.binder_is_right(&transcript, &binder.as_ref()[1..]));
    for other in [offer(PskKind::External, b"key"), offer(PskKind::Resumption, b"kez")] {
        assert!(!other.binder_is_right(&transcript, binder.as_ref()));
    }
}

/// A key of zeros, as long as the hash, is what stands for no key at all (RFC 8446 §7.1).
#[test]
fn schedule_without_psk_takes_zeros_for_it() {
    for suite in [&TLS_AES_128_GCM_SHA256, &TLS_AES_256_GCM_SHA384] {
        let zeros = Secret::copy_from(hkdf::zeros(suite.hash.kind()));
        let with_zeros = OfferedPsk::new(suite.hash, PskKind::External, &zeros).accepted();
        let without = Early::without_psk(suite.hash);
        assert_eq!(with_zeros.salt.expose(), without.salt.expose());
    }
}

/// RFC 8446 §7.1 gives the label 249 bytes, RFC 5869 §2.3 the output 255 hash lengths.
#[test]
fn exporter_refuses_what_has_no_encoding() {
    let (_, Application { exporter, .. }) = application();
    let mut out = [0x5a; 4];
    for label in [&b""[..], &[b'L'; 250], "ungültig".as_bytes(), b"\xff"] {
        assert_eq!(exporter.export(&mut out, label, None), Err(CryptoError));
    }
    assert_eq!(out, [0x5a; 4]);

    let longest = 255 * HashKind::Sha256.output_len();
    let mut out = std::vec![0x5a; longest + 1];
    assert_eq!(exporter.export(&mut out, b"label", None), Err(CryptoError));
    assert!(out.iter().all(|byte| *byte == 0x5a));
    assert_eq!(exporter.export(&mut out[..longest], b"label", None), Ok(()));
    // The last block was written too: an unwritten one would still be what it was.
    assert_ne!(out[longest - 32..longest], [0x5a; 32]);
}

#[test]
fn debug_of_stages_shows_no_secret() {
    let suite = &TLS_AES_128_GCM_SHA256;
    let secret = Secret::copy_from(&[0x5a; 32]);
    let offered = OfferedPsk::new(suite.hash, PskKind::External, &secret);
    let traffic = Traffic { suite, secret: secret.duplicate() };
    let exporter = Exporter { hash: suite.hash, secret: secret.duplicate() };
    let resumption = ResumptionSecret { hash: suite.hash, secret };
    let traffic = (traffic.current(), traffic);
    let (handshake, application) = application();
    let binder_key = offered.binder.key.expose();
    let shown = format!(
        "{offered:?} {traffic:?} {exporter:?} {resumption:?} {handshake:?} {application:?}"
    );
    assert!(shown.contains("Secret(..)"));
    for secret in [&[0x5a; 32][..], binder_key, handshake.master_secret.expose()] {
        assert!(!shown.contains(&format!("{secret:?}")));
        assert!(!shown.contains(&secret.iter().map(|b| format!("{b:02x}")).collect::<String>()));
    }
}
