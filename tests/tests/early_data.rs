//! Early data (RFC 8446 §2.3, §4.2.10, §8; RFC 9147 §5.6): who may send it, when it is taken, and
//! that nobody gets it taken twice.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use nullcrypto::Source;
use sealgram::iana::{NamedGroup, SignatureScheme};
use sealgram::pki_types::ServerName;
use sealgram::{
    Admission, ClientConfig, ClientSession, ClientSessionStore, CloseReason, Connection,
    EarlyDataOutcome, Endpoint, EndpointConfig, Event, Handle, Instant, Misuse, Path,
    PeerMisbehaved, Routed, SendError, ServerConfig, SpentTickets, Tickets,
};
use sealgram_testkit::StoppedClock;

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
const MAX_EARLY: u32 = 1000;

/// Keeps what a test wants to offer, and shows what was kept.
#[derive(Debug, Default)]
struct Store(Mutex<Vec<ClientSession>>);

impl ClientSessionStore for Store {
    fn put(&self, _: Option<&ServerName<'_>>, session: ClientSession) {
        self.0.lock().unwrap().push(session);
    }

    fn take(&self, _: Option<&ServerName<'_>>) -> Option<ClientSession> {
        self.0.lock().unwrap().pop()
    }
}

/// What differs between the runs of one world.
#[derive(Clone, Copy, Debug)]
struct Options {
    offer: bool,
    accept: Option<u32>,
    alpn: &'static [u8],
    cookies: bool,
    /// The world's ledger instead of one of the server's own.
    shared: bool,
    /// The one group of the server.
    group: Option<NamedGroup>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            offer: true,
            accept: Some(MAX_EARLY),
            alpn: b"a",
            cookies: true,
            shared: false,
            group: None,
        }
    }
}

/// One client and one server that meet several times.
struct World {
    store: Arc<Store>,
    client_clock: Arc<StoppedClock>,
    server_clock: Arc<StoppedClock>,
    source: &'static Source,
    tickets: Arc<Tickets>,
    ledger: Arc<SpentTickets>,
}

/// A server with one peer, and all that went to and fro.
struct Server {
    endpoint: Endpoint,
    connections: Vec<(Handle, Connection)>,
    delivered: Vec<(Vec<u8>, bool)>,
    admissions: Vec<Admission>,
    replies: usize,
}

impl World {
    fn new() -> Self {
        let source: &'static Source = Box::leak(Box::new(Source::new()));
        source.reset(7);
        let tickets = Tickets::with_shared_secret(&source.provider(), &[3; 32], 86_400).unwrap();
        Self {
            store: Arc::default(),
            client_clock: Arc::new(StoppedClock::at(1_700_000_000)),
            server_clock: Arc::new(StoppedClock::at(1_700_000_000)),
            source,
            tickets: Arc::new(tickets),
            ledger: Arc::new(SpentTickets::new(&source.provider(), 100).unwrap()),
        }
    }

    fn server(&self, options: Options) -> Server {
        let (leaf, _) = nullcrypto::certificate_with(1, SCHEME);
        let mut builder = ServerConfig::builder_with_provider(self.source.provider())
            .with_wall_clock(self.server_clock.clone())
            .with_alpn(vec![options.alpn.to_vec()]);
        if let Some(group) = options.group {
            builder = builder.with_groups(&[group]);
        }
        let mut ready = builder
            .with_no_client_auth()
            .with_identity(vec![leaf], &nullcrypto::private_key(1, SCHEME))
            .with_tickets(self.tickets.clone());
        if let Some(max) = options.accept {
            ready = match options.shared {
                true => ready.danger_accept_early_data_with(max, self.ledger.clone()),
                false => ready.danger_accept_early_data(max),
            };
        }
        let config = EndpointConfig::new();
        let config = if options.cookies { config } else { config.danger_without_cookies() };
        Server {
            endpoint: Endpoint::new(config, Some(ready.build().unwrap())).unwrap(),
            connections: Vec::new(),
            delivered: Vec::new(),
            admissions: Vec::new(),
            replies: 0,
        }
    }

    fn client(&self, options: Options) -> Connection {
        let config = ClientConfig::builder_with_provider(self.source.provider())
            .with_wall_clock(self.client_clock.clone())
            .with_alpn(vec![b"a".to_vec(), b"b".to_vec()])
            .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
            .with_no_client_auth()
            .with_session_store(self.store.clone())
            .danger_offer_early_data(options.offer)
            .build()
            .unwrap();
        let name = ServerName::try_from("example.com").unwrap();
        Connection::client(&config, Some(name), Path::connected(), at(0)).unwrap()
    }

