//! What an attacker can send, and what comes of it.
//!
//! Every hostile datagram belongs to one of three classes: (a) it is dropped in silence, and the
//! handshake or connection goes on; (b) it is well-framed plaintext while plaintext is expected,
//! cannot be told from the peer's, and may end the handshake with a typed error; (c) it is a hello
//! without a valid cookie, and gets one stateless reply that is no longer than itself. [`judge`]
//! says which, from the datagram and the state alone; the tests hold the library to it.

mod connected;
mod cookies;
mod evidence;
mod floods;
mod genuine;
mod judge;
mod mutate;
mod neighbours;
mod recorded;
mod states;
