//! What cannot be saved: the same cryptography straight from *ring* and `ml-kem`.

use core::hint::black_box;

use ml_kem::ml_kem_768::DecapsulationKey;
use ml_kem::{B32, Decapsulate, Seed};
use ring::aead::quic::{self, HeaderProtectionKey};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{
    self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
};

use crate::{Parties, Suite};

/// Seals and opens one plaintext, over and over, with two keys of *ring*.
#[derive(Debug)]
pub(crate) struct Records {
    sealing: LessSafeKey,
    opening: LessSafeKey,
    aad: Vec<u8>,
    buf: Aligned,
    before: usize,
    size: usize,
    number: u64,
}

/// A buffer that begins at a cache line's border: where the bytes lie decides how fast they are
/// encrypted, so whatever is compared must lie alike.
#[derive(Debug)]
pub(crate) struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn new(len: usize) -> Self {
        const LINE: usize = 64;
        let bytes = vec![0; len + LINE];
        let start = bytes.as_ptr().addr().wrapping_neg() % LINE;
        Self { bytes, start, len }
    }

    pub(crate) fn get(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

const TAG_LEN: usize = 16;

impl Records {
    /// Plaintexts of `size` bytes, `before` bytes behind a cache line's border.
    pub(crate) fn new(suite: Suite, aad_len: usize, before: usize, size: usize) -> Self {
        let (algorithm, key_len): (&'static aead::Algorithm, _) = match suite {
            Suite::Aes128Gcm => (&aead::AES_128_GCM, 16),
            Suite::Aes256Gcm => (&aead::AES_256_GCM, 32),
            Suite::ChaCha20Poly1305 => (&aead::CHACHA20_POLY1305, 32),
        };
        let key = vec![0x5a; key_len];
        let make = || LessSafeKey::new(UnboundKey::new(algorithm, &key).expect("a key"));
        Self {
            sealing: make(),
            opening: make(),
            aad: vec![7; aad_len],
            buf: Aligned::new(before + size + TAG_LEN),
            before,
            size,
            number: 0,
        }
    }

    pub(crate) fn run(&mut self) {
        self.number += 1;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        let (_, record) = self.buf.get().split_at_mut(self.before);
        let (plaintext, room) = record.split_at_mut(self.size);
        let tag = self
            .sealing
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&self.aad),
                plaintext,
            )
            .expect("sealed");
        room.copy_from_slice(tag.as_ref());
        let opened = self
            .opening
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&self.aad),
                black_box(record),
            )
            .expect("opened");
        black_box(opened);
    }
}

/// Makes the two record-number masks that a record of 1.3 needs.
pub(crate) struct Masks(HeaderProtectionKey);

impl Masks {
    pub(crate) fn new(suite: Suite) -> Self {
        let (algorithm, key_len): (&'static quic::Algorithm, _) = match suite {
            Suite::Aes128Gcm => (&quic::AES_128, 16),
            Suite::Aes256Gcm => (&quic::AES_256, 32),
            Suite::ChaCha20Poly1305 => (&quic::CHACHA20, 32),
        };
        Self(HeaderProtectionKey::new(algorithm, &vec![0x5a; key_len]).expect("a key"))
    }

    pub(crate) fn run(&self) {
        // One to send, one to receive.
        for _ in 0..2 {
            black_box(self.0.new_mask(black_box(&[3; 16])).expect("a mask"));
        }
    }
}

/// How often a handshake needs each operation, both sides together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Ephemeral X25519 keys, public halves included.
    pub(crate) generate: usize,
    /// X25519 agreements.
    pub(crate) agree: usize,
    /// P-256 signatures made.
    pub(crate) sign: usize,
    /// P-256 signatures verified: the handshake's, and one for each certificate under the root.
    pub(crate) verify: usize,
    /// ML-KEM-768: key pair, encapsulation and decapsulation, once each.
    pub(crate) ml_kem: usize,
}

/// Public-key operations on their own.
pub(crate) struct PublicKeys {
    counts: Counts,
    random: SystemRandom,
    key: EcdsaKeyPair,
    signature: signature::Signature,
    peer: Vec<u8>,
}

/// As long as what a 1.3 CertificateVerify signs.
const MESSAGE: [u8; 130] = [0x20; 130];

impl PublicKeys {
    pub(crate) fn new(parties: &Parties, counts: Counts) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, parties.key(), &random)
            .expect("a key");
        let signature = key.sign(&random, &MESSAGE).expect("a signature");
        let peer = EphemeralPrivateKey::generate(&X25519, &random).expect("a key");
        let peer = peer.compute_public_key().expect("a share").as_ref().to_vec();
        Self { counts, random, key, signature, peer }
    }

    pub(crate) fn run(&self) {
        let mut keys = Vec::with_capacity(self.counts.generate);
        for _ in 0..self.counts.generate {
            let key = EphemeralPrivateKey::generate(&X25519, &self.random).expect("a key");
            black_box(key.compute_public_key().expect("a share"));
            keys.push(key);
        }
        for key in keys.into_iter().take(self.counts.agree) {
            let peer = UnparsedPublicKey::new(&X25519, black_box(&self.peer));
            agree_ephemeral(key, &peer, |secret| {
                black_box(secret);
            })
            .expect("a secret");
        }
        for _ in 0..self.counts.sign {
            black_box(self.key.sign(&self.random, black_box(&MESSAGE)).expect("a signature"));
        }
        for _ in 0..self.counts.verify {
            let key = self.key.public_key().as_ref();
            signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
                .verify(black_box(&MESSAGE), self.signature.as_ref())
                .expect("verified");
        }
        for _ in 0..self.counts.ml_kem {
            let mut seed = Seed::default();
            self.random.fill(&mut seed).expect("random bytes");
            let key = DecapsulationKey::from_seed(seed);
            let mut message = B32::default();
            self.random.fill(&mut message).expect("random bytes");
            let (ciphertext, _) = key.encapsulation_key().encapsulate_deterministic(&message);
            black_box(key.decapsulate(black_box(&ciphertext)));
        }
    }
}
