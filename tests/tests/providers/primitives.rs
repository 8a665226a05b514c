//! Primitives: both providers compute the same.

use sealgram::crypto::{AeadKind, hkdf, prf};
use sealgram::iana::Version;

use crate::{pairs, ring, rustcrypto};

/// Lengths at and beside the blocks of every cipher and hash, and a full record.
const LENGTHS: [usize; 17] =
    [0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 1_200, 16_384];

/// Bytes that differ by position and by `seed`.
fn bytes(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap().wrapping_mul(7).wrapping_add(seed)).collect()
}

#[test]
fn what_one_provider_seals_the_other_opens_and_equals() {
    let mut compared = 0;
    for [a, b] in pairs() {
        for sealing in a.aeads {
            let Some(opening) = b.aeads.iter().find(|aead| aead.kind() == sealing.kind()) else {
                continue;
            };
            let kind = sealing.kind();
            let key = bytes(3, kind.key_len());
            let (sealer, opener) = (sealing.key(&key).unwrap(), opening.key(&key).unwrap());
            let nonce: [u8; 12] = bytes(5, 12).try_into().unwrap();
            for len in LENGTHS {
                for aad in [0, 5, 13, 23, 64] {
                    let (plaintext, aad) = (bytes(11, len), bytes(13, aad));
                    let mut sealed = [&plaintext[..], &vec![0; kind.tag_len()]].concat();
                    let mut again = sealed.clone();
                    sealer.seal(&nonce, &aad, &mut sealed).unwrap();
                    opener.seal(&nonce, &aad, &mut again).unwrap();
                    assert_eq!(sealed, again, "{kind:?}, {len}");
                    opener.open(&nonce, &aad, &mut sealed).unwrap();
                    assert_eq!(sealed[..len], plaintext, "{kind:?}, {len}");
                    compared += 1;
                }
            }
        }
    }
    // 3 + 3 + 5 algorithms.
    assert_eq!(compared, 11 * LENGTHS.len() * 5);
}

#[test]
fn every_altered_byte_fails_to_open_and_so_does_every_shorter_text() {
    for aead in rustcrypto().aeads {
        let kind = aead.kind();
        let key = aead.key(&bytes(3, kind.key_len())).unwrap();
        for len in [0, 1, 20] {
            let mut sealed = [bytes(11, len), vec![0; kind.tag_len()]].concat();
            key.seal(&[9; 12], b"aad", &mut sealed).unwrap();
            assert!(key.open(&[9; 12], b"aad", &mut sealed.clone()).is_ok());
            assert!(key.open(&[8; 12], b"aad", &mut sealed.clone()).is_err());
            assert!(key.open(&[9; 12], b"bad", &mut sealed.clone()).is_err());
            for at in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[at] ^= 0x80;
                assert!(key.open(&[9; 12], b"aad", &mut altered).is_err(), "{kind:?}, {at}");
                assert!(key.open(&[9; 12], b"aad", &mut sealed[..at].to_vec()).is_err());
            }
        }
        let mut no_room = vec![0; kind.tag_len() - 1];
        assert!(key.seal(&[9; 12], b"", &mut no_room).is_err());
    }
}

#[test]
fn key_of_another_length_is_refused() {
    for aead in rustcrypto().aeads {
        let len = aead.kind().key_len();
        for wrong in [0, len - 1, len + 1, 48 - len] {
            assert!(aead.key(&bytes(1, wrong)).is_err(), "{aead:?}, {wrong}");
            assert!(aead.mask(&bytes(1, wrong)).is_err(), "{aead:?}, {wrong}");
        }
    }
}

#[test]
fn masks_are_the_same() {
    // Its first four bytes are ChaCha20's counter: the last one included.
    let samples = [[0; 16], [0xff; 16], bytes(17, 16).try_into().unwrap()];
    for aead in ring().aeads {
        let other = rustcrypto().aeads.iter().find(|other| other.kind() == aead.kind()).unwrap();
        let key = bytes(19, aead.kind().key_len());
        let (mask, other) = (aead.mask(&key).unwrap(), other.mask(&key).unwrap());
        for sample in samples {
            assert_eq!(mask.mask(&sample), other.mask(&sample), "{aead:?}, {sample:?}");
        }
    }
}

/// CCM's suites mask with AES-128, as those with GCM do (RFC 9147 §4.2.3).
#[test]
fn masks_of_ccm_are_those_of_aes_128_gcm() {
    let all = rustcrypto().aeads;
    let masked = |kind| {
        let aead = all.iter().find(|aead| aead.kind() == kind).unwrap();
        aead.mask(&[7; 16]).unwrap().mask(&[9; 16])
    };
    assert_eq!(masked(AeadKind::Aes128Ccm), masked(AeadKind::Aes128Gcm));
    assert_eq!(masked(AeadKind::Aes128Ccm8), masked(AeadKind::Aes128Gcm));
}

