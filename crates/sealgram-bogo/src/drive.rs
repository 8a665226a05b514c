//! One connection of a test, from the first datagram to the last.

use core::sync::atomic::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use sealgram::iana::{AlertDescription, Version};
use sealgram::{
    Answer, Ask, CloseReason, Closed, Connected, Connection, Event, Path, ResolvesCertificate,
    SessionCache, TimeoutKind,
};

use crate::clock::Clock;
use crate::configs::{self, Parts};
use crate::credentials::Identities;
use crate::flags::Options;
use crate::link::{Link, Opcode};
use crate::provider;
use crate::report::Failure;
use crate::sessions::Sessions;
use crate::verify::Verdict;

/// Makes the connection with this number, from 0, do what the test wants.
pub(crate) fn connection(
    clock: &Arc<Clock>,
    sessions: &Sessions,
    options: &Options,
    nth: usize,
) -> Result<(), Failure> {
    if nth > 0 && !options.server && sessions.store.is_empty() {
        return Err(Failure::failed("there is no session to resume"));
    }
    let provider = provider::chosen_for(options)?;
    let identities = Identities::load(options, &provider)?;
    let algorithms = provider.signature_algorithms;
    let verdict = Verdict::new(options, algorithms, sessions.refused.clone());
    let (identities, verdict) = (&identities, &verdict);
    let parts = Parts { clock, sessions, options, identities, verdict };
    let connection = configs::connection(&parts)?;
    let link = Link::connect(options.port, options.ipv6, options.shim_id)?;
    let mut drive = Drive {
        clock,
        sessions,
        options,
        had: Counts::of(sessions),
        link,
        connection,
        identities,
        verdict,
        signed_with: None,
        inbox: VecDeque::new(),
        connected: None,
        updating_keys: false,
        closed: None,
    };
    let result = drive.run(nth).and_then(|()| drive.check_tickets());
    drive.link.finish();
    result
}

struct Drive<'a> {
    clock: &'a Clock,
    options: &'a Options,
    sessions: &'a Sessions,
    had: Counts,
    link: Link,
    connection: Connection,
    identities: &'a Identities,
    verdict: &'a Verdict,
    /// The identity whose key was asked for.
    signed_with: Option<usize>,
    /// Records of application data that were not answered yet.
    inbox: VecDeque<Vec<u8>>,
    connected: Option<Box<Connected>>,
    /// Our key update waits to be acknowledged.
    updating_keys: bool,
    closed: Option<Closed>,
}

/// What had happened before the connection.
#[derive(Clone, Copy)]
struct Counts {
    /// Sessions that the client's store has got.
    stored: usize,
    /// Sessions that the server's cache has got.
    cached: usize,
    /// Tickets that the server has seen.
    opened: usize,
}

impl Counts {
    fn of(sessions: &Sessions) -> Self {
        Self {
            stored: sessions.store.puts(),
            cached: sessions.cache.puts(),
            opened: sessions.tickets.opens(),
        }
    }
}

/// What there was to read.
enum Read {
    Data(Vec<u8>),
    /// The peer said goodbye, or hung up.
    End,
}

