//! An established connection survives everything that its peer has not sealed.

use sealgram::Side;
use sealgram::iana::{ContentType, Version};
use sealgram_testkit::{Ended, Face, Rng};

use crate::mutate::record;
use crate::states::{Joined, setup};

fn connected(version: Version) -> Joined {
    let mut pair = setup(version, 1).pair();
    assert_eq!(pair.run_until_settled(), Ended::Done);
    assert!(pair.is_connected());
    pair.run_for(core::time::Duration::from_secs(5));
    pair
}

/// Seals a datagram for `to` and keeps it off the link.
fn sealed_for(pair: &mut Joined, to: Side, plaintext: &[u8]) -> Vec<u8> {
    let (now, mut out) = (pair.now(), vec![0; plaintext.len() + 64]);
    let len = match to {
        Side::Client => pair.server.send(now, plaintext, &mut out),
        Side::Server => pair.client.send(now, plaintext, &mut out),
    };
    out.truncate(len.expect("connected"));
    out
}

/// What a side has counted: records dropped, and the datagrams it has sent.
fn counted(pair: &Joined, side: Side) -> (u64, u64) {
    let connection = match side {
        Side::Client => &pair.client.connection,
        Side::Server => &pair.server.latest().expect("connected").connection,
    };
    (connection.stats().discards.total(), connection.stats().datagrams_sent)
}

/// Everything that may come in unsealed. `genuine` was not delivered yet, `delivered` was.
fn hostile(genuine: &[u8], delivered: &[u8], hello: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut rows: Vec<(String, Vec<u8>)> = vec![("empty".to_owned(), Vec::new())];
    let mut row = |what: &str, datagram: Vec<u8>| rows.push((what.to_owned(), datagram));
    let mut rng = Rng::new(5);
    for first in 0..=255 {
        let mut noise = rng.bytes(100);
        noise[0] = first;
        row(&format!("noise that begins with {first}"), noise);
    }
    for len in 0..26 {
        row("a protected record too short for nonce and tag", record(23, 1, 900, &vec![0; len]));
    }
    for epoch in [0, 1, 2, 3, 4, 255, 65_535] {
        for typ in 19..=28 {
            row(&format!("type {typ} in epoch {epoch}"), record(typ, epoch, 5, &[1; 40]));
        }
    }
    for first in 0x20..0x40 {
        let payload = [&[first, 0, 9, 0, 40][..], &[3; 40]].concat();
        row("a unified header", payload);
    }
    for at in 0..genuine.len() {
        let mut changed = genuine.to_vec();
        changed[at] ^= 0x80;
        row(&format!("byte {at} changed"), changed);
        row(&format!("cut to {at} bytes"), genuine[..at].to_vec());
    }
    for description in [0, 10, 20, 40, 50, 90, 100] {
        for level in [1, 2] {
            let payload = [level, description];
            row("a plaintext alert", record(ContentType::ALERT.0, 0, 77, &payload));
            row("a forged alert", record(ContentType::ALERT.0, 1, 77, &payload));
        }
    }
    row("a ChangeCipherSpec", record(ContentType::CHANGE_CIPHER_SPEC.0, 0, 78, &[1]));
    row("a plaintext ACK", record(ContentType::ACK.0, 0, 79, &[0, 0]));
    row("a replay", delivered.to_vec());
    row("two replays", [delivered, delivered].concat());
    row("the first hello", hello.to_vec());
    rows
}

