//! Genuine datagrams, cut, changed, repeated, merged and split in every way.

use core::iter;
use core::ops::Range;

use sealgram::iana::{ContentType, HandshakeType, Version};
use sealgram::{Instant, Side};
use sealgram_testkit::{ConnectionFace, EndpointFace, Face, records};

use crate::mutate::{FRAGMENT_FIELDS, RECORD_FIELDS, fragment, record, record_ranges};
use crate::states::{Reference, Tally, attack, setup};

/// Every truncation of a datagram, and every change of one byte in a header: each bit, and all.
pub(crate) fn every_change(datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut changed: Vec<Vec<u8>> =
        (0..datagram.len()).map(|len| datagram[..len].to_vec()).collect();
    for range in record_ranges(datagram) {
        let header = RECORD_FIELDS.len();
        let mut fields: Vec<usize> = RECORD_FIELDS[..header].iter().cloned().flatten().collect();
        let plaintext_handshake =
            datagram[range.start] == ContentType::HANDSHAKE.0 && datagram[range.start + 4] == 0;
        if plaintext_handshake {
            fields.extend(FRAGMENT_FIELDS.iter().cloned().flatten().map(|at| 13 + at));
        }
        for at in fields.into_iter().map(|at| range.start + at).filter(|at| range.contains(at)) {
            for change in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                let mut copy = datagram.to_vec();
                copy[at] ^= change;
                changed.push(copy);
            }
        }
    }
    changed
}

/// Each change comes in front of the genuine datagram.
fn change_every_arrival(version: Version, max_datagram: Option<usize>) {
    let reference = Reference::new(version, 1, max_datagram);
    let mut total = Tally::default();
    for (arrivals, sent) in reference.arrivals.iter().enumerate() {
        let side = if sent.from == Side::Client { Side::Server } else { Side::Client };
        let tally = attack(&reference, arrivals, side, every_change(&sent.bytes));
        total.silent += tally.silent;
        total.replies += tally.replies;
        total.may_end += tally.may_end;
        total.ended += tally.ended;
    }
    println!("{version:?}, {} datagrams, each changed: {total:?}", reference.arrivals.len());
    assert!(total.silent > 500 && total.replies > 50 && total.may_end > 300);
}

#[test]
fn every_truncation_and_header_change_is_judged_by_its_class() {
    for version in [Version::V12, Version::V13] {
        change_every_arrival(version, None);
    }
}

#[test]
fn every_change_of_fragmented_flights_is_judged_by_its_class() {
    for version in [Version::V12, Version::V13] {
        change_every_arrival(version, Some(256));
    }
}

type Datagrams = Vec<Vec<u8>>;

/// Runs a handshake in which each burst of datagrams goes through `meddle`, without any time to
/// send something again. Then the sides exchange data.
fn run_meddled(
    version: Version,
    max_datagram: Option<usize>,
    meddle: impl Fn(Datagrams) -> Datagrams,
) -> bool {
    let mut setup = setup(version, 1);
    setup.max_datagram = max_datagram;
    setup.chain_bytes = 900;
    let (mut client, mut server): (ConnectionFace, EndpointFace) = (setup.client(), setup.server());
    fn output(face: &mut dyn Face) -> Datagrams {
        let mut out = [0; 2048];
        iter::from_fn(|| face.poll_transmit(Instant::ZERO, &mut out).map(|len| out[..len].to_vec()))
            .collect()
    }
    for _ in 0..8 {
        for mut datagram in meddle(output(&mut client)) {
            server.handle_datagram(Instant::ZERO, &mut datagram, &mut |_| {});
        }
        for mut datagram in meddle(output(&mut server)) {
            client.handle_datagram(Instant::ZERO, &mut datagram, &mut |_| {});
        }
    }
    if !(client.is_connected() && server.is_connected()) {
        return false;
    }
    let mut got = 0;
    let mut out = [0; 256];
    let len = client.send(Instant::ZERO, b"data", &mut out).expect("connected");
    server.handle_datagram(Instant::ZERO, &mut out[..len], &mut |_| got += 1);
    let len = server.send(Instant::ZERO, b"data", &mut out).expect("connected");
    client.handle_datagram(Instant::ZERO, &mut out[..len], &mut |_| got += 1);
    got == 2
}

fn assert_all_survive(what: &str, meddle: impl Fn(Datagrams) -> Datagrams) {
    for version in [Version::V12, Version::V13] {
        for max_datagram in [None, Some(128), Some(256), Some(400)] {
            assert!(
                run_meddled(version, max_datagram, &meddle),
                "{what}: {version:?} {max_datagram:?}"
            );
        }
    }
}

/// The records of a datagram, each one in a datagram of its own.
pub(crate) fn split(datagram: &[u8]) -> Datagrams {
    record_ranges(datagram).into_iter().map(|range| datagram[range].to_vec()).collect()
}

#[test]
fn untouched_datagrams_connect_and_lost_ones_do_not() {
    assert_all_survive("untouched", |datagrams| datagrams);
    assert!(!run_meddled(Version::V12, None, |_| Vec::new()));
}

#[test]
fn repeated_datagrams_change_nothing() {
    let twice = |datagrams: Datagrams| {
        datagrams.into_iter().flat_map(|datagram| [datagram.clone(), datagram]).collect()
    };
    assert_all_survive("each twice in a row", twice);
    assert_all_survive("all twice", |datagrams| [datagrams.clone(), datagrams].concat());
}

