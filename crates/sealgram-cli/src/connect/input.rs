//! What `connect` sends.

use std::collections::VecDeque;
use std::io::{self, BufRead as _};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

/// Lines that are read ahead: enough to keep the sender busy.
const READ_AHEAD: usize = 64;

/// Datagrams to be sent, in order.
pub(super) enum Input {
    Given(VecDeque<Vec<u8>>),
    /// Read by a thread: nothing waits for a line and for a datagram at the same time.
    Standard(Receiver<Vec<u8>>),
}

pub(super) enum Next {
    Datagram(Vec<u8>),
    NotYet,
    End,
}

impl Input {
    pub(super) fn given(texts: &[String]) -> Self {
        Self::Given(texts.iter().map(|text| text.clone().into_bytes()).collect())
    }

    /// The lines of standard input, without their ends.
    pub(super) fn standard() -> Self {
        let (sender, receiver) = sync_channel(READ_AHEAD);
        // It may wait for input when the process ends, and ends with it.
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            loop {
                let mut line = Vec::new();
                match input.read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self::Standard(receiver)
    }

    /// The next datagram, however long it takes; `None` at the end.
    pub(super) fn wait(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Given(texts) => texts.pop_front(),
            Self::Standard(lines) => lines.recv().ok(),
        }
    }

    pub(super) fn next(&mut self) -> Next {
        match self {
            Self::Given(texts) => texts.pop_front().map_or(Next::End, Next::Datagram),
            Self::Standard(lines) => match lines.try_recv() {
                Ok(line) => Next::Datagram(line),
                Err(TryRecvError::Empty) => Next::NotYet,
                Err(TryRecvError::Disconnected) => Next::End,
            },
        }
    }
}
