//! Clients and servers that have keys, and where they come from.

use core::time::Duration;
use std::sync::Arc;

use sealgram::crypto::{CryptoProvider, Suite};
use sealgram::iana::{CipherSuite, Version};
use sealgram::pki_types::UnixTime;
use sealgram::{
    Answer, Ask, AskId, ClientConfig, Closed, Connection, Endpoint, EndpointConfig, Event,
    ExternalPsk, FindPsk, Instant, MemorySessions, Misuse, Negotiated, Path, PskChoice, PskLookup,
    ServerConfig, Side, Tickets,
};
use sealgram_testkit::{ConnectionFace, Ended, EndpointFace, Pair, StoppedClock};

/// Calendar time of both sides.
const NOW: u64 = 1_700_000_000;

/// How many forgeries suites with short tags may see.
const FORGERIES: u64 = 128;

pub(crate) type Joined = Pair<ConnectionFace, EndpointFace>;

pub(crate) const VERSIONS: [Version; 2] = [Version::V12, Version::V13];
pub(crate) const SIDES: [Side; 2] = [Side::Client, Side::Server];
pub(crate) const HOUR: Instant = Instant::from_micros(3_600_000_000);

/// A 1.2 suite with a key exchange, and one without.
pub(crate) const SUITES: [CipherSuite; 2] = [
    CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
];

pub(crate) fn psk(identity: &str, fill: u8) -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(identity.as_bytes(), &[fill; 32]).expect("a key"))
}

/// What the server knows.
pub(crate) fn known() -> Vec<Arc<ExternalPsk>> {
    vec![psk("other0", 9), psk("device", 1), psk("other1", 8)]
}

/// The key of a client that is known.
pub(crate) fn good() -> Arc<ExternalPsk> {
    psk("device", 1)
}

/// One client and one server in the making.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) client: Vec<Version>,
    pub(crate) server: Vec<Version>,
    /// The one suite of 1.2; all if `None`.
    pub(crate) suite: Option<CipherSuite>,
    /// The client's key, if it is not asked for by the hint.
    pub(crate) key: Arc<ExternalPsk>,
    /// Who chooses the client's key in 1.2.
    pub(crate) choice: Choice,
    /// Whether the server's application is asked for keys.
    pub(crate) asked: bool,
    pub(crate) hint: &'static str,
    /// What the server knows, if nobody is asked.
    pub(crate) known: Vec<Arc<ExternalPsk>>,
    /// Where the client keeps sessions, if anywhere.
    pub(crate) store: Option<Arc<MemorySessions>>,
    /// What seals the server's tickets, if there are any.
    pub(crate) tickets: Option<Arc<Tickets>>,
    pub(crate) verify_resumed: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Choice {
    Fixed,
    Inline(Arc<dyn PskChoice>),
    Asked,
}

impl Ends {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            client: vec![version],
            server: vec![version],
            suite: None,
            key: good(),
            choice: Choice::Fixed,
            asked: false,
            hint: "",
            known: known(),
            store: None,
            tickets: None,
            verify_resumed: false,
        }
    }

    fn provider(&self, seed: u64) -> CryptoProvider {
        let mut provider = nullcrypto::provider(seed);
        if let Some(suite) = self.suite {
            let wanted = |s: &&&Suite| s.facts.version == Version::V13 || s.id() == suite;
            provider.suites = nullcrypto::ALL_SUITES.iter().filter(wanted).copied().collect();
        }
        provider
    }

    pub(crate) fn client_config(&self) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(self.provider(1))
            .with_versions(&self.client)
            .danger_allow_ccm_8(FORGERIES)
            .with_wall_clock(Arc::new(StoppedClock::at(NOW)));
        let offered = self.client.contains(&Version::V13).then(|| self.key.clone());
        let builder = match &self.choice {
            Choice::Fixed => builder.with_psk(self.key.clone()),
            Choice::Inline(choice) => builder.with_psk_by_hint(choice.clone(), offered),
            Choice::Asked => builder.with_asked_psk(offered),
        };
        let builder = match &self.store {
            Some(store) => builder.with_session_store(store.clone()),
            None => builder.without_resumption(),
        };
        builder.build().expect("a client's configuration")
    }

    pub(crate) fn server_config(&self) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(self.provider(2))
            .with_versions(&self.server)
            .danger_allow_ccm_8(FORGERIES)
            .with_wall_clock(Arc::new(StoppedClock::at(NOW)))
            .with_no_client_auth();
        let builder = match self.asked {
            false => builder.with_psks(Arc::new(self.known.clone())),
            true => builder.with_asked_psks(),
        };
        let builder = match &self.tickets {
            Some(tickets) => builder.with_tickets(tickets.clone()),
            None => builder.without_resumption(),
        };
        let builder = builder.with_verification_on_resumption(self.verify_resumed);
        builder.with_psk_hint(self.hint.as_bytes()).build().expect("a server's configuration")
    }

    pub(crate) fn pair(&self) -> Joined {
        join(&self.client_config(), self.server_config())
    }

    /// Connects, answers what is asked, and checks that data gets through.
    pub(crate) fn connect(&self) -> Joined {
        let mut pair = self.pair();
        settle(&mut pair);
        assert!(pair.is_connected(), "{self:?}: {:?}", SIDES.map(|side| closed(&pair, side)));
        assert!(pair.data_flows(), "{self:?}");
        pair
    }
}

