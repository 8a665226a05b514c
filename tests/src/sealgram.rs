//! What is under test: the `sealgram` command.

use core::net::SocketAddr;
use core::time::Duration;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::names::{Cipher, Group};
use crate::pki::Identity;
use crate::program::{Program, Stream};
use crate::scene::{Checked, Failure, Scene, check_eq};

/// How often a report that is not there yet is looked for.
const POLL: Duration = Duration::from_millis(5);

/// A command line of sealgram in the making.
#[derive(Clone, Debug)]
pub struct Sealgram {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl Sealgram {
    /// The command at `program`: every file of tests finds its own with
    /// `env!("CARGO_BIN_EXE_sealgram-under-test")`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), variables: Vec::new() }
    }

    /// Adds an option without a value.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.arguments.push(name.into());
        self
    }

    /// Adds an option with a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.arguments.push(name.into());
        self.arguments.push(value.as_ref().into());
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// The certificate chain and key to show.
    #[must_use]
    pub fn identity(self, identity: &Identity) -> Self {
        self.with("--cert", &identity.chain).with("--key", &identity.key)
    }

    /// The root that the server's certificate has to lead to, and its name.
    #[must_use]
    pub fn trust(self, root: &Path, name: &str) -> Self {
        self.with("--ca", root).with("--name", name)
    }

    /// The one cipher suite to use.
    #[must_use]
    pub fn cipher(self, cipher: Cipher) -> Self {
        self.with("--suites", cipher.iana)
    }

    /// The groups to use, the best first.
    #[must_use]
    pub fn groups(self, groups: &[Group]) -> Self {
        let names: Vec<&str> = groups.iter().map(|group| group.iana).collect();
        self.with("--groups", names.join(","))
    }

    /// Starts `sealgram listen` at a free port of 127.0.0.1 and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not get ready.
    pub fn listen<'s>(&self, scene: &'s Scene) -> Checked<SealgramListen<'s>> {
        self.listen_at(scene, "127.0.0.1:0")
    }

    /// Starts `sealgram listen` at `address` (port 0 picks one) and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not get ready.
    pub fn listen_at<'s>(&self, scene: &'s Scene, address: &str) -> Checked<SealgramListen<'s>> {
        let reports = scene.new_path("report.json");
        let program = self.start(scene, &["listen", address], &reports)?;
        let address = program.wait_for_line(Stream::Err, "listening on ")?;
        let address = address
            .parse()
            .map_err(|error| Failure::new(format!("sealgram listens on {address:?}: {error}")))?;
        Ok(SealgramListen { program, address, reports: Reports { scene, path: reports } })
    }

    /// Starts `sealgram connect` to `address`.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn connect<'s>(
        &self,
        scene: &'s Scene,
        address: SocketAddr,
    ) -> Checked<SealgramConnect<'s>> {
        let reports = scene.new_path("report.json");
        let program = self.start(scene, &["connect", &address.to_string()], &reports)?;
        Ok(SealgramConnect { program, reports: Reports { scene, path: reports } })
    }

    /// Runs `sealgram cert` for `localhost` with these further arguments and gives where the
    /// certificate and the key are, and the fingerprint that it printed.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub fn make_certificate(
        &self,
        scene: &Scene,
        arguments: &[&str],
    ) -> Checked<(PathBuf, PathBuf, String)> {
        let (certificate, key) = (scene.new_path("made.pem"), scene.new_path("made.key"));
        let mut command = Command::new(&self.program);
        command.args(["cert", "localhost"]).args(arguments);
        command.arg("--cert").arg(&certificate).arg("--key").arg(&key);
        let mut program = Program::start(scene, command)?;
        let fingerprint = program.wait_for_line(Stream::Err, "fingerprint ")?;
        check_eq("the exit code of sealgram cert", program.exit()?.code, Some(0))?;
        Ok((certificate, key, fingerprint))
    }

    fn start<'s>(&self, scene: &'s Scene, what: &[&str], report: &Path) -> Checked<Program<'s>> {
        let mut command = Command::new(&self.program);
        command.args(what).args(&self.arguments).arg("--report").arg(report);
        command.envs(self.variables.iter().cloned());
        Program::start(scene, command)
    }
}

/// A running `sealgram listen`.
#[derive(Debug)]
pub struct SealgramListen<'s> {
    /// The program.
    pub program: Program<'s>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it reports of each connection.
    pub reports: Reports<'s>,
}

/// A running `sealgram connect`.
#[derive(Debug)]
pub struct SealgramConnect<'s> {
    /// The program.
    pub program: Program<'s>,
    /// What it reports of its connection.
    pub reports: Reports<'s>,
}

/// What sealgram writes with `--report`, as it comes.
#[derive(Debug)]
pub struct Reports<'s> {
    scene: &'s Scene,
    path: PathBuf,
}

impl Reports<'_> {
    /// Waits until at least `count` connections have been reported.
    ///
    /// # Errors
    ///
    /// If they are not before the row's deadline, or if something else than JSON is reported.
    pub fn wait_for(&self, count: usize) -> Checked<Vec<Report>> {
        loop {
            // The last line may still be on its way.
            let text = fs::read_to_string(&self.path).unwrap_or_default();
            let text = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let reports: Vec<Report> = serde_json::Deserializer::from_str(text)
                .into_iter()
                .map(|value| value.map(Report))
                .collect::<Result<_, _>>()
                .map_err(|error| Failure::new(format!("the report is not JSON: {error}")))?;
            if reports.len() >= count {
                return Ok(reports);
            }
            if self.scene.time_left().is_zero() {
                let found = reports.len();
                return Err(Failure::new(format!("{found} connections reported, not {count}")));
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until one connection has been reported, and gives that report.
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for), and if there are more.
    pub fn wait_for_one(&self) -> Checked<Report> {
        let mut reports = self.wait_for(1)?;
        check_eq("the number of connections reported", reports.len(), 1)?;
        reports.pop().ok_or_else(|| Failure::new("no report"))
    }
}

/// What sealgram reports of one connection.
#[derive(Clone, Debug)]
pub struct Report(Value);

impl Report {
    /// Fails unless `field` is there and is `expected`. Names from registries may differ in
    /// case.
    ///
    /// # Errors
    ///
    /// See above.
    pub fn check(&self, field: &str, expected: impl Into<Value>) -> Checked {
        let expected = expected.into();
        let found =
            self.0.get(field).ok_or_else(|| Failure::new(format!("the report has no {field}")))?;
        let same = match (found.as_str(), expected.as_str()) {
            (Some(found), Some(expected)) => found.eq_ignore_ascii_case(expected),
            _ => *found == expected,
        };
        if same {
            return Ok(());
        }
        let report = &self.0;
        Err(Failure::new(format!("{field} is {found}, expected {expected}, in {report}")))
    }

    /// Fails unless the report is of a connection that nothing was wrong with.
    ///
    /// # Errors
    ///
    /// See above.
    pub fn check_flawless(&self) -> Checked {
        self.check("version", "1.2")?;
        self.check("error", Value::Null)
    }

    /// Whether `field` is there and is null or an empty list.
    pub fn is_empty(&self, field: &str) -> bool {
        let list = self.0.get(field).and_then(Value::as_array);
        self.is_null(field) || list.is_some_and(Vec::is_empty)
    }

    /// Whether `field` is there and says nothing.
    pub fn is_null(&self, field: &str) -> bool {
        self.0.get(field) == Some(&Value::Null)
    }
}
