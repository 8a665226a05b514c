//! Cookies themselves: issued for a hello from an address, verified with the next hello.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use pki_types::UnixTime;
use sealgram_crypto::{Digest, HashKind, HmacKey, Tag, ct_eq};
use sealgram_iana::{CipherSuite, NamedGroup, ProtocolVersion};

use crate::CookieKeys;

/// Length of a 1.2 cookie, and of the part of a 1.3 cookie that both have, in bytes.
///
/// With it a HelloVerifyRequest is a datagram of 60 bytes, shorter than any ClientHello.
pub const COOKIE_LEN: usize = 32;

/// The width of a time bucket. A cookie is good in the bucket it was issued in and in the next
/// one: between one and two periods.
///
/// One period covers the longest wait between two transmissions of a hello (RFC 6347 §4.2.4.1).
pub const PERIOD: Duration = Duration::from_secs(60);

/// What the version-separated labels make impossible: a cookie of one version that passes in the
/// other. They have the same length, so neither is a prefix of the other's input.
const LABEL_V12: &[u8] = b"sealgram dtls1.2 cookie";
const LABEL_V13: &[u8] = b"sealgram dtls1.3 cookie";

/// The key's parity in a cookie's first byte; the other bits are the time bucket.
const PARITY: u8 = 0x80;

/// Bytes of a 1.3 cookie between the tag and the hash: suite, group, length of the hash.
const CARRIED_FIXED: usize = 5;

/// The longest 1.3 cookie in bytes.
const MAX_COOKIE_13: usize = COOKIE_LEN + CARRIED_FIXED + HashKind::MAX_LEN;

/// The fields of a ClientHello that a cookie is bound to, as they are on the wire.
///
/// A client repeats them unchanged in its second hello (RFC 6347 §4.2.1, RFC 8446 §4.1.2).
#[derive(Clone, Copy, Debug)]
pub struct HelloFields<'a> {
    /// `legacy_version`, or `client_version` in 1.2.
    pub legacy_version: ProtocolVersion,
    /// `random`.
    pub random: &'a [u8; 32],
    /// `session_id`, without its length.
    pub session_id: &'a [u8],
    /// `cipher_suites`, two bytes each, without their length.
    pub cipher_suites: &'a [u8],
    /// `compression_methods`, without their length.
    pub compression_methods: &'a [u8],
}

/// What a HelloRetryRequest decided, and the cookie carries (RFC 9147 §5.1).
///
/// From it the server writes the same HelloRetryRequest into its transcript again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    /// The cipher suite.
    pub suite: CipherSuite,
    /// The group that the client was asked for a key share in; `None` if it was asked for none.
    pub group: Option<NamedGroup>,
    /// The hash of the first ClientHello, with the suite's hash function.
    pub hello_hash: Digest,
}

/// A 1.3 cookie: at most 85 bytes.
#[derive(Clone, Copy)]
pub struct Cookie13 {
    bytes: [u8; MAX_COOKIE_13],
    /// Invariant: at most [`MAX_COOKIE_13`].
    len: usize,
}

impl AsRef<[u8]> for Cookie13 {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for Cookie13 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie13(..)")
    }
}

/// Proof that the client receives at the address it sends from. Only a cookie makes one.
#[derive(Debug)]
#[must_use]
pub struct AddressProven {
    address: SocketAddr,
}

impl AddressProven {
    /// The address that was proven.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What a good 1.3 cookie gives back.
#[derive(Debug)]
#[must_use]
pub struct Retried {
    /// The proof that the address is the client's.
    pub proven: AddressProven,
    /// What was decided when the cookie was issued.
    pub retry: Retry,
}

/// Why a cookie is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieError {
    /// Not a cookie of ours for this address and hello, or one whose key is gone.
    Invalid,
    /// Ours and for this address and hello, but too old, or from a clock ahead of this one.
    Expired,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "the cookie is not valid for this address and hello",
            Self::Expired => "the cookie has expired",
        })
    }
}

impl core::error::Error for CookieError {}

impl CookieKeys {
    /// The cookie of a HelloVerifyRequest (RFC 6347 §4.2.1).
    #[must_use]
    pub fn issue12(
        &self,
        address: SocketAddr,
        hello: &HelloFields<'_>,
        now: UnixTime,
    ) -> [u8; COOKIE_LEN] {
        self.issue(LABEL_V12, address, hello, &[], now)
    }

    /// Verifies the cookie that came with a 1.2 hello. Costs one HMAC.
    ///
    /// # Errors
    ///
    /// [`CookieError`] for any cookie that this server, or one with the same keys, did not issue
    /// for this address and hello within the last one to two [`PERIOD`]s.
    pub fn verify12(
        &self,
        cookie: &[u8],
        address: SocketAddr,
        hello: &HelloFields<'_>,
        now: UnixTime,
    ) -> Result<AddressProven, CookieError> {
        let Ok(cookie) = <&[u8; COOKIE_LEN]>::try_from(cookie) else {
            return Err(CookieError::Invalid);
        };
        self.verify(LABEL_V12, cookie, address, hello, &[], now)
    }

