//! No datagram is longer than it may be, and none is much shorter than it could be.

use sealgram::iana::Version;
use sealgram::{CloseReason, Error, Side};
use sealgram_testkit::{Ended, Face, Fate, Plan, Setup, plan};

/// UDP payloads: the smallest that can be set, a tiny one, what the MTUs 576, 1,280 and 1,500
/// leave over IPv4 (28 bytes of headers) and, where it differs, IPv6 (48), and the default.
const SIZES: [usize; 7] = [128, 256, 528, 548, 1200, 1252, 1472];

fn setup(version: Version, max_datagram: Option<usize>) -> Setup {
    let mut setup = Setup::new(1);
    setup.versions = vec![version];
    setup.max_datagram = max_datagram;
    setup.client_auth = true;
    setup.chain_bytes = 5000;
    setup.alpn_bytes = 1500;
    setup
}

#[test]
fn handshake_datagrams_fill_the_limit_and_never_exceed_it() {
    for version in [Version::V12, Version::V13] {
        for limit in SIZES {
            let setup = setup(version, Some(limit));
            // Losses make other borders: a retransmission keeps to the limit as well.
            for plan in [plan::dropping(vec![3, 9]), plan::perfect()] {
                let mut pair = setup.pair();
                pair.set_plan(plan);
                assert_eq!(pair.run_until_settled(), Ended::Done, "{version:?} {limit}");
                assert!(pair.is_connected());
                for sent in pair.trace() {
                    // A stateless HelloRetryRequest is one record, and as short as it can be.
                    let stateless = sent.from == Side::Server && sent.index_of_side == 0;
                    let limit = if stateless { limit.max(150) } else { limit };
                    assert!(sent.bytes.len() <= limit, "{} > {limit}", sent.bytes.len());
                }
                if pair.trace().iter().any(|sent| sent.fate == Fate::Drop) {
                    continue;
                }
                let total: usize = pair.trace().iter().map(|sent| sent.bytes.len()).sum();
                println!("{version:?}, {limit}: {} datagrams, {total} bytes", pair.trace().len());
                let pairs = pair.trace().windows(2);
                for two in pairs.filter(|two| two[0].from == two[1].from) {
                    // No room for the headers of another fragment and some bytes of it.
                    assert!(two[0].bytes.len() + 48 >= limit, "{version:?} {limit}: room is left");
                }
            }
        }
    }
}

/// Loses every datagram that is longer than the path takes, and says nothing about it.
fn black_hole(longest: usize) -> Plan {
    Plan::new(move |sent| if sent.bytes.len() > longest { Fate::Drop } else { Fate::Deliver })
}

#[test]
fn unset_size_steps_down_on_the_third_retransmission() {
    for version in [Version::V12, Version::V13] {
        let mut pair = setup(version, None).pair();
        pair.set_plan(black_hole(600));
        assert_eq!(pair.run_until_settled(), Ended::Done);
        assert!(pair.is_connected() && pair.data_flows());
        for side in [Side::Client, Side::Server] {
            let largest = pair.sent_by(side).map(|sent| sent.bytes.len()).max();
            assert_eq!(largest, Some(1200), "{version:?} {side:?}");
            let long: Vec<_> = pair.sent_by(side).filter(|sent| sent.bytes.len() > 528).collect();
            let times: std::collections::BTreeSet<_> = long.iter().map(|sent| sent.at).collect();
            assert_eq!(times.len(), 3, "the first transmission and two more");
            let last = long.last().expect("some").index;
            assert!(pair.sent_by(side).filter(|sent| sent.index > last).count() > 3);
        }
    }
}

#[test]
fn set_size_is_kept_and_a_black_hole_is_a_timeout() {
    for by_call in [false, true] {
        let setup = setup(Version::V12, (!by_call).then_some(1200));
        let mut pair = setup.pair();
        if by_call {
            pair.client.connection.set_max_datagram(1200);
        }
        pair.set_plan(black_hole(600));
        assert_eq!(pair.run_until_settled(), Ended::Idle);
        let closed = pair.client.closed().expect("closed");
        assert_eq!(closed.reason, CloseReason::Error(Error::TimedOut));
        // The rest of the hello is short.
        let long = pair.trace().iter().filter(|sent| sent.bytes.len() == 1200).count();
        assert_eq!((long, pair.trace().len()), (13, 26));
        assert!(!pair.server.is_connected() && pair.server.connections.is_empty());
    }
}

#[test]
fn size_set_while_the_handshake_runs_counts_at_once() {
    let mut pair = setup(Version::V12, None).pair();
    pair.set_plan(Plan::new(|sent| {
        if sent.index_of_side == 0 && sent.from == Side::Client {
            Fate::Drop
        } else {
            Fate::Deliver
        }
    }));
    pair.drain();
    assert_eq!(pair.trace().iter().map(|sent| sent.bytes.len()).max(), Some(1200));
    let before = pair.trace().len();
    pair.client.connection.set_max_datagram(300);
    assert_eq!(pair.run_until_settled(), Ended::Done);
    assert!(
        pair.trace()[before..]
            .iter()
            .filter(|s| s.from == Side::Client)
            .all(|s| s.bytes.len() <= 300)
    );
    assert!(pair.sent_by(Side::Server).any(|sent| sent.bytes.len() > 300));
    // Out of range is clamped.
    pair.client.connection.set_max_datagram(1);
    pair.client.connection.set_max_datagram(usize::MAX);
    assert!(pair.data_flows());
}
