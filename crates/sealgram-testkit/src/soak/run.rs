//! Runs a scenario and judges everything that can be seen of it.

use core::time::Duration;
use std::collections::HashMap;

use nullcrypto::Source;
use sealgram::iana::{AlertDescription, Version};
use sealgram::{Answer, AskId, CloseReason, Error, Event, Instant, Side};

use super::scenario::{Act, Credentials, Door, Farewell, Past, Scenario, tickets};
use super::server::Server;
use super::timeline::Journal;
use crate::{ConnectionFace, Ended, Face, Pair, Plan, Rng, Setup, answer, plan};

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// How it ended for the client and for the server.
    pub endings: [Ending; 2],
    /// How long the handshake took, until both were connected.
    pub handshake: Option<Duration>,
    /// The most heap that any one connection held, in bytes, as far as it can tell.
    pub heap: usize,
    /// How many datagrams were sent.
    pub datagrams: usize,
    /// How many messages of the applications were sent, and how many arrived.
    pub messages: [usize; 2],
    /// How many of those that arrived were early data.
    pub early: usize,
}

/// How a run ended for one side.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ending {
    /// Connected, until the applications said goodbye.
    Connected,
    /// It ended before, with this error.
    Failed(String),
    /// The server never had a connection.
    Nothing,
}

/// The longest that a run may take, in virtual time.
const HOUR: Duration = Duration::from_secs(3600);

/// How long the two are left alone on a healed network: two of the longest retransmission periods
/// and more, so that everything that got lost has been sent again.
const RECOVERY: Duration = Duration::from_secs(150);

/// How soon something must arrive on a network without faults.
const SOON: Duration = Duration::from_secs(10);

/// How long the applications act.
const ACTING: Duration = Duration::from_secs(21);

/// The most heap that one connection may hold: 64 KiB of messages that arrive and 16 KiB of
/// records that came too early (see ARCHITECTURE.md), and our own flight of at most that much.
const MOST_HEAP: usize = 128 * 1024;

/// More steps than this without time passing mean that an end never comes to rest.
const MAX_STEPS_AT_ONCE: usize = 10_000;

type Joined = Pair<ConnectionFace, Server>;

/// What has to be done at some time.
struct Task {
    at: Instant,
    what: What,
}

enum What {
    Answer { side: Side, connection: usize, id: AskId, answer: Answer },
    SendEarly(usize),
    Act(Act),
    Rebind,
    GiveUp(Side),
}

/// How often a message arrived.
struct Arrivals {
    /// It was sent before the server had answered, and may arrive as early.
    early: bool,
    count: usize,
}

/// Messages of one application to the other.
#[derive(Default)]
struct Messages {
    arrived: HashMap<Vec<u8>, Arrivals>,
    /// How many arrivals were looked at.
    seen: usize,
    sent: usize,
}

struct Stage<'s> {
    scenario: &'s Scenario,
    setup: Setup,
    pair: Joined,
    agenda: Vec<Task>,
    rng: Rng,
    /// From the client, from the server.
    messages: [Messages; 2],
    /// How many events of the client and of each server's connection were looked at.
    events_seen: [Vec<usize>; 2],
    journal: &'s mut Journal,
    heap: usize,
    /// Which of the server's connections the client was connected with.
    established: Option<usize>,
}

