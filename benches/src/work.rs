//! What is measured: each thing that sealgram does, and the cryptography that it cannot do without.

use core::fmt;
use std::sync::Arc;

use sealgram::iana::{NamedGroup, Version};
use sealgram::pki_types::ServerName;
use sealgram::{
    ClientSession, ClientSessionStore, Endpoint, EndpointConfig, Instant, MemorySessions,
};

use crate::joined::path;
use crate::raw::{self, Aligned, Counts};
use crate::{Joined, Parties, Suite, VERSIONS, group_name};

/// Something to measure, beside the least that it could take.
pub struct Work {
    /// Which, without blanks.
    pub name: String,
    /// Does it once.
    pub ours: Box<dyn FnMut()>,
    /// Does only the cryptography, straight from *ring*. `None` where there is none that counts.
    pub raw: Option<Box<dyn FnMut()>>,
    /// Like `raw`, with what the protocol adds to the cryptography: a record of 1.3 encrypts its
    /// content type too, and masks its number. `None` where it adds nothing.
    pub floor: Option<Box<dyn FnMut()>>,
    /// Bytes of plaintext; 0 for handshakes.
    pub bytes: usize,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({})", self.name)
    }
}

/// Sizes of plaintext: voice, a full datagram, about the longest record.
pub const SIZES: [usize; 3] = [64, 1200, 16_000];

/// The same plaintext from client to server, over and over, in one buffer.
struct Records {
    version: Version,
    suite: Suite,
    joined: Joined,
    buf: Aligned,
    plaintext: core::ops::Range<usize>,
    left: u32,
}

/// Keys of AES-GCM are changed after some twenty million records, which is not measured here.
const RECORDS_PER_CONNECTION: u32 = 10_000_000;

fn joined(version: Version, suite: Suite) -> Joined {
    let parties = Parties::new();
    let client = parties.client(version, suite, NamedGroup::X25519, None);
    Joined::new(&client, &parties.server(version, suite, false))
}

impl Records {
    fn new(version: Version, suite: Suite, size: usize) -> Self {
        let joined = joined(version, suite);
        let (before, after) = joined.client.overhead();
        let buf = Aligned::new(before + size + after);
        let left = RECORDS_PER_CONNECTION;
        Self { version, suite, joined, buf, plaintext: before..before + size, left }
    }

    /// Seals where the plaintext is, and opens where the record is.
    fn run(&mut self) {
        if self.left == 0 {
            self.joined = joined(self.version, self.suite);
            self.left = RECORDS_PER_CONNECTION;
        }
        self.left -= 1;
        let Joined { client, server } = &mut self.joined;
        let (now, buf) = (Instant::ZERO, self.buf.get());
        let sealed = client.send_in_place(now, buf, self.plaintext.clone());
        let (range, _) = sealed.expect("sealed");
        let mut len = None;
        server.handle_datagram(now, path(), &mut buf[range], &mut |data| {
            len = Some(data.bytes.len());
        });
        assert_eq!(len, Some(self.plaintext.len()));
    }
}

/// Length of the additional data: header fields in 1.2, the short header in 1.3.
const fn aad_len(version: Version) -> usize {
    match version {
        Version::V12 => 13,
        Version::V13 => 5,
    }
}

/// One record sealed by one side and opened by the other, beside *ring*'s AEAD: both versions,
/// all suites, all sizes. Only those whose names are `wanted` are set up.
#[must_use]
pub fn records(wanted: impl Fn(&str) -> bool) -> Vec<Work> {
    let mut all = Vec::new();
    for version in VERSIONS {
        for suite in Suite::ALL {
            for size in SIZES {
                let name = format!("record/{version:?}/{suite}/{size}");
                if !wanted(&name) {
                    continue;
                }
                let mut ours = Records::new(version, suite, size);
                let (aad, before) = (aad_len(version), ours.plaintext.start);
                let mut raw = raw::Records::new(suite, aad, before, size);
                let floor = (version == Version::V13).then(|| {
                    let mut raw = raw::Records::new(suite, aad, before, size + 1);
                    let masks = raw::Masks::new(suite);
                    Box::new(move || {
                        raw.run();
                        masks.run();
                    }) as Box<dyn FnMut()>
                });
                all.push(Work {
                    name,
                    ours: Box::new(move || ours.run()),
                    raw: Some(Box::new(move || raw.run())),
                    floor,
                    bytes: size,
                });
            }
        }
    }
    all
}

