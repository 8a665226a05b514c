//! What holds for every message, whatever is changed in it.

use sealgram_crypto::KeyExchangeKind;
use sealgram_handshake::{ClientConfig, Error, ServerConfig, Side};
use sealgram_iana::{HandshakeType, Version};

use crate::joined::{client, run, server, undisturbed, with_psk, with_psk_v12};

/// A kind of handshake: its name, and its two sides.
type Kind = (&'static str, fn() -> (ClientConfig, ServerConfig));

const KINDS: [Kind; 6] = [
    ("1.2", || (client(&[Version::V12]), server(&[Version::V12]))),
    ("1.3", || (client(&[Version::V13]), server(&[Version::V13]))),
    ("1.3 with a retry", || {
        let (client, mut server) = (client(&[Version::V13]), server(&[Version::V13]));
        server.common.provider.groups.remove(0);
        (client, server)
    }),
    ("1.3 with a key", with_psk),
    ("1.2 with a key", || with_psk_v12(KeyExchangeKind::EcdhePsk)),
    ("1.2 with a key alone", || with_psk_v12(KeyExchangeKind::Psk)),
];

#[test]
fn handshake_that_nobody_disturbs_connects() {
    for (kind, sides) in KINDS {
        let (client, server) = sides();
        let outcome = undisturbed(client, server);
        assert_eq!(outcome.error, None, "{kind}");
        assert_eq!(outcome.connected, [true, true], "{kind}");
    }
}

/// The messages that are exchanged when nobody disturbs them: who sends them, and how long they
/// are.
fn lengths(sides: fn() -> (ClientConfig, ServerConfig)) -> Vec<(Side, usize)> {
    let (client, server) = sides();
    let outcome = undisturbed(client, server);
    outcome.messages.iter().map(|(from, message)| (*from, message.body.len())).collect()
}

/// RFC 8446 §4.4.4, RFC 5246 §7.4.9: the Finished messages vouch for every byte before them.
#[test]
fn message_with_any_byte_changed_never_connects_both_sides() {
    for (kind, sides) in KINDS {
        for (index, (_, len)) in lengths(sides).into_iter().enumerate() {
            for at in 0..len {
                let (client, server) = sides();
                let outcome = run(client, server, &mut |number, _, message| {
                    if number == index {
                        message.body[at] ^= 1;
                    }
                });
                assert_ne!(outcome.connected, [true, true], "{kind}: message {index}, byte {at}");
            }
        }
    }
}

#[test]
fn message_cut_or_continued_ends_with_an_error() {
    for (kind, sides) in KINDS {
        for (index, (from, len)) in lengths(sides).into_iter().enumerate() {
            for cut in (0..len).map(Some).chain([None]) {
                let (client, server) = sides();
                let outcome = run(client, server, &mut |number, _, message| match cut {
                    _ if number != index => {}
                    Some(len) => message.body.truncate(len),
                    None => message.body.push(0),
                });
                let Some((side, error)) = outcome.error else {
                    panic!("{kind}: message {index}, {cut:?}")
                };
                // A hello without its extensions can be read; what it lacks is noticed, at the
                // latest in what it is answered with.
                assert!(side != from || index == 0, "{kind}: message {index}, {cut:?}: {error}");
            }
        }
    }
}

#[test]
fn message_of_a_type_that_is_not_expected_ends_the_handshake() {
    for (kind, sides) in KINDS {
        for (index, (from, _)) in lengths(sides).into_iter().enumerate() {
            for typ in [HandshakeType::END_OF_EARLY_DATA, HandshakeType::HELLO_REQUEST] {
                let (client, server) = sides();
                let outcome = run(client, server, &mut |number, _, message| {
                    if number == index {
                        message.typ = typ;
                    }
                });
                let Some((side, Error::UnexpectedMessage { got, expected })) = outcome.error else {
                    panic!("{kind}: message {index}: {:?}", outcome.error)
                };
                assert_eq!((side, got), (crate::edits::other(from), typ), "{kind}: {index}");
                assert!(!expected.is_empty());
            }
        }
    }
}
