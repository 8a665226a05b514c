//! One association from beginning to end.

use core::fmt::{self, Display};
use core::time::Duration;
use std::collections::BTreeSet;

use sealgram::iana::{AlertDescription, ContentType, HandshakeType, Version};
use sealgram::{Instant, Side};
use sealgram_testkit::{Ended as Run, Pair, Plan};

use crate::posted::Posted;
use crate::{Agreed, Checked, End, Ended, Failure, Library, Party, Terms, check, check_eq, clock};

/// Which end sealgram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl Role {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// sealgram's side.
    #[must_use]
    pub const fn ours(self) -> Side {
        match self {
            Self::Client => Side::Client,
            Self::Server => Side::Server,
        }
    }

    /// The other library's side.
    #[must_use]
    pub const fn theirs(self) -> Side {
        match self {
            Self::Client => Side::Server,
            Self::Server => Side::Client,
        }
    }

    /// The two parties, the client first: sealgram in this role, and the other library.
    #[must_use]
    pub fn parties(self, library: Library, client: &Terms, server: &Terms) -> [Box<dyn Party>; 2] {
        match self {
            Self::Client => [Library::Sealgram.client(client), library.server(server)],
            Self::Server => [library.client(client), Library::Sealgram.server(server)],
        }
    }
}

impl Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "sealgram client",
            Self::Server => "sealgram server",
        })
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// More datagrams than any association here has a use for.
const MAX_DATAGRAMS: usize = 300;

/// How long a handshake may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(100);

/// A client and a server with a link between them.
pub struct Meeting {
    /// The two ends, the link, and time.
    pub pair: Pair<Posted, Posted>,
    /// When the second of the two was connected.
    connected_at: Option<Instant>,
}

impl Meeting {
    /// Starts both, client first. It is an hour after the meeting before.
    ///
    /// # Errors
    ///
    /// If a socket cannot be had.
    pub fn start(parties: &[Box<dyn Party>; 2]) -> Checked<Self> {
        Self::start_after(Duration::from_secs(60 * 60), parties)
    }

    /// Starts both, client first, so long after the meeting before began.
    ///
    /// # Errors
    ///
    /// If a socket cannot be had.
    pub fn start_after(pause: Duration, parties: &[Box<dyn Party>; 2]) -> Checked<Self> {
        clock::begin_after(pause);
        let [client, server] = parties;
        let start = |party: &dyn Party| {
            Posted::start(party, Instant::ZERO).map_err(|error| Failure::new(error.to_string()))
        };
        let pair = Pair::new(start(&**client)?, start(&**server)?);
        Ok(Self { pair, connected_at: None })
    }

    /// What becomes of the datagrams.
    #[must_use]
    pub fn with_plan(mut self, plan: Plan) -> Self {
        self.pair.set_plan(plan);
        self
    }

    /// One of the ends.
    #[must_use]
    pub fn end(&self, side: Side) -> &dyn End {
        match side {
            Side::Client => &*self.pair.client.end,
            Side::Server => &*self.pair.server.end,
        }
    }

    /// One of the ends.
    pub fn end_mut(&mut self, side: Side) -> &mut dyn End {
        match side {
            Side::Client => &mut *self.pair.client.end,
            Side::Server => &mut *self.pair.server.end,
        }
    }

    /// Runs until both ends are connected and nothing is left to be said, and gives what both say
    /// was agreed on, the client first.
    ///
    /// # Errors
    ///
    /// If the handshake fails, or the two do not say the same, or they never come to rest.
    pub fn connect(&mut self) -> Checked<[Agreed; 2]> {
        let limit = self.pair.now() + PATIENCE;
        self.pair.run_until(limit, |pair| {
            let over = pair.client.end.is_closed() || pair.server.end.is_closed();
            pair.is_connected() || over || pair.trace().len() > MAX_DATAGRAMS
        });
        let [client, server] = [Side::Client, Side::Server].map(|side| {
            let end = self.end(side);
            end.agreed().ok_or_else(|| {
                Failure::new(format!("the {side:?} is not connected: {:?}", end.ended()))
            })
        });
        let (client, server) = match (client, server) {
            (Ok(client), Ok(server)) => (client, server),
            (client, server) => {
                let texts = [client.err(), server.err()].into_iter().flatten();
                let texts: Vec<String> = texts.map(|failure| failure.to_string()).collect();
                return Err(self.failure(&texts.join("; ")));
            }
        };
        self.connected_at = Some(self.pair.now());
        let same = |what: &str, same: bool| {
            check(same, format!("the two do not agree on the {what}: {client:?}, {server:?}"))
        };
        same("version", client.version == server.version)?;
        same("cipher suite", is_same(client.cipher_suite, server.cipher_suite))?;
        same("group", is_same(client.group, server.group))?;
        same("application protocol", client.alpn == server.alpn)?;
        same("SRTP profile", client.srtp == server.srtp)?;
        same("resumption", client.resumed == server.resumed)?;
        self.rest()?;
        Ok([client, server])
    }