#[test]
fn established_connection_survives_everything_unsealed() {
    for version in [Version::V12, Version::V13] {
        for to in [Side::Client, Side::Server] {
            let mut pair = connected(version);
            let hello = pair.trace()[0].bytes.clone();
            let delivered = sealed_for(&mut pair, to, b"delivered");
            pair.inject(to, &delivered);
            let genuine = sealed_for(&mut pair, to, b"genuine");
            let rows = hostile(&genuine, &delivered, &hello);
            for (what, datagram) in &rows {
                let received = pair.received_by(to).len();
                let (discards, sent) = counted(&pair, to);
                pair.inject(to, datagram);
                let replies = pair.drain();
                // Class (c): a hello without a cookie gets its reply, from the endpoint.
                let is_hello = to == Side::Server && datagram == &hello;
                assert_eq!(replies, usize::from(is_hello), "{version:?} {to:?}: {what}");
                assert!(pair.is_connected(), "{what}");
                assert_eq!(pair.received_by(to).len(), received, "{what}");
                let counts = counted(&pair, to);
                assert_eq!(counts.1, sent);
                // What belongs to nobody by its first byte never gets to the connection.
                let dtls = datagram.first().is_some_and(|first| (20..=63).contains(first));
                // The hello is of an older message, so it is a repeat and no discard.
                if datagram != &hello && (to == Side::Client || dtls) {
                    // Ignored in every state of 1.2.
                    let change = ContentType::CHANGE_CIPHER_SPEC.0;
                    let harmless = version == Version::V12
                        && datagram.starts_with(&[change, 0xfe, 0xfd, 0, 0]);
                    assert!(counts.0 > discards || harmless, "not counted: {what}");
                }
                let next = sealed_for(&mut pair, to, what.as_bytes());
                pair.inject(to, &next);
                let last = pair.received_by(to).last().map(Vec::as_slice);
                assert_eq!(last, Some(what.as_bytes()), "{version:?} {to:?}: {what}");
            }
            // It was not used up by all that was made of it, nor has the window left it behind:
            // more than a window of records came after it.
            pair.run_for(core::time::Duration::from_secs(1));
            assert!(pair.data_flows());
            println!("{version:?} {to:?}: {} hostile datagrams, all counted", rows.len());
        }
    }
}

/// CVE-2016-2181: a forged record must not move the window, however high its number.
#[test]
fn forged_number_does_not_move_the_window() {
    let mut pair = connected(Version::V12);
    for to in [Side::Client, Side::Server] {
        let genuine: Vec<_> =
            (0..3).map(|n| sealed_for(&mut pair, to, format!("{n}").as_bytes())).collect();
        for sequence in [(1 << 48) - 1, 1 << 47, 1 << 32, 1000] {
            let mut forged = genuine[0].clone();
            forged[5..11].copy_from_slice(&u64::to_be_bytes(sequence)[2..]);
            pair.inject(to, &forged);
        }
        assert!(pair.received_by(to).is_empty());
        for datagram in genuine.iter().rev() {
            pair.inject(to, datagram);
        }
        assert_eq!(pair.received_by(to), [b"2", b"1", b"0"]);
    }
}

#[test]
fn window_takes_late_records_once() {
    for version in [Version::V12, Version::V13] {
        let mut pair = connected(version);
        for to in [Side::Client, Side::Server] {
            let datagrams: Vec<_> =
                (0..200).map(|n| sealed_for(&mut pair, to, &u32::to_be_bytes(n))).collect();
            let before = pair.received_by(to).len();
            pair.inject(to, &datagrams[199]);
            // 128 places, the newest included: 199 down to 72.
            for datagram in datagrams.iter().chain(&datagrams) {
                pair.inject(to, datagram);
            }
            let got: Vec<_> = pair.received_by(to)[before..]
                .iter()
                .map(|data| u32::from_be_bytes(data[..].try_into().expect("four")))
                .collect();
            let expected: Vec<u32> = [199].into_iter().chain(72..199).collect();
            assert_eq!(got, expected, "{version:?} {to:?}");
        }
    }
}

/// What was sealed for one side does not open on the other, nor on another connection.
#[test]
fn reflected_and_foreign_records_do_not_open() {
    for version in [Version::V12, Version::V13] {
        let mut pair = connected(version);
        let mut other = setup(version, 2).pair();
        other.run_until_settled();
        for to in [Side::Client, Side::Server] {
            let back = match to {
                Side::Client => Side::Server,
                Side::Server => Side::Client,
            };
            for _ in 0..200 {
                let reflected = sealed_for(&mut pair, to, b"reflected");
                pair.inject(back, &reflected);
                let foreign = sealed_for(&mut other, to, b"foreign");
                pair.inject(to, &foreign);
            }
            assert!(pair.received_by(Side::Client).is_empty() || to == Side::Server);
            assert!(pair.received_by(to).is_empty());
            assert!(pair.received_by(back).is_empty());
        }
        assert_eq!(pair.drain(), 0);
        assert!(pair.data_flows());
    }
}