/// Takes sessions and has none, so that a client with tickets still makes full handshakes.
#[derive(Debug)]
pub struct Forgetful;

impl ClientSessionStore for Forgetful {
    fn put(&self, _: Option<&ServerName<'_>>, _: ClientSession) {}

    fn take(&self, _: Option<&ServerName<'_>>) -> Option<ClientSession> {
        None
    }
}

/// How a handshake goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Certificates, and nothing kept for later.
    Full,
    /// Certificates, a cookie, and tickets for later: what the defaults do.
    Cookie,
    /// With a ticket of the handshake before.
    Resumed,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Cookie => "full+cookie+tickets",
            Self::Resumed => "resumed",
        }
    }

    /// What both sides together need. The chain has one certificate under the root.
    fn counts(self, version: Version, group: NamedGroup) -> Counts {
        let full = self != Self::Resumed;
        // A resumed session of 1.2 has no key exchange.
        let exchange = usize::from(full || version == Version::V13);
        Counts {
            generate: 2 * exchange,
            agree: 2 * exchange,
            sign: usize::from(full),
            verify: 2 * usize::from(full),
            ml_kem: exchange * usize::from(group == NamedGroup::X25519_MLKEM768),
        }
    }
}

fn handshake(
    parties: &Parties,
    name: String,
    version: Version,
    kind: Kind,
    group: NamedGroup,
) -> Work {
    let suite = Suite::Aes128Gcm;
    let sessions: Option<Arc<dyn ClientSessionStore>> = match kind {
        Kind::Full => None,
        Kind::Cookie => Some(Arc::new(Forgetful)),
        Kind::Resumed => Some(Arc::new(MemorySessions::new(16))),
    };
    let client = parties.client(version, suite, group, sessions);
    let server = parties.server(version, suite, kind != Kind::Full);
    let ours: Box<dyn FnMut()> = match kind {
        Kind::Full => Box::new(move || drop(Joined::new(&client, &server))),
        Kind::Cookie => {
            let mut endpoint =
                Endpoint::new(EndpointConfig::new(), Some(server)).expect("an endpoint");
            Box::new(move || drop(Joined::through(&client, &mut endpoint)))
        }
        Kind::Resumed => {
            drop(Joined::new(&client, &server));
            Box::new(move || {
                let joined = Joined::new(&client, &server);
                let negotiated = joined.client.info().negotiated.as_ref().expect("connected");
                assert!(negotiated.resumed);
            })
        }
    };
    let counts = kind.counts(version, group);
    let raw: Option<Box<dyn FnMut()>> = (counts.generate > 0).then(|| {
        let raw = raw::PublicKeys::new(parties, counts);
        Box::new(move || raw.run()) as Box<dyn FnMut()>
    });
    Work { name, ours, raw, floor: None, bytes: 0 }
}

/// Whole handshakes, client and server together, beside the public-key operations that they need.
/// Only those whose names are `wanted` are set up.
#[must_use]
pub fn handshakes(wanted: impl Fn(&str) -> bool) -> Vec<Work> {
    let parties = Parties::new();
    let mut all = Vec::new();
    for version in VERSIONS {
        for group in [NamedGroup::X25519, NamedGroup::X25519_MLKEM768] {
            for kind in [Kind::Full, Kind::Cookie, Kind::Resumed] {
                let name = format!("handshake/{version:?}/{}/{}", group_name(group), kind.name());
                let exists = version == Version::V13 || group == NamedGroup::X25519;
                if exists && wanted(&name) {
                    all.push(handshake(&parties, name, version, kind, group));
                }
            }
        }
    }
    all
}
