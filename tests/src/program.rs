//! A running program: what it is told, what it says, and that it ends.

use core::fmt::{self, Display};
use core::time::Duration;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::scene::{Checked, Failure, Scene};

/// How often a program that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(1);

/// What is kept of each stream, in bytes: some programs repeat themselves without end.
const KEPT: usize = 0x100_0000;

/// One of the two streams that a program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        })
    }
}

/// How a program ended, with all that it said.
#[derive(Debug)]
pub struct Exit {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

/// Everything one stream has carried so far.
#[derive(Debug, Default)]
struct Captured {
    content: Mutex<Content>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    ended: bool,
}

impl Captured {
    /// Reads `source` to its end on a thread of its own.
    fn of(mut source: impl Read + Send + 'static) -> Arc<Self> {
        let captured = Arc::new(Self::default());
        let writer = Arc::clone(&captured);
        thread::spawn(move || {
            let mut chunk = [0; 0x4000];
            loop {
                let length = source.read(&mut chunk).unwrap_or(0);
                let mut content = writer.lock();
                let room = KEPT.saturating_sub(content.bytes.len());
                content.bytes.extend_from_slice(&chunk[..length.min(room)]);
                content.ended = length == 0;
                writer.changed.notify_all();
                if content.ended {
                    return;
                }
            }
        });
        captured
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `found` sees what it wants, or the stream has ended, or the time is up; gives
    /// what `found` gave last.
    fn wait<T>(&self, time: Duration, found: impl Fn(&[u8]) -> Option<T>) -> (Option<T>, bool) {
        let (content, _) = self
            .changed
            .wait_timeout_while(self.lock(), time, |content| {
                !content.ended && found(&content.bytes).is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        (found(&content.bytes), content.ended)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }
}

/// What a program was told and has said so far.
#[derive(Clone, Debug)]
pub(crate) struct Transcript {
    command: String,
    input: Arc<Mutex<Vec<u8>>>,
    stdout: Arc<Captured>,
    stderr: Arc<Captured>,
}

impl Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "---- $ {}", self.command)?;
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let input = String::from_utf8_lossy(&input).into_owned();
        let parts =
            [("stdin", input), ("stdout", self.stdout.text()), ("stderr", self.stderr.text())];
        for (name, text) in parts {
            for line in text.lines() {
                let end = if line.len() > 300 { "..." } else { "" };
                let line: String = line.chars().take(300).collect();
                writeln!(f, "{name:>6} | {line}{end}")?;
            }
        }
        Ok(())
    }
}

/// A program that runs until it ends by itself or this value is dropped.
#[derive(Debug)]
pub struct Program<'s> {
    scene: &'s Scene,
    child: Child,
    stdin: Option<ChildStdin>,
    transcript: Transcript,
}

impl<'s> Program<'s> {
    /// Starts `command` with all three streams captured.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(scene: &'s Scene, mut command: Command) -> Checked<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Whoever runs the tests may have these set; the programs must not notice.
        for name in ["SSLKEYLOGFILE", "OPENSSL_CONF"] {
            if command.get_envs().all(|(set, _)| set != name) {
                command.env_remove(name);
            }
        }
        let line = command_line(&command);
        let mut child =
            command.spawn().map_err(|error| Failure::new(format!("{line}: {error}")))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::new(format!("{line}: a stream is missing")));
        };
        let transcript = Transcript {
            command: line,
            input: Arc::default(),
            stdout: Captured::of(stdout),
            stderr: Captured::of(stderr),
        };
        scene.keep(transcript.clone());
        Ok(Self { scene, child, stdin: Some(stdin), transcript })
    }

    /// Writes `bytes` to the program's input, in one piece.
    ///
    /// # Errors
    ///
    /// If the input was closed, by either side.
    pub fn input(&mut self, bytes: &[u8]) -> Checked {
        let name = &self.transcript.command;
        let stdin =
            self.stdin.as_mut().ok_or_else(|| Failure::new(format!("input is closed: {name}")))?;
        self.transcript
            .input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        stdin
            .write_all(bytes)
            .and_then(|()| stdin.flush())
            .map_err(|error| Failure::new(format!("no input taken ({error}): {name}")))
    }

    /// Lets the program see the end of its input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// What the stream has carried so far.
    pub fn text(&self, stream: Stream) -> String {
        self.captured(stream).text()
    }

    /// Waits until `stream` has carried `text`.
    ///
    /// # Errors
    ///
    /// If the program ends, or the row's deadline comes, before that.
    pub fn wait_for(&self, stream: Stream, text: &str) -> Checked {
        self.wait_until(stream, text, |seen| seen.contains(text).then_some(()))
    }

    /// Waits until `stream` has carried a whole line that contains `text`, and gives the part of
    /// it that follows `text`.
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_for_line(&self, stream: Stream, text: &str) -> Checked<String> {
        self.wait_until(stream, text, |seen| {
            let (_, rest) = seen.split_once(text)?;
            rest.split_once('\n').map(|(line, _)| line.trim_end().to_owned())
        })
    }

    /// Waits until `found` gives something for what `stream` has carried; `what` names it.
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_until<T>(
        &self,
        stream: Stream,
        what: &str,
        found: impl Fn(&str) -> Option<T>,
    ) -> Checked<T> {
        let (result, ended) = self
            .captured(stream)
            .wait(self.scene.time_left(), |bytes| found(&String::from_utf8_lossy(bytes)));
        result.ok_or_else(|| {
            let why = if ended { "the stream ended" } else { "the time was up" };
            let what: String = what.chars().take(80).collect();
            let command = &self.transcript.command;
            Failure::new(format!("{why} before {stream} had {what:?}: {command}"))
        })
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    ///
    /// If the row's deadline comes first.
    pub fn exit(&mut self) -> Checked<Exit> {
        // Both streams are read to their end first: nothing that was said is missed.
        for stream in [Stream::Out, Stream::Err] {
            self.captured(stream).wait(self.scene.time_left(), |_| None::<()>);
        }
        loop {
            if let Some(status) = self.child.try_wait()? {
                let stdout = self.text(Stream::Out);
                let stderr = self.text(Stream::Err);
                return Ok(Exit { code: status.code(), stdout, stderr });
            }
            if self.scene.time_left().is_zero() {
                let command = &self.transcript.command;
                return Err(Failure::new(format!("the time was up and this still ran: {command}")));
            }
            thread::sleep(POLL);
        }
    }

    /// Ends the program, which would not do so by itself.
    ///
    /// # Errors
    ///
    /// As [`exit`](Self::exit).
    pub fn kill(&mut self) -> Checked<Exit> {
        self.child.kill()?;
        self.exit()
    }

    fn captured(&self, stream: Stream) -> &Captured {
        match stream {
            Stream::Out => &self.transcript.stdout,
            Stream::Err => &self.transcript.stderr,
        }
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command as one would type it.
fn command_line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let shown: String = argument.chars().take(120).collect();
        let cut = if shown.len() < argument.len() { "..." } else { "" };
        let quote = if shown.is_empty() || shown.contains([' ', '\'', '!']) { "'" } else { "" };
        line.push_str(&format!(" {quote}{shown}{cut}{quote}"));
    }
    line
}
