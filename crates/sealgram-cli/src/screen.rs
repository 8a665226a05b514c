//! What people see on standard error.

use core::fmt::Display;
use core::time::Duration;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

/// One message, on lines of its own. If standard error is closed, there is nobody to tell.
pub(crate) fn say(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// One message that only a person who watches wants.
pub(crate) fn progress(text: &dyn Display) {
    if io::stderr().is_terminal() {
        say(text);
    }
}

/// Messages about peers, which decide how many there are: no more than so many in a second, and a
/// count of those that were left out.
#[derive(Debug)]
pub(crate) struct Limited {
    since: Instant,
    said: u32,
    left_out: u64,
}

/// More than a person reads, and little enough for a log.
const LINES_PER_SECOND: u32 = 20;

impl Limited {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), said: 0, left_out: 0 }
    }

    pub(crate) fn say(&mut self, text: &dyn Display) {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.flush();
            self.since = Instant::now();
            self.said = 0;
        }
        if self.said < LINES_PER_SECOND {
            self.said = self.said.saturating_add(1);
            say(text);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Says how much was left out so far.
    pub(crate) fn flush(&mut self) {
        let left_out = core::mem::take(&mut self.left_out);
        if left_out > 0 {
            say(&format_args!("({left_out} more messages about peers were left out)"));
        }
    }
}
