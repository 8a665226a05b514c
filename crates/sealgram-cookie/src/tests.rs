extern crate std;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::format;

use pki_types::UnixTime;
use proptest::prelude::*;
use sealgram_crypto::{
    CryptoError, Digest, Hash, HashContext, HashKind, HmacKey, Secret, SecureRandom, Tag,
};
use sealgram_iana::{CipherSuite, NamedGroup, ProtocolVersion};
use sealgram_ring::hash::{SHA256, SHA384};

use crate::{
    COOKIE_LEN, CookieError, CookieKeyError, CookieKeys, DEFAULT_KEY_LIFETIME, HelloFields,
    MIN_KEY_LIFETIME, PERIOD, Retry,
};

/// 40 s into a bucket.
const NOW: u64 = 1_700_000_020;
/// The first second of that bucket.
const BUCKET_START: u64 = NOW - 40;

const RANDOM: [u8; 32] = [0xa5; 32];
const SUITES: &[u8] = &[0xc0, 0x2b, 0xc0, 0x2f];
const SUITES_13: &[u8] = &[0x13, 0x01, 0x13, 0x02];

const HELLO: HelloFields<'static> = HelloFields {
    legacy_version: ProtocolVersion::DTLS_1_2,
    random: &RANDOM,
    session_id: &[],
    cipher_suites: SUITES,
    compression_methods: &[0],
};

fn at(secs: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(secs))
}

fn v4() -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 4433).into()
}

fn v6() -> SocketAddr {
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 5684).into()
}

fn secret(bytes: impl IntoIterator<Item = u8>) -> Secret {
    Secret::copy_from(&bytes.into_iter().collect::<Vec<u8>>())
}

fn keys() -> CookieKeys {
    keys_of_generation(0)
}

fn keys_of_generation(generation: u64) -> CookieKeys {
    CookieKeys::with_secret(SHA256, &secret(0..32), generation).unwrap()
}

fn retry() -> Retry {
    Retry {
        suite: CipherSuite::TLS_AES_128_GCM_SHA256,
        group: Some(NamedGroup::X25519),
        hello_hash: SHA256.hash(b"first hello"),
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> std::string::String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts upwards, so that each secret differs from the last.
#[derive(Debug, Default)]
struct Counter(AtomicUsize);

impl SecureRandom for Counter {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        out.fill(u8::try_from(n).unwrap());
        Ok(())
    }
}

/// Writes half and fails.
#[derive(Debug)]
struct Broken;

impl SecureRandom for Broken {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        let half = out.len() / 2;
        out[..half].fill(7);
        Err(CryptoError)
    }
}

/// SHA-256 that counts its HMACs. One per thread of tests would be over-careful: only one test
/// uses it.
#[derive(Debug)]
struct Counting;

static HMACS: AtomicUsize = AtomicUsize::new(0);

struct CountingKey(Box<dyn HmacKey>);

impl HmacKey for CountingKey {
    fn sign(&self, parts: &[&[u8]]) -> Tag {
        HMACS.fetch_add(1, Ordering::Relaxed);
        self.0.sign(parts)
    }
}

impl Hash for Counting {
    fn kind(&self) -> HashKind {
        HashKind::Sha256
    }

    fn start(&self) -> Box<dyn HashContext> {
        SHA256.start()
    }

    fn hash(&self, data: &[u8]) -> Digest {
        SHA256.hash(data)
    }

    fn hmac_key(&self, key: &[u8]) -> Box<dyn HmacKey> {
        Box::new(CountingKey(SHA256.hmac_key(key)))
    }
}

// C1. The four vectors were computed with Python's hmac and hashlib, without this crate:
//
//   lv(b) = struct.pack(">Q", len(b)) + b
//   m = label + bytes([family]) + ip + struct.pack(">HQH", port, now // 60, legacy_version)
//       + random + lv(session_id) + lv(cipher_suites) + lv(compression_methods) + carried
//   cookie = bytes([parity << 7 | now // 60 % 128])
//       + hmac.new(key, m, hashlib.sha256).digest()[:31] + carried
//   key = bytes(range(32)); random = bytes([0xa5]) * 32; now = 1_700_000_000
//   carried (1.3) = suite + group + bytes([len(h)]) + h; h = the suite's hash of b"first hello"

