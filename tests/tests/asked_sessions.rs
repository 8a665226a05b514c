//! Sessions that the application keeps and is asked for, in both versions.

use std::collections::HashMap;
use std::sync::Arc;

use nullcrypto::Source;
use sealgram::crypto::Secret;
use sealgram::iana::{SignatureScheme, Version};
use sealgram::{
    Answer, Ask, ClientConfig, ConfigError, Connection, Endpoint, EndpointConfig, Event, Instant,
    Misuse, Path, ServerConfig,
};
use sealgram_testkit::{ConnectionFace, Ended, EndpointFace, Pair, StoppedClock};

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
const HOUR: Instant = Instant::from_micros(3_600_000_000);
const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

struct World {
    clock: Arc<StoppedClock>,
    source: &'static Source,
    client: ClientConfig,
    /// What is outside of every server.
    store: HashMap<[u8; 32], Secret>,
    /// How often it was asked.
    asked: usize,
}

impl World {
    fn new(version: Version) -> Self {
        let source: &'static Source = Box::leak(Box::new(Source::new()));
        source.reset(11);
        let clock = Arc::new(StoppedClock::at(1_700_000_000));
        let client = ClientConfig::builder_with_provider(source.provider())
            .with_versions(&[version])
            .with_wall_clock(clock.clone())
            .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
            .with_no_client_auth()
            .build()
            .unwrap();
        Self { clock, source, client, store: HashMap::new(), asked: 0 }
    }

    /// A server like any other of the same store.
    fn server(&self) -> ServerConfig {
        let (leaf, _) = nullcrypto::certificate_with(1, SCHEME);
        ServerConfig::builder_with_provider(self.source.provider())
            .with_wall_clock(self.clock.clone())
            .with_no_client_auth()
            .with_identity(vec![leaf], &nullcrypto::private_key(1, SCHEME))
            .with_asked_sessions(3600)
            .build()
            .unwrap()
    }

    /// Connects to a new server and says whether a session was resumed.
    fn connect(&mut self) -> bool {
        let name = Some("example.com".try_into().unwrap());
        let client = Connection::client(&self.client, name, Path::connected(), Instant::ZERO);
        let path = Path::to(([192, 0, 2, 1], 5000).into());
        let endpoint = Endpoint::new(EndpointConfig::new(), Some(self.server())).unwrap();
        let mut pair = Pair::new(
            ConnectionFace::new(client.unwrap(), Path::connected()),
            EndpointFace::new(endpoint, path),
        );
        let waits = |pair: &Pair<ConnectionFace, EndpointFace>| {
            let face = pair.server.latest();
            face.is_some_and(|face| matches!(face.events.last(), Some(Event::Needs(..))))
        };
        while !pair.is_connected() {
            let ended = pair.run_until(HOUR, |pair| pair.is_connected() || waits(pair));
            assert_eq!(ended, Ended::Done);
            if waits(&pair) {
                self.answer(&mut pair);
            }
        }
        assert_eq!(pair.run_until_settled(), Ended::Done);
        assert!(pair.data_flows());
        let mut resumed = None;
        for event in pair.server.latest_mut().unwrap().events.drain(..) {
            match event {
                Event::KeepSession(new) => {
                    assert_eq!(new.lifetime, 3600);
                    assert!(self.store.insert(new.id, new.content).is_none(), "IDs are random");
                }
                Event::Connected(connected) => resumed = Some(connected.negotiated.resumed),
                _ => {}
            }
        }
        resumed.unwrap()
    }

    fn answer(&mut self, pair: &mut Pair<ConnectionFace, EndpointFace>) {
        let now = pair.now();
        let face = pair.server.latest_mut().unwrap();
        let Some(Event::Needs(id, Ask::Session(session))) = face.events.pop() else {
            panic!("nothing else is asked");
        };
        self.asked += 1;
        assert_eq!(face.connection.resolve(now, id, Answer::Psk(None)), Err(Misuse::NotAsked));
        let content = self.store.get(&session).map(Secret::duplicate);
        face.connection.resolve(now, id, Answer::Session(content)).unwrap();
    }
}

#[test]
fn session_that_the_application_keeps_is_resumed_by_any_server() {
    for version in VERSIONS {
        let mut world = World::new(version);
        assert!(!world.connect(), "{version}");
        assert_eq!(world.asked, 0, "{version}: nothing was offered");
        assert!(!world.store.is_empty());
        assert!(world.connect(), "{version}");
        assert!(world.connect(), "{version}");
        assert_eq!(world.asked, 2, "{version}");
    }
}

#[test]
fn session_that_is_gone_broken_or_too_old_leads_to_a_full_handshake() {
    type Change = fn(&mut World);
    let changes: [Change; 3] = [
        |world| world.store.clear(),
        |world| {
            let ids: Vec<_> = world.store.keys().copied().collect();
            world.store = ids.into_iter().map(|id| (id, Secret::copy_from(&[1; 40]))).collect();
        },
        |world| world.clock.advance(core::time::Duration::from_secs(3601)),
    ];
    for version in VERSIONS {
        for change in changes {
            let mut world = World::new(version);
            assert!(!world.connect());
            change(&mut world);
            assert!(!world.connect(), "{version}");
            assert!(world.connect(), "{version}: the new session is good");
        }
    }
}

#[test]
fn asked_sessions_contradict_early_data_and_live_a_week_at_most() {
    let world = World::new(Version::V13);
    let builder = || {
        let (leaf, _) = nullcrypto::certificate_with(1, SCHEME);
        ServerConfig::builder_with_provider(world.source.provider())
            .with_wall_clock(world.clock.clone())
            .with_no_client_auth()
            .with_identity(vec![leaf], &nullcrypto::private_key(1, SCHEME))
    };
    let early = builder().with_asked_sessions(60).danger_accept_early_data(1).build();
    assert!(matches!(early, Err(ConfigError::EarlyDataNeedsTickets)));
    for lifetime in [0, 7 * 24 * 60 * 60 + 1] {
        let built = builder().with_asked_sessions(lifetime).build();
        assert!(matches!(built, Err(ConfigError::OutOfRange(_))), "{lifetime}");
    }
}