#[test]
fn reordered_datagrams_change_nothing() {
    assert_all_survive("last first", |mut datagrams| {
        datagrams.reverse();
        datagrams
    });
    assert_all_survive("second half first", |mut datagrams| {
        let half = datagrams.len() / 2;
        datagrams.rotate_left(half);
        datagrams
    });
}

#[test]
fn merged_and_split_datagrams_change_nothing() {
    let merge = |datagrams: Datagrams| match datagrams.concat() {
        merged if merged.is_empty() => Vec::new(),
        merged => vec![merged],
    };
    // A server's endpoint looks at the first record only, which is all of a hello or a part.
    assert_all_survive("pairs merged", |datagrams| {
        datagrams.chunks(2).map(<[_]>::concat).collect()
    });
    assert_all_survive("split", |datagrams| datagrams.iter().flat_map(|d| split(d)).collect());
    assert_all_survive("split and merged", |datagrams| {
        merge(datagrams.iter().flat_map(|d| split(d)).collect())
    });
    assert_all_survive("split and reversed", |datagrams| {
        datagrams.iter().flat_map(|d| split(d)).rev().collect()
    });
}

/// Where the parts of a body of this length lie.
type Cut<'a> = &'a dyn Fn(usize) -> Vec<Range<usize>>;

/// Cuts the plaintext fragments of a datagram anew.
fn refragment(datagram: &[u8], cut: Cut<'_>) -> Datagrams {
    let mut datagrams = Vec::new();
    for range in record_ranges(datagram) {
        let bytes = &datagram[range];
        if bytes[0] != ContentType::HANDSHAKE.0 || bytes[3..5] != [0, 0] {
            datagrams.push(bytes.to_vec());
            continue;
        }
        let [seen] = &records(bytes)[..] else { panic!("one record") };
        for (number, part) in seen.fragments().iter().flat_map(|f| {
            cut(f.body.len()).into_iter().map(move |range| (f.clone(), range)).enumerate()
        }) {
            let (f, range) = part;
            let offset = f.offset + u32::try_from(range.start).expect("short");
            let payload = fragment(f.typ.0, f.seq.0, f.message_len, offset, &f.body[range]);
            // Numbers of their own, as a sender would give them.
            let sequence = (seen.number.sequence() << 8) + u64::try_from(number).expect("few");
            datagrams.push(record(ContentType::HANDSHAKE.0, 0, sequence, &payload));
        }
    }
    datagrams
}

#[test]
fn fragments_with_other_borders_change_nothing() {
    let halves = |len: usize| vec![0..len / 2, len / 2..len];
    let tiny = |len: usize| (0..len).step_by(7).map(|at| at..len.min(at + 7)).collect::<Vec<_>>();
    // The same data twice, at borders that overlap (RFC 9147 §5.5).
    let overlapping = |len: usize| vec![0..2 * len / 3, len / 3..len];
    let nested = |len: usize| vec![len / 4..len / 2, 0..len, len / 3..2 * len / 3];
    let backwards = |len: usize| vec![len / 2..len, 0..len / 2];
    let empty_ones = |len: usize| vec![0..0, 0..len / 2, len / 2..len / 2, len / 2..len, len..len];
    let cuts: [(&str, Cut<'_>); 6] = [
        ("halves", &halves),
        ("tiny", &tiny),
        ("overlapping", &overlapping),
        ("nested", &nested),
        ("backwards", &backwards),
        ("with empty ones", &empty_ones),
    ];
    for (what, cut) in cuts {
        // An empty message is one empty fragment.
        let cut = |len| if len == 0 { iter::once(0..0).collect() } else { cut(len) };
        assert_all_survive(what, |datagrams| {
            datagrams.iter().flat_map(|datagram| refragment(datagram, &cut)).collect()
        });
    }
}

/// What contradicts a fragment that is already there is dropped, and the genuine rest completes
/// the message.
#[test]
fn contradicting_plaintext_fragments_are_dropped() {
    let halves = |len: usize| vec![0..len / 2, len / 2..len];
    let meddle = |datagrams: Datagrams| -> Datagrams {
        let mut out = Datagrams::new();
        for datagram in datagrams.iter().flat_map(|datagram| refragment(datagram, &halves)) {
            let genuine = datagram.clone();
            out.push(datagram);
            // Of each half that is not the last one of its message.
            let is_fragment = genuine[0] == ContentType::HANDSHAKE.0 && genuine[3..5] == [0, 0];
            let Some(f) = is_fragment.then(|| records(&genuine)[0].fragments()[0].clone()) else {
                continue;
            };
            let end = f.offset + u32::try_from(f.body.len()).expect("short");
            if end == f.message_len || f.body.is_empty() {
                continue;
            }
            let mut body = f.body.clone();
            body[0] ^= 1;
            let contradictions = [
                fragment(f.typ.0, f.seq.0, f.message_len, f.offset, &body),
                fragment(f.typ.0, f.seq.0, f.message_len + 1, f.offset, &f.body),
                fragment(f.typ.0 ^ 1, f.seq.0, f.message_len, f.offset, &f.body),
            ];
            for contradiction in contradictions {
                // A part of a hello that starts at 0 begins anew at an endpoint.
                if f.typ != HandshakeType::CLIENT_HELLO {
                    out.push(record(ContentType::HANDSHAKE.0, 0, 9999, &contradiction));
                }
            }
        }
        out
    };
    assert_all_survive("contradicted", meddle);
}