#[test]
fn cookie_of_dtls12_over_ipv4_is_the_known_answer() {
    let cookie = keys().issue12(v4(), &HELLO, at(1_700_000_000));
    assert_eq!(hex(cookie), "158331240478953b068213ea9ee630c522fcb36c68e4fababf3a422c9bebd95e");
}

#[test]
fn cookie_of_dtls12_over_ipv6_is_the_known_answer() {
    let session_id: Vec<u8> = (0..32).collect();
    let hello = HelloFields { session_id: &session_id, ..HELLO };
    let cookie = keys_of_generation(1).issue12(v6(), &hello, at(1_700_000_000));
    assert_eq!(hex(cookie), "95d03dd90c0930879c8b13729c9a027e52a7491f5f67c91539c5ce37542ca714");
}

#[test]
fn cookie_of_dtls13_with_sha256_is_the_known_answer() {
    let hello = HelloFields { cipher_suites: SUITES_13, ..HELLO };
    let cookie = keys().issue13(v4(), &hello, &retry(), at(1_700_000_000));
    assert_eq!(
        hex(cookie),
        "15b25695b0a6c319b28b292be2b7f510755f3a3d9a9fac333b5f1e7ff1edbb41\
         1301001d20b725f40326f2ed081b9e637a88af85d04f25e649a33a79bb263d2b6ac72992a4"
    );
}

#[test]
fn cookie_of_dtls13_with_sha384_and_no_group_is_the_known_answer() {
    let session_id: Vec<u8> = (0..32).collect();
    let hello = HelloFields { session_id: &session_id, cipher_suites: SUITES_13, ..HELLO };
    let retry = Retry {
        suite: CipherSuite::TLS_AES_256_GCM_SHA384,
        group: None,
        hello_hash: SHA384.hash(b"first hello"),
    };
    let cookie = keys_of_generation(1).issue13(v6(), &hello, &retry, at(1_700_000_000));
    assert_eq!(
        hex(cookie),
        "95b05a4133e61aff455ccb9fa9e94d243f40fbee6786fa2fa73134dec8e04c1c\
         13020000309b19b1f607144a540fd431c7d82b9e3cb11f94c9e6d19853b70d8989a377\
         fe062ed8a807535a78acb1e414ad026fe5f5"
    );
}

// C2

#[test]
fn cookie_verifies_repeatedly_and_elsewhere() {
    let keys = keys();
    let cookie = keys.issue12(v4(), &HELLO, at(NOW));
    for verifier in [&keys, &keys, &keys_of_generation(0)] {
        let proven = verifier.verify12(&cookie, v4(), &HELLO, at(NOW)).unwrap();
        assert_eq!(proven.address(), v4());
    }
}

#[test]
fn cookie13_gives_back_what_it_carries() {
    let cookie = keys().issue13(v6(), &HELLO, &retry(), at(NOW));
    let retried = keys().verify13(cookie.as_ref(), v6(), &HELLO, at(NOW)).unwrap();
    assert_eq!(retried.retry, retry());
    assert_eq!(retried.proven.address(), v6());

    let other = Retry { group: None, hello_hash: SHA384.hash(b"x"), ..retry() };
    let cookie = keys().issue13(v4(), &HELLO, &other, at(NOW));
    assert_eq!(keys().verify13(cookie.as_ref(), v4(), &HELLO, at(NOW)).unwrap().retry, other);
}

/// Every single alteration of what a cookie is bound to.
fn alterations() -> Vec<(&'static str, SocketAddr, HelloFields<'static>)> {
    static OTHER_RANDOM: [u8; 32] = {
        let mut random = RANDOM;
        random[31] ^= 1;
        random
    };
    let mut other_port = v4();
    other_port.set_port(4434);
    vec![
        ("ip", (Ipv4Addr::new(192, 0, 2, 2), 4433).into(), HELLO),
        ("family", (Ipv6Addr::new(0xc000, 0x201, 0, 0, 0, 0, 0, 0), 4433).into(), HELLO),
        ("port", other_port, HELLO),
        ("version", v4(), HelloFields { legacy_version: ProtocolVersion::DTLS_1_0, ..HELLO }),
        ("random", v4(), HelloFields { random: &OTHER_RANDOM, ..HELLO }),
        ("session_id", v4(), HelloFields { session_id: &[0], ..HELLO }),
        ("suites", v4(), HelloFields { cipher_suites: &[0xc0, 0x2b, 0xc0, 0x30], ..HELLO }),
        ("fewer suites", v4(), HelloFields { cipher_suites: &[0xc0, 0x2b], ..HELLO }),
        ("compression", v4(), HelloFields { compression_methods: &[1, 0], ..HELLO }),
        (
            "border between fields",
            v4(),
            HelloFields { session_id: &[0xc0, 0x2b], cipher_suites: &[0xc0, 0x2f], ..HELLO },
        ),
    ]
}