    /// A full handshake, after which the client has tickets. Both are gone then.
    fn meet(&self, server: &mut Server, options: Options) {
        let mut client = self.client(options);
        let seen = run(&mut client, server, &[], CLIENT);
        assert!(client.is_connected(), "{seen:?}");
        self.store.0.lock().unwrap().truncate(1);
        client.close(at(0));
        exchange(&mut client, server, CLIENT);
        server.delivered.clear();
        server.admissions.clear();
        server.replies = 0;
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

const CLIENT: ([u8; 4], u16) = ([192, 0, 2, 1], 5000);

/// The same host from another port, as it comes next time.
const CLIENT_AGAIN: ([u8; 4], u16) = ([192, 0, 2, 1], 5001);
const STRANGER: ([u8; 4], u16) = ([192, 0, 2, 66], 5000);

impl Server {
    /// Hands in a datagram and returns what is sent in reply.
    fn receive(&mut self, datagram: &[u8], from: ([u8; 4], u16)) -> Vec<Vec<u8>> {
        let (mut datagram, mut out) = (datagram.to_vec(), [0; 2048]);
        let (now, path, mut sent) = (at(0), Path::to(from.into()), Vec::new());
        let Self { endpoint, connections, delivered, .. } = self;
        let mut give = |handle, datagram: &mut [u8]| {
            let (_, connection) = connections.iter_mut().find(|(other, _)| *other == handle)?;
            let handled = connection.handle_datagram(now, path, datagram, &mut |data| {
                delivered.push((data.bytes.to_vec(), data.early));
            });
            Some(handled.opened)
        };
        match endpoint.handle_datagram(now, path, &mut datagram, &mut out) {
            Routed::Connection(handle, datagram) => {
                give(handle, datagram);
            }
            Routed::Shared { newer, older, datagram, copy } => {
                let opened = give(newer, datagram);
                let _ = opened.filter(|opened| *opened).or_else(|| give(older, copy));
            }
            Routed::Accept(incoming) => {
                self.admissions.push(incoming.admission());
                let accepted = endpoint.accept(incoming, now).unwrap();
                connections.push(accepted);
            }
            Routed::Reply(reply) => {
                self.replies += 1;
                sent.push(out[..reply.len].to_vec());
            }
            _ => {}
        }
        for (handle, connection) in &mut self.connections {
            while let Some(transmit) = connection.poll_transmit(now, &mut out) {
                sent.push(out[..transmit.len].to_vec());
            }
            while let Some(event) = connection.poll_endpoint_event() {
                let _ = self.endpoint.handle_event(*handle, event);
            }
        }
        sent
    }

    fn negotiated_early(&self) -> bool {
        let (_, connection) = self.connections.last().unwrap();
        connection.info().negotiated.as_ref().unwrap().early_data
    }
}

/// Carries datagrams to and fro until there are none. Returns those of the client.
fn exchange(client: &mut Connection, server: &mut Server, from: ([u8; 4], u16)) -> Vec<Vec<u8>> {
    let (mut sent, mut out) = (Vec::new(), [0; 2048]);
    loop {
        let mut replies = Vec::new();
        while let Some(transmit) = client.poll_transmit(at(0), &mut out) {
            sent.push(out[..transmit.len].to_vec());
            replies.extend(server.receive(&out[..transmit.len], from));
        }
        if replies.is_empty() {
            return sent;
        }
        for mut reply in replies {
            client.handle_datagram(at(0), Path::connected(), &mut reply, &mut |_| {});
        }
    }
}

/// What a run of the client has shown.
#[derive(Debug, Default)]
struct Seen {
    outcome: Option<EarlyDataOutcome>,
    resumed: bool,
    negotiated_early: bool,
    /// The first flight: the hello and the early data.
    first: Vec<Vec<u8>>,
    closed: Option<String>,
}

/// A handshake with `early` as its early data; every datagram of it must be taken by the client.
fn run(
    client: &mut Connection,
    server: &mut Server,
    early: &[&[u8]],
    from: ([u8; 4], u16),
) -> Seen {
    let mut out = [0; 2048];
    let mut seen = Seen::default();
    while let Some(transmit) = client.poll_transmit(at(0), &mut out) {
        seen.first.push(out[..transmit.len].to_vec());
    }
    for plaintext in early {
        let transmit = client.send_early(at(0), plaintext, &mut out).unwrap();
        seen.first.push(out[..transmit.len].to_vec());
    }
    let replies: Vec<_> = seen.first.iter().flat_map(|sent| server.receive(sent, from)).collect();
    for mut reply in replies {
        client.handle_datagram(at(0), Path::connected(), &mut reply, &mut |_| {});
    }
    exchange(client, server, from);
    while let Some(event) = client.poll_event() {
        match event {
            Event::EarlyData(outcome) => {
                assert_eq!(seen.outcome.replace(outcome), None, "told once");
            }
            Event::Connected(connected) => {
                seen.resumed = connected.negotiated.resumed;
                seen.negotiated_early = connected.negotiated.early_data;
            }
            Event::Closed(closed) => seen.closed = Some(closed.reason.to_string()),
            _ => {}
        }
    }
    seen
}

#[test]
fn early_data_is_delivered_as_such_with_the_hello_and_without_a_cookie() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    world.meet(&mut server, options);

    let mut client = world.client(options);
    let seen = run(&mut client, &mut server, &[b"first", b"", b"second"], CLIENT_AGAIN);
    let expected = [&b"first"[..], b"", b"second"].map(|bytes| (bytes.to_vec(), true));
    assert_eq!(server.delivered, expected);
    assert_eq!(server.admissions, [Admission::Ticket]);
    assert_eq!(server.replies, 0);
    assert_eq!(seen.outcome, Some(EarlyDataOutcome::Accepted));
    assert!(client.is_connected() && seen.resumed && seen.negotiated_early);
    assert!(server.negotiated_early());

    let mut out = [0; 2048];
    let sent = client.send(at(0), b"later", &mut out).unwrap();
    server.receive(&out[..sent.len], CLIENT_AGAIN);
    assert_eq!(server.delivered.last(), Some(&(b"later".to_vec(), false)));
    // The client has moved on, and so have the keys.
    for record in &seen.first[1..] {
        server.receive(record, CLIENT_AGAIN);
    }
    assert_eq!(server.delivered.len(), 4);
}

#[test]
fn recorded_hello_and_early_data_are_never_taken_again() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    world.meet(&mut server, options);
    let mut client = world.client(options);
    let seen = run(&mut client, &mut server, &[b"pay 10"], CLIENT_AGAIN);
    assert_eq!(server.delivered.len(), 1);

