//! Running the command.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// Longer than anything here takes on a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealgram"));
    command.env_remove("SSLKEYLOGFILE");
    command
}

/// Runs the command to its end with this input.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A], input: &[u8]) -> Ended {
    let mut command = command();
    command.args(arguments);
    end(command, input)
}

/// Runs it with a variable of the environment.
pub(crate) fn run_with_variable(arguments: &[&str], name: &str, value: &OsStr) -> Ended {
    let mut command = command();
    command.args(arguments).env(name, value);
    end(command, b"")
}

fn end(mut command: Command, input: &[u8]) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let stdout = thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let stderr = thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text)
    });
    let code = wait(&mut child);
    let stdout = stdout.join().unwrap().unwrap();
    let stderr = stderr.join().unwrap().unwrap();
    Ended { code, stdout, stderr }
}

fn wait(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the command does not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A running `sealgram listen`. Ends with the test.
pub(crate) struct Listener {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it has said on standard error so far.
    said: Arc<Mutex<String>>,
}

impl Listener {
    /// Listens at a free port of 127.0.0.1.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", arguments)
    }

    pub(crate) fn start_at(address: &str, arguments: &[&str]) -> Self {
        let mut child = command()
            .args(["listen", address])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().unwrap();
        thread::spawn({
            let said = said.clone();
            move || listen_to(stderr, &said)
        });
        let mut listener = Self { child, address: ([127, 0, 0, 1], 0).into(), said };
        listener.address = listener.line("listening on ").parse().unwrap();
        listener
    }

    /// With a throw-away certificate for localhost.
    pub(crate) fn self_signed(arguments: &[&str]) -> Self {
        Self::start(&[&["--self-signed", "localhost"], arguments].concat())
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.line("fingerprint ")
    }

    pub(crate) fn stderr(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits for a line that begins like this, and gives what follows.
    pub(crate) fn line(&self, begin: &str) -> String {
        let began = Instant::now();
        loop {
            let said = self.stderr();
            // The last line may not be whole yet.
            let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if let Some(rest) = whole.lines().find_map(|line| line.strip_prefix(begin)) {
                return rest.to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "no line `{begin}` in: {said}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end.
    pub(crate) fn code(&mut self) -> Option<i32> {
        wait(&mut self.child)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Runs `sealgram connect` to it, trusting its fingerprint.
    pub(crate) fn connect(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let (address, fingerprint) = (self.address.to_string(), self.fingerprint());
        let first = ["connect", &address, "--fingerprint", &fingerprint];
        run(&[first.as_slice(), arguments].concat(), input)
    }
}

fn listen_to(stderr: ChildStderr, said: &Mutex<String>) {
    let mut reader = BufReader::new(stderr);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|len| len > 0) {
        said.lock().unwrap().push_str(&line);
        line.clear();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory of its own that is removed with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sealgram-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it, as an argument.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