#[test]
fn cookie_for_anything_altered_is_invalid() {
    let keys = keys();
    let cookie12 = keys.issue12(v4(), &HELLO, at(NOW));
    let cookie13 = keys.issue13(v4(), &HELLO, &retry(), at(NOW));
    for (what, address, hello) in alterations() {
        let result = keys.verify12(&cookie12, address, &hello, at(NOW));
        assert_eq!(result.err(), Some(CookieError::Invalid), "{what}");
        let result = keys.verify13(cookie13.as_ref(), address, &hello, at(NOW));
        assert_eq!(result.err(), Some(CookieError::Invalid), "{what}");
    }
}

#[test]
fn cookie_with_any_bit_flipped_is_invalid() {
    // With a previous key the parity bit chooses another key; without one it chooses none.
    let mut rotated = keys();
    rotated.rotate_to(&secret([9; 32])).unwrap();
    for keys in [keys(), rotated] {
        let cookie12 = keys.issue12(v4(), &HELLO, at(NOW)).to_vec();
        let cookie13 = keys.issue13(v4(), &HELLO, &retry(), at(NOW)).as_ref().to_vec();
        for (cookie, is_v13) in [(cookie12, false), (cookie13, true)] {
            for bit in 0..cookie.len() * 8 {
                let mut cookie = cookie.clone();
                cookie[bit / 8] ^= 1 << (bit % 8);
                let error = if is_v13 {
                    keys.verify13(&cookie, v4(), &HELLO, at(NOW)).err()
                } else {
                    keys.verify12(&cookie, v4(), &HELLO, at(NOW)).err()
                };
                assert_eq!(error, Some(CookieError::Invalid), "bit {bit}");
            }
        }
    }
}

#[test]
fn cookie_of_any_other_length_is_invalid() {
    let keys = keys();
    let mut cookie12 = keys.issue12(v4(), &HELLO, at(NOW)).to_vec();
    cookie12.resize(300, 0);
    let mut cookie13 = keys.issue13(v4(), &HELLO, &retry(), at(NOW)).as_ref().to_vec();
    let len13 = cookie13.len();
    cookie13.resize(300, 0);
    for len in 0..300 {
        let result = keys.verify12(&cookie12[..len], v4(), &HELLO, at(NOW));
        assert_eq!(result.is_ok(), len == COOKIE_LEN, "{len}");
        let result = keys.verify13(&cookie13[..len], v4(), &HELLO, at(NOW));
        assert_eq!(result.is_ok(), len == len13, "{len}");
    }
}

#[test]
fn cookie_of_one_version_is_invalid_in_the_other() {
    let keys = keys();
    let cookie12 = keys.issue12(v4(), &HELLO, at(NOW));
    let cookie13 = keys.issue13(v4(), &HELLO, &retry(), at(NOW));
    let result = keys.verify12(&cookie13.as_ref()[..COOKIE_LEN], v4(), &HELLO, at(NOW));
    assert_eq!(result.err(), Some(CookieError::Invalid));
    let mut moved = cookie12.to_vec();
    moved.extend_from_slice(&cookie13.as_ref()[COOKIE_LEN..]);
    let result = keys.verify13(&moved, v4(), &HELLO, at(NOW));
    assert_eq!(result.err(), Some(CookieError::Invalid));
}

#[test]
fn ipv4_mapped_address_counts_as_ipv4() {
    let mapped = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped(), 4433));
    let cookie = keys().issue12(mapped, &HELLO, at(NOW));
    assert!(keys().verify12(&cookie, v4(), &HELLO, at(NOW)).is_ok());
    assert!(keys().verify12(&cookie, mapped, &HELLO, at(NOW)).is_ok());
}

#[test]
fn verification_costs_one_hmac_whatever_the_cookie() {
    let keys = CookieKeys::with_secret(&Counting, &secret(0..32), 0).unwrap();
    let good = keys.issue12(v4(), &HELLO, at(NOW));
    let mut forged = good;
    forged[31] ^= 1;
    for (cookie, now) in [(good, NOW), (good, NOW + 600), (forged, NOW), (forged, NOW + 600)] {
        let before = HMACS.load(Ordering::Relaxed);
        let _ = keys.verify12(&cookie, v4(), &HELLO, at(now));
        assert_eq!(HMACS.load(Ordering::Relaxed) - before, 1);
    }
}