    let replay = |server: &mut Server, from| {
        let sent: Vec<_> = seen.first.iter().flat_map(|sent| server.receive(sent, from)).collect();
        (server.delivered.len(), sent)
    };
    // To the connection while it lives, and after its end, from there and from elsewhere.
    assert_eq!(replay(&mut server, CLIENT_AGAIN).0, 1);
    client.close(at(0));
    exchange(&mut client, &mut server, CLIENT_AGAIN);
    for from in [CLIENT_AGAIN, CLIENT, STRANGER] {
        let (delivered, sent) = replay(&mut server, from);
        assert_eq!(delivered, 1, "{from:?}");
        let [request] = &sent[..] else { panic!("one HelloRetryRequest: {}", sent.len()) };
        assert!(request.len() < 3 * seen.first[0].len());
    }
    assert_eq!(server.admissions, [Admission::Ticket]);

    // To a server that is started anew, or to another one with the same ticket keys.
    let mut other = world.server(options);
    assert_eq!(replay(&mut other, CLIENT_AGAIN).0, 0);
    assert_eq!(other.admissions, []);
}

#[test]
fn ticket_that_is_offered_twice_is_good_for_early_data_once() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    world.meet(&mut server, options);
    let kept = world.store.0.lock().unwrap().last().unwrap().encode();
    let again = || ClientSession::decode(kept.expose()).unwrap();
    let mut client = world.client(options);
    let seen = run(&mut client, &mut server, &[b"once"], CLIENT);
    assert_eq!(seen.outcome, Some(EarlyDataOutcome::Accepted));

    world.store.0.lock().unwrap().push(again());
    let mut client = world.client(options);
    let seen = run(&mut client, &mut server, &[b"twice"], CLIENT_AGAIN);
    assert_eq!(seen.outcome, Some(EarlyDataOutcome::Rejected));
    assert!(client.is_connected() && seen.resumed && !seen.negotiated_early);
    assert_eq!(server.delivered, [(b"once".to_vec(), true)]);
}

