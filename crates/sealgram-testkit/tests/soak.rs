//! A short soak, and the commands with which a long one is looked into.

use core::time::Duration;

use sealgram::iana::Version;
use sealgram_testkit::soak::{Credentials, Door, Past, Scenario, Soak, Tally};
use sealgram_testkit::{Asks, Ended, Face, Fate, Faults, Setup};

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// The first seeds of `cargo run --release -p sealgram-testkit --bin soak`.
#[test]
fn three_hundred_seeds_of_each_version_show_no_fault() {
    for version in VERSIONS {
        let soak = Soak::new();
        let mut tally = Tally::default();
        for seed in 0..300 {
            tally.add(soak.run(seed, version));
        }
        println!("{tally}");
        let failures: Vec<_> = tally.failures.iter().map(ToString::to_string).collect();
        assert!(failures.is_empty(), "{failures:#?}");
        // Otherwise the network is so bad that nothing is tested.
        assert!(tally.connected() > 200, "{} connected", tally.connected());
        assert_eq!(tally.early > 0, version == Version::V13);
        let arrived = tally.messages[1];
        assert!(arrived > 1000 && arrived < tally.messages[0], "{arrived} messages arrived");
    }
}

#[test]
fn seeds_draw_every_kind_of_run() {
    for version in VERSIONS {
        let all: Vec<_> = (0..1000).map(|seed| Scenario::draw(seed, version)).collect();
        let any = |wanted: &dyn Fn(&Scenario) -> bool| all.iter().any(wanted);
        for door in [Door::Cookie, Door::Open, Door::Trusted] {
            assert!(any(&|s| s.door == door), "{door:?}");
        }
        for past in [Past::None, Past::First, Past::Ticket, Past::StaleTicket] {
            assert!(any(&|s| s.past == past), "{past:?}");
        }
        assert!(any(&|s| s.faults.loss > 0));
        assert!(any(&|s| s.faults.bursts.is_some()));
        assert!(any(&|s| s.faults.duplication > 0));
        assert!(any(&|s| s.faults.reordering > 0));
        assert!(any(&|s| s.faults.delay.is_some()));
        assert!(any(&|s| s.faults.jitter > Duration::ZERO));
        assert!(any(&|s| s.faults.truncation > 0));
        assert!(any(&|s| s.faults.flips > 0));
        assert!(any(&|s| s.faults.black_hole.is_some()));
        assert!(any(&|s| s.rebinds.is_some()));
        assert!(any(&|s| s.other_group));
        assert!(any(&|s| s.credentials == Credentials::Psk));
        assert!(any(&|s| s.credentials == Credentials::WrongPsk));
        assert_eq!(any(&|s| !s.early.is_empty()), version == Version::V13);
        assert!(any(&|s| s.asks.client_verifies && s.asks.server_signs));
    }
}

#[test]
fn replay_of_a_seed_is_the_same_every_time() {
    let soak = Soak::new();
    let mut told = Vec::new();
    for _ in 0..2 {
        let scenario = Scenario::draw(3, Version::V13);
        told.push(soak.replay(&scenario));
        // Another run in between leaves nothing behind.
        let _ = soak.run(4, Version::V12);
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].contains("C --> S #0") && told[0].contains("client_hello 0"), "{}", told[0]);
}

#[test]
fn run_that_does_not_fail_cannot_be_minimised() {
    let soak = Soak::new();
    let scenario = Scenario::draw(0, Version::V12);
    assert!(soak.run(0, Version::V12).is_ok());
    assert!(soak.minimise(&scenario).is_none());
}

/// Every datagram is lost: an excuse for timeouts, unless the network claims to have healed. The
/// second is what a fault of the library would look like.
#[test]
fn silence_is_a_failure_only_if_the_network_has_healed() {
    let soak = Soak::new();
    let mut scenario = plain(Version::V12);
    scenario.fates = Some(vec![Fate::Drop; 1000]);
    scenario.heals = None;
    let told = soak.replay(&scenario);
    assert!(told.contains("TimedOut") && !told.contains("FAILED"), "{told}");
    scenario.heals = Some(Duration::from_secs(1));
    scenario.alpn_bytes = 2000;
    let told = soak.replay(&scenario);
    assert!(told.contains("FAILED: Client timed out although the network healed"), "{told}");
    let simpler = soak.minimise(&scenario).expect("it fails");
    // What has nothing to do with it is gone, and what is needed for it is not.
    assert_eq!((simpler.alpn_bytes, simpler.acts.len(), simpler.past), (0, 0, Past::None));
    let fates = simpler.fates.as_ref().expect("listed");
    assert!(!fates.is_empty() && fates.len() < 30 && fates.iter().all(|f| *f == Fate::Drop));
    assert!(soak.replay(&simpler).contains("FAILED: Client timed out although"));
}

