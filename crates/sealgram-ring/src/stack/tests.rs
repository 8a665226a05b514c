//! Looks at the dead stack through `/proc`, the only way for safe code.

extern crate std;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use std::fs::File;
use std::os::unix::fs::FileExt;

use pki_types::PrivateKeyDer;
use pki_types::pem::PemObject;
use ring::aead::{LessSafeKey, UnboundKey};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use sealgram_crypto::{CryptoError, Hash, hkdf, prf};

use super::*;
use crate::wipe::Wiped;
use crate::{DEFAULT_GROUPS, aead, der, hash, sign};

/// How much of the stack is looked at.
const SEEN: usize = 128 * 1024;

/// What the frames between a test and the operation may take: the trait's method, the closures.
const FRAMES: usize = 2 * 1024;

const PAINT: u8 = 0xb7;

/// Runs `work` over a painted stack and returns the [`SEEN`] bytes below its caller's frame.
fn dead_stack(work: impl FnOnce()) -> Vec<u8> {
    #[inline(never)]
    fn paint() {
        black_box(&mut [PAINT; SEEN]);
    }
    let memory = File::open("/proc/self/mem").unwrap();
    let mut seen = vec![0; SEEN];
    let marker = 0_u8;
    let top = (&raw const marker).addr();
    paint();
    below(work);
    memory.read_exact_at(&mut seen, u64::try_from(top - SEEN).unwrap()).unwrap();
    seen
}

/// How many bytes of stack `work` used, to the deepest byte that it changed.
fn depth(work: impl FnOnce()) -> usize {
    let seen = dead_stack(work);
    SEEN - seen.iter().position(|byte| *byte != PAINT).unwrap()
}

/// How often `secret` lies in `stack`, in either byte order.
fn copies(stack: &[u8], secret: &[u8]) -> usize {
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    stack.windows(secret.len()).filter(|bytes| *bytes == secret || *bytes == reversed).count()
}

/// On the heap, so that the test itself has no copy on the stack.
fn key_bytes(len: u8) -> Vec<u8> {
    (0..len).map(|i| i.wrapping_mul(37) ^ 0x4d).collect()
}

fn private_key(name: &str) -> PrivateKeyDer<'static> {
    let path = format!("{}/tests/data/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    PrivateKeyDer::from_pem_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Runs `work`, checks its depth, and returns what it returned.
fn checked<R>(what: &str, limit: usize, work: impl FnOnce() -> R) -> R {
    let mut result = None;
    let depth = depth(|| result = Some(work()));
    // Overwriting alone goes that deep: less would mean that nothing was measured.
    assert!((limit..limit + FRAMES).contains(&depth), "{what}: {depth} bytes");
    result.unwrap()
}

#[test]
fn operations_with_keys_stay_within_what_is_overwritten() {
    for name in ["p256.pkcs8", "p256.sec1", "p384.sec1", "ed25519.pkcs8", "rsa2048.pkcs8"] {
        let der = private_key(name);
        let key = checked(name, DEEP, || sign::KEY_LOADER.load(&der).unwrap());
        let limit = if name.starts_with("rsa") { DEEP } else { MIDDLE };
        for scheme in key.schemes() {
            checked(name, limit, || key.sign(*scheme, b"message").unwrap());
        }
    }
    for group in DEFAULT_GROUPS {
        let active = checked("start", MIDDLE, || group.start().unwrap());
        let answer = checked("answer", MIDDLE, || group.answer(active.share()).unwrap());
        let secret = checked("complete", MIDDLE, || active.complete(&answer.share).unwrap());
        assert_eq!(secret.expose(), answer.secret.expose());
    }
    for aead in [aead::AES_128_GCM, aead::AES_256_GCM, aead::CHACHA20_POLY1305] {
        let key = vec![1; aead.kind().key_len()];
        checked("AEAD", DEEP, || aead.key(&key).unwrap());
        checked("mask", MIDDLE, || aead.mask(&key).unwrap());
        checked("both", DEEP, || aead.key_and_mask(&key, &key).unwrap());
    }
}

fn several(hash: &dyn Hash, key: &[u8]) {
    hash.with_hmac_key(key, &mut |key| {
        for message in [b"one", b"two"] {
            black_box(key.sign(&[message]));
        }
    });
}

#[test]
fn hmac_stays_within_what_is_overwritten() {
    for hash in [hash::SHA256, hash::SHA384] {
        for len in [0, 32, 200] {
            let bytes = key_bytes(len);
            let key = checked("key", SHALLOW, || hash.hmac_key(&bytes));
            checked("sign", SHALLOW, || key.sign(&[&bytes, b"message"]));
            checked("both", SHALLOW, || hash.hmac(&bytes, &[b"message"]));
            checked("several", SHALLOW, || several(hash, &bytes));
            checked("expand", SHALLOW, || {
                hkdf::expand_label(hash, &bytes, "x", &[1], &mut [0; 99])
            });
            checked("prf", SHALLOW, || prf(hash, &bytes, b"x", &[&[1]], &mut [0; 99]));
        }
    }
}

#[test]
fn built_aead_key_leaves_no_copy_on_the_stack() {
    let mut control = 0;
    for (ours, ring) in [
        (aead::AES_128_GCM, &ring::aead::AES_128_GCM),
        (aead::AES_256_GCM, &ring::aead::AES_256_GCM),
        (aead::CHACHA20_POLY1305, &ring::aead::CHACHA20_POLY1305),
    ] {
        let bytes = key_bytes(u8::try_from(ours.kind().key_len()).unwrap());
        let mut key = None;
        let stack = dead_stack(|| key = Some(ours.key(&bytes).unwrap()));
        assert_eq!(copies(&stack, &bytes), 0);
        let stack = dead_stack(|| drop(ours.mask(&bytes).unwrap()));
        assert_eq!(copies(&stack, &bytes), 0);
        let stack = dead_stack(|| drop(ours.key_and_mask(&bytes, &bytes).unwrap()));
        assert_eq!(copies(&stack, &bytes), 0);

        let mut unclean = None;
        let stack = dead_stack(|| {
            let key = LessSafeKey::new(UnboundKey::new(ring, &bytes).unwrap());
            unclean = Some(Box::new(Wiped::new(key)));
        });
        control += copies(&stack, &bytes);
    }
    // The same without overwriting is found, or the zeros above would say nothing.
    assert_ne!(control, 0);
}

#[test]
fn hmac_key_leaves_no_copy_on_the_stack() {
    let bytes = key_bytes(32);
    let padded = |pad: u8| bytes.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let forms = [padded(0), padded(0x36), padded(0x5c)];
    let found = |stack: &[u8]| forms.iter().map(|form| copies(stack, form)).sum::<usize>();
    assert_eq!(found(&dead_stack(|| drop(hash::SHA256.hmac_key(&bytes)))), 0);
    assert_eq!(found(&dead_stack(|| drop(hash::SHA256.hmac(&bytes, &[b"message"])))), 0);
    assert_eq!(found(&dead_stack(|| several(hash::SHA256, &bytes))), 0);
    let control = dead_stack(|| {
        black_box(Box::new(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &bytes)));
    });
    assert_ne!(found(&control), 0);
}