/// The handshake goes on without what cannot be sure: resumed, after the cookie, and told so.
#[test]
fn early_data_is_rejected_where_anything_is_not_as_the_ticket_says() {
    let usual = Options::default();
    type Change = fn(&World, &mut Options, &mut ([u8; 4], u16));
    let changes: [(&str, Change); 6] = [
        ("another address", |_, _, from| *from = STRANGER),
        ("another server with the same ticket keys", |_, _, _| {}),
        ("a server that takes none", |_, options, _| options.accept = None),
        ("another protocol", |_, options, _| options.alpn = b"b"),
        ("a client whose clock is slow", |world, _, _| {
            world.server_clock.advance(Duration::from_secs(60))
        }),
        ("a hello that is sent late", |world, _, _| {
            world.server_clock.advance(Duration::from_secs(12))
        }),
    ];
    for (what, change) in changes {
        for cookies in [true, false] {
            let world = World::new();
            let mut options = Options { cookies, ..usual };
            let mut server = world.server(options);
            world.meet(&mut server, options);
            let mut from = CLIENT;
            change(&world, &mut options, &mut from);
            let same = what.contains("address") || what.contains("clock") || what.contains("late");
            if !same {
                server = world.server(options);
            }
            let mut client = world.client(usual);
            let seen = run(&mut client, &mut server, &[b"early"], from);
            assert_eq!(seen.outcome, Some(EarlyDataOutcome::Rejected), "{what}, {cookies}");
            assert!(client.is_connected() && seen.resumed, "{what}, {cookies}: {seen:?}");
            assert!(!seen.negotiated_early && !server.negotiated_early(), "{what}");
            assert_eq!(server.delivered, [], "{what}, {cookies}");
            let admission = if cookies { Admission::Cookie } else { Admission::Open };
            assert_eq!(server.admissions, [admission], "{what}");
        }
    }
}

#[test]
fn ticket_within_the_tolerance_of_the_clocks_is_taken() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    world.meet(&mut server, options);
    world.client_clock.advance(Duration::from_secs(500));
    world.server_clock.advance(Duration::from_secs(509));
    let seen = run(&mut world.client(options), &mut server, &[b"x"], CLIENT);
    assert_eq!(seen.outcome, Some(EarlyDataOutcome::Accepted));
}

#[test]
fn retry_for_a_group_rejects_early_data() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    world.meet(&mut server, options);
    let groups = world.source.provider().groups;
    let other = groups.iter().map(|group| group.name()).next_back();
    let mut server = world.server(Options { group: other, ..options });
    let mut client = world.client(options);
    let seen = run(&mut client, &mut server, &[b"early"], CLIENT);
    assert_eq!(seen.outcome, Some(EarlyDataOutcome::Rejected));
    assert!(client.is_connected());
    assert_eq!(server.delivered, []);
}

#[test]
fn more_early_data_than_the_server_allows_ends_the_connection() {
    let (world, options) = (World::new(), Options { shared: true, ..Options::default() });
    let mut server = world.server(options);
    world.meet(&mut server, options);
    let mut server = world.server(Options { accept: Some(10), ..options });
    let mut client = world.client(options);
    let seen = run(&mut client, &mut server, &[b"0123456789", b"x"], CLIENT);
    assert_eq!(server.delivered, [(b"0123456789".to_vec(), true)]);
    let (_, connection) = server.connections.last_mut().unwrap();
    let closed = core::iter::from_fn(|| connection.poll_event()).find_map(|event| match event {
        Event::Closed(closed) => Some(closed),
        _ => None,
    });
    let reason = CloseReason::Error(PeerMisbehaved::TooMuchEarlyData.into());
    assert_eq!(closed.unwrap().reason, reason);
    assert!(!client.is_connected() || seen.closed.is_some(), "{seen:?}");
}

#[test]
fn early_data_can_be_sent_only_between_the_hello_and_its_answer() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    let mut out = [0; 2048];
    let refused = |client: &mut Connection| {
        let error = client.send_early(at(0), b"x", &mut [0; 2048]).unwrap_err();
        assert_eq!(error, SendError::Misuse(Misuse::NoEarlyData));
    };
    // Without a session there is nothing to protect it with.
    refused(&mut world.client(options));
    world.meet(&mut server, options);

    let mut unasked = world.client(Options { offer: false, ..options });
    while unasked.poll_transmit(at(0), &mut out).is_some() {}
    assert_eq!(unasked.max_early_plaintext(), 0);
    refused(&mut unasked);
    world.meet(&mut server, options);

    let mut client = world.client(options);
    refused(&mut client);
    let hello = client.poll_transmit(at(0), &mut out).unwrap();
    let hello = out[..hello.len].to_vec();
    let max = usize::try_from(MAX_EARLY).unwrap();
    assert_eq!(client.max_early_plaintext(), max);
    let long = vec![0; max + 1];
    assert_eq!(client.send_early(at(0), &long, &mut out), Err(SendError::TooLong { max }));
    let small = client.send_early(at(0), b"x", &mut [0; 8]).unwrap_err();
    assert!(matches!(small, SendError::BufferTooSmall { .. }));
    let _ = client.send_early(at(0), &long[..600], &mut out).unwrap();
    let left = max - 600;
    assert_eq!(
        client.send_early(at(0), &long[..401], &mut out),
        Err(SendError::TooLong { max: left })
    );
    for mut reply in server.receive(&hello, CLIENT) {
        client.handle_datagram(at(0), Path::connected(), &mut reply, &mut |_| {});
    }
    refused(&mut client);
    client.close(at(0));
    let error = client.send_early(at(0), b"x", &mut out).unwrap_err();
    assert_eq!(error, SendError::Misuse(Misuse::Closed));
}