/// A run over a network without faults, in which nothing is special.
fn plain(version: Version) -> Scenario {
    let mut scenario = Scenario::draw(0, version);
    scenario.client_offers_both = false;
    scenario.server_offers_both = false;
    (scenario.suite, scenario.door) = (None, Door::Cookie);
    (scenario.credentials, scenario.past) = (Credentials::Server, Past::None);
    (scenario.other_group, scenario.asks) = (false, Asks::default());
    (scenario.max_datagram, scenario.record_size_limit) = (None, None);
    (scenario.chain_bytes, scenario.alpn_bytes) = (0, 0);
    scenario.retransmit_timeout = Duration::from_secs(1);
    scenario.latency = Duration::from_millis(10);
    (scenario.fail_fast, scenario.faults) = (false, Faults::default());
    (scenario.rebinds, scenario.gives_up) = (None, None);
    scenario.heals = Some(Duration::ZERO);
    scenario.acts.clear();
    scenario.early.clear();
    scenario
}

/// The client's hello was acknowledged while the server's application was asked to
/// sign. Then the client had nothing to send again, and the server, which had spent what that hello
/// allowed, nothing to send for.
#[test]
fn first_part_of_a_late_reply_without_cookies_may_get_lost() {
    let mut scenario = plain(Version::V13);
    scenario.door = Door::Open;
    scenario.other_group = true;
    scenario.asks.server_signs = true;
    scenario.answer_after = Duration::from_millis(2300);
    scenario.chain_bytes = 2600;
    for lost in 2..8 {
        let mut fates = vec![Fate::Deliver; lost];
        fates.push(Fate::Drop);
        scenario.fates = Some(fates);
        let told = Soak::new().replay(&scenario);
        assert!(!told.contains("FAILED"), "{lost}: {told}");
    }
}

/// Without cookies and with most of a ServerHello lost, the client repeats its ACK of the rest, and
/// the server has to spend what that allows on the ServerHello.
#[test]
fn most_of_a_server_hello_without_cookies_may_get_lost() {
    let mut scenario = plain(Version::V13);
    scenario.door = Door::Open;
    scenario.other_group = true;
    // What decides how much of the reply each hello pays for.
    (scenario.chain_bytes, scenario.past) = (510, Past::First);
    // Datagrams 8 and 9: the whole reply, and the hello that would pay for it once more.
    for lost in [vec![8], vec![9], vec![8, 9], vec![8, 9, 12, 14]] {
        let mut fates = vec![Fate::Drop; 3];
        fates.extend([Fate::Deliver, Fate::Drop, Fate::Drop]);
        fates.extend((6..20).map(|at| match lost.contains(&at) {
            true => Fate::Drop,
            false => Fate::Deliver,
        }));
        scenario.fates = Some(fates);
        let told = Soak::new().replay(&scenario);
        assert!(!told.contains("FAILED"), "{lost:?}: {told}");
    }
}

#[test]
fn client_behind_another_address_is_a_stranger_until_the_handshake_begins_anew() {
    let mut pair = Setup::new(1).pair();
    assert_eq!(pair.run_until_settled(), Ended::Done);
    assert!(pair.data_flows());
    pair.rebind();
    assert!(pair.send(sealgram::Side::Client, b"from elsewhere"));
    pair.run_for(Duration::from_secs(1));
    let got = pair.received_by(sealgram::Side::Server);
    assert!(got.iter().all(|message| message != b"from elsewhere"));
    // What the server sends goes to the address that it knows, and is lost.
    assert!(pair.send(sealgram::Side::Server, b"to nobody"));
    assert_eq!(pair.trace().last().map(|sent| sent.fate), Some(Fate::Drop));
    assert!(pair.client.is_connected() && pair.server.is_connected());
}
