//! What happens in one run: everything about it follows from the seed and the version.

use core::time::Duration;
use std::sync::Arc;

use nullcrypto::Source;
use sealgram::iana::{CipherSuite, Version};
use sealgram::pki_types::UnixTime;
use sealgram::{
    ExternalPsk, Instant, MemorySessionCache, MemorySessions, Path, Side, SpentTickets, Tickets,
    TransportConfig,
};

use crate::faults::Bursts;
use crate::{Asks, Fate, Faults, Rng, Sessions, Setup, StoppedClock};

/// How clients get in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// With a cookie.
    Cookie,
    /// Without one: the server sends no more than three times what it received.
    Open,
    /// Their address is known to be theirs, and there is no endpoint.
    Trusted,
}

/// Who shows what to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credentials {
    /// The server shows a certificate.
    Server,
    /// Both do.
    Mutual,
    /// Both have the same pre-shared key.
    Psk,
    /// They have different ones under the same identity: this must fail.
    WrongPsk,
}

/// What is left of an earlier connection of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Past {
    /// Nothing, and nothing is kept.
    None,
    /// Nothing, but the server gives out tickets.
    First,
    /// A ticket.
    Ticket,
    /// A session in the server's cache (1.2).
    Cached,
    /// A ticket that the server cannot open any more.
    StaleTicket,
}

/// What one side's application does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Sends so many bytes.
    Send(Side, usize),
    /// Changes keys, and the peer's too (1.3).
    UpdateKeys(Side, bool),
}

/// How the run is brought to its end once both are connected and the network is well again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Farewell {
    /// This side says goodbye.
    Close(Side),
    /// Both do, at the same time.
    Both,
    /// This side leaves with a fatal alert.
    Abort(Side),
}

/// One run: who talks to whom, over what network, and what they do.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where its randomness starts.
    pub seed: u64,
    /// The version that is negotiated.
    pub version: Version,
    /// Whether the client offers both versions.
    pub client_offers_both: bool,
    /// Whether the server offers both versions; then [`Scenario::version`] is 1.3, or the client
    /// does not.
    pub server_offers_both: bool,
    /// The one suite that the client offers; `None` for all.
    pub suite: Option<CipherSuite>,
    /// How the client gets in.
    pub door: Door,
    /// Who shows what.
    pub credentials: Credentials,
    /// What is left of an earlier connection.
    pub past: Past,
    /// Whether the server has no group that the first hello has a share of.
    pub other_group: bool,
    /// What is asked, and how long answers take at most.
    pub asks: Asks,
    /// How long answers take.
    pub answer_after: Duration,
    /// Both sides' datagram size, if it is set.
    pub max_datagram: Option<usize>,
    /// How many bytes of certificates follow each leaf.
    pub chain_bytes: usize,
    /// How many bytes of application protocols are in the hello.
    pub alpn_bytes: usize,
    /// What the client can receive in one record.
    pub record_size_limit: Option<u16>,
    /// The first retransmission timeout.
    pub retransmit_timeout: Duration,
    /// Whether unauthenticated evidence of failure is obeyed at once.
    pub fail_fast: bool,
    /// How long a datagram is on its way.
    pub latency: Duration,
    /// What the network does.
    pub faults: Faults,
    /// When it stops doing so, if it does before everything else is over.
    pub heals: Option<Duration>,
    /// When the server begins to see the client at another address.
    pub rebinds: Option<Duration>,
    /// When this side gives up the handshake.
    pub gives_up: Option<(Side, Duration)>,
    /// What the client sends early, if it can, counted from the beginning: lengths.
    pub early: Vec<(Duration, usize)>,
    /// What the applications do, counted from when both are connected.
    pub acts: Vec<(Duration, Act)>,
    /// How it ends.
    pub farewell: Farewell,
    /// What becomes of the first datagrams, instead of what [`Scenario::faults`] say; used to
    /// find out which of them matter.
    pub fates: Option<Vec<Fate>>,
}

/// The longest time after which a network heals that does.
const LATEST_HEALING: Duration = Duration::from_secs(60);

