//! What Qt's DTLS module promises and tests, promised and tested here: against `sealgram-udp`, on
//! real sockets.
//!
//! | module | has |
//! |---|---|
//! | `tst_qdtls` | the 16 tests of Qt's `tst_qdtls.cpp` |
//! | `tst_qdtlscookie` | the 5 tests of Qt's `tst_qdtlscookie.cpp` |
//! | `beyond` | what Qt's tests leave out, and what Qt gets wrong |
//!
//! A test has Qt's name in snake case, and its doc comment has it as Qt spells it. Rows are Qt's
//! rows, each for DTLS 1.2 and 1.3 wherever the promise has nothing to do with the version. Where
//! sealgram does something else on purpose, the test asserts that and says so.
//!
//! # How the two map
//!
//! | Qt | here |
//! |---|---|
//! | `QDtls`, client | [`sealgram_udp::Client`]: it owns its socket, and has begun once it exists |
//! | `QDtls`, server | a connection of a [`sealgram_udp::Server`], named by a `PeerId` |
//! | `QDtlsClientVerifier` | a [`sealgram::Endpoint`], and the one in every `Server` |
//! | `QSslConfiguration` | [`sealgram::ClientConfig`], [`sealgram::ServerConfig`]: checked once, then immutable |
//! | NotStarted | no `Client` yet, or none any more |
//! | InProgress | neither connected nor closed |
//! | PeerVerificationFailed | an open `Ask::VerifyPeer`: the application decides |
//! | Complete | `is_connected` |
//! | `QDtlsError` | [`sealgram::ErrorKind`], which has the same eight |
//! | null socket, not checked port, missing key | do not compile |
#![forbid(unsafe_code)]

mod beyond;
mod support;
mod tables;
mod tst_qdtls;
mod tst_qdtlscookie;