#[test]
fn hashes_hmacs_and_what_is_derived_from_them_are_the_same() {
    for (a, b) in ring().hashes.into_iter().zip(rustcrypto().hashes) {
        assert_eq!(a.kind(), b.kind());
        for len in LENGTHS {
            let data = bytes(23, len);
            assert_eq!(a.hash(&data), b.hash(&data));
            let (head, tail) = data.split_at(len / 3);
            let mut context = b.start();
            assert_eq!(context.current(), a.hash(b""));
            context.update(head);
            let fork = context.fork();
            context.update(tail);
            assert_eq!(context.current(), a.hash(&data));
            assert_eq!(fork.current(), a.hash(head));
            for key in [0, 1, 32, 63, 64, 65, 127, 128, 129, 200] {
                let key = bytes(29, key);
                let tag = a.hmac(&key, &[&data]);
                assert_eq!(tag.as_ref(), b.hmac(&key, &[head, tail]).as_ref());
                let kept = b.hmac_key(&key);
                assert_eq!(tag.as_ref(), kept.sign(&[head, &[], tail]).as_ref());
                assert_eq!(tag.as_ref(), kept.sign(&[&data]).as_ref());
            }
        }
        let (mut out, mut again) = ([0; 200], [0; 200]);
        hkdf::expand_label(a, &bytes(1, 48), "exporter", b"context", &mut out);
        hkdf::expand_label(b, &bytes(1, 48), "exporter", b"context", &mut again);
        assert_eq!(out, again);
        prf(a, &bytes(2, 48), b"key expansion", &[b"one", b"two"], &mut out);
        prf(b, &bytes(2, 48), b"key expansion", &[b"one", b"two"], &mut again);
        assert_eq!(out, again);
    }
}

#[test]
fn providers_agree_on_a_secret_in_every_group() {
    for [a, b] in pairs() {
        for (starting, answering) in a.provider.groups.iter().zip(&b.provider.groups) {
            assert_eq!(starting.name(), answering.name());
            assert!(starting.usable_in(Version::V12) && starting.usable_in(Version::V13));
            let active = starting.start().unwrap();
            assert_eq!(active.group(), starting.name());
            let answer = answering.answer(active.share()).unwrap();
            assert_eq!(answer.share.len(), active.share().len());
            let other = answering.answer(active.share()).unwrap();
            assert_ne!(answer.share, other.share, "ephemeral keys are drawn anew");
            let secret = active.complete(&answer.share).unwrap();
            assert_eq!(secret.expose(), answer.secret.expose(), "{} {}", a.name, b.name);
            assert_ne!(secret.expose(), other.secret.expose());
        }
    }
}

#[test]
fn shares_that_are_none_are_refused_alike() {
    for (a, b) in ring().provider.groups.iter().zip(&rustcrypto().provider.groups) {
        let share = a.start().unwrap().share().to_vec();
        let (len, point) = (share.len(), share.len() > 32);
        let mut bad = vec![vec![], share[..len - 1].to_vec(), [&share[..], &[0]].concat()];
        if point {
            let mut off = share.clone();
            *off.last_mut().unwrap() ^= 1;
            let (x, y) = share[1..].split_at(len / 2);
            let parity = y.last().unwrap() & 1;
            bad.extend([
                off,
                vec![0],
                [&[4][..], &vec![0xff; len - 1]].concat(),
                [&[4][..], &vec![0; len - 1]].concat(),
                // Compressed, compact and hybrid.
                [&[2 | parity][..], x].concat(),
                [&[5][..], x].concat(),
                [&[6 | parity][..], x, y].concat(),
            ]);
        } else {
            // Points of small order, and one above the prime that is equal to such a one.
            bad.extend([vec![0; 32], [&[1][..], &[0; 31]].concat()]);
            bad.push([&[0xee][..], &[0xff; 30], &[0x7f]].concat());
        }
        for bad in bad {
            for group in [a, b] {
                assert!(group.answer(&bad).is_err(), "{group:?}, {bad:?}");
                assert!(group.start().unwrap().complete(&bad).is_err(), "{group:?}, {bad:?}");
            }
        }
        assert!(b.answer(&share).is_ok());
    }
}

#[test]
fn debug_of_keys_names_only_their_kind() {
    let provider = rustcrypto().provider;
    let active = provider.groups[1].start().unwrap();
    assert_eq!(format!("{active:?}"), "ActiveKeyExchange(secp256r1)");
    assert_eq!(format!("{:?}", provider.groups[1]), "Group(secp256r1)");
    assert_eq!(format!("{:?}", rustcrypto().aeads[4]), "Aes128Ccm8");
}
