//! dimpl at one end of a simulated link.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant as Clock;

use dimpl::{Config, Dtls, DtlsCertificate, Output};
use sealgram::Instant;
use sealgram::iana::Version;
use sealgram_testkit::Face;

/// Between two timeouts at least: a client of 1.3 that waits for the rest of a flight asks to be
/// called again at once, and would stop virtual time.
const GRANULARITY: Duration = Duration::from_millis(10);

/// One end of dimpl.
pub struct Dimpl {
    dtls: Dtls,
    /// What its clock says at our time 0.
    zero: Clock,
    datagrams: VecDeque<Vec<u8>>,
    data: Vec<Vec<u8>>,
    timeout: Option<Instant>,
    /// When a timeout was served last.
    served: Instant,
    connected: bool,
    failure: Option<String>,
}

impl Dimpl {
    /// A client or a server, at time 0.
    #[must_use]
    pub fn new(
        version: Version,
        config: Arc<Config>,
        certificate: DtlsCertificate,
        client: bool,
    ) -> Self {
        let zero = Clock::now();
        let mut dtls = match version {
            Version::V12 => Dtls::new_12(config, certificate, zero),
            Version::V13 => Dtls::new_13(config, certificate, zero),
        };
        dtls.set_active(client);
        let mut this = Self {
            dtls,
            zero,
            datagrams: VecDeque::new(),
            data: Vec::new(),
            timeout: None,
            served: Instant::ZERO,
            connected: false,
            failure: None,
        };
        this.handle_timeout(Instant::ZERO);
        this
    }

    /// Why it failed, in its own words.
    #[must_use]
    pub const fn failure(&self) -> Option<&String> {
        self.failure.as_ref()
    }

    fn call(&mut self, work: impl FnOnce(&mut Dtls) -> Result<(), dimpl::Error>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = work(&mut self.dtls) {
            self.failure = Some(format!("{error}"));
            self.timeout = None;
            return;
        }
        let mut out = vec![0; 0x1_0000];
        loop {
            match self.dtls.poll_output(&mut out) {
                Output::Packet(datagram) => self.datagrams.push_back(datagram.to_vec()),
                Output::Connected => self.connected = true,
                Output::ApplicationData(data) => self.data.push(data.to_vec()),
                Output::Timeout(at) => {
                    let after = at.saturating_duration_since(self.zero);
                    // Far away means never.
                    let soon = after < Duration::from_secs(24 * 60 * 60);
                    // Rounded up: it must not be told the time too early.
                    let at = Instant::ZERO + after + Duration::from_micros(1);
                    self.timeout = soon.then(|| at.max(self.served + GRANULARITY));
                    return;
                }
                _ => {}
            }
        }
    }

    fn clock(&self, now: Instant) -> Clock {
        self.zero + Duration::from_micros(now.as_micros())
    }
}

impl Face for Dimpl {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    ) {
        let clock = self.clock(now);
        self.call(|dtls| dtls.handle_timeout(clock));
        self.call(|dtls| dtls.handle_packet(datagram));
        for data in self.data.drain(..) {
            received(&data);
        }
    }

    fn poll_transmit(&mut self, _: Instant, out: &mut [u8]) -> Option<usize> {
        let datagram = self.datagrams.pop_front()?;
        out[..datagram.len()].copy_from_slice(&datagram);
        Some(datagram.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.served = now;
        let clock = self.clock(now);
        self.call(|dtls| dtls.handle_timeout(clock));
    }

    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        self.call(|dtls| dtls.send_application_data(plaintext).map(|_| ()));
        self.poll_transmit(now, out)
    }

    fn is_connected(&self) -> bool {
        self.connected && self.failure.is_none()
    }

    fn is_closed(&self) -> bool {
        self.failure.is_some()
    }
}
