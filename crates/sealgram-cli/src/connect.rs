//! `sealgram connect`.

mod input;

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Write as _};
use std::net::ToSocketAddrs as _;
use std::time::Instant;

use input::{Input, Next};
use sealgram::pki_types::ServerName;
use sealgram::{Closed, EarlyDataOutcome, Misuse};
use sealgram_udp::{Client, ClientEvent, ClientOptions, Error, MAX_PLAINTEXT};

use crate::args::ConnectArgs;
use crate::failure::{self, Failure};
use crate::report::{self, Report, Traffic};
use crate::{hex, screen, setup};

/// How long an address that does not answer at all is tried while there are others.
const NEXT_ADDRESS: Duration = Duration::from_secs(3);

/// How long answers are waited for after the end of the input, unless `--idle` says otherwise.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// How often the input is looked at while the network is silent: nothing can wake a thread that
/// waits for a datagram.
const INPUT_POLL: Duration = Duration::from_millis(5);

/// Unanswered datagrams after which sending slows down, so that a long input does not overrun the
/// peer's receive buffer: 2 MB with the longest datagrams, and little with lines of text.
const BURST: u64 = 128;

/// How long an answer is waited for then.
const SLOW_DOWN: Duration = Duration::from_millis(1);

/// How long the server may take to acknowledge the handshake before we leave: one retransmission
/// of one second, and some more.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn run(args: &ConnectArgs) -> Result<(), Failure> {
    let setup = setup::client(args)?;
    let target = Target::parse(args)?;
    let mut input = match args.send.as_slice() {
        [] => Input::standard(),
        texts => Input::given(texts),
    };
    let mut early = args.common.early_data.then(|| input.wait()).flatten().map(Early::new);
    let (client, chain) = target.connect(&setup, args, early.as_mut())?;
    let mut session = Session {
        args,
        client,
        buf: vec![0; MAX_PLAINTEXT],
        traffic: Traffic::default(),
        unanswered: 0,
        active: Instant::now(),
        confirmed: false,
        input,
    };
    let outcome = session
        .start()
        .and_then(|()| session.after_early(early))
        .and_then(|()| session.exchange())
        .and_then(|()| session.settle());
    if session.client.closed().is_none() {
        session.client.close()?;
    }
    report(&session.client, args, &session.traffic, &chain, setup.verifies);
    outcome
}

/// The first datagram, which is sent with the hello if it can be.
struct Early {
    datagram: Vec<u8>,
    sent: bool,
    accepted: bool,
}

impl Early {
    const fn new(datagram: Vec<u8>) -> Self {
        Self { datagram, sent: false, accepted: false }
    }

    /// Sends it, unless it does not fit or no session is resumed whose server takes it.
    fn send(&mut self, client: &mut Client) {
        self.sent = client.send_early(&self.datagram).is_ok();
    }
}

/// Whom to connect to.
struct Target {
    addresses: Vec<SocketAddr>,
    name: Option<ServerName<'static>>,
}

