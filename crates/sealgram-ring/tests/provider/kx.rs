//! Key exchange. *ring* takes no private key from outside, so that published vectors for the
//! result (RFC 7748 §6.1, RFC 5903) cannot be set; what can be tested is agreement and refusal.

use sealgram_crypto::KeyExchangeGroup;
use sealgram_iana::{NamedGroup, Version};
use sealgram_ring::DEFAULT_GROUPS;
use sealgram_ring::kx_group::{SECP256R1, SECP384R1, X25519};

use crate::hex;

fn refused(group: &dyn KeyExchangeGroup, share: &[u8]) -> bool {
    let answered = group.answer(share).is_err();
    let completed = group.start().unwrap().complete(share).is_err();
    assert_eq!(answered, completed, "both directions judge alike");
    answered
}

#[test]
fn both_sides_agree_on_a_fresh_secret() {
    for (group, (share_len, secret_len)) in
        DEFAULT_GROUPS.iter().zip([(32, 32), (65, 32), (97, 48)])
    {
        assert!(group.usable_in(Version::V12) && group.usable_in(Version::V13));
        let first = group.start().unwrap();
        let second = group.start().unwrap();
        assert_eq!(first.group(), group.name());
        assert_ne!(first.share(), second.share());
        assert_eq!(first.share().len(), share_len);

        let answer = group.answer(first.share()).unwrap();
        let other = group.answer(second.share()).unwrap();
        assert_eq!(answer.share.len(), share_len);
        let secret = first.complete(&answer.share).unwrap();
        assert_eq!(secret.expose(), answer.secret.expose());
        assert_eq!(secret.expose().len(), secret_len);
        assert_ne!(secret.expose(), other.secret.expose());
    }
}

/// The points of small order, which lead to the all-zero secret (RFC 7748 §6.1): 0, 1, the two
/// of order 8, p - 1, p and p + 1.
#[test]
fn x25519_share_of_small_order_is_refused() {
    for share in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        assert!(refused(X25519, &hex(share)), "{share}");
    }
    // The base point has a large order.
    assert!(!refused(X25519, &[&[9][..], &[0; 31]].concat()));
}

#[test]
fn share_of_wrong_length_is_refused() {
    for group in DEFAULT_GROUPS {
        let share = group.start().unwrap().share().to_vec();
        assert!(!refused(*group, &share));
        for len in [0, 1, 31, share.len() - 1] {
            assert!(refused(*group, &share[..len]), "{}, {len}", group.name());
        }
        assert!(refused(*group, &[&share[..], &[0]].concat()));
    }
}

#[test]
fn share_of_another_group_is_refused() {
    for group in DEFAULT_GROUPS {
        for other in DEFAULT_GROUPS.iter().filter(|other| other.name() != group.name()) {
            assert!(refused(*group, other.start().unwrap().share()));
        }
    }
}

#[test]
fn point_off_the_curve_is_refused() {
    for group in [SECP256R1, SECP384R1] {
        let mut share = group.start().unwrap().share().to_vec();
        *share.last_mut().unwrap() ^= 1;
        assert!(refused(group, &share));
        // Coordinates of all ones are no field elements, and zeros are on neither curve.
        let len = share.len() - 1;
        assert!(refused(group, &[&[4][..], &vec![0xff; len]].concat()));
        assert!(refused(group, &[&[4][..], &vec![0; len]].concat()));
    }
}

#[test]
fn compressed_hybrid_and_infinite_points_are_refused() {
    for group in [SECP256R1, SECP384R1] {
        let share = group.start().unwrap().share().to_vec();
        let (x, y) = share[1..].split_at(share.len() / 2);
        let parity = y.last().unwrap() & 1;
        assert!(refused(group, &[&[2 | parity][..], x].concat()));
        assert!(refused(group, &[&[6 | parity][..], x, y].concat()));
        assert!(refused(group, &[0]));
    }
}

#[test]
fn debug_of_key_in_use_names_only_the_group() {
    let active = SECP256R1.start().unwrap();
    assert_eq!(format!("{active:?}"), "ActiveKeyExchange(secp256r1)");
    assert_eq!(active.group(), NamedGroup::SECP256R1);
    let answer = SECP256R1.answer(active.share()).unwrap();
    assert_eq!(format!("{:?}", answer.secret), "SharedSecret(..)");
}