// C4

#[test]
fn cookie_lives_one_to_two_periods() {
    let keys = keys();
    let period = PERIOD.as_secs();
    assert_eq!(BUCKET_START % period, 0);
    let next_but_one = BUCKET_START + 2 * period;
    for issued in [BUCKET_START, NOW, BUCKET_START + period - 1] {
        let cookie = keys.issue12(v4(), &HELLO, at(issued));
        assert!(keys.verify12(&cookie, v4(), &HELLO, at(issued)).is_ok());
        assert!(keys.verify12(&cookie, v4(), &HELLO, at(next_but_one - 1)).is_ok());
        for late in [next_but_one, next_but_one + 60 * period] {
            let result = keys.verify12(&cookie, v4(), &HELLO, at(late));
            assert_eq!(result.err(), Some(CookieError::Expired));
        }
    }
}

#[test]
fn cookie_from_the_future_is_expired() {
    let keys = keys();
    let cookie = keys.issue13(v4(), &HELLO, &retry(), at(BUCKET_START));
    for early in [BUCKET_START - 1, BUCKET_START - 63 * PERIOD.as_secs()] {
        let result = keys.verify13(cookie.as_ref(), v4(), &HELLO, at(early));
        assert_eq!(result.err(), Some(CookieError::Expired));
    }
}

#[test]
fn cookie_is_invalid_when_its_bucket_number_comes_round_again() {
    let keys = keys();
    let cookie = keys.issue12(v4(), &HELLO, at(NOW));
    for turns in [1, 2, 128, 1 << 20] {
        let later = NOW + turns * 128 * PERIOD.as_secs();
        let result = keys.verify12(&cookie, v4(), &HELLO, at(later));
        assert_eq!(result.err(), Some(CookieError::Invalid));
    }
}

#[test]
fn cookie_at_the_ends_of_time_does_no_harm() {
    let keys = keys();
    for now in [0, 1, 59, 60, u64::MAX - 60, u64::MAX] {
        let cookie = keys.issue12(v4(), &HELLO, at(now));
        assert!(keys.verify12(&cookie, v4(), &HELLO, at(now)).is_ok());
        for first in 0..=255 {
            let mut other = cookie;
            other[0] = first;
            let result = keys.verify12(&other, v4(), &HELLO, at(now));
            assert_eq!(result.is_ok(), first == cookie[0]);
        }
    }
}

#[test]
fn cookie_survives_one_rotation_and_not_two() {
    let random = Counter::default();
    let mut keys = CookieKeys::new(SHA256, DEFAULT_KEY_LIFETIME, at(NOW), &random).unwrap();
    let first = keys.issue12(v4(), &HELLO, at(NOW));
    keys.rotate(at(NOW), &random).unwrap();
    let second = keys.issue12(v4(), &HELLO, at(NOW));
    assert_ne!(first, second);
    assert!(keys.verify12(&first, v4(), &HELLO, at(NOW)).is_ok());
    assert!(keys.verify12(&second, v4(), &HELLO, at(NOW)).is_ok());
    keys.rotate(at(NOW), &random).unwrap();
    let result = keys.verify12(&first, v4(), &HELLO, at(NOW));
    assert_eq!(result.err(), Some(CookieError::Invalid));
    assert!(keys.verify12(&second, v4(), &HELLO, at(NOW)).is_ok());
    assert_eq!(keys.generation(), 2);
}

#[test]
fn keys_rotate_by_themselves_at_the_end_of_their_lifetime() {
    let random = Counter::default();
    let mut keys = CookieKeys::new(SHA256, Duration::from_secs(600), at(NOW), &random).unwrap();
    assert_eq!(keys.maintain(at(NOW + 599), &random), Ok(false));
    let cookie = keys.issue12(v4(), &HELLO, at(NOW + 599));
    assert_eq!(keys.maintain(at(NOW + 600), &random), Ok(true));
    assert!(keys.verify12(&cookie, v4(), &HELLO, at(NOW + 600)).is_ok());
    assert_ne!(keys.issue12(v4(), &HELLO, at(NOW + 599)), cookie);
    assert_eq!(keys.maintain(at(NOW + 1199), &random), Ok(false));
    assert_eq!(keys.maintain(at(NOW + 1200), &random), Ok(true));
}