const SUITES_12: &[CipherSuite] = &[
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

const PSK_SUITES_12: &[CipherSuite] = &[
    CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_PSK_WITH_AES_128_CCM,
];

const SUITES_13: &[CipherSuite] = &[
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
];

const SIDES: &[Side] = &[Side::Client, Side::Server];

impl Scenario {
    /// The run with this seed.
    #[must_use]
    pub fn draw(seed: u64, version: Version) -> Self {
        // Neighbouring seeds, and the same seed in both versions, have nothing in common.
        let mut mixed = Rng::new(seed ^ (u64::from(version.wire().0) << 48));
        let rng = &mut Rng::new(mixed.next_u64());
        let v13 = version == Version::V13;
        let door = *rng.pick(&[Door::Cookie, Door::Cookie, Door::Open, Door::Trusted]);
        let credentials = match rng.range(0..10) {
            0..5 => Credentials::Server,
            7..9 => Credentials::Psk,
            9 => Credentials::WrongPsk,
            _ => Credentials::Mutual,
        };
        let psk = matches!(credentials, Credentials::Psk | Credentials::WrongPsk);
        let past = match rng.range(0..8) {
            _ if psk => Past::None,
            0..3 => Past::First,
            3..5 => Past::Ticket,
            5 if !v13 => Past::Cached,
            6 => Past::StaleTicket,
            _ => Past::None,
        };
        let some_asks = rng.chance(15) && !psk;
        let mut asked = || some_asks && rng.chance(50);
        let asks = Asks {
            client_verifies: asked(),
            client_signs: asked() && credentials == Credentials::Mutual,
            server_verifies: asked() && credentials == Credentials::Mutual,
            server_signs: asked(),
        };
        let (client_offers_both, server_offers_both) = match (rng.range(0..4), psk) {
            (_, true) => (false, false),
            (0, _) => (true, v13),
            (1, _) => (v13 && rng.chance(50), true),
            _ => (false, false),
        };
        let suites = match (v13, psk) {
            (false, false) => SUITES_12,
            (false, true) => PSK_SUITES_12,
            (true, false) => SUITES_13,
            // External keys go with SHA-256.
            (true, true) => &SUITES_13[..1],
        };
        let suite = rng.chance(30).then(|| *rng.pick(suites));
        let heals = rng.chance(70).then(|| up_to(rng, LATEST_HEALING));
        let has_ticket = matches!(past, Past::Ticket | Past::StaleTicket);
        let early_count = if v13 && has_ticket && rng.chance(60) { rng.range(1..6) } else { 0 };
        let early = (0..early_count)
            .map(|_| (up_to(rng, Duration::from_millis(100)), rng.range(0..400)))
            .collect();
        // Between the two it depends on a few bytes whether there is a ticket.
        let chain_bytes = match rng.range(0..10) {
            0..2 => rng.range(1..3500),
            2..4 => rng.range(4200..8000),
            _ => 0,
        };
        Self {
            seed,
            version,
            client_offers_both,
            server_offers_both,
            suite,
            door,
            credentials,
            past,
            other_group: rng.chance(25),
            asks,
            answer_after: up_to(rng, Duration::from_secs(3)),
            max_datagram: rng.chance(30).then(|| rng.range(128..1400)),
            chain_bytes,
            alpn_bytes: if rng.chance(20) { rng.range(1..3000) } else { 0 },
            record_size_limit: rng
                .chance(10)
                .then(|| u16::try_from(rng.range(64..2000)).expect("small")),
            retransmit_timeout: Duration::from_millis(*rng.pick(&[100, 400, 1000, 1000])),
            fail_fast: rng.chance(5),
            latency: Duration::from_millis(*rng.pick(&[1, 10, 10, 50, 300])),
            faults: faults(rng),
            heals,
            rebinds: (door != Door::Trusted && rng.chance(5))
                .then(|| up_to(rng, Duration::from_secs(10))),
            gives_up: rng.chance(4).then(|| (*rng.pick(SIDES), up_to(rng, Duration::from_secs(5)))),
            early,
            acts: acts(rng, v13),
            farewell: match rng.range(0..8) {
                0 => Farewell::Abort(*rng.pick(SIDES)),
                1 => Farewell::Both,
                _ => Farewell::Close(*rng.pick(SIDES)),
            },
            fates: None,
        }
    }

    /// Whether nothing but timing, loss and repetition stands between the two: then they must end
    /// connected or with a timeout.
    #[must_use]
    pub fn is_gentle(&self) -> bool {
        !self.faults.damage()
            && self.rebinds.is_none()
            && self.gives_up.is_none()
            && self.credentials != Credentials::WrongPsk
    }

    /// Whether a session is resumed if a connection comes about.
    #[must_use]
    pub fn resumes(&self) -> bool {
        // A ticket holds the client's chain, and none is made that is longer than 4 KiB.
        let has_chain = self.credentials == Credentials::Mutual;
        match self.past {
            Past::Ticket => !has_chain || self.chain_bytes < 3500,
            Past::Cached => true,
            Past::None | Past::First | Past::StaleTicket => false,
        }
    }

    /// When the network is well again.
    #[must_use]
    pub fn healed_at(&self) -> Option<Instant> {
        self.heals.map(|after| Instant::ZERO + after)
    }

    /// The two sides, drawing from these sources.
    ///
    /// Where they have met before, that meeting takes place here, over a network without faults.
    pub(super) fn setup(&self, sources: [&'static Source; 2]) -> Setup {
        let [client, server] = sources;
        let mut setup = Setup::with_sources(self.seed, client, server);
        let both = vec![Version::V12, Version::V13];
        let versions = |both_offered| if both_offered { both.clone() } else { vec![self.version] };
        setup.versions = versions(self.client_offers_both);
        setup.server_versions = Some(versions(self.server_offers_both));
        setup.suites = self.suite.map(|suite| {
            // A client that offers both versions needs a suite for each.
            let other = match self.version {
                Version::V12 => CipherSuite::TLS_AES_128_GCM_SHA256,
                Version::V13 => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            };
            vec![suite, other]
        });
        setup.other_group = self.other_group;
        setup.cookies = self.door == Door::Cookie;
        setup.client_auth = self.credentials == Credentials::Mutual;
        setup.psks = match self.credentials {
            Credentials::Psk => Some([psk(1), psk(1)]),
            Credentials::WrongPsk => Some([psk(1), psk(2)]),
            _ => None,
        };
        setup.asks = self.asks;
        setup.early_data = (!self.early.is_empty()).then_some(MAX_EARLY);
        setup.max_datagram = self.max_datagram;
        setup.chain_bytes = self.chain_bytes;
        setup.alpn_bytes = self.alpn_bytes;
        setup.record_size_limit = self.record_size_limit;
        setup.transport = TransportConfig::default()
            .with_retransmit_timeout(self.retransmit_timeout)
            .expect("a timeout")
            .with_fail_fast(self.fail_fast);
        setup.client_path = Path::to(([192, 0, 2, 1], 5000).into());
        setup.clock = Arc::new(StoppedClock::at(NOON));
        setup.server_name = Some("server.example".try_into().expect("a name"));
        setup.sessions = Some(self.sessions(server));
        setup
    }

    fn sessions(&self, server: &'static Source) -> Sessions {
        if self.past == Past::None {
            return Sessions::default();
        }
        let cached = self.past == Past::Cached;
        Sessions {
            client: Some(Arc::new(MemorySessions::new(4))),
            tickets: (!cached).then(|| tickets(server)),
            cache: cached.then(|| Arc::new(MemorySessionCache::new(4, 3600))),
            ledger: (!self.early.is_empty())
                .then(|| Arc::new(SpentTickets::new(&server.provider(), 4).expect("a ledger"))),
        }
    }
}

/// How many bytes of early data a ticket allows: fewer than some clients want to send.
const MAX_EARLY: u32 = 1000;

/// What the clocks of both sides show.
const NOON: u64 = 1_700_000_000;

/// New ticket keys.
pub(super) fn tickets(server: &'static Source) -> Arc<Tickets> {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOON));
    Arc::new(Tickets::new(&server.provider(), 3600, now).expect("ticket keys"))
}

fn psk(secret: u8) -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(b"both know this name", &[secret; 32]).expect("a key"))
}