    /// How long the handshake has taken, in virtual time.
    #[must_use]
    pub fn handshake_time(&self) -> Option<Duration> {
        self.connected_at.map(|at| Duration::from_micros(at.as_micros()))
    }

    /// How many ClientHellos the client has sent that differ in number, fragments and
    /// retransmissions not counted.
    #[must_use]
    pub fn client_hellos(&self) -> usize {
        let sent = self.pair.sent_by(Side::Client);
        let numbers: BTreeSet<u16> = sent.flat_map(|sent| hello_numbers(&sent.bytes)).collect();
        numbers.len()
    }

    /// Runs until `refuser` has ended the association with this alert, and the other side has heard
    /// it; the refuser never counts as connected.
    ///
    /// # Errors
    ///
    /// If that is not how it goes. dimpl sends no alerts, and both have to end without.
    pub fn refused(&mut self, refuser: Side, alert: AlertDescription) -> Checked {
        self.run_for(PATIENCE)?;
        let [ours, theirs] = [refuser, other(refuser)].map(|side| (side, self.end(side).ended()));
        let seen = |failure: &str| self.failure(&format!("{failure}: {ours:?}, {theirs:?}"));
        if self.end(refuser).agreed().is_some() {
            return Err(seen("the one who refuses was connected"));
        }
        match &ours {
            (_, Some(Ended::Failed { sent: Some(sent), .. })) if *sent != alert => {
                return Err(seen(&format!("the alert is not {alert}")));
            }
            // Nothing has even begun: a stateless refusal.
            (_, Some(Ended::Failed { .. })) | (Side::Server, None) => {}
            _ => return Err(seen("the one who should refuse does not")),
        }
        match &theirs {
            (_, Some(Ended::Failed { received: Some(received), .. })) if *received == alert => {
                Ok(())
            }
            _ => Err(seen(&format!("the other has not heard {alert}"))),
        }
    }

    /// Lets this much time pass.
    ///
    /// # Errors
    ///
    /// If they send without end.
    pub fn run_for(&mut self, duration: Duration) -> Checked {
        let end = self.pair.now() + duration;
        let limit = self.pair.trace().len() + MAX_DATAGRAMS;
        match self.pair.run_until(end, |pair| pair.trace().len() > limit) {
            Run::Done => Err(self.failure("they send without end")),
            Run::Idle | Run::OutOfTime => {
                // Nothing is left to happen before the end.
                self.pair.run_for(end.saturating_since(self.pair.now()));
                Ok(())
            }
        }
    }

    /// Waits until nobody has anything more to say.
    ///
    /// # Errors
    ///
    /// If they never come to rest, as when something is sent again and again.
    pub fn rest(&mut self) -> Checked {
        // Longer than any back-off: where the network loses what is sent last, that is sent again
        // after a minute.
        self.run_for(Duration::from_secs(600))?;
        let before = self.pair.trace().len();
        self.run_for(Duration::from_secs(100))?;
        let after = self.pair.trace().len();
        check(before == after, self.failure("they send and send").to_string())
    }

    /// Sends data both ways and back, of several lengths.
    ///
    /// # Errors
    ///
    /// If it does not arrive as it was sent.
    pub fn exchange(&mut self) -> Checked {
        for len in [1, 2, 100, 1000, 1150] {
            for from in [Side::Client, Side::Server] {
                self.send(from, len)?;
            }
        }
        Ok(())
    }

    /// Sends `len` bytes.
    ///
    /// # Errors
    ///
    /// If they do not arrive.
    pub fn send(&mut self, from: Side, len: usize) -> Checked {
        let to = other(from);
        let before = self.pair.received_by(to).len();
        let data: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        if !self.pair.send(from, &data) {
            let ended = self.end(from).ended();
            return Err(self.failure(&format!("the {from:?} cannot send {len} bytes: {ended:?}")));
        }
        self.run_for(Duration::from_secs(1))?;
        let got = self.pair.received_by(to).get(before..).unwrap_or_default();
        let lens: Vec<usize> = got.iter().map(Vec::len).collect();
        let same = matches!(got, [one] if *one == data);
        let what = format!("{len} bytes of the {from:?} arrive as {lens:?}");
        if same { Ok(()) } else { Err(self.failure(&what)) }
    }