#[test]
fn derivation_leaves_no_output_on_the_stack() {
    let key = key_bytes(32);
    let mut out = vec![0; 80];
    let stack = dead_stack(|| hkdf::expand_label(hash::SHA256, &key, "x", &[], &mut out));
    assert!(out.chunks_exact(16).all(|secret| copies(&stack, secret) == 0));
    let stack = dead_stack(|| prf(hash::SHA256, &key, b"x", &[], &mut out));
    assert!(out.chunks_exact(16).all(|secret| copies(&stack, secret) == 0));
}

#[test]
fn key_exchange_leaves_no_secret_on_the_stack() {
    for group in DEFAULT_GROUPS {
        let active = group.start().unwrap();
        let mut answer: Option<Result<_, CryptoError>> = None;
        let stack = dead_stack(|| answer = Some(group.answer(active.share())));
        let answer = answer.unwrap().unwrap();
        assert_eq!(copies(&stack, answer.secret.expose()), 0);

        let mut secret = None;
        let stack = dead_stack(|| secret = Some(active.complete(&answer.share)));
        assert_eq!(copies(&stack, answer.secret.expose()), 0);
        assert_eq!(secret.unwrap().unwrap().expose(), answer.secret.expose());
    }
}

#[test]
fn loaded_signing_key_leaves_no_scalar_on_the_stack() {
    for name in ["p256.sec1", "p256.pkcs8"] {
        let sec1 = private_key("p256.sec1");
        let mut rest = sec1.secret_der();
        let mut fields = der::take(&mut rest, der::SEQUENCE).unwrap();
        der::take(&mut fields, der::INTEGER).unwrap();
        let scalar = der::take(&mut fields, der::OCTET_STRING).unwrap();

        let der = private_key(name);
        let mut key = None;
        let stack = dead_stack(|| key = Some(sign::KEY_LOADER.load(&der).unwrap()));
        assert_eq!(copies(&stack, scalar), 0);
    }
    let der = private_key("p256.pkcs8");
    let der = der.secret_der();
    let scalar = &der[36..68];
    let control = dead_stack(|| {
        let rng = ring::rand::SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &rng);
        black_box(Box::new(key.unwrap()));
    });
    assert_ne!(copies(&control, scalar), 0);
}
