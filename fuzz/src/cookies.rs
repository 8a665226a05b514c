//! Cookies: arbitrary ones never pass, issued ones do, and altered ones do not.
//!
//! Input: keys, times, a hello's fields and address, then an alteration or a cookie.

use core::net::SocketAddr;
use core::time::Duration;

use nullcrypto::{Random, SHA256};
use pki_types::UnixTime;
use sealgram_cookie::{CookieError, CookieKeys, HelloFields, PERIOD, Retry};
use sealgram_crypto::{Digest, Secret};
use sealgram_iana::{CipherSuite, NamedGroup, ProtocolVersion};

use crate::input::Input;

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn address(input: &mut Input<'_>) -> SocketAddr {
    let v6 = input.flag();
    let bytes: [u8; 16] = core::array::from_fn(|_| input.u8());
    let port = input.u16();
    let v4 = [bytes[0], bytes[1], bytes[2], bytes[3]];
    if v6 { (bytes, port).into() } else { (v4, port).into() }
}

/// Issues and verifies.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let secret = [input.u8(); 32];
    let generation = input.u64();
    let mut keys =
        CookieKeys::with_secret(SHA256, &Secret::copy_from(&secret), generation).expect("long");
    // Whatever the clock says.
    let now = input.u64();
    let from = address(&mut input);
    let random: [u8; 32] = [input.u8(); 32];
    let (session_id, cipher_suites, compression_methods) =
        (input.short(), input.short(), input.short());
    let hello = HelloFields {
        legacy_version: ProtocolVersion(input.u16()),
        random: &random,
        session_id,
        cipher_suites,
        compression_methods,
    };
    let group = input.u16();
    let retry = Retry {
        suite: CipherSuite(input.u16()),
        group: (group != 0).then_some(NamedGroup(group)),
        hello_hash: Digest::new(input.short()),
    };

    let v12 = keys.issue12(from, &hello, at(now)).to_vec();
    let v13 = keys.issue13(from, &hello, &retry, at(now)).as_ref().to_vec();

    let op = input.u8();
    let later = now.saturating_add(u64::from(input.u8()));
    // Buckets touched since: in one or two periods a cookie expires.
    let period = PERIOD.as_secs();
    let age = later / period - now / period;
    let kept = match op >> 6 {
        0 => true,
        1 => {
            keys.rotate_to(&Secret::copy_from(&[!secret[0]; 32])).expect("long");
            true
        }
        2 => {
            keys.rotate(at(later), &Random::new(1)).expect("random");
            keys.rotate(at(later), &Random::new(2)).expect("random");
            false
        }
        _ => {
            // Shared keys are left alone.
            assert_eq!(keys.maintain(at(later), &Random::new(1)), Ok(false));
            true
        }
    };
    let expected = match (kept, age) {
        (false, _) => Err(CookieError::Invalid),
        (true, 0..=1) => Ok(()),
        (true, _) => Err(CookieError::Expired),
    };
    let pass12 = keys.verify12(&v12, from, &hello, at(later)).map(|proven| {
        assert_eq!(proven.address(), from);
    });
    assert_eq!(pass12, expected);
    let pass13 = keys.verify13(&v13, from, &hello, at(later)).map(|retried| {
        assert_eq!(retried.proven.address(), from);
        assert_eq!(retried.retry, retry);
    });
    assert_eq!(pass13, expected);
    // Neither passes as the other.
    assert!(keys.verify12(&v13, from, &hello, at(later)).is_err());
    assert!(keys.verify13(&v12, from, &hello, at(later)).is_err());

    let mut altered = if op & 1 == 0 { v12.clone() } else { v13.clone() };
    match op >> 1 & 3 {
        // Nothing else that has the right length, or any other one.
        0 => altered = input.rest().to_vec(),
        1 => {
            let index = usize::from(input.u8()) % altered.len();
            altered[index] ^= input.u8();
        }
        2 => altered.truncate(input.u8().into()),
        _ => altered.extend(input.rest()),
    }
    if altered != v12 {
        // The bits of the time bucket are not covered as such: another one is another time.
        let _ = keys.verify12(&altered, from, &hello, at(later)).map_err(refused);
        assert!(keys.verify12(&altered, from, &hello, at(later)).is_err());
    }
    if altered != v13 {
        let _ = keys.verify13(&altered, from, &hello, at(later)).map_err(refused);
        assert!(keys.verify13(&altered, from, &hello, at(later)).is_err());
    }

    // From elsewhere, or with another hello, nothing passes.
    let elsewhere = address(&mut input);
    if elsewhere.ip().to_canonical() != from.ip().to_canonical() || elsewhere.port() != from.port()
    {
        assert!(keys.verify12(&v12, elsewhere, &hello, at(later)).is_err());
        assert!(keys.verify13(&v13, elsewhere, &hello, at(later)).is_err());
    }
    let other = HelloFields { session_id: input.short(), cipher_suites: input.short(), ..hello };
    if other.session_id != hello.session_id || other.cipher_suites != hello.cipher_suites {
        assert!(keys.verify12(&v12, from, &other, at(later)).is_err());
        assert!(keys.verify13(&v13, from, &other, at(later)).is_err());
    }
}

fn refused(error: CookieError) -> CookieError {
    assert!(!error.to_string().is_empty());
    error
}