pub(crate) fn tickets(seed: u64) -> Arc<Tickets> {
    let provider = nullcrypto::provider(seed);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    Arc::new(Tickets::new(&provider, Tickets::DEFAULT_PERIOD, now).expect("tickets"))
}

pub(crate) fn join(client: &ClientConfig, server: ServerConfig) -> Joined {
    let name = "example.com".try_into().expect("a name");
    let path = Path::connected();
    let client = Connection::client(client, Some(name), path, Instant::ZERO).expect("a client");
    let endpoint = Endpoint::new(EndpointConfig::new(), Some(server)).expect("an endpoint");
    let at = Path::to(([192, 0, 2, 1], 5000).into());
    Pair::new(ConnectionFace::new(client, path), EndpointFace::new(endpoint, at))
}

fn face(pair: &mut Joined, side: Side) -> Option<&mut ConnectionFace> {
    match side {
        Side::Client => Some(&mut pair.client),
        Side::Server => pair.server.latest_mut(),
    }
}

pub(crate) fn events(pair: &Joined, side: Side) -> &[Event] {
    match side {
        Side::Client => &pair.client.events,
        Side::Server => pair.server.latest().map_or(&[], |face| &face.events),
    }
}

/// The key that a side waits for.
pub(crate) fn open(pair: &Joined, side: Side) -> Option<(AskId, FindPsk)> {
    match events(pair, side).last()? {
        Event::Needs(id, Ask::Psk(find)) => Some((*id, find.clone())),
        Event::Needs(_, ask) => panic!("a question that nobody expects: {ask:?}"),
        _ => None,
    }
}

pub(crate) fn resolve(
    pair: &mut Joined,
    side: Side,
    id: AskId,
    answer: Answer,
) -> Result<(), Misuse> {
    let now = pair.now();
    let face = face(pair, side).expect("accepted");
    let resolved = face.connection.resolve(now, id, answer);
    if resolved.is_ok() {
        face.events.pop();
    }
    resolved
}

/// What an application with the keys that are [`known`] says; for a hint, the key of that name.
pub(crate) fn answer(find: &FindPsk) -> Option<Arc<ExternalPsk>> {
    match find {
        FindPsk::ByIdentity(identity) | FindPsk::ByHint(identity) => known().lookup(identity),
        other => panic!("a question that nobody expects: {other:?}"),
    }
}

/// Runs until a side is asked; `None` if both are connected or over before.
pub(crate) fn run_until_asked(pair: &mut Joined) -> Option<(Side, AskId, FindPsk)> {
    let asked = |pair: &Joined| {
        SIDES.into_iter().find_map(|side| open(pair, side).map(|(id, find)| (side, id, find)))
    };
    let over = |pair: &Joined, side| {
        let face = pair.face(side);
        face.is_connected() || face.is_closed()
    };
    let ended = pair.run_until(HOUR, |pair| {
        asked(pair).is_some() || SIDES.into_iter().all(|side| over(pair, side))
    });
    assert_eq!(ended, Ended::Done);
    asked(pair)
}

/// Runs to the end, answers what is asked, and says how often that was.
pub(crate) fn settle(pair: &mut Joined) -> usize {
    let mut asked = 0;
    while let Some((side, id, find)) = run_until_asked(pair) {
        asked += 1;
        resolve(pair, side, id, Answer::Psk(answer(&find))).expect("asked");
    }
    asked
}

pub(crate) fn negotiated(pair: &Joined, side: Side) -> Negotiated {
    let connection = match side {
        Side::Client => &pair.client.connection,
        Side::Server => &pair.server.latest().expect("accepted").connection,
    };
    connection.info().negotiated.clone().expect("connected")
}

pub(crate) fn closed(pair: &Joined, side: Side) -> Option<Closed> {
    match side {
        Side::Client => pair.client.closed().cloned(),
        Side::Server => {
            pair.server.connections.first().and_then(|(_, face)| face.closed().cloned())
        }
    }
}
