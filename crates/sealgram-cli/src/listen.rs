//! `sealgram listen`.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::net::{ToSocketAddrs as _, UdpSocket};
use std::time::Instant;

use sealgram::{Connected, EndpointConfig};
use sealgram_udp::{Ended, MAX_PLAINTEXT, PeerId, Server, ServerEvent, ServerOptions};

use crate::args::ListenArgs;
use crate::failure::{self, Failure};
use crate::report::{self, Report, Traffic};
use crate::screen::{self, Limited};
use crate::{hex, setup};

/// How often silent peers are looked for: at least and at most.
const LOOK_MIN: Duration = Duration::from_millis(10);
const LOOK_MAX: Duration = Duration::from_secs(1);

/// What the command keeps for an established connection.
struct Peer {
    addr: SocketAddr,
    traffic: Traffic,
    chain: Vec<String>,
    heard: Instant,
}

pub(crate) fn run(args: &ListenArgs) -> Result<(), Failure> {
    let setup = setup::server(args)?;
    let address = resolve(&args.address)?;
    let mut endpoint = EndpointConfig::new();
    if args.no_cookie {
        screen::say(&"warning: --no-cookie: whoever forges addresses gets state and answers");
        endpoint = endpoint.danger_without_cookies();
    }
    let socket = UdpSocket::bind(address)
        .map_err(|error| Failure::usage(format!("{address} cannot be listened at: {error}")))?;
    let server = Server::new(socket, endpoint, setup.config, ServerOptions::new())?;
    screen::say(&format_args!("listening on {}", server.local_addr()?));
    Listener {
        args,
        server,
        verifies: setup.verifies,
        peers: HashMap::new(),
        early: HashMap::new(),
        ended: 0,
        lines: Limited::new(),
        looked: Instant::now(),
    }
    .run()
}

fn resolve(text: &str) -> Result<SocketAddr, Failure> {
    let bad = |why: String| {
        Failure::usage(format!("{text}: {why}")).hint("expected ADDR:PORT, as in 127.0.0.1:4433")
    };
    let mut found = text.to_socket_addrs().map_err(|error| bad(error.to_string()))?;
    found.next().ok_or_else(|| bad("no such address".to_owned()))
}

struct Listener<'a> {
    args: &'a ListenArgs,
    server: Server,
    verifies: bool,
    peers: HashMap<PeerId, Peer>,
    /// Early data of peers that are not connected yet; the server's limit for it bounds it.
    early: HashMap<PeerId, Vec<Vec<u8>>>,
    /// Connections that were established and are over.
    ended: u64,
    lines: Limited,
    /// When silent peers were looked for.
    looked: Instant,
}

impl Listener<'_> {
    fn run(mut self) -> Result<(), Failure> {
        let mut buf = vec![0; MAX_PLAINTEXT];
        // Often enough for the silence to be a tenth longer at most.
        let look = self.args.common.idle.map(|idle| idle.mul_f32(0.1).clamp(LOOK_MIN, LOOK_MAX));
        loop {
            let event = self.server.step(look, &mut buf)?;
            if let Some(event) = event {
                self.handle(event, &buf);
            }
            if self.args.count.is_some_and(|count| self.ended >= count) {
                break;
            }
            if look.is_some_and(|look| self.looked.elapsed() >= look) {
                self.looked = Instant::now();
                self.close_silent();
            }
        }
        self.server.close_all();
        // Their last events wait already; whoever comes now is too late.
        while !self.peers.is_empty()
            && let Some(event) = self.server.step(Duration::ZERO, &mut buf)?
        {
            if let ServerEvent::Closed { peer, ended } = event {
                self.over(peer, &ended);
            }
        }
        self.lines.flush();
        Ok(())
    }

    fn handle(&mut self, event: ServerEvent, buf: &[u8]) {
        match event {
            ServerEvent::Connected { peer, addr, connected } => {
                self.connected(peer, addr, &connected);
            }
            ServerEvent::Data { peer, len, early } => {
                let datagram = buf.get(..len).unwrap_or_default();
                if early && !self.peers.contains_key(&peer) {
                    // Nothing can be answered before the handshake is complete.
                    self.early.entry(peer).or_default().push(datagram.to_vec());
                } else {
                    self.answer(peer, datagram);
                }
            }
            ServerEvent::Closed { peer, ended } | ServerEvent::Replaced { peer, ended, .. } => {
                self.over(peer, &ended);
            }
            _ => {}
        }
    }

    fn connected(&mut self, peer: PeerId, addr: SocketAddr, connected: &Connected) {
        let chain = report::shown(connected);
        let entry = Peer { addr, traffic: Traffic::default(), chain, heard: Instant::now() };
        let facts = &connected.negotiated;
        self.lines.say(&format_args!(
            "{}: connected, {} with {}",
            entry.addr, facts.version, facts.cipher_suite
        ));
        for export in &self.args.common.export {
            let mut key = vec![0; export.len];
            let Some(connection) = self.server.connection(peer) else { continue };
            match connection.export_keying_material(&mut key, export.label.as_bytes(), None) {
                Ok(()) => screen::say(&hex::encode(&key)),
                Err(error) => self.lines.say(&format_args!("{}: --export: {error}", entry.addr)),
            }
        }
        self.peers.insert(peer, entry);
        for datagram in self.early.remove(&peer).unwrap_or_default() {
            self.answer(peer, &datagram);
        }
    }

    fn answer(&mut self, peer: PeerId, datagram: &[u8]) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        entry.heard = Instant::now();
        entry.traffic.received(datagram.len());
        if self.args.discard {
            return;
        }
        let answer = self.args.say.as_ref().map_or(datagram, |text| text.as_bytes());
        match self.server.send(peer, answer) {
            Ok(()) => entry.traffic.sent(answer.len()),
            Err(error) => self.lines.say(&format_args!("{}: not sent: {error}", entry.addr)),
        }
    }

    fn over(&mut self, peer: PeerId, ended: &Ended) {
        let entry = self.peers.remove(&peer);
        self.early.remove(&peer);
        let established = entry.is_some();
        if established {
            self.ended = self.ended.saturating_add(1);
        }
        match &ended.closed {
            None => self.lines.say(&format_args!("{}: connected anew", ended.addr)),
            Some(closed) if failure::is_orderly(closed) => {
                self.lines.say(&format_args!("{}: {}", ended.addr, closed.reason));
            }
            Some(closed) => {
                let what = failure::describe(closed, established);
                self.lines.say(&format_args!("{}: {what}", ended.addr));
            }
        }
        let by_psk = ended.info.negotiated.as_ref().is_some_and(|n| n.psk_identity.is_some());
        let none = (Traffic::default(), Vec::new());
        let (traffic, chain) = entry.map_or(none, |entry| (entry.traffic, entry.chain));
        Report {
            role: "server",
            peer: ended.addr,
            info: &ended.info,
            stats: ended.stats,
            traffic: &traffic,
            peer_chain: &chain,
            peer_verified: by_psk || (self.verifies && !chain.is_empty()),
            closed: ended.closed.as_ref(),
        }
        .write(self.args.common.report.as_deref(), true);
    }

    fn close_silent(&mut self) {
        let Some(idle) = self.args.common.idle else { return };
        let silent =
            |(peer, entry): (&PeerId, &Peer)| (entry.heard.elapsed() >= idle).then_some(*peer);
        let silent: Vec<PeerId> = self.peers.iter().filter_map(silent).collect();
        for peer in silent {
            // One that is over already has its own event.
            let _: Result<(), sealgram_udp::Error> = self.server.close(peer);
        }
    }
}
