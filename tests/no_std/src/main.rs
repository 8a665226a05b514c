//! A program without `std`: its own allocator and panic handler, and libc for `malloc`, `abort`,
//! `getentropy`, `write` and the way into `main`. It completes handshakes in memory, over
//! make-believe cryptography and over the provider in pure Rust, exchanges data, prints what a
//! handshake and an idle connection take of the heap, and ends with 0; every step that fails has
//! an exit code of its own.
//!
//! That it links at all shows that no core crate needs `std`.
#![no_std]
#![no_main]

extern crate alloc;

mod heap;
mod setups;

use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

use heap::{Owner, charged, live, take_peak};
use sealgram::{Connection, Instant, Path};
use setups::{SERVER_NAME, Setup};

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
    fn write(file: i32, bytes: *const u8, len: usize) -> isize;
}

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

/// Standard output.
struct Out;

impl Write for Out {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        // SAFETY: that many bytes can be read there.
        let written = unsafe { write(1, text.as_ptr(), text.len()) };
        if usize::try_from(written) == Ok(text.len()) { Ok(()) } else { Err(core::fmt::Error) }
    }
}

#[unsafe(no_mangle)]
extern "C" fn main(_argc: i32, _argv: *const *const u8) -> i32 {
    for (setup, step) in setups::ALL.iter().zip((10..).step_by(10)) {
        if let Err(code) = run(setup) {
            return step + code;
        }
    }
    0
}

/// One end, whatever it does on its own account.
struct End {
    owner: Owner,
    connection: Connection,
}

impl End {
    fn new(owner: Owner, make: impl FnOnce() -> Option<Connection>) -> Option<Self> {
        take_peak(owner);
        charged(owner, make).map(|connection| Self { owner, connection })
    }

    /// Everything that it has to send goes to `other`.
    fn send_to(&mut self, now: Instant, other: &mut Self, buf: &mut [u8]) -> Option<()> {
        while let Some(transmit) = charged(self.owner, || self.connection.poll_transmit(now, buf)) {
            let datagram = buf.get_mut(..transmit.len)?;
            charged(other.owner, || {
                other.connection.handle_datagram(now, Path::connected(), datagram, &mut |_| {});
                while other.connection.poll_event().is_some() {}
            });
        }
        Some(())
    }

    /// Lets all timers of a settled connection run out.
    fn settle(&mut self, now: Instant) {
        charged(self.owner, || {
            self.connection.handle_timeout(now);
            while self.connection.poll_event().is_some() {}
        });
    }

    /// Bytes of the connection itself and of what it has on the heap.
    fn bytes(&self) -> usize {
        size_of::<Connection>() + live(self.owner)
    }
}

fn run(setup: &Setup) -> Result<(), i32> {
    let server_config = setup.server().ok_or(1)?;
    let client_config = setup.client().ok_or(2)?;
    let (now, path) = (Instant::ZERO, Path::connected());
    let name = setup.has_server_name().then(|| SERVER_NAME.try_into().ok()).flatten();
    let mut client =
        End::new(Owner::Client, || Connection::client(&client_config, name, path, now).ok())
            .ok_or(3)?;
    let mut server = End::new(Owner::Server, || {
        Some(Connection::server_on_trusted_path(&server_config, path, now))
    })
    .ok_or(3)?;
    let mut buf = [0; 1500];
    for _ in 0..10 {
        client.send_to(now, &mut server, &mut buf).ok_or(4)?;
        server.send_to(now, &mut client, &mut buf).ok_or(4)?;
    }
    if !client.connection.is_connected() || !server.connection.is_connected() {
        return Err(5);
    }
    let negotiated = client.connection.info().negotiated.as_ref();
    if negotiated.is_none_or(|negotiated| negotiated.cipher_suite != setup.suite) {
        return Err(8);
    }
    let mut received = Vec::new();
    charged(Owner::Client, || {
        let transmit = client.connection.send(now, b"without std", &mut buf).map_err(|_| 6)?;
        let datagram = buf.get_mut(..transmit.len).ok_or(4)?;
        charged(Owner::Server, || {
            server.connection.handle_datagram(now, path, datagram, &mut |data| {
                charged(Owner::Nobody, || received.extend_from_slice(data.bytes));
            });
        });
        Ok::<_, i32>(())
    })?;
    if received != b"without std" {
        return Err(7);
    }
    let peaks = [&client, &server].map(|end| size_of::<Connection>() + take_peak(end.owner));
    // Until then the last flight and the handshake's read keys stay (RFC 9147 §5.8.1).
    let later = now.saturating_add(Duration::from_secs(300));
    client.settle(later);
    server.settle(later);
    let idle = [&client, &server].map(End::bytes);
    writeln!(
        Out,
        "{}: client {} bytes at most, {} idle; server {} bytes at most, {} idle",
        setup.name, peaks[0], idle[0], peaks[1], idle[1]
    )
    .map_err(|_| 9)?;
    charged(Owner::Client, || drop(client.connection));
    charged(Owner::Server, || drop(server.connection));
    // What one side took it has given back.
    if live(Owner::Client) == 0 && live(Owner::Server) == 0 { Ok(()) } else { Err(9) }
}
