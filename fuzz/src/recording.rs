//! Recordings of handshakes under blind cryptography: every byte of them, the protected ones
//! included, can be read and altered. Seeds are cut from them.
//!
//! ```text
//! recording = [ from: 0 client, 1 server (1) | length (2) | datagram ]*
//! ```

use std::sync::LazyLock;

use sealgram::Side;
use sealgram::iana::Version;

use crate::input::{Input, Program};
use crate::setup::{Crypto, Knobs, Setup};
use crate::world::{World, index};

/// What was said on a connection.
pub type Recording = Vec<(Side, Vec<u8>)>;

/// Sessions that connections have left behind, encoded.
pub(crate) struct Sessions {
    pub(crate) blind: Vec<Vec<u8>>,
}

pub(crate) static SESSIONS: LazyLock<Sessions> = LazyLock::new(|| {
    let leave = |versions| {
        let early_data = versions == [Version::V13];
        let setup = Setup::new(Knobs { versions, early_data, ..Knobs::default() }, Crypto::Blind);
        let mut world = World::new(setup.client(), setup.trusting_server());
        assert!(world.run_until(World::is_settled));
        world.data_flows();
        setup.store.encoded()
    };
    Sessions { blind: [leave(&[Version::V12]), leave(&[Version::V13])].concat() }
});

/// A scenario: its name, the bytes that [`Knobs`] reads, and whether a session is resumed.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) knobs: [u8; Knobs::LEN],
    pub(crate) resume: bool,
}

/// What is recorded.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "v12", knobs: [0, 0, 0, 0], resume: false },
    Scenario { name: "v12-client-auth-alpn-srtp", knobs: [0x48, 0x20, 0, 0], resume: false },
    Scenario { name: "v12-small-datagrams", knobs: [0x08, 0, 5, 40], resume: false },
    Scenario { name: "v12-resumed", knobs: [0, 0, 0, 0], resume: true },
    Scenario { name: "v12-cached", knobs: [0, 0x10, 0, 0], resume: false },
    Scenario { name: "v13", knobs: [1, 0, 0, 0], resume: false },
    Scenario { name: "v13-client-auth-alpn-srtp", knobs: [0x49, 0x20, 0, 0], resume: false },
    Scenario { name: "v13-small-datagrams", knobs: [0x09, 0, 5, 40], resume: false },
    Scenario { name: "v13-other-group", knobs: [0x11, 0, 0, 0], resume: false },
    Scenario { name: "v13-resumed", knobs: [1, 0, 0, 0], resume: true },
    Scenario { name: "v12-psk", knobs: [0, 0x40, 0, 0], resume: false },
    Scenario { name: "v12-asked", knobs: [8, 0x05, 0x81, 0], resume: false },
    Scenario { name: "v12-psk-asked", knobs: [0, 0x45, 0, 0], resume: false },
    Scenario { name: "v13-asked", knobs: [9, 0x05, 0x89, 0], resume: false },
    Scenario { name: "v13-psk-asked", knobs: [1, 0x45, 0x88, 0], resume: false },
    Scenario { name: "v13-psk", knobs: [1, 0x40, 0, 0], resume: false },
    Scenario { name: "v13-early-data", knobs: [1, 0, 2, 0], resume: true },
    Scenario { name: "both", knobs: [2, 0, 0x18, 0], resume: false },
];

impl Scenario {
    /// Plays it: a handshake, early data if it may be, data both ways, in 1.3 an update of all keys, and a close.
    pub(crate) fn play(&self) -> Recording {
        let sessions = if self.resume { SESSIONS.blind.clone() } else { Vec::new() };
        let knobs = Knobs::read(&mut Input::new(&self.knobs));
        let setup = Setup::new(knobs, Crypto::Blind);
        // The newest is offered: the one of the version.
        let sessions: Vec<_> =
            sessions.into_iter().filter(|session| version_of(session) == self.knobs[0]).collect();
        let setup = setup.with_sessions(Crypto::Blind, &sessions);
        let mut world = World::new(setup.client(), setup.trusting_server());
        world.drain();
        assert_eq!(world.say(Side::Client, b"early"), setup.knobs.early_data, "{}", self.name);
        assert!(world.run_until(World::is_settled), "{}", self.name);
        assert!(world.is_connected(), "{}: {:?}", self.name, world.client.events);
        world.data_flows();
        let now = world.now;
        if world.client.connection.update_keys(now, true).is_ok() {
            world.data_flows();
        }
        world.client.connection.close(now);
        world.drain();
        while world.deliver(Side::Server) {}
        world.drain();
        world.history
    }
}

/// How [`Knobs`] calls the version of an encoded session.
fn version_of(session: &[u8]) -> u8 {
    let session = sealgram::ClientSession::decode(session).expect("encoded");
    u8::from(session.session().version() == Version::V13)
}

/// The bytes of a recording.
#[must_use]
pub fn encode(recording: &Recording) -> Vec<u8> {
    let each = |p: Program, (side, datagram): &(Side, Vec<u8>)| {
        p.bytes(&[u8::try_from(index(*side)).expect("small")]).long(datagram)
    };
    recording.iter().fold(Program::default(), each).0
}

/// A recording from its bytes.
#[must_use]
pub fn decode(bytes: &[u8]) -> Recording {
    let mut input = Input::new(bytes);
    let mut recording = Vec::new();
    while !input.is_empty() {
        let side = if input.u8() == 0 { Side::Client } else { Side::Server };
        recording.push((side, input.long().to_vec()));
    }
    recording
}