impl Drive<'_> {
    /// Longer than any datagram.
    const BUFFER: usize = 1 << 16;

    fn run(&mut self, nth: usize) -> Result<(), Failure> {
        self.flush()?;
        while self.connected.is_none() {
            if let Some(closed) = &self.closed {
                return Err(Failure::closed(closed));
            }
            if !self.step()? {
                return Err(Failure::failed(":HUNG_UP: the runner is gone before the end"));
            }
        }
        if !self.options.implicit_handshake {
            self.check(nth)?;
        }
        if self.options.export_len > 0 {
            self.export()?;
        }
        if self.options.send_alert {
            self.connection.abort(self.clock.now(), AlertDescription::DECOMPRESSION_FAILURE)?;
            return self.flush();
        }
        if let Some(data) = &self.options.shim_writes_first {
            self.write(&data.clone())?;
        }
        loop {
            if self.options.key_update_before_read && !self.updating_keys {
                self.connection.update_keys(self.clock.now(), false)?;
                self.updating_keys = true;
                self.flush()?;
            }
            match self.read()? {
                Read::Data(mut data) => {
                    data.iter_mut().for_each(|byte| *byte ^= 0xff);
                    self.write(&data)?;
                }
                Read::End => return Ok(()),
            }
        }
    }

    /// The next record of application data.
    fn read(&mut self) -> Result<Read, Failure> {
        loop {
            if let Some(data) = self.inbox.pop_front() {
                return Ok(Read::Data(data));
            }
            match &self.closed {
                Some(Closed { reason: CloseReason::Peer, .. }) => return Ok(Read::End),
                Some(closed) => return Err(Failure::closed(closed)),
                None => {}
            }
            if !self.step()? {
                return Ok(Read::End);
            }
        }
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        let mut buffer = vec![0; Self::BUFFER];
        let transmit = self.connection.send(self.clock.now(), data, &mut buffer)?;
        Ok(self.link.send(&buffer[..transmit.len])?)
    }

    /// Does the next thing that the runner says, and all that follows from it. `false` if it has
    /// hung up.
    fn step(&mut self) -> Result<bool, Failure> {
        let Some(opcode) = self.link.read()? else { return Ok(false) };
        let now = self.clock.now();
        match opcode {
            Opcode::Datagram(mut datagram) => {
                let Self { connection, inbox, .. } = self;
                connection.handle_datagram(now, Path::connected(), &mut datagram, &mut |data| {
                    inbox.push_back(data.bytes.to_vec());
                });
            }
            Opcode::Advance(nanoseconds) => {
                self.link.acknowledge_time()?;
                self.clock.advance(nanoseconds);
                self.connection.handle_timeout(self.clock.now());
            }
            Opcode::Mtu(bytes) => self.connection.set_max_datagram(bytes),
            Opcode::ExpectTimeout(nanoseconds) => self.check_timeout(nanoseconds)?,
            Opcode::InitialTimeout(timeout) => self.connection.set_retransmit_timeout(timeout),
        }
        self.flush()?;
        Ok(true)
    }

    /// Sends what is due and takes the events. The runner may have hung up already; that shows
    /// when we read.
    fn flush(&mut self) -> Result<(), Failure> {
        self.transmit();
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Needs(id, ask) => {
                    let answer = self.answer(&ask)?;
                    self.connection.resolve(self.clock.now(), id, answer)?;
                    self.transmit();
                }
                Event::Connected(connected) => self.connected = Some(connected),
                Event::KeepSession(session) => {
                    self.sessions.cache.put(session.id, session.content);
                }
                Event::KeysUpdated => self.updating_keys = false,
                Event::Closed(closed) => self.closed = Some(closed),
                _ => {}
            }
        }
        Ok(())
    }

    fn answer(&mut self, ask: &Ask) -> Result<Answer, Failure> {
        match ask {
            Ask::Certificate(wanted) => Ok(Answer::Certificate(self.identities.resolve(wanted))),
            Ask::Sign(sign) => {
                let delay = self.options.private_key_delay.as_nanos();
                self.clock.advance(u64::try_from(delay).unwrap_or(u64::MAX));
                self.connection.handle_timeout(self.clock.now());
                self.transmit();
                let (index, signature) = self.identities.sign(sign)?;
                self.signed_with = Some(index);
                Ok(Answer::Sign(Ok(signature)))
            }
            Ask::Session(id) => Ok(Answer::Session(self.sessions.cache.get(id))),
            Ask::VerifyPeer(_) => Ok(Answer::VerifyPeer(self.verdict.judge())),
            other => Err(Failure::failed(format!("asked for {other:?}"))),
        }
    }

    fn transmit(&mut self) {
        let mut buffer = vec![0; Self::BUFFER];
        while let Some(transmit) = self.connection.poll_transmit(self.clock.now(), &mut buffer) {
            let _ = self.link.send(&buffer[..transmit.len]);
        }
    }

    /// Compares the next timer with what the runner expects. Only retransmission and ACK count:
    /// it knows no others.
    fn check_timeout(&self, expected: Option<u64>) -> Result<(), Failure> {
        let timers = [TimeoutKind::Retransmit, TimeoutKind::Ack];
        let next = timers.into_iter().filter_map(|kind| self.connection.timeout(kind)).min();
        let next = next.map(|at| at.saturating_since(self.clock.now()).as_micros());
        let expected = expected.map(|nanoseconds| u128::from(nanoseconds / 1000));
        if next == expected {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the next timer fires in {next:?} microseconds, not in {expected:?}"
        )))
    }

    /// Compares what was negotiated with what the test expects.
    fn check(&self, nth: usize) -> Result<(), Failure> {
        let (Some(connected), options) = (&self.connected, self.options) else { return Ok(()) };
        let negotiated = &connected.negotiated;
        let expect = |holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(Failure::failed(format!("wrong: {what}"))) }
        };
        let resumes = nth > 0 && !options.expect_session_miss;
        expect(negotiated.resumed == resumes, "whether a session was resumed")?;
        let wants_certificate = if options.server {
            options.require_any_client_certificate
        } else {
            !options.expect_no_peer_certificate && negotiated.psk_identity.is_none()
        };
        expect(!wants_certificate || !connected.peer_chain.is_empty(), "no peer certificate")?;
        if options.expect_verify_result {
            let refused = self.sessions.refused.load(Ordering::Relaxed);
            expect(refused == options.verify_fail, "the verification's result")?;
        }
        if negotiated.version == Version::V12 && !options.server {
            let due = !options.expect_no_session && (!resumes || options.expect_ticket_renewal);
            expect(
                (self.sessions.store.puts() > self.had.stored) == due,
                "whether there is a session",
            )?;
        }
        if nth == 0 {
            let cached = self.sessions.cache.puts() > self.had.cached;
            expect(cached || !options.expect_session_id, "no session in the cache")?;
            expect(!cached || !options.expect_no_session_id, "a session in the cache")?;
        }
        if options.expect_single_open {
            let opened = self.sessions.tickets.opens() - self.had.opened;
            expect(opened == usize::from(nth > 0), "how often the ticket was opened")?;
        }
        if let Some(expected) = options.expect_hello_retried {
            let retried = self.connection.info().hello_retried;
            expect(retried == expected, "whether there was a HelloRetryRequest")?;
        }
        if let Some(expected) = options.expect_selected_credential {
            let expected = expected.or_else(|| self.identities.list.len().checked_sub(1));
            expect(self.signed_with == expected, "which credential was selected")?;
        }
        // A session that is resumed needs no certificate, so nobody is asked for one.
        if let Some(expected) = options.expect_advertised_alpn.as_ref().filter(|_| !resumes) {
            let offered = self.identities.offered_alpn();
            expect(*offered == configs::protocols(expected), "the client's protocols")?;
        }
        let alpn = negotiated.alpn.as_deref().unwrap_or_default();
        let expected = if options.server { &options.select_alpn } else { &options.expect_alpn };
        expect(alpn == expected, "the application protocol")?;
        if let Some(name) = &options.expect_server_name {
            expect(negotiated.server_name.as_ref() == Some(name), "the server's name")?;
        }
        Ok(())
    }

    /// By the end a 1.3 server must have given us something to resume with.
    fn check_tickets(&self) -> Result<(), Failure> {
        let version = self.connected.as_ref().map(|connected| connected.negotiated.version);
        let ends_here = self.options.server || self.options.send_alert;
        if version != Some(Version::V13) || ends_here {
            return Ok(());
        }
        let any = self.sessions.store.puts() > self.had.stored;
        if any == self.options.expect_no_session {
            return Err(Failure::failed(if any { "a ticket came" } else { "no ticket came" }));
        }
        let allows = self.sessions.store.max_early_data() > 0;
        if self.options.expect_ticket_for_early_data && !allows {
            return Err(Failure::failed("the ticket allows no early data"));
        }
        Ok(())
    }

    /// Sends keying material to the runner, which knows what it should be.
    fn export(&mut self) -> Result<(), Failure> {
        let options = self.options;
        let mut material = vec![0; options.export_len];
        let context = options.use_export_context.then_some(&options.export_context[..]);
        self.connection.export_keying_material(&mut material, &options.export_label, context)?;
        self.write(&material)
    }
}
