//! Handshakes on a link that loses 30 % of all datagrams each way, in virtual time, beside those of
//! dimpl on the same link.
//!
//! ```text
//! cargo run --release -p sealgram-benches --bin loss [SEEDS]
//! ```
//!
//! A datagram takes 20 ms, if it arrives. Client and server are of the same library, with a P-256
//! certificate, with a cookie and without; timers start at one second and double. A run ends when both sides are connected, or
//! when each is connected or has given up. sealgram's runs must all end in one of the two ways that
//! are documented, or this program fails: connected, or `TimedOut`.
#![forbid(unsafe_code)]

use core::time::Duration;
use std::sync::Arc;

use sealgram::iana::{NamedGroup, Version};
use sealgram::{CloseReason, Connection, Endpoint, EndpointConfig, Error, Instant, Path};
use sealgram_benches::{Dimpl, Parties, Suite, VERSIONS};
use sealgram_testkit::{ConnectionFace, Ended, EndpointFace, Face, Pair, plan};

const LOST_PERCENT: u64 = 30;

const LATENCY: Duration = Duration::from_millis(20);

/// How the client gets in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Admission {
    /// It returns a cookie.
    Cookie,
    /// Its address is known to be its own.
    Trusted,
    /// Its address is not proven, and the server sends it at most three times what it receives
    /// (RFC 9147 §5.1). dimpl has no such limit.
    Open,
}

impl Admission {
    const ALL: [Self; 3] = [Self::Cookie, Self::Trusted, Self::Open];

    const fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Trusted => "trusted",
            Self::Open => "open",
        }
    }
}

/// How a run ended.
enum Run {
    /// Both sides were connected after so long, and so many datagrams had been sent.
    Connected(Duration, usize),
    /// A side gave up in time.
    TimedOut,
    Else(String),
}

fn run<C: Face, S: Face>(
    seed: u64,
    client: C,
    server: S,
    failure: impl Fn(&Pair<C, S>) -> Option<String>,
) -> Run {
    let mut pair = Pair::new(client, server);
    pair.set_latency(LATENCY);
    pair.set_plan(plan::lossy(seed, LOST_PERCENT));
    let ended = pair.run_until_settled();
    if ended == Ended::Done && pair.is_connected() {
        let micros = pair.now().as_micros();
        return Run::Connected(Duration::from_micros(micros), pair.trace().len());
    }
    match failure(&pair) {
        // A server that has not heard of the client yet stays as it is: there is nothing to give
        // up, and nothing to wait for.
        None if pair.client.is_closed() || pair.server.is_closed() => Run::TimedOut,
        None => Run::Else(format!("{ended:?}, and nobody gave up")),
        Some(failure) => Run::Else(failure),
    }
}

fn closed(face: Option<&ConnectionFace>) -> Option<String> {
    match &face?.closed()?.reason {
        CloseReason::Error(Error::TimedOut) => None,
        other => Some(format!("{other:?}")),
    }
}

fn sealgram(version: Version, seeds: u64, admission: Admission) -> Vec<Run> {
    let parties = Parties::new();
    let suite = Suite::Aes128Gcm;
    let client = parties.client(version, suite, NamedGroup::X25519, None);
    let server = parties.server(version, suite, false);
    let seen = Path::to(([192, 0, 2, 1], 5000).into());
    let one = |seed| {
        let path = Path::connected();
        let connection = Connection::client(&client, Some(Parties::name()), path, Instant::ZERO);
        let client = ConnectionFace::new(connection.expect("a client"), path);
        let config = match admission {
            Admission::Cookie => EndpointConfig::new(),
            Admission::Open => EndpointConfig::new().danger_without_cookies(),
            Admission::Trusted => {
                let server = Connection::server_on_trusted_path(&server, seen, Instant::ZERO);
                let server = ConnectionFace::new(server, seen);
                return run(seed, client, server, |pair| {
                    closed(Some(&pair.client)).or_else(|| closed(Some(&pair.server)))
                });
            }
        };
        let endpoint = Endpoint::new(config, Some(server.clone())).expect("an endpoint");
        run(seed, client, EndpointFace::new(endpoint, seen), |pair| {
            closed(Some(&pair.client)).or_else(|| closed(pair.server.latest()))
        })
    };
    (0..seeds).map(one).collect()
}

