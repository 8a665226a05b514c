//! AEADs, record-number masks, and how traffic secrets become keys.
//!
//! Values marked "computed" come from Python's `hmac` and, for the ciphers, from the
//! `cryptography` package (OpenSSL 3).

use sealgram_crypto::{Aead, Secret, TrafficSecret};
use sealgram_ring::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use sealgram_ring::cipher_suite;

use crate::{counting, hex};

const ALL: [&dyn Aead; 3] = [AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305];

struct Test {
    aead: &'static dyn Aead,
    key: &'static str,
    nonce: &'static str,
    aad: &'static str,
    plaintext: &'static str,
    sealed: &'static str,
}

const GCM_PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
                             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

fn published() -> [Test; 6] {
    [
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 1, 4, 13 and 16.
        Test {
            aead: AES_128_GCM,
            key: "00000000000000000000000000000000",
            nonce: "000000000000000000000000",
            aad: "",
            plaintext: "",
            sealed: "58e2fccefa7e3061367f1d57a4e7455a",
        },
        Test {
            aead: AES_128_GCM,
            key: "feffe9928665731c6d6a8f9467308308",
            nonce: "cafebabefacedbaddecaf888",
            aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            plaintext: GCM_PLAINTEXT,
            sealed: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
                     21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091
                     5bc94fbc3221a5db94fae95ae7121a47",
        },
        Test {
            aead: AES_256_GCM,
            key: "0000000000000000000000000000000000000000000000000000000000000000",
            nonce: "000000000000000000000000",
            aad: "",
            plaintext: "",
            sealed: "530f8afbc74536b9a963b4f1c4cb738b",
        },
        Test {
            aead: AES_256_GCM,
            key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            nonce: "cafebabefacedbaddecaf888",
            aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            plaintext: GCM_PLAINTEXT,
            sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
                     8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
                     76fc6ece0f4e1768cddf8853bb2d551b",
        },
        // RFC 8439 §2.8.2.
        Test {
            aead: CHACHA20_POLY1305,
            key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            nonce: "070000004041424344454647",
            aad: "50515253c0c1c2c3c4c5c6c7",
            plaintext: "4c616469657320616e642047656e746c656d656e206f662074686520636c6173
                        73206f66202739393a204966204920636f756c64206f6666657220796f75206f
                        6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73
                        637265656e20776f756c642062652069742e",
            sealed: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
                     3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
                     92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
                     3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
        },
        // RFC 9001 §A.5.
        Test {
            aead: CHACHA20_POLY1305,
            key: "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8",
            nonce: "e0459b3474bdd0e46d417eb0",
            aad: "4200bff4",
            plaintext: "01",
            sealed: "655e5cd55c41f69080575d7999c25a5bfb",
        },
    ]
}

#[test]
fn aead_gives_the_published_values() {
    for test in published() {
        let key = test.aead.key(&hex(test.key)).unwrap();
        let nonce = hex(test.nonce).try_into().unwrap();
        let (aad, plaintext, sealed) = (hex(test.aad), hex(test.plaintext), hex(test.sealed));
        let mut in_out = plaintext.clone();
        in_out.resize(sealed.len(), 0);
        key.seal(&nonce, &aad, &mut in_out).unwrap();
        assert_eq!(in_out, sealed);
        key.open(&nonce, &aad, &mut in_out).unwrap();
        assert_eq!(in_out[..plaintext.len()], plaintext);
    }
}

#[test]
fn every_altered_byte_fails_to_open() {
    for test in published() {
        let key = test.aead.key(&hex(test.key)).unwrap();
        let nonce = hex(test.nonce).try_into().unwrap();
        let (aad, sealed) = (hex(test.aad), hex(test.sealed));
        let opens = |nonce: [u8; 12], aad: &[u8], mut sealed: Vec<u8>| {
            key.open(&nonce, aad, &mut sealed).is_ok()
        };
        assert!(opens(nonce, &aad, sealed.clone()));
        for i in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[i] ^= 1;
            assert!(!opens(nonce, &aad, altered), "byte {i}");
        }
        for i in 0..nonce.len() {
            let mut altered = nonce;
            altered[i] ^= 0x80;
            assert!(!opens(altered, &aad, sealed.clone()), "nonce byte {i}");
        }
        assert!(!opens(nonce, &[&aad[..], b"x"].concat(), sealed.clone()));
        for len in 0..sealed.len() {
            assert!(!opens(nonce, &aad, sealed[..len].to_vec()), "{len} bytes");
        }
    }
}

#[test]
fn seal_without_room_for_the_tag_fails() {
    for aead in ALL {
        let key = aead.key(&counting(32)[..aead.kind().key_len()]).unwrap();
        for len in 0..aead.kind().tag_len() {
            assert!(key.seal(&[0; 12], &[], &mut vec![0; len]).is_err());
        }
        assert!(key.seal(&[0; 12], &[], &mut vec![0; aead.kind().tag_len()]).is_ok());
    }
}

