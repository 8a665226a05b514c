//! Stored sessions, and tickets that clients bring back.
//!
//! Input: what it is, then its bytes.

use core::time::Duration;
use std::sync::LazyLock;

use nullcrypto::cipher_suite;
use pki_types::UnixTime;
use sealgram::crypto::{Secret, Suite};
use sealgram::{ClientSession, Session, TicketKey};

use crate::input::Input;
use crate::wire::stable;

static SUITES: [&Suite; 3] = [
    &cipher_suite::TLS_AES_128_GCM_SHA256,
    &cipher_suite::TLS_CHACHA20_POLY1305_SHA256,
    &sealgram_ring::cipher_suite::TLS_AES_256_GCM_SHA384,
];

static KEYS: LazyLock<Vec<TicketKey>> = LazyLock::new(|| SUITES.map(|suite| key(suite, 7)).into());

fn key(suite: &Suite, fill: u8) -> TicketKey {
    TicketKey::new(suite.aead, suite.hash, &Secret::copy_from(&[fill; 32])).expect("long enough")
}

/// A ticket of the first key, for seeds.
#[must_use]
pub fn ticket(content: &[u8]) -> Vec<u8> {
    let random = nullcrypto::Random::new(1);
    KEYS[0].seal(&random, &Secret::copy_from(content)).expect("sealed")
}

/// Reads a session or a ticket.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let which = input.u8();
    match which % 4 {
        0 => {
            let body = input.rest();
            stable(
                body,
                |b| Session::decode(b).map(|s| s.encode().expose().to_vec()),
                Session::decode(body),
                |session| {
                    let _ = session.is_fresh(UnixTime::since_unix_epoch(Duration::from_secs(1)));
                    session.encode().expose().to_vec()
                },
            );
        }
        1 => {
            let body = input.rest();
            stable(
                body,
                |b| ClientSession::decode(b).map(|s| s.encode().expose().to_vec()),
                ClientSession::decode(body),
                |session| session.encode().expose().to_vec(),
            );
        }
        2 => {
            let ticket = input.rest();
            for key in &*KEYS {
                if let Some(content) = key.open(ticket) {
                    assert!(content.len() < ticket.len());
                    let _ = Session::decode(content.expose());
                }
            }
        }
        _ => sealed(input),
    }
}

/// Seals, opens, and then opens something else.
fn sealed(mut input: Input<'_>) {
    let which = input.below(KEYS.len());
    let random = nullcrypto::Random::new(input.u8().into());
    let (at, flip) = (usize::from(input.u16()), input.u8());
    let content = Secret::copy_from(input.rest());
    let mut ticket = KEYS[which].seal(&random, &content).expect("sealed");
    for (index, key) in KEYS.iter().enumerate() {
        let opened = key.open(&ticket);
        assert_eq!(opened.as_ref().map(Secret::expose), (index == which).then(|| content.expose()));
    }
    assert!(key(SUITES[which], 8).open(&ticket).is_none());
    let at = at % ticket.len();
    if flip == 0 {
        ticket.truncate(at);
    } else {
        ticket[at] ^= flip;
    }
    assert!(KEYS[which].open(&ticket).is_none(), "altered at {at}");
}