impl Target {
    fn parse(args: &ConnectArgs) -> Result<Self, Failure> {
        let server = args.server.as_str();
        let bad = |why: &str| {
            Failure::usage(format!("{server}: {why}"))
                .hint("expected HOST:PORT, as in localhost:4433 or [::1]:4433")
        };
        let (host, _) = server.rsplit_once(':').ok_or_else(|| bad("there is no port"))?;
        let addresses = server.to_socket_addrs().map_err(|error| bad(&error.to_string()))?;
        let addresses: Vec<_> = addresses.collect();
        if addresses.is_empty() {
            return Err(bad("the name has no address"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let wanted = args.name.as_deref().unwrap_or(host);
        let name = match ServerName::try_from(wanted.to_owned()) {
            Ok(name) => Some(name),
            // Only a chain is verified for a name.
            Err(_) if args.ca.is_empty() && args.name.is_none() => None,
            Err(error) => return Err(Failure::usage(format!("{wanted}: {error}"))),
        };
        Ok(Self { addresses, name })
    }

    /// Connects to the first address that answers. Returns the server's fingerprints too.
    fn connect(
        &self,
        setup: &setup::Client,
        args: &ConnectArgs,
        mut early: Option<&mut Early>,
    ) -> Result<(Client, Vec<String>), Failure> {
        let mut addresses = self.addresses.iter().peekable();
        while let Some(&address) = addresses.next() {
            screen::progress(&format_args!("connecting to {address}"));
            let (config, options) = (&setup.config, ClientOptions::default());
            let mut client = Client::start(config, address, self.name.clone(), options)?;
            if let Some(early) = &mut early {
                early.send(&mut client);
            }
            let others = addresses.peek().is_some();
            let started = Instant::now();
            loop {
                // Without others the configuration's deadline ends it.
                let look = others.then_some(Duration::from_millis(50));
                match client.step(look, &mut [])? {
                    Some(ClientEvent::Connected(connected)) => {
                        let facts = &connected.negotiated;
                        screen::progress(&format_args!(
                            "connected, {} with {}",
                            facts.version, facts.cipher_suite
                        ));
                        return Ok((client, report::shown(&connected)));
                    }
                    Some(ClientEvent::EarlyData(outcome)) => {
                        screen::progress(&format_args!("early data: {outcome}"));
                        if let Some(early) = &mut early {
                            early.accepted = outcome == EarlyDataOutcome::Accepted;
                        }
                    }
                    Some(ClientEvent::Closed(closed)) => {
                        report(&client, args, &Traffic::default(), &[], false);
                        return Err(refused(&closed, &client, setup));
                    }
                    _ => {}
                }
                let silent = client.stats().datagrams_received == 0;
                let hopeless =
                    client.unreachable_reports() > 0 || started.elapsed() >= NEXT_ADDRESS;
                if others && silent && hopeless {
                    break;
                }
            }
        }
        // The loop ends with the last address at the latest.
        Err(Failure::usage(format!("{}: no address", args.server)))
    }
}

/// Why there is no connection.
fn refused(closed: &Closed, client: &Client, setup: &setup::Client) -> Failure {
    let failure = Failure::closed(closed, false);
    if failure.is_timeout() && client.unreachable_reports() > 0 {
        let server = client.server_addr();
        return failure.hint(format!("the network says that nobody listens at {server}"));
    }
    match setup.verifier.as_ref().and_then(|verifier| verifier.leaf()) {
        Some(leaf) if failure.is_about_identity() => {
            let fingerprint = report::fingerprints(&[leaf]).concat();
            failure.more(format!("the server's certificate has the fingerprint {fingerprint}"))
        }
        _ => failure,
    }
}

fn report(
    client: &Client,
    args: &ConnectArgs,
    traffic: &Traffic,
    chain: &[String],
    verified: bool,
) {
    Report {
        role: "client",
        peer: client.server_addr(),
        info: client.info(),
        stats: client.stats(),
        traffic,
        peer_chain: chain,
        peer_verified: verified,
        closed: client.closed(),
    }
    .write(args.common.report.as_deref(), false);
}

/// An established connection.
struct Session<'a> {
    args: &'a ConnectArgs,
    client: Client,
    buf: Vec<u8>,
    traffic: Traffic,
    /// Datagrams that were sent and for which none has come back.
    unanswered: u64,
    /// When something was sent or received last.
    active: Instant,
    /// Whether the server has shown that it takes us for connected too.
    confirmed: bool,
    input: Input,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Done,
}

impl Session<'_> {
    fn start(&self) -> Result<(), Failure> {
        for export in &self.args.common.export {
            let mut key = vec![0; export.len];
            self.client.export_keying_material(&mut key, export.label.as_bytes(), None)?;
            screen::say(&hex::encode(&key));
        }
        Ok(())
    }

    /// Counts the early datagram as sent, or sends it now.
    fn after_early(&mut self, early: Option<Early>) -> Result<(), Failure> {
        match early {
            Some(Early { datagram, sent: true, accepted: true }) => {
                self.count_sent(datagram.len());
                Ok(())
            }
            Some(early) => self.send(&early.datagram),
            None => Ok(()),
        }
    }

    fn count_sent(&mut self, len: usize) {
        self.traffic.sent(len);
        self.unanswered = self.unanswered.saturating_add(1);
        self.active = Instant::now();
    }

    /// Sends the input and prints what comes, until there is nothing more to wait for.
    fn exchange(&mut self) -> Result<(), Failure> {
        loop {
            if self.args.count.is_some_and(|count| self.traffic.datagrams_received >= count) {
                return Ok(());
            }
            let mut limit = self.args.common.idle;
            let mut wait = match self.input.next() {
                Next::Datagram(datagram) => {
                    self.send(&datagram)?;
                    self.pause()
                }
                Next::NotYet => INPUT_POLL,
                Next::End if self.unanswered == 0 && self.args.count.is_none() => return Ok(()),
                Next::End => {
                    limit = limit.or(Some(LAST_ANSWER));
                    Duration::MAX
                }
            };
            if let Some(limit) = limit {
                let silent = self.active.elapsed();
                if silent >= limit {
                    return Ok(());
                }
                wait = wait.min(limit.saturating_sub(silent));
            }
            if self.step(wait)? == Flow::Done {
                return Ok(());
            }
        }
    }

    /// Waits until the server has heard all of the handshake: it must not be left with half of
    /// one, and what it thinks of our certificate is part of the result.
    fn settle(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        while self.client.is_connected() && !self.client.is_acknowledged() {
            let left = SETTLE.saturating_sub(began.elapsed());
            if left.is_zero() || self.step(left.min(INPUT_POLL))? == Flow::Done {
                break;
            }
        }
        Ok(())
    }

    /// Waits for one event and does what it asks for.
    fn step(&mut self, wait: Duration) -> Result<Flow, Failure> {
        self.confirmed |= self.client.is_acknowledged();
        match self.client.step(wait, &mut self.buf)? {
            Some(ClientEvent::Data(len)) => {
                self.confirmed = true;
                self.received(len)
            }
            Some(ClientEvent::Closed(closed)) if failure::is_orderly(&closed) => {
                screen::progress(&closed.reason);
                Ok(Flow::Done)
            }
            Some(ClientEvent::Closed(closed)) => Err(Failure::closed(&closed, self.confirmed)),
            Some(ClientEvent::KeyLimitNear) => {
                screen::say(&"warning: the keys are almost used up: connect anew");
                Ok(Flow::On)
            }
            _ => Ok(Flow::On),
        }
    }

    /// How long an answer is waited for before more is sent. A peer that answers is not to be
    /// overrun; one that does not would only slow us down.
    const fn pause(&self) -> Duration {
        if self.unanswered >= BURST && self.traffic.datagrams_received > 0 {
            SLOW_DOWN
        } else {
            Duration::ZERO
        }
    }

    fn send(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        match self.client.send(datagram) {
            Ok(()) => {
                self.count_sent(datagram.len());
                Ok(())
            }
            // As good as lost on the way.
            Err(error @ Error::Socket(_)) => {
                screen::say(&format_args!("warning: not sent: {error}"));
                Ok(())
            }
            // The event that says why is on its way.
            Err(Error::Misuse(Misuse::Closed)) => Ok(()),
            Err(error) => Err(Failure::usage(format!("not sent: {error}"))
                .hint("each line of the input is one datagram")),
        }
    }

    /// Prints a datagram as a line.
    fn received(&mut self, len: usize) -> Result<Flow, Failure> {
        let datagram = self.buf.get(..len).unwrap_or_default();
        self.traffic.received(len);
        self.unanswered = self.unanswered.saturating_sub(1);
        self.active = Instant::now();
        let mut out = io::stdout().lock();
        let end: &[u8] = if datagram.ends_with(b"\n") { b"" } else { b"\n" };
        let written =
            out.write_all(datagram).and_then(|()| out.write_all(end)).and_then(|()| out.flush());
        match written {
            Ok(()) => Ok(Flow::On),
            // Nobody reads any more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Flow::Done),
            Err(error) => Err(Failure::usage(format!("standard output: {error}"))),
        }
    }
}