const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// Runs it. An error says what is wrong with the library, not with the network.
pub(super) fn run(
    scenario: &Scenario,
    sources: [&'static Source; 2],
    journal: &mut Journal,
) -> Result<Run, String> {
    let setup = prepare(scenario, sources)?;
    let server = match scenario.door {
        Door::Trusted => Server::Trusting(Box::new(setup.trusting_server())),
        Door::Cookie | Door::Open => Server::Endpoint(Box::new(setup.server())),
    };
    let mut pair = Pair::new(setup.client(), server);
    pair.set_latency(scenario.latency);
    pair.set_plan(network(scenario));
    let mut agenda = Vec::new();
    if let Some(after) = scenario.rebinds {
        agenda.push(Task { at: Instant::ZERO + after, what: What::Rebind });
    }
    if let Some((side, after)) = scenario.gives_up {
        agenda.push(Task { at: Instant::ZERO + after, what: What::GiveUp(side) });
    }
    for (after, len) in &scenario.early {
        agenda.push(Task { at: Instant::ZERO + *after, what: What::SendEarly(*len) });
    }
    let stage = Stage {
        scenario,
        setup,
        pair,
        agenda,
        rng: Rng::new(scenario.seed),
        messages: Default::default(),
        events_seen: Default::default(),
        journal,
        heap: 0,
        established: None,
    };
    stage.play()
}

/// The two sides, after their earlier meeting if they had one.
fn prepare(scenario: &Scenario, sources: [&'static Source; 2]) -> Result<Setup, String> {
    let mut setup = scenario.setup(sources);
    if !matches!(scenario.past, Past::Ticket | Past::Cached | Past::StaleTicket) {
        return Ok(setup);
    }
    let asks = core::mem::take(&mut setup.asks);
    let cookies = core::mem::replace(&mut setup.cookies, true);
    let mut pair = setup.pair();
    if pair.run_until_settled() != Ended::Done || !pair.data_flows() {
        return Err("no connection over a network without faults".to_owned());
    }
    (setup.asks, setup.cookies) = (asks, cookies);
    if let (Past::StaleTicket, Some(sessions)) = (scenario.past, &mut setup.sessions) {
        sessions.tickets = Some(tickets(sources[1]));
    }
    Ok(setup)
}

fn network(scenario: &Scenario) -> Plan {
    match &scenario.fates {
        Some(fates) => plan::fates(fates.clone()),
        None => {
            let end = scenario.healed_at().unwrap_or(Instant::from_micros(u64::MAX));
            scenario.faults.plan(scenario.seed, end)
        }
    }
}

impl Stage<'_> {
    fn play(mut self) -> Result<Run, String> {
        let limit = Instant::ZERO + HOUR;
        if !self.advance(limit, Self::is_settled)? {
            return Err("hangs in the handshake".to_owned());
        }
        let handshake = if self.pair.is_connected() {
            self.established = self.pair.server.serving();
            self.judge_agreement()?;
            let handshake = self.pair.now().saturating_since(Instant::ZERO);
            self.agenda.retain(|task| !matches!(task.what, What::GiveUp(_)));
            self.act()?;
            Some(handshake)
        } else {
            self.judge_failure()?;
            None
        };
        self.pair.set_plan(plan::perfect());
        self.note(|| "the network has no faults any more".to_owned());
        self.advance(self.pair.now() + RECOVERY, |_| false)?;
        let endings = self.endings();
        if handshake.is_some() {
            self.judge_endurance(&endings)?;
        }
        self.part()?;
        self.advance(self.pair.now() + HOUR, |_| false)?;
        let timeouts = [self.pair.client.poll_timeout(), self.pair.server.poll_timeout()];
        if !self.is_over() || timeouts != [None, None] {
            return Err("does not come to rest after the end".to_owned());
        }
        let sent = self.messages.iter().map(|m| m.sent).sum();
        let arrived = self
            .messages
            .iter()
            .map(|m| m.arrived.values().map(|arrivals| arrivals.count).sum::<usize>())
            .sum();
        let arrivals = self.messages.iter().flat_map(|m| m.arrived.values());
        let early = arrivals.filter(|arrivals| arrivals.early && arrivals.count > 0).count();
        Ok(Run {
            endings,
            handshake,
            heap: self.heap,
            datagrams: self.pair.trace().len(),
            messages: [sent, arrived],
            early,
        })
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        self.journal.note(self.pair.now(), text);
    }

    // --- time

    /// Goes on until `done` (then it says true), or until `limit` or until nothing will happen any
    /// more.
    fn advance(
        &mut self,
        limit: Instant,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<bool, String> {
        let (mut steps, mut since) = (0, self.pair.now());
        loop {
            self.pair.drain();
            self.look()?;
            if done(self) {
                return Ok(true);
            }
            let task = self.agenda.iter().map(|task| task.at).min().filter(|at| *at <= limit);
            if self.pair.step(task.unwrap_or(limit)) != Ended::Done {
                let Some(at) = task else {
                    self.pair.wait_until(limit);
                    return Ok(false);
                };
                self.pair.wait_until(at);
                let position = self.agenda.iter().position(|task| task.at == at);
                let task = self.agenda.swap_remove(position.expect("there is one"));
                self.perform(task.what)?;
            }
            steps = if self.pair.now() == since { steps + 1 } else { 0 };
            since = self.pair.now();
            if steps > MAX_STEPS_AT_ONCE {
                return Err("time stands still".to_owned());
            }
        }
    }

    fn perform(&mut self, what: What) -> Result<(), String> {
        let now = self.pair.now();
        match what {
            What::Answer { side, connection, id, answer } => {
                self.note(|| format!("{side:?}'s application answers"));
                let face = self.connection_mut(side, connection).expect("it has asked");
                if let Err(misuse) = face.connection.resolve(now, id, answer) {
                    if !face.connection.is_closed() {
                        return Err(format!("an answer that was asked for: {misuse}"));
                    }
                }
            }
            What::SendEarly(len) => {
                let message = self.message(Side::Client, len);
                let mut out = vec![0; message.len() + 128];
                // Refused once the server has answered, or beyond what the ticket allows.
                let sent = self.pair.client.connection.send_early(now, &message, &mut out);
                if let Ok(sent) = sent {
                    self.note_sent(Side::Client, message, true);
                    self.pair.transmit(Side::Client, &out[..sent.len]);
                }
            }
            What::Act(Act::Send(side, len)) => {
                self.send(side, len);
            }
            What::Act(Act::UpdateKeys(side, peer_too)) => {
                self.note(|| format!("{side:?} updates keys, peer too: {peer_too}"));
                if let Some(face) = self.serving_mut(side) {
                    // Refused if the connection is over.
                    let _ = face.connection.update_keys(now, peer_too);
                }
            }
            What::Rebind => {
                self.note(|| "the client has another address".to_owned());
                self.pair.rebind();
            }
            What::GiveUp(side) => self.leave(side, self.scenario.seed % 2 == 0),
        }
        Ok(())
    }

    /// Ends one side, with close_notify or a fatal alert.
    fn leave(&mut self, side: Side, orderly: bool) {
        let now = self.pair.now();
        self.note(|| format!("{side:?} leaves, orderly: {orderly}"));
        let Some(face) = self.serving_mut(side) else { return };
        if orderly {
            face.connection.close(now);
        } else {
            // Refused if the connection is over.
            let _ = face.connection.abort(now, AlertDescription::ACCESS_DENIED);
        }
    }

    /// Sends a message that no other one is like.
    fn send(&mut self, side: Side, len: usize) -> Option<Vec<u8>> {
        let message = self.message(side, len);
        if !self.pair.send(side, &message) {
            return None;
        }
        self.note_sent(side, message.clone(), false);
        Some(message)
    }

    fn message(&mut self, side: Side, len: usize) -> Vec<u8> {
        let number = self.messages[index(side)].sent;
        let mut message = format!("{side:?} {number} ").into_bytes();
        let filling = self.rng.bytes(len.saturating_sub(message.len()));
        message.extend(filling);
        message
    }

    fn note_sent(&mut self, side: Side, message: Vec<u8>, early: bool) {
        let number = self.messages[index(side)].sent;
        let len = message.len();
        let when = if early { "early" } else { "" };
        self.note(|| format!("{side:?} has sent message {number} of {len} bytes {when}"));
        let messages = &mut self.messages[index(side)];
        messages.sent += 1;
        messages.arrived.insert(message, Arrivals { early, count: 0 });
    }

    // --- what can be seen at any time

    /// Looks at everything that is new.
    fn look(&mut self) -> Result<(), String> {
        self.journal.datagrams(self.pair.trace());
        for side in SIDES {
            self.look_at_events(side);
            self.look_at_messages(side)?;
        }
        self.look_at_memory()
    }

    fn look_at_events(&mut self, side: Side) {
        for connection in 0..self.count(side) {
            let seen = &mut self.events_seen[index(side)];
            if seen.len() <= connection {
                seen.push(0);
            }
            loop {
                let seen = self.events_seen[index(side)][connection];
                let face = self.connection(side, connection).expect("counted");
                let Some(event) = face.events.get(seen) else { break };
                let text = self.journal.is_kept().then(|| summary(event));
                if let Event::Needs(id, ask) = event {
                    let answer = answer(&self.setup, side, ask);
                    let what = What::Answer { side, connection, id: *id, answer };
                    let at = self.pair.now() + self.scenario.answer_after;
                    self.agenda.push(Task { at, what });
                }
                self.events_seen[index(side)][connection] += 1;
                if let Some(text) = text {
                    self.note(|| format!("{side:?} (connection {connection}): {text}"));
                }
            }
        }
    }

    /// What has arrived at `side` was sent by the other one, and arrives once.
    fn look_at_messages(&mut self, side: Side) -> Result<(), String> {
        let from = other(side);
        loop {
            let messages = &mut self.messages[index(from)];
            let Some(got) = self.pair.received_by(side).get(messages.seen) else { return Ok(()) };
            messages.seen += 1;
            let len = got.len();
            let early = match messages.arrived.get_mut(got) {
                Some(Arrivals { early, count: count @ 0 }) => {
                    *count = 1;
                    *early
                }
                Some(_) => return Err(format!("{side:?} received a message twice: {got:02x?}")),
                None => return Err(format!("{side:?} received what nobody sent: {got:02x?}")),
            };
            let authenticated = |face: &ConnectionFace| face.connection.info().negotiated.is_some();
            let any = (0..self.count(side))
                .filter_map(|connection| self.connection(side, connection))
                .any(authenticated);
            if !any && !early {
                return Err(format!("{side:?} received data before it was connected"));
            }
            self.note(|| format!("{side:?} has received a message of {len} bytes"));
        }
    }

    fn look_at_memory(&mut self) -> Result<(), String> {
        for side in SIDES {
            for connection in 0..self.count(side) {
                let face = self.connection(side, connection).expect("counted");
                let heap = face.connection.heap_bytes();
                self.heap = self.heap.max(heap);
                if heap > MOST_HEAP {
                    return Err(format!("{side:?} holds {heap} bytes of heap"));
                }
            }
        }
        Ok(())
    }

    // --- the sides

    fn count(&self, side: Side) -> usize {
        match side {
            Side::Client => 1,
            Side::Server => self.pair.server.count(),
        }
    }

    fn connection(&self, side: Side, index: usize) -> Option<&ConnectionFace> {
        match side {
            Side::Client => Some(&self.pair.client),
            Side::Server => self.pair.server.connection(index),
        }
    }

    fn connection_mut(&mut self, side: Side, index: usize) -> Option<&mut ConnectionFace> {
        match side {
            Side::Client => Some(&mut self.pair.client),
            Side::Server => self.pair.server.connection_mut(index),
        }
    }

    fn serving(&self, side: Side) -> Option<&ConnectionFace> {
        match side {
            Side::Client => Some(&self.pair.client),
            Side::Server => self.pair.server.connection(self.serving_index()?),
        }
    }

    /// Of the server's connections. Once both sides are connected it stays: without cookies a
    /// damaged hello makes another connection, which must not disturb it.
    fn serving_index(&self) -> Option<usize> {
        self.established.or_else(|| self.pair.server.serving())
    }

    fn serving_mut(&mut self, side: Side) -> Option<&mut ConnectionFace> {
        match side {
            Side::Client => Some(&mut self.pair.client),
            Side::Server => {
                let index = self.serving_index()?;
                self.pair.server.connection_mut(index)
            }
        }
    }

    /// Whether each side is connected, over, or was never there.
    fn is_settled(&self) -> bool {
        let client_over = self.pair.client.is_closed();
        SIDES.into_iter().all(|side| match self.serving(side) {
            None => client_over,
            // One that has heard nothing has nothing to give up.
            Some(face) if face.connection.stats().datagrams_received == 0 => client_over,
            Some(face) => face.is_connected() || face.is_closed(),
        })
    }

    fn is_over(&self) -> bool {
        SIDES.into_iter().all(|side| self.serving(side).is_none_or(Face::is_closed))
    }

    fn endings(&self) -> [Ending; 2] {
        SIDES.map(|side| match self.serving(side) {
            None => Ending::Nothing,
            Some(face) => match face.closed() {
                None if face.is_connected() => Ending::Connected,
                None => Ending::Nothing,
                Some(closed) => Ending::Failed(label(&closed.reason)),
            },
        })
    }

    // --- verdicts

    /// Both are connected: they must mean the same connection.
    fn judge_agreement(&self) -> Result<(), String> {
        let [client, server] = SIDES
            .map(|side| self.serving(side).and_then(|f| f.connection.info().negotiated.clone()));
        if client != server {
            return Err(format!("the sides disagree: {client:?}, {server:?}"));
        }
        let Some(negotiated) = client else { return Err("nothing was negotiated".to_owned()) };
        if negotiated.version != self.scenario.version {
            return Err(format!("{} was negotiated", negotiated.version));
        }
        if negotiated.resumed != self.scenario.resumes() {
            return Err(format!("a session was resumed: {}", negotiated.resumed));
        }
        if self.scenario.credentials == Credentials::WrongPsk {
            return Err("connected with different keys".to_owned());
        }
        Ok(())
    }

    /// At least one side is not connected: what happened on the network must explain it.
    fn judge_failure(&self) -> Result<(), String> {
        if !self.scenario.is_gentle() {
            return Ok(());
        }
        for side in SIDES {
            let Some(closed) = self.serving(side).and_then(ConnectionFace::closed) else {
                continue;
            };
            if closed.reason != CloseReason::Error(Error::TimedOut) {
                return Err(format!("{side:?} ended with {:?}", closed.reason));
            }
            if self.scenario.heals.is_some() && !self.may_starve() {
                return Err(format!("{side:?} timed out although the network healed"));
            }
        }
        Ok(())
    }

    /// Whether the server may have run out of what it may send to an unproven address: in 1.2
    /// nothing but more hellos gives it more, so a long chain takes too many of them.
    fn may_starve(&self) -> bool {
        self.scenario.door == Door::Open && self.scenario.version == Version::V12
    }

    /// Both were connected. Nothing but silence may have ended that, and on a healed network data
    /// flows.
    fn judge_endurance(&mut self, endings: &[Ending; 2]) -> Result<(), String> {
        for (side, ending) in SIDES.into_iter().zip(endings) {
            let timed_out = label(&CloseReason::Error(Error::TimedOut));
            match ending {
                Ending::Connected => {}
                Ending::Failed(why) if *why == timed_out && self.may_fall_silent() => {}
                _ => return Err(format!("{side:?} was connected, and then {ending:?}")),
            }
        }
        let all = endings.iter().all(|ending| *ending == Ending::Connected);
        if !all || self.scenario.rebinds.is_some() {
            return Ok(());
        }
        for from in SIDES {
            let message = self.send(from, 40).ok_or_else(|| format!("{from:?} cannot send"))?;
            let limit = self.pair.now() + SOON;
            let arrived = |stage: &Self| {
                stage.messages[index(from)]
                    .arrived
                    .get(&message)
                    .is_some_and(|arrivals| arrivals.count == 1)
            };
            if !self.advance(limit, arrived)? {
                return Err(format!("no data from {from:?} on a network without faults"));
            }
        }
        Ok(())
    }

    /// Whether a connection may end because nothing arrives: the network does not heal by itself
    /// while the applications act.
    fn may_fall_silent(&self) -> bool {
        self.scenario.heals.is_none() || self.scenario.rebinds.is_some()
    }

    /// The applications do what they have in mind.
    fn act(&mut self) -> Result<(), String> {
        let start = self.pair.now();
        for (after, act) in self.scenario.acts.clone() {
            self.agenda.push(Task { at: start + after, what: What::Act(act) });
        }
        self.advance(start + ACTING, |_| false)?;
        let healed = self.scenario.healed_at().unwrap_or(start);
        if healed > self.pair.now() {
            self.advance(healed, |_| false)?;
        }
        Ok(())
    }

    /// Whoever is still there says goodbye.
    fn part(&mut self) -> Result<(), String> {
        let both = self.pair.is_connected();
        let (sides, orderly): (&[Side], _) = match self.scenario.farewell {
            Farewell::Close(side) => (&[side], true),
            Farewell::Both => (&SIDES, true),
            Farewell::Abort(side) => (&[side], false),
        };
        for side in sides {
            self.leave(*side, orderly);
        }
        let limit = self.pair.now() + SOON;
        let over = self.advance(limit, Self::is_over)?;
        if both && !over && self.scenario.rebinds.is_none() {
            return Err("the other side does not hear that it is over".to_owned());
        }
        if both && over && self.scenario.rebinds.is_none() {
            self.judge_farewell(sides, orderly)?;
        }
        for side in SIDES {
            self.leave(side, true);
        }
        Ok(())
    }

    fn judge_farewell(&self, left: &[Side], orderly: bool) -> Result<(), String> {
        let alert = Error::AlertReceived {
            description: AlertDescription::ACCESS_DENIED,
            authenticated: true,
        };
        for side in SIDES {
            let closed = self.serving(side).and_then(ConnectionFace::closed);
            let reason = closed.map(|closed| &closed.reason);
            let wanted = match (left.contains(&side), orderly) {
                (true, true) => CloseReason::Local,
                (true, false) => {
                    CloseReason::Error(Error::Refused(AlertDescription::ACCESS_DENIED))
                }
                (false, true) => CloseReason::Peer,
                (false, false) => CloseReason::Error(alert.clone()),
            };
            if reason != Some(&wanted) {
                return Err(format!("{side:?} ended with {reason:?} instead of {wanted:?}"));
            }
        }
        Ok(())
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// What kind of end it was, without the particulars.
fn label(reason: &CloseReason) -> String {
    let text = match reason {
        CloseReason::Error(Error::PeerMisbehaved(what)) => format!("{what:?}"),
        CloseReason::Error(Error::PeerIncompatible(what)) => format!("{what:?}"),
        CloseReason::Error(Error::AlertReceived { description, authenticated }) => {
            let how = if *authenticated { "authenticated" } else { "unauthenticated" };
            return format!("alert {description}, {how}");
        }
        CloseReason::Error(error) => format!("{error:?}"),
        CloseReason::Peer => return "closed by the peer".to_owned(),
        CloseReason::Local => return "gave up".to_owned(),
        other => format!("{other:?}"),
    };
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn summary(event: &Event) -> String {
    match event {
        Event::Connected(_) => "connected".to_owned(),
        Event::Needs(_, ask) => {
            let text = format!("{ask:?}");
            format!("asks {}", text.split([' ', '(']).next().unwrap_or_default())
        }
        Event::KeysUpdated => "has new keys".to_owned(),
        Event::Closed(closed) => format!("ended: {:?}", closed.reason),
        other => format!("{other:?}"),
    }
}