#[test]
fn explicit_rotation_starts_the_lifetime_anew() {
    let random = Counter::default();
    let mut keys = CookieKeys::new(SHA256, Duration::from_secs(600), at(NOW), &random).unwrap();
    keys.rotate(at(NOW + 599), &random).unwrap();
    assert_eq!(keys.maintain(at(NOW + 600), &random), Ok(false));
    assert_eq!(keys.maintain(at(NOW + 1199), &random), Ok(true));
}

#[test]
fn clock_that_is_set_back_does_not_stop_rotation() {
    let random = Counter::default();
    let mut keys = CookieKeys::new(SHA256, Duration::from_secs(600), at(NOW), &random).unwrap();
    assert_eq!(keys.maintain(at(NOW - 1_000_000), &random), Ok(false));
    assert_eq!(keys.maintain(at(NOW - 1_000_000 + 600), &random), Ok(true));
}

#[test]
fn shared_keys_change_only_together() {
    let random = Counter::default();
    let (mut a, mut b) = (keys(), keys());
    assert_eq!(a.maintain(at(NOW + 1_000_000_000), &random), Ok(false));
    let old = a.issue12(v4(), &HELLO, at(NOW));
    a.rotate_to(&secret([3; 16])).unwrap();
    let new = a.issue12(v4(), &HELLO, at(NOW));
    // Not yet rotated: refuses the new one rather than mistaking it for one of its own.
    assert!(b.verify12(&new, v4(), &HELLO, at(NOW)).is_err());
    b.rotate_to(&secret([3; 16])).unwrap();
    assert!(b.verify12(&old, v4(), &HELLO, at(NOW)).is_ok());
    assert!(b.verify12(&new, v4(), &HELLO, at(NOW)).is_ok());
    // A third server that starts now.
    let c = CookieKeys::with_secret(SHA256, &secret([3; 16]), a.generation()).unwrap();
    assert!(c.verify12(&new, v4(), &HELLO, at(NOW)).is_ok());
    assert!(c.verify12(&old, v4(), &HELLO, at(NOW)).is_err());
}

#[test]
fn keys_made_by_default_do_not_share_a_secret() {
    let random = sealgram_ring::Random;
    let make = || CookieKeys::new(SHA256, DEFAULT_KEY_LIFETIME, at(NOW), &random).unwrap();
    let (a, b) = (make(), make());
    let cookie = a.issue12(v4(), &HELLO, at(NOW));
    assert!(a.verify12(&cookie, v4(), &HELLO, at(NOW)).is_ok());
    assert_eq!(b.verify12(&cookie, v4(), &HELLO, at(NOW)).err(), Some(CookieError::Invalid));
}

// C5

#[test]
fn random_source_that_fails_is_an_error() {
    let error = CookieKeyError::Random(CryptoError);
    let result = CookieKeys::new(SHA256, DEFAULT_KEY_LIFETIME, at(NOW), &Broken);
    assert_eq!(result.err(), Some(error));

    let random = Counter::default();
    let mut keys = CookieKeys::new(SHA256, MIN_KEY_LIFETIME, at(NOW), &random).unwrap();
    let cookie = keys.issue12(v4(), &HELLO, at(NOW));
    assert_eq!(keys.rotate(at(NOW), &Broken), Err(error));
    let due = at(NOW + MIN_KEY_LIFETIME.as_secs());
    assert_eq!(keys.maintain(due, &Broken), Err(error));
    assert_eq!(keys.issue12(v4(), &HELLO, at(NOW)), cookie);
    assert_eq!(keys.maintain(due, &random), Ok(true));
}

#[test]
fn short_secret_is_refused() {
    for len in [0, 1, 15] {
        let result = CookieKeys::with_secret(SHA256, &secret(vec![1; len]), 0);
        assert_eq!(result.err(), Some(CookieKeyError::SecretTooShort));
        let mut keys = keys();
        let cookie = keys.issue12(v4(), &HELLO, at(NOW));
        assert_eq!(keys.rotate_to(&secret(vec![1; len])), Err(CookieKeyError::SecretTooShort));
        assert_eq!(keys.issue12(v4(), &HELLO, at(NOW)), cookie);
    }
    assert!(CookieKeys::with_secret(SHA256, &secret([1; 16]), 0).is_ok());
}

