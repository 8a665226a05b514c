//! A program without `std`: its own allocator and panic handler, and libc for `malloc`, `abort`
//! and the way into `main`. It completes a handshake in each version in memory, exchanges data,
//! and ends with 0; every step that fails has an exit code of its own.
//!
//! That it links at all shows that no core crate needs `std`.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::time::Duration;

use sealgram::crypto::WallClock;
use sealgram::iana::{SignatureScheme, Version};
use sealgram::pki_types::UnixTime;
use sealgram::{ClientConfig, Connection, Instant, Path, ServerConfig};

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(alignment: usize, size: usize) -> *mut u8;
    fn free(block: *mut u8);
    fn abort() -> !;
}

struct Libc;

// SAFETY: `aligned_alloc` gives a block of at least `size` bytes with this alignment, or null. It
// wants a size that is a multiple of the alignment, hence the padding. `free` takes such blocks.
unsafe impl GlobalAlloc for Libc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let layout = layout.pad_to_align();
        // SAFETY: plain values.
        unsafe { aligned_alloc(layout.align().max(16), layout.size().next_multiple_of(16)) }
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller's block came from `alloc`.
        unsafe { free(block) }
    }
}

#[global_allocator]
static ALLOCATOR: Libc = Libc;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ends the program.
    unsafe { abort() }
}

/// The precompiled `alloc` names it, though nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// As `rust_eh_personality`.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    // SAFETY: ends the program.
    unsafe { abort() }
}

/// A device that knows no calendar better than this.
#[derive(Debug)]
struct Fixed;

impl WallClock for Fixed {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000))
    }
}

#[unsafe(no_mangle)]
extern "C" fn main(_argc: i32, _argv: *const *const u8) -> i32 {
    for (version, step) in [(Version::V12, 10), (Version::V13, 20)] {
        if let Err(code) = run(version) {
            return step + code;
        }
    }
    0
}

fn run(version: Version) -> Result<(), i32> {
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let server = ServerConfig::builder_with_provider(nullcrypto::provider(1))
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .with_versions(&[version])
        .with_wall_clock(Arc::new(Fixed))
        .build()
        .map_err(|_| 1)?;
    let client = ClientConfig::builder_with_provider(nullcrypto::provider(2))
        .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
        .with_no_client_auth()
        .with_versions(&[version])
        .with_wall_clock(Arc::new(Fixed))
        .build()
        .map_err(|_| 2)?;
    let (now, path) = (Instant::ZERO, Path::connected());
    let mut client = Connection::client(&client, None, path, now).map_err(|_| 3)?;
    let mut server = Connection::server_on_trusted_path(&server, path, now);
    let mut buf = [0; 1500];
    for _ in 0..10 {
        while let Some(transmit) = client.poll_transmit(now, &mut buf) {
            let datagram = buf.get_mut(..transmit.len).ok_or(4)?;
            server.handle_datagram(now, path, datagram, &mut |_| {});
        }
        while let Some(transmit) = server.poll_transmit(now, &mut buf) {
            let datagram = buf.get_mut(..transmit.len).ok_or(4)?;
            client.handle_datagram(now, path, datagram, &mut |_| {});
        }
    }
    if !client.is_connected() || !server.is_connected() {
        return Err(5);
    }
    let transmit = client.send(now, b"without std", &mut buf).map_err(|_| 6)?;
    let mut received = Vec::new();
    let datagram = buf.get_mut(..transmit.len).ok_or(4)?;
    server.handle_datagram(now, path, datagram, &mut |data| {
        received.extend_from_slice(data.bytes);
    });
    if received == b"without std" { Ok(()) } else { Err(7) }
}