#[test]
fn key_of_wrong_length_is_refused() {
    for aead in ALL {
        for len in (0..=64).filter(|len| usize::from(*len) != aead.kind().key_len()) {
            assert!(aead.key(&counting(len)).is_err(), "{:?}, {len}", aead.kind());
            assert!(aead.mask(&counting(len)).is_err(), "{:?}, {len}", aead.kind());
        }
    }
}

/// RFC 9001 §A.2, §A.3 (AES-128) and §A.5 (ChaCha20). RFC 9147 §4.2.3 masks in the same way.
#[test]
fn mask_gives_the_values_of_rfc_9001() {
    let mask = |aead: &dyn Aead, key: &str, sample: &str| {
        aead.mask(&hex(key)).unwrap().mask(&hex(sample).try_into().unwrap())
    };
    let client = "9f50449e04a0e810283a1e9933adedd2";
    assert_eq!(mask(AES_128_GCM, client, "d1b1c98dd7689fb8ec11d242b123dc9b"), [0x43, 0x7b]);
    let server = "c206b8d9b9f0f37644430b490eeaa314";
    assert_eq!(mask(AES_128_GCM, server, "2cd0991cd25b0aac406a5816b6394100"), [0x2e, 0xc0]);
    let chacha = "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4";
    assert_eq!(mask(CHACHA20_POLY1305, chacha, "5e5cd55c41f69080575d7999c25a5bfb"), [0xae, 0xfe]);
}

/// FIPS 197 §C.3: the mask of AES-256 is one block of it.
#[test]
fn mask_of_aes_256_is_the_block_of_fips_197() {
    let mask = AES_256_GCM.mask(&counting(32)).unwrap();
    let block = hex("00112233445566778899aabbccddeeff").try_into().unwrap();
    assert_eq!(mask.mask(&block), [0x8e, 0xa2]);
}

/// Computed: key, IV and record-number key by RFC 8446 §7.3 and RFC 9147 §4.2.3, then one record.
#[test]
fn traffic_secret_of_v13_protects_as_computed() {
    let run = |suite, secret: Vec<u8>, nonce: &str, sealed: &str, mask: [u8; 2]| {
        let secret = TrafficSecret::V13 { suite, secret: Secret::copy_from(&secret) };
        for keys in [secret.expand().unwrap(), secret.duplicate().expand().unwrap()] {
            let computed = keys.nonce_xor(0x0000_a1b2_c3d4_e5f6);
            assert_eq!(computed.as_slice(), hex(nonce));
            let mut record = [b"record plaintext".as_slice(), &[0; 16]].concat();
            keys.aead.seal(&computed, b"header", &mut record).unwrap();
            assert_eq!(record, hex(sealed));
            let sample = record[..16].try_into().unwrap();
            assert_eq!(keys.mask.as_ref().unwrap().mask(&sample), mask);
        }
    };
    run(
        &cipher_suite::TLS_AES_128_GCM_SHA256,
        counting(32),
        "6d3299305dd2a84e45881d07",
        "dbbd29a89367d96573602693ccb2defb1b49823ed010dc736c1742971851cf84",
        [0x9b, 0x9e],
    );
    run(
        &cipher_suite::TLS_AES_256_GCM_SHA384,
        counting(48),
        "8ae6b315daa0c5741c7114fc",
        "b4d5d6529fc278488558e7dffd678ac6df562826cfcd021ceae5a7f7b9821a9f",
        [0x8b, 0x7d],
    );
    run(
        &cipher_suite::TLS_CHACHA20_POLY1305_SHA256,
        counting(32),
        "6d3299305dd2a84e45881d07",
        "59d05389f95f41d369a428792f946e4aaf5bbd2e3f09c090a2e4f175950dd45e",
        [0xc8, 0x59],
    );
}

/// Computed: nonces by RFC 5288 §3 and RFC 7905 §2.
#[test]
fn traffic_secret_of_v12_protects_as_computed() {
    // Epoch 1, sequence number 5.
    let number: u64 = 0x0001_0000_0000_0005;
    let keys = |aead: &'static dyn Aead, fixed_iv: &str| {
        let key = Secret::copy_from(&counting(32)[..aead.kind().key_len()]);
        let fixed_iv = Secret::copy_from(&hex(fixed_iv));
        TrafficSecret::V12 { aead, key, fixed_iv }.expand().unwrap()
    };
    let plaintext = [b"record plaintext".as_slice(), &[0; 16]].concat();

    let gcm = keys(AES_128_GCM, "f0f1f2f3");
    assert!(gcm.mask.is_none());
    let mut record = plaintext.clone();
    gcm.aead.seal(&gcm.nonce_explicit(number.to_be_bytes()), b"header", &mut record).unwrap();
    assert_eq!(record, hex("4484f5e1bde9e440d4c8133513d078516619b850b426aff74288b4b7b51e5931"));

    let chacha = keys(CHACHA20_POLY1305, "f0f1f2f3f4f5f6f7f8f9fafb");
    let mut record = plaintext;
    chacha.aead.seal(&chacha.nonce_xor(number), b"header", &mut record).unwrap();
    assert_eq!(record, hex("3755f1ee03668dedcbb95112eb436b9d51e639f9beed088ac5bfe94641cd222c"));
}
