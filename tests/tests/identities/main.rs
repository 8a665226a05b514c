//! Who shows what to whom: certificates chosen by name, key, scheme and issuer, inline, by a
//! resolver and by the application; keys without certificates; whom a server lets in; and what both ends export
//! afterwards. In both versions.
//!
//! Both ends run in memory, over a link that loses nothing; only the clock of certificates is real.

mod chosen;
mod exported;
mod policies;
mod raw;
mod rig;