/// At most three kinds of faults: with more of them hardly anything ever arrives.
fn faults(rng: &mut Rng) -> Faults {
    let mut faults = Faults::default();
    for _ in 0..rng.range(0..4) {
        let percent = u64::try_from(rng.range(1..41)).expect("small");
        match rng.range(0..9) {
            0 => faults.loss = percent,
            1 => {
                let end = u64::try_from(rng.range(10..60)).expect("small");
                faults.bursts = Some(Bursts { begin: percent / 2, end });
            }
            2 => faults.duplication = 2 * percent,
            3 => faults.reordering = 2 * percent,
            4 => faults.delay = Some((percent, up_to(rng, Duration::from_secs(30)))),
            5 => faults.jitter = up_to(rng, Duration::from_secs(2)),
            6 => faults.truncation = percent / 2,
            7 => faults.flips = percent / 2,
            _ => faults.black_hole = Some(rng.range(400..1200)),
        }
    }
    faults
}

/// What the applications do in the first seconds.
fn acts(rng: &mut Rng, v13: bool) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    for _ in 0..rng.range(0..24) {
        let after = up_to(rng, Duration::from_secs(20));
        let side = *rng.pick(SIDES);
        let act = match rng.range(0..10) {
            0 if v13 => Act::UpdateKeys(side, rng.chance(50)),
            1 => Act::Send(side, rng.range(1000..4000)),
            _ => Act::Send(side, rng.range(0..200)),
        };
        acts.push((after, act));
    }
    acts
}

/// From nothing to all of it.
fn up_to(rng: &mut Rng, most: Duration) -> Duration {
    most / 1000 * u32::try_from(rng.range(0..1001)).expect("small")
}
