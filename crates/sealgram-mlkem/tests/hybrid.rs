//! The hybrid over *ring*'s X25519: known answers, and shares that must be refused.

use std::sync::Mutex;

use sealgram_crypto::{CompletedKeyExchange, CryptoError, KeyExchangeGroup, SecureRandom};
use sealgram_iana::{NamedGroup, Version};
use sealgram_mlkem::Hybrid;
use sealgram_ring::Random;
use sealgram_ring::hash::SHA256;
use sealgram_ring::kx_group::{SECP256R1, X25519};

const ENCAPSULATION_KEY: usize = 1184;
const CIPHERTEXT: usize = 1088;
const CLIENT_SHARE: usize = ENCAPSULATION_KEY + 32;
const SERVER_SHARE: usize = CIPHERTEXT + 32;

/// A static, as a provider has it.
static HYBRID: Hybrid = Hybrid::new(X25519, &Random);

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| d.try_into().unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Gives the bytes it was made with, each once, and then fails.
#[derive(Debug)]
struct Given(Mutex<Vec<u8>>);

impl Given {
    fn leaked(bytes: &str) -> &'static Self {
        Box::leak(Box::new(Self(Mutex::new(hex(bytes)))))
    }
}

impl SecureRandom for Given {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        let mut left = self.0.lock().unwrap();
        if left.len() < out.len() {
            return Err(CryptoError);
        }
        let rest = left.split_off(out.len());
        out.copy_from_slice(&left);
        *left = rest;
        Ok(())
    }
}

/// Wycheproof's `mlkem_768_test.json` tcId 2 and `mlkem_768_encaps_test.json` tcId 14, which are
/// one key and what is encapsulated to it; key and ciphertext as their SHA-256, which Python
/// computed.
const SEED: &str = "7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d
                    8626ed79d451140800e03b59b956f8210e556067407d13dc90fa9e8b872bfb8f";
const MESSAGE: &str = "147c03f7a5bebba406c8fae1874d7f13c80efe79a3a9a874cc09fe76f6997615";
const KEY_SHA256: &str = "86adbca81f4fee893e2fb58fb98aa2fe188f501fed268d7f4056f8c05c4e53c4";
const CIPHERTEXT_SHA256: &str = "36829a2f35cbf4deb62c0a12a15c22dae9f8d2c252566fc24f88abe805cb575e";
const SECRET: &str = "e7184a0975ee3470878d2d159ec83129c8aec253d4ee17b4810311d198cd0368";

#[test]
fn exchange_with_known_randomness_gives_the_published_answers() {
    let random = Given::leaked(&format!("{SEED}{MESSAGE}"));
    let hybrid = Hybrid::new(X25519, random);
    let client = hybrid.start().unwrap();
    assert_eq!(client.group(), NamedGroup::X25519_MLKEM768);
    assert_eq!(client.share().len(), CLIENT_SHARE);
    let (key, _) = client.share().split_at(ENCAPSULATION_KEY);
    assert_eq!(SHA256.hash(key).as_ref(), hex(KEY_SHA256));

    let CompletedKeyExchange { share, secret } = hybrid.answer(client.share()).unwrap();
    assert_eq!(share.len(), SERVER_SHARE);
    assert_eq!(SHA256.hash(&share[..CIPHERTEXT]).as_ref(), hex(CIPHERTEXT_SHA256));
    assert_eq!(secret.expose().len(), 64);
    assert_eq!(secret.expose()[..32], hex(SECRET));
    assert_eq!(client.complete(&share).unwrap().expose(), secret.expose());
}

/// The second half of share and secret is X25519 as the provider has it.
#[test]
fn exchange_ends_with_x25519_of_the_provider() {
    let client = HYBRID.start().unwrap();
    let (encapsulation_key, _) = client.share().split_at(ENCAPSULATION_KEY);
    let plain = X25519.start().unwrap();
    let share = [encapsulation_key, plain.share()].concat();
    let server = HYBRID.answer(&share).unwrap();
    let secret = plain.complete(&server.share[CIPHERTEXT..]).unwrap();
    assert_eq!(server.secret.expose()[32..], *secret.expose());

    let (_, x25519) = client.share().split_at(ENCAPSULATION_KEY);
    let plain = X25519.answer(x25519).unwrap();
    let share = [&server.share[..CIPHERTEXT], &plain.share].concat();
    let secret = client.complete(&share).unwrap();
    assert_eq!(secret.expose()[32..], *plain.secret.expose());
    // The ciphertext was for this client too.
    assert_eq!(secret.expose()[..32], server.secret.expose()[..32]);
}

#[test]
fn every_exchange_is_fresh_in_both_parts() {
    let (client, other) = (HYBRID.start().unwrap(), HYBRID.start().unwrap());
    let (one, two) =
        (HYBRID.answer(client.share()).unwrap(), HYBRID.answer(client.share()).unwrap());
    for (a, b, middle) in [
        (client.share(), other.share(), ENCAPSULATION_KEY),
        (&one.share, &two.share, CIPHERTEXT),
        (one.secret.expose(), two.secret.expose(), 32),
    ] {
        assert_ne!(a[..middle], b[..middle]);
        assert_ne!(a[middle..], b[middle..]);
    }
}

