//! Handshakes with OpenSSL, GnuTLS and BoringSSL that were recorded, once more: fed with what the
//! peer sent then, our side says what it said then.
#![forbid(unsafe_code)]

use sealgram::Side;
use sealgram::iana::Version;
use sealgram_tests::{Recording, Step, recordings};

#[test]
fn recordings_are_of_every_peer_side_and_version() {
    let recordings = recordings();
    assert_eq!(recordings.len(), 8);
    for (peer, version) in [
        ("OpenSSL", Version::V12),
        ("gnutls", Version::V12),
        ("BoringSSL", Version::V12),
        ("BoringSSL", Version::V13),
    ] {
        for side in [Side::Client, Side::Server] {
            let of = |(_, r): &&(String, Recording)| {
                r.peer.starts_with(peer) && r.version == version && r.side == side
            };
            assert_eq!(recordings.iter().filter(of).count(), 1, "{peer} {version:?} {side:?}");
        }
    }
}

#[test]
fn recorded_peer_gets_the_same_answers_byte_for_byte() {
    for (name, recording) in recordings() {
        let steps = recording.replay().expect(&name);
        for (number, (ours, recorded)) in steps.iter().zip(&recording.steps).enumerate() {
            assert_eq!(ours, recorded, "{name}, step {number}");
        }
        assert_eq!(steps.len(), recording.steps.len(), "{name}");
        let count = |wanted: fn(&Step) -> bool| steps.iter().filter(|step| wanted(step)).count();
        assert_eq!(count(|step| matches!(step, Step::Connected)), 1, "{name}");
        assert_eq!(count(|step| matches!(step, Step::Hear(_))), 1, "{name}");
    }
}

/// The comparison can fail: another seed makes other bytes, and other bytes no handshake.
#[test]
fn recording_with_another_seed_is_answered_otherwise() {
    for (name, mut recording) in recordings() {
        recording.seed += 1000;
        let steps = recording.replay();
        let connected = |steps: &[Step]| steps.contains(&Step::Connected);
        assert!(steps.is_err() || steps.is_ok_and(|steps| !connected(&steps)), "{name}");
    }
}

#[test]
fn recording_is_read_as_it_is_written() {
    for (name, recording) in recordings() {
        assert_eq!(Recording::parse(&recording.to_string()).expect(&name), recording, "{name}");
    }
    for broken in ["", "sealgram recording 1\nside both", "sealgram recording 1\n> 1"] {
        assert!(Recording::parse(broken).is_err(), "{broken}");
    }
}