    /// The cookie of a HelloRetryRequest (RFC 9147 §5.1).
    #[must_use]
    pub fn issue13(
        &self,
        address: SocketAddr,
        hello: &HelloFields<'_>,
        retry: &Retry,
        now: UnixTime,
    ) -> Cookie13 {
        let hash = retry.hello_hash.as_ref();
        let [s0, s1] = retry.suite.0.to_be_bytes();
        let [g0, g1] = retry.group.map_or(0, |group| group.0).to_be_bytes();
        // A digest is at most 48 bytes long.
        let fixed = [s0, s1, g0, g1, u8::try_from(hash.len()).unwrap_or(u8::MAX)];

        let mut carried = [0; CARRIED_FIXED + HashKind::MAX_LEN];
        let mut len = 0_usize;
        for (to, from) in carried.iter_mut().zip(fixed.iter().chain(hash)) {
            *to = *from;
            len = len.saturating_add(1);
        }
        let carried = carried.get(..len).unwrap_or_default();
        let front = self.issue(LABEL_V13, address, hello, carried, now);

        let mut cookie =
            Cookie13 { bytes: [0; MAX_COOKIE_13], len: COOKIE_LEN.saturating_add(len) };
        for (to, from) in cookie.bytes.iter_mut().zip(front.iter().chain(carried)) {
            *to = *from;
        }
        cookie
    }

    /// Verifies the cookie that came with a 1.3 hello, and returns what it carries. Costs one
    /// HMAC.
    ///
    /// # Errors
    ///
    /// As [`CookieKeys::verify12`].
    pub fn verify13(
        &self,
        cookie: &[u8],
        address: SocketAddr,
        hello: &HelloFields<'_>,
        now: UnixTime,
    ) -> Result<Retried, CookieError> {
        let Some((front, carried)) = cookie.split_first_chunk::<COOKIE_LEN>() else {
            return Err(CookieError::Invalid);
        };
        let Some(([s0, s1, g0, g1, hash_len], hash)) = carried.split_first_chunk::<CARRIED_FIXED>()
        else {
            return Err(CookieError::Invalid);
        };
        if hash.len() != usize::from(*hash_len) {
            return Err(CookieError::Invalid);
        }
        let proven = self.verify(LABEL_V13, front, address, hello, carried, now)?;
        let group = u16::from_be_bytes([*g0, *g1]);
        let retry = Retry {
            suite: CipherSuite(u16::from_be_bytes([*s0, *s1])),
            group: (group != 0).then_some(NamedGroup(group)),
            hello_hash: Digest::new(hash),
        };
        Ok(Retried { proven, retry })
    }

    fn issue(
        &self,
        label: &[u8],
        address: SocketAddr,
        hello: &HelloFields<'_>,
        carried: &[u8],
        now: UnixTime,
    ) -> [u8; COOKIE_LEN] {
        let (key, parity) = self.current();
        let bucket = bucket(now);
        let tag = tag(key, label, address, bucket, hello, carried);
        let mut cookie = [0; COOKIE_LEN];
        let first = low_bits(bucket) | if parity { PARITY } else { 0 };
        for (to, from) in cookie.iter_mut().zip([first].iter().chain(tag.as_ref())) {
            *to = *from;
        }
        cookie
    }

    fn verify(
        &self,
        label: &[u8],
        cookie: &[u8; COOKIE_LEN],
        address: SocketAddr,
        hello: &HelloFields<'_>,
        carried: &[u8],
        now: UnixTime,
    ) -> Result<AddressProven, CookieError> {
        let [first, claimed @ ..] = cookie;
        let Some(key) = self.by_parity(first & PARITY != 0) else {
            return Err(CookieError::Invalid);
        };
        // The 7 bits name one of the 128 buckets around now: 64 back to 63 ahead. The tag covers
        // the whole number, so a cookie that is 128 buckets old has the wrong tag.
        let now = bucket(now);
        let age = low_bits(now).wrapping_sub(*first) & !PARITY;
        let issued = if age <= 64 {
            now.wrapping_sub(u64::from(age))
        } else {
            now.wrapping_add(u64::from(128_u8.wrapping_sub(age)))
        };
        let tag = tag(key, label, address, issued, hello, carried);
        let expected = tag.as_ref().get(..claimed.len()).unwrap_or_default();
        if !ct_eq(claimed, expected) {
            return Err(CookieError::Invalid);
        }
        if age > 1 {
            return Err(CookieError::Expired);
        }
        Ok(AddressProven { address })
    }
}

fn bucket(now: UnixTime) -> u64 {
    now.as_secs().checked_div(PERIOD.as_secs()).unwrap_or_default()
}

/// A bucket's lowest 7 bits.
const fn low_bits(bucket: u64) -> u8 {
    let [.., low] = bucket.to_be_bytes();
    low & !PARITY
}

/// The HMAC of the crate's head. Issuing and verifying both call it, so they cannot differ.
fn tag(
    key: &dyn HmacKey,
    label: &[u8],
    address: SocketAddr,
    bucket: u64,
    hello: &HelloFields<'_>,
    carried: &[u8],
) -> Tag {
    let (family, v4, v6);
    let ip: &[u8] = match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            family = [4];
            v4 = ip.octets();
            &v4
        }
        IpAddr::V6(ip) => {
            family = [6];
            v6 = ip.octets();
            &v6
        }
    };
    key.sign(&[
        label,
        &family,
        ip,
        &address.port().to_be_bytes(),
        &bucket.to_be_bytes(),
        &hello.legacy_version.0.to_be_bytes(),
        hello.random,
        &length(hello.session_id),
        hello.session_id,
        &length(hello.cipher_suites),
        hello.cipher_suites,
        &length(hello.compression_methods),
        hello.compression_methods,
        carried,
    ])
}

/// Eight bytes, because then no length needs a case of its own.
fn length(field: &[u8]) -> [u8; 8] {
    u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes()
}