/// FIPS 203 §6.3: the secret of a ciphertext that was altered is SHAKE256(z ‖ ciphertext), where
/// z is the second half of the seed. Figures by Python's `hashlib`.
#[test]
fn altered_ciphertext_gives_the_secret_of_implicit_rejection() {
    for (position, bit, expected) in [
        (0, 0x01, "d8f24fa38430a171f93f27d46c52e0bc636d0a1fd5b9571951afbf1ad0b895a5"),
        (CIPHERTEXT - 1, 0x80, "b3ea1c56e00d0e4d743663eaaa08be899752fb5c7d0645a7c15cb6d62f4d7501"),
    ] {
        let hybrid = Hybrid::new(X25519, Given::leaked(&format!("{SEED}{MESSAGE}")));
        let client = hybrid.start().unwrap();
        let mut server = hybrid.answer(client.share()).unwrap();
        server.share[position] ^= bit;
        let secret = client.complete(&server.share).unwrap();
        assert_eq!(secret.expose()[..32], hex(expected));
        assert_eq!(secret.expose()[32..], server.secret.expose()[32..]);
    }
}

/// Writes one of the 768 coefficients, which lie as 12 bits each, lower bits first.
fn set_coefficient(share: &mut [u8], index: usize, value: u16) {
    let [low, high] = value.to_le_bytes();
    let at = index / 2 * 3;
    if index.is_multiple_of(2) {
        share[at] = low;
        share[at + 1] = share[at + 1] & 0xf0 | high;
    } else {
        share[at + 1] = share[at + 1] & 0x0f | low << 4;
        share[at + 2] = low >> 4 | high << 4;
    }
}

/// The modulus check of FIPS 203 §7.2, which draft-ietf-tls-ecdhe-mlkem §3.1.2 asks of a server.
#[test]
fn encapsulation_key_with_unreduced_coefficient_is_refused() {
    const Q: u16 = 3329;
    let client = HYBRID.start().unwrap();
    for index in 0..768 {
        for value in [Q, 0xfff] {
            let mut share = client.share().to_vec();
            set_coefficient(&mut share, index, value);
            assert_eq!(HYBRID.answer(&share).unwrap_err(), CryptoError, "{index} {value}");
        }
    }
    for value in Q..=0xfff {
        let mut share = client.share().to_vec();
        set_coefficient(&mut share, 767, value);
        assert_eq!(HYBRID.answer(&share).unwrap_err(), CryptoError, "{value}");
    }
    // The largest reduced value passes: it is the value that was refused, not the change.
    for index in [0, 1, 766, 767] {
        let mut share = client.share().to_vec();
        set_coefficient(&mut share, index, Q - 1);
        assert!(HYBRID.answer(&share).is_ok(), "{index}");
    }
}

#[test]
fn client_share_of_any_other_length_is_refused() {
    let client = HYBRID.start().unwrap();
    let mut share = client.share().to_vec();
    share.resize(1300, 0);
    for len in (0..=share.len()).filter(|len| *len != CLIENT_SHARE) {
        assert_eq!(HYBRID.answer(&share[..len]).unwrap_err(), CryptoError, "{len}");
    }
    assert!(HYBRID.answer(&share[..CLIENT_SHARE]).is_ok());
}

#[test]
fn server_share_of_any_other_length_is_refused() {
    for len in [0, 1, 31, 32, 33, CIPHERTEXT, SERVER_SHARE - 1, SERVER_SHARE + 1, CLIENT_SHARE] {
        let client = HYBRID.start().unwrap();
        let mut share = HYBRID.answer(client.share()).unwrap().share;
        share.resize(len, 0);
        assert_eq!(client.complete(&share).unwrap_err(), CryptoError, "{len}");
    }
}

/// RFC 7748 §6.1, RFC 8446 §7.4.2: what the provider refuses is refused here.
#[test]
fn x25519_share_of_small_order_is_refused() {
    let client = HYBRID.start().unwrap();
    let mut share = client.share().to_vec();
    share[ENCAPSULATION_KEY..].fill(0);
    assert_eq!(HYBRID.answer(&share).unwrap_err(), CryptoError);

    let mut share = HYBRID.answer(client.share()).unwrap().share;
    share[CIPHERTEXT..].fill(0);
    assert_eq!(client.complete(&share).unwrap_err(), CryptoError);
}

#[test]
fn exchange_without_randomness_fails() {
    // One byte less than a seed; a seed and one byte less than a message.
    let short = Hybrid::new(X25519, Given::leaked(&SEED[2..]));
    assert_eq!(short.start().unwrap_err(), CryptoError);

    let hybrid = Hybrid::new(X25519, Given::leaked(&format!("{SEED}{}", &MESSAGE[2..])));
    let client = hybrid.start().unwrap();
    assert_eq!(hybrid.answer(client.share()).unwrap_err(), CryptoError);
}

#[test]
fn another_group_in_the_place_of_x25519_fails() {
    let wrong = Hybrid::new(SECP256R1, &Random);
    assert_eq!(wrong.start().unwrap_err(), CryptoError);

    let client = HYBRID.start().unwrap();
    assert_eq!(wrong.answer(client.share()).unwrap_err(), CryptoError);
    // Not even for one who speaks that group.
    let (encapsulation_key, _) = client.share().split_at(ENCAPSULATION_KEY);
    let point = SECP256R1.start().unwrap();
    let share = [encapsulation_key, point.share()].concat();
    assert_eq!(wrong.answer(&share).unwrap_err(), CryptoError);
}

#[test]
fn hybrid_exists_in_13_only() {
    assert!(HYBRID.usable_in(Version::V13));
    assert!(!HYBRID.usable_in(Version::V12));

    let mut provider = sealgram_ring::default_provider();
    provider.groups.insert(0, &HYBRID);
    assert!(provider.group(NamedGroup::X25519_MLKEM768, Version::V13).is_some());
    assert!(provider.group(NamedGroup::X25519_MLKEM768, Version::V12).is_none());
}