fn dimpl(version: Version, seeds: u64, cookies: bool, patient: bool) -> Vec<Run> {
    let parties = Parties::new();
    let certificate = dimpl::DtlsCertificate {
        certificate: parties.leaf().to_vec(),
        private_key: parties.key().to_vec(),
    };
    let one = |seed| {
        let mut builder = dimpl::Config::builder()
            .mtu(1200)
            .require_client_certificate(false)
            .use_server_cookie(cookies)
            .dangerously_set_rng_seed(seed)
            .kx_groups(&[dimpl::NamedGroup::X25519]);
        if patient {
            builder = builder.flight_retries(12).handshake_timeout(Duration::from_secs(483));
        }
        let config = Arc::new(builder.build().expect("dimpl's configuration"));
        let face = |client| Dimpl::new(version, config.clone(), certificate.clone(), client);
        run(seed, face(true), face(false), |pair| {
            let failures = [&pair.client, &pair.server].map(|face| face.failure().cloned());
            failures.into_iter().flatten().find(|failure| !failure.starts_with("timeout"))
        })
    };
    (0..seeds).map(one).collect()
}

/// The smallest of the sorted `times` that this part of all runs does not exceed. Those that gave
/// up took longer than any.
fn percentile(times: &[Duration], runs: usize, percent: usize) -> String {
    let index = (runs * percent).div_ceil(100).saturating_sub(1);
    times
        .get(index)
        .map_or_else(|| "gave up".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()))
}

fn print(name: &str, version: Version, admission: Admission, runs: &[Run]) {
    let mut times: Vec<Duration> = Vec::new();
    let (mut timed_out, mut datagrams) = (0, 0);
    let mut others: Vec<&str> = Vec::new();
    for run in runs {
        match run {
            Run::Connected(time, sent) => {
                times.push(*time);
                datagrams += sent;
            }
            Run::TimedOut => timed_out += 1,
            Run::Else(what) => others.push(what),
        }
    }
    times.sort();
    let (median, late) = (percentile(&times, runs.len(), 50), percentile(&times, runs.len(), 99));
    let connected = times.len();
    let mean = datagrams as f64 / connected.max(1) as f64;
    let (admission, others_count) = (admission.name(), others.len());
    println!(
        "| {version:?} | {admission} | {name} | {connected} | {timed_out} | {others_count} | {median} \
         | {late} | {mean:.1} |",
    );
    others.sort_unstable();
    others.dedup();
    for other in others {
        eprintln!("{version:?} {name}: {other}");
    }
}

fn main() {
    let seeds = std::env::args().nth(1).map_or(1000, |text| text.parse().expect("a number"));
    println!("| version | | library | connected | gave up | else | median | 99 % | datagrams |");
    println!("|---|---|---|--:|--:|--:|--:|--:|--:|");
    let mut strange = 0;
    for version in VERSIONS {
        for admission in Admission::ALL {
            let ours = sealgram(version, seeds, admission);
            strange += ours.iter().filter(|run| matches!(run, Run::Else(_))).count();
            print("sealgram", version, admission, &ours);
            if admission != Admission::Open {
                let cookies = admission == Admission::Cookie;
                print("dimpl", version, admission, &dimpl(version, seeds, cookies, false));
                let patient = dimpl(version, seeds, cookies, true);
                print("dimpl, as patient", version, admission, &patient);
            }
        }
    }
    assert_eq!(strange, 0, "runs of sealgram ended in no documented way");
}
