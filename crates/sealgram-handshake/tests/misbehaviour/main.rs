//! Every way in which a peer can break the handshake ends it, on the side that notices, with the
//! error that says what is wrong and the alert that the RFCs ask for.
//!
//! The state machines are joined by whole messages, so everything that a peer says can be
//! changed, what is encrypted on the wire included.

mod edits;
mod flights;
mod hellos;
mod joined;
mod laws;
mod psks;
mod retries;