/// A client that is let in by its ticket gets three times what it sent and no more, until it has
/// shown that it gets our answer.
#[test]
fn server_answers_an_early_hello_with_three_times_its_size_at_most() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    world.meet(&mut server, options);
    let mut client = world.client(options);
    let mut out = [0; 2048];
    let hello = client.poll_transmit(at(0), &mut out).unwrap().len;
    let sent: usize = server.receive(&out[..hello], CLIENT).iter().map(Vec::len).sum();
    assert!(sent > 0 && sent <= 3 * hello, "{sent} for {hello}");
    let (_, connection) = server.connections.last_mut().unwrap();
    let mut total = sent;
    while let Some(timeout) = connection.poll_timeout() {
        connection.handle_timeout(timeout.at);
        while let Some(transmit) = connection.poll_transmit(timeout.at, &mut out) {
            total += transmit.len;
        }
    }
    assert!(total <= 3 * hello, "{total} for {hello}");
}

/// The hello's datagram may hold early data too.
#[test]
fn early_data_in_the_datagram_of_the_hello_is_delivered() {
    let (world, options) = (World::new(), Options::default());
    let mut server = world.server(options);
    world.meet(&mut server, options);
    let mut client = world.client(options);
    let (mut out, mut more) = ([0; 2048], [0; 2048]);
    let hello = client.poll_transmit(at(0), &mut out).unwrap().len;
    let early = client.send_early(at(0), b"together", &mut more).unwrap().len;
    let joined = [&out[..hello], &more[..early]].concat();
    for mut reply in server.receive(&joined, CLIENT) {
        client.handle_datagram(at(0), Path::connected(), &mut reply, &mut |_| {});
    }
    exchange(&mut client, &mut server, CLIENT);
    assert!(client.is_connected());
    assert_eq!(server.delivered, [(b"together".to_vec(), true)]);
}

#[test]
fn server_on_a_trusted_path_takes_early_data_of_its_own_tickets() {
    let (world, options) = (World::new(), Options::default());
    let config = {
        let (leaf, _) = nullcrypto::certificate_with(1, SCHEME);
        ServerConfig::builder_with_provider(world.source.provider())
            .with_wall_clock(world.server_clock.clone())
            .with_no_client_auth()
            .with_identity(vec![leaf], &nullcrypto::private_key(1, SCHEME))
            .with_tickets(world.tickets.clone())
            .danger_accept_early_data(MAX_EARLY)
            .build()
            .unwrap()
    };
    let mut outcomes = Vec::new();
    for early in [None, Some(b"early")] {
        let path = Path::connected();
        let mut server = Connection::server_on_trusted_path(&config, path, at(0));
        let mut client = world.client(options);
        let mut delivered = Vec::new();
        let mut out = [0; 2048];
        let mut to_server = Vec::new();
        while let Some(transmit) = client.poll_transmit(at(0), &mut out) {
            to_server.push(out[..transmit.len].to_vec());
        }
        if let Some(early) = early {
            let transmit = client.send_early(at(0), early, &mut out).unwrap();
            to_server.push(out[..transmit.len].to_vec());
        }
        while !to_server.is_empty() {
            for mut datagram in core::mem::take(&mut to_server) {
                server.handle_datagram(at(0), path, &mut datagram, &mut |data| {
                    delivered.push((data.bytes.to_vec(), data.early));
                });
            }
            while let Some(transmit) = server.poll_transmit(at(0), &mut out) {
                client.handle_datagram(at(0), path, &mut out[..transmit.len], &mut |_| {});
            }
            while let Some(transmit) = client.poll_transmit(at(0), &mut out) {
                to_server.push(out[..transmit.len].to_vec());
            }
        }
        assert!(client.is_connected() && server.is_connected());
        outcomes.push(delivered);
    }
    assert_eq!(outcomes, [vec![], vec![(b"early".to_vec(), true)]]);
}