#[test]
fn other_hash_is_refused() {
    let result = CookieKeys::with_secret(SHA384, &secret([1; 32]), 0);
    assert_eq!(result.err(), Some(CookieKeyError::NotSha256));
    let result = CookieKeys::new(SHA384, DEFAULT_KEY_LIFETIME, at(NOW), &Counter::default());
    assert_eq!(result.err(), Some(CookieKeyError::NotSha256));
}

#[test]
fn lifetime_below_that_of_a_cookie_is_refused() {
    let make = |lifetime| CookieKeys::new(SHA256, lifetime, at(NOW), &Counter::default());
    // A cookie lives for up to two periods.
    assert_eq!(MIN_KEY_LIFETIME, 2 * PERIOD);
    let short = MIN_KEY_LIFETIME - Duration::from_secs(1);
    assert_eq!(make(short).err(), Some(CookieKeyError::LifetimeTooShort));
    assert!(make(MIN_KEY_LIFETIME).is_ok());
}

// L1

#[test]
fn debug_of_keys_shows_no_secret() {
    let mut keys = CookieKeys::with_secret(SHA256, &secret([0xd7; 32]), 0).unwrap();
    keys.rotate_to(&secret([0xe9; 32])).unwrap();
    let text = format!("{keys:?} {keys:#?}").to_lowercase();
    for marker in ["d7d7", "e9e9", "215, 215", "233, 233", "19fx", "6enp"] {
        assert!(!text.contains(marker), "{text}");
    }
    assert_eq!(format!("{keys:?}"), "CookieKeys { generation: 1, .. }");
}

#[test]
fn debug_of_cookie13_shows_no_cookie() {
    let cookie = keys().issue13(v4(), &HELLO, &retry(), at(NOW));
    assert_eq!(format!("{cookie:?}"), "Cookie13(..)");
}

proptest! {
    #[test]
    fn random_bytes_never_verify(
        cookie in proptest::collection::vec(any::<u8>(), 0..=255),
        hash in proptest::collection::vec(any::<u8>(), 32..=48),
        front in any::<[u8; 32]>(),
        now in any::<u64>(),
    ) {
        let keys = keys();
        prop_assert!(keys.verify12(&cookie, v4(), &HELLO, at(now)).is_err());
        prop_assert!(keys.verify12(&front, v4(), &HELLO, at(now)).is_err());
        prop_assert!(keys.verify13(&cookie, v4(), &HELLO, at(now)).is_err());
        // Of the right shape: only the tag is wrong.
        let mut shaped = front.to_vec();
        shaped.extend_from_slice(&[0x13, 0x01, 0x00, 0x1d, u8::try_from(hash.len()).unwrap()]);
        shaped.extend_from_slice(&hash);
        prop_assert!(keys.verify13(&shaped, v4(), &HELLO, at(now)).is_err());
    }

    #[test]
    fn issued_cookie_verifies_for_any_hello_and_address(
        ip in any::<core::net::IpAddr>(),
        port in any::<u16>(),
        random in any::<[u8; 32]>(),
        session_id in proptest::collection::vec(any::<u8>(), 0..=32),
        cipher_suites in proptest::collection::vec(any::<u8>(), 0..=600),
        compression_methods in proptest::collection::vec(any::<u8>(), 0..=255),
        suite in any::<u16>(),
        group in proptest::option::of(1..=u16::MAX),
        hash in proptest::collection::vec(any::<u8>(), 0..=48),
        now in any::<u64>(),
    ) {
        let hello = HelloFields {
            legacy_version: ProtocolVersion::DTLS_1_2,
            random: &random,
            session_id: &session_id,
            cipher_suites: &cipher_suites,
            compression_methods: &compression_methods,
        };
        let address = SocketAddr::from((ip, port));
        let keys = keys();
        let cookie = keys.issue12(address, &hello, at(now));
        prop_assert!(keys.verify12(&cookie, address, &hello, at(now)).is_ok());
        let retry = Retry {
            suite: CipherSuite(suite),
            group: group.map(NamedGroup),
            hello_hash: Digest::new(&hash),
        };
        let cookie = keys.issue13(address, &hello, &retry, at(now));
        let retried = keys.verify13(cookie.as_ref(), address, &hello, at(now)).unwrap();
        prop_assert_eq!(retried.retry, retry);
    }
}
