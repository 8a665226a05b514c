//! The tests of Qt's `tst_qdtls.cpp`.

mod data;
mod handshake;
mod identity;
mod setup;
