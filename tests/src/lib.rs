//! Black-box tests of the `sealgram` command against foreign programs: what they share.
//!
//! ```text
//!   tests/{openssl,gnutls}_*.rs      rows of data, and what each row expects
//!        |
//!        v
//!   Rows -> Scene           one row: a directory, a deadline, what every program said
//!        |
//!        +-- Conversation   sealgram and a foreign program with a relay between them
//!        +-- Certified      keys and certificates, made on the spot
//!        +-- Openssl        `openssl s_server` and `s_client`
//!        +-- Gnutls         `gnutls-serv` and `gnutls-cli`
//!        +-- Libcoap        `coap-server` and `coap-client`
//!        +-- Sealgram       `sealgram listen` and `connect`
//!        +-- Relay          stands between two programs: records and loses datagrams
//! ```
//!
//! [`Recording`] is of another kind: handshakes with foreign peers that were written down, and the
//! library's own calls to repeat them.
//!
//! Nothing else here looks inside sealgram: the command line, its output and the wire are all it sees.
//! A row that fails shows the command lines and the whole output of every program it started.
#![forbid(unsafe_code)]

mod certified;
mod conversation;
mod foreign;
mod gnutls;
mod libcoap;
mod names;
mod openssl;
mod pki;
mod program;
mod recording;
mod relay;
mod scene;
mod sealgram;

pub use certified::Certified;
pub use conversation::{Conversation, Ended, Failed, Refuser, Role};
pub use foreign::{Foreign, Habits, Listening};
pub use gnutls::Gnutls;
pub use libcoap::{Inside, Libcoap};
pub use names::{Alert, Cipher, Group};
pub use openssl::{Openssl, OpensslClient, OpensslServer};
pub use pki::{Authority, Identity, KeyKind, Leaf};
pub use program::{Exit, Program, Stream};
pub use recording::{NAME, Ours, Recording, Step, recordings};
pub use relay::{Datagram, Direction, Loss, Relay};
pub use scene::{Checked, Failure, Scene, check, check_contains, check_eq, foreign_peer, rows};
pub use sealgram::{Report, Reports, Sealgram, SealgramConnect, SealgramListen};