    /// Lets `from` say close_notify, and waits until the other side has heard it.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn close(&mut self, from: Side) -> Checked {
        let to = other(from);
        let now = self.pair.now();
        self.end_mut(from).close(now);
        self.run_for(Duration::from_secs(1))?;
        check_eq("the end of the one who closes", self.end(from).ended(), Some(Ended::ByUs))?;
        check_eq("the end of the other", self.end(to).ended(), Some(Ended::ByPeer))
    }

    /// Both export the same keys, and other ones for another label and context.
    ///
    /// # Errors
    ///
    /// If they do not.
    pub fn check_exports(&self) -> Checked {
        let mut seen = Vec::new();
        for (label, context) in [
            ("EXPERIMENTAL-one", None),
            ("EXPERIMENTAL-two", None),
            ("EXPERIMENTAL-one", Some(&b""[..])),
            ("EXPERIMENTAL-one", Some(&b"context"[..])),
        ] {
            let [client, server] = [Side::Client, Side::Server].map(|side| {
                let mut out = vec![0; 40];
                self.end(side).export(&mut out, label, context).then_some(out)
            });
            check(client.is_some(), "nothing was exported")?;
            check(client == server, format!("the exports differ for {label}, {context:?}"))?;
            seen.push((label, context, client));
        }
        let version = self.end(Side::Client).agreed().map(|agreed| agreed.version);
        for (index, (_, context, one)) in seen.iter().enumerate() {
            for (_, other_context, other) in &seen[index + 1..] {
                // 1.3 does not tell an empty context from none (RFC 8446 §7.5).
                let empty = |context: &Option<&[u8]>| context.unwrap_or_default().is_empty();
                let may_be_same =
                    version == Some(Version::V13) && empty(context) && empty(other_context);
                check(one != other || may_be_same, "different exports are the same")?;
            }
        }
        Ok(())
    }

    /// A failure with everything that was on the link.
    #[must_use]
    pub fn failure(&self, what: &str) -> Failure {
        let mut text = format!("{what}\nat {} us\n", self.pair.now().as_micros());
        for side in [Side::Client, Side::Server] {
            if let Some(ended) = self.end(side).ended() {
                text.push_str(&format!("the {side:?} has ended: {ended:?}\n"));
            }
        }
        for sent in self.pair.trace() {
            text.push_str(&format!(
                "{:>10} us {:?} #{} {} bytes, {:?}:",
                sent.at.as_micros(),
                sent.from,
                sent.index,
                sent.bytes.len(),
                sent.fate
            ));
            text.push_str(&describe(&sent.bytes));
            text.push('\n');
        }
        Failure::new(text)
    }
}

/// The `message_seq` of every ClientHello, or part of one, in plaintext records of a datagram.
fn hello_numbers(datagram: &[u8]) -> Vec<u16> {
    let mut numbers = Vec::new();
    let mut rest = datagram;
    while let [first, ..] = rest {
        let Some((header, body)) = rest.split_at_checked(13) else { break };
        let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let plaintext = header[3..5] == [0, 0];
        if *first == ContentType::HANDSHAKE.0
            && plaintext
            && let [typ, _, _, _, high, low, ..] = body
            && *typ == HandshakeType::CLIENT_HELLO.0
        {
            numbers.push(u16::from_be_bytes([*high, *low]));
        }
        rest = body.get(len..).unwrap_or_default();
    }
    numbers
}

/// The records of a datagram, as far as they can be read.
fn describe(datagram: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = datagram;
    while let [first, ..] = rest {
        // RFC 9147 §4: 001CSLEE.
        if first >> 5 == 1 {
            text.push_str(&format!(" protected({first:08b}) and {} bytes", rest.len()));
            break;
        }
        let Some((header, body)) = rest.split_at_checked(13) else { break };
        let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let typ = ContentType(*first);
        let start = body.get(..len.min(12)).unwrap_or_default();
        text.push_str(&format!(
            " {typ}(epoch {}, {}, {len} bytes: {start:02x?})",
            header[4], header[10]
        ));
        rest = body.get(len..).unwrap_or_default();
    }
    text
}

/// Whether both say the same, as far as they tell.
fn is_same<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}
