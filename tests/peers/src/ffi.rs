//! Calls of BoringSSL that the crate `boring` has no name for, made safe.
//!
//! Every function takes a reference to an `Ssl` or a context, so the pointer in it is good and
//! nobody else uses it meanwhile; what BoringSSL writes to is a local variable of the right type.

use core::ptr;
use core::time::Duration;

use boring::ssl::{Ssl, SslContext, SslContextBuilder, SslRef, SslSession};
use boring_sys as sys;
use foreign_types::ForeignTypeRef;
use sealgram::iana::NamedGroup;

use crate::clock;

/// The context's time is virtual from now on.
pub(crate) fn use_virtual_time(context: &mut SslContextBuilder) {
    // SAFETY: the context is valid, and the callback is a function that never goes away.
    unsafe { sys::SSL_CTX_set_current_time_cb(context.as_ptr(), Some(current_time)) }
}

/// Writes virtual time to where BoringSSL wants it.
unsafe extern "C" fn current_time(_ssl: *const sys::SSL, out: *mut sys::timeval) {
    let time = clock::calendar();
    let seconds = i64::try_from(time.as_secs()).expect("a time before the end of all times");
    let value = sys::timeval { tv_sec: seconds, tv_usec: i64::from(time.subsec_micros()) };
    // SAFETY: BoringSSL calls this with a pointer to a variable of its own.
    unsafe { out.write(value) }
}

/// How long until [`handle_timeout`] must be called.
pub(crate) fn timeout(ssl: &SslRef) -> Option<Duration> {
    let mut left = sys::timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: `ssl` is valid, and `left` is there for the call.
    let runs = unsafe { sys::DTLSv1_get_timeout(ssl.as_ptr(), &raw mut left) };
    let seconds = u64::try_from(left.tv_sec).expect("time left is not negative");
    let micros = u64::try_from(left.tv_usec).expect("time left is not negative");
    (runs != 0).then(|| Duration::from_secs(seconds) + Duration::from_micros(micros))
}

/// Does what is due. False if that failed.
pub(crate) fn handle_timeout(ssl: &mut SslRef) -> bool {
    // SAFETY: `ssl` is valid and not used by anybody else.
    unsafe { sys::DTLSv1_handle_timeout(ssl.as_ptr()) >= 0 }
}

/// Sends a KeyUpdate.
pub(crate) fn update_keys(ssl: &mut SslRef, peer_too: bool) -> bool {
    let request =
        if peer_too { sys::SSL_KEY_UPDATE_REQUESTED } else { sys::SSL_KEY_UPDATE_NOT_REQUESTED };
    // SAFETY: `ssl` is valid and not used by anybody else. A write of nothing reads nothing from
    // the null pointer, and flushes the KeyUpdate, as its documentation says.
    unsafe {
        sys::SSL_key_update(ssl.as_ptr(), request) == 1
            && sys::SSL_write(ssl.as_ptr(), ptr::null(), 0) >= 0
    }
}

/// Sends key shares of these groups and no others.
pub(crate) fn set_shares(ssl: &mut SslRef, groups: &[NamedGroup]) {
    let groups: Vec<u16> = groups.iter().map(|group| group.0).collect();
    // SAFETY: `ssl` is valid, and BoringSSL copies the numbers.
    let set =
        unsafe { sys::SSL_set1_client_key_shares(ssl.as_ptr(), groups.as_ptr(), groups.len()) };
    assert!(set == 1, "BoringSSL sends no shares of {groups:?}");
}

/// Offers to resume a session of the same context.
pub(crate) fn set_session(ssl: &mut Ssl, session: &SslSession, context: &SslContext) {
    let same = ssl.ssl_context().as_ptr() == context.as_ptr();
    assert!(same, "the session is of another context");
    // SAFETY: the session was made by a connection of `context`, which is that of `ssl`.
    unsafe { ssl.set_session(session) }.expect("BoringSSL takes its session back");
}
