//! Asks unproven peers for a cookie, in the way of each version.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

use pki_types::UnixTime;
use sealgram_cookie::{CookieKeys, HelloFields, Retry};
use sealgram_crypto::Suite;
use sealgram_handshake::{Retried, hello_hash, hello_retry_request};
use sealgram_iana::{HandshakeType, NamedGroup, ProtocolVersion};
use sealgram_wire::HelloVerifyRequest;

/// One hello, and what its cookie is bound to.
pub(super) struct Asker<'a> {
    pub(super) cookies: &'a CookieKeys,
    pub(super) fields: HelloFields<'a>,
    pub(super) address: SocketAddr,
    pub(super) now: UnixTime,
}

/// What came of it.
pub(super) enum Asked {
    /// The cookie is good: the peer can receive at its address.
    Proven(Option<Retried>),
    /// The peer is asked to come again with a cookie.
    Again {
        typ: HandshakeType,
        body: Vec<u8>,
        /// It had one, which was not good.
        bad: bool,
    },
    /// It has a cookie that was not good, and there is no asking again.
    BadCookie,
}

impl Asker<'_> {
    /// RFC 6347 §4.2.1. A hello whose only fault is its cookie gets a fresh one.
    pub(super) fn v12(&self, cookie: &[u8]) -> Asked {
        let Self { cookies, fields, address, now } = self;
        if cookies.verify12(cookie, *address, fields, *now).is_ok() {
            return Asked::Proven(None);
        }
        let fresh = cookies.issue12(*address, fields, *now);
        // The version says 1.0 whatever is negotiated later, as RFC 6347 §4.2.1 recommends:
        // clients must not conclude anything from it.
        let server_version = ProtocolVersion::DTLS_1_0;
        let body = HelloVerifyRequest { server_version, cookie: &fresh }.encode();
        Asked::Again { typ: HandshakeType::HELLO_VERIFY_REQUEST, body, bad: !cookie.is_empty() }
    }

    /// RFC 9147 §5.1. The cookie carries what the transcript needs of the first hello.
    pub(super) fn v13(
        &self,
        cookie: Option<&[u8]>,
        suite: &'static Suite,
        missing_group: Option<NamedGroup>,
        hello: &[u8],
    ) -> Asked {
        let Self { cookies, fields, address, now } = self;
        let Some(cookie) = cookie else {
            let hello_hash = hello_hash(suite, hello);
            let retry = Retry { suite: suite.id(), group: missing_group, hello_hash };
            let cookie = cookies.issue13(*address, fields, &retry, *now);
            let body = hello_retry_request(suite.id(), missing_group, Some(cookie.as_ref()));
            return Asked::Again { typ: HandshakeType::SERVER_HELLO, body, bad: false };
        };
        match cookies.verify13(cookie, *address, fields, *now) {
            Ok(found) => {
                let Retry { suite, group, hello_hash } = found.retry;
                let request: Box<[u8]> = hello_retry_request(suite, group, Some(cookie)).into();
                Asked::Proven(Some(Retried { suite, group, hello_hash, request }))
            }
            Err(_) => Asked::BadCookie,
        }
    }
}
