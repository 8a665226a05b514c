//! `--resume`: a session between two runs of the command, in a file that only its owner may read.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use sealgram::pki_types::ServerName;
use sealgram::{ClientSession, ClientSessionStore};

use crate::{files, hex, screen};

/// Keeps the newest session of a client in one file.
#[derive(Debug)]
pub(crate) struct SessionFile(PathBuf);

impl SessionFile {
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self(path))
    }

    fn read(&self) -> Option<ClientSession> {
        let text = fs::read_to_string(&self.0).ok()?;
        let session = hex::decode(text.trim()).and_then(|b| ClientSession::decode(&b).ok());
        if session.is_none() {
            let path = self.0.display();
            screen::say(&format_args!(
                "warning: --resume: {path}: there is no session in the file"
            ));
        }
        session
    }
}

impl ClientSessionStore for SessionFile {
    fn put(&self, _server: Option<&ServerName<'_>>, session: ClientSession) {
        let text = format!("{}\n", hex::encode(session.encode().expose()));
        // A session that is lost costs a full handshake and nothing else.
        if files::write_secret(&self.0, &text).is_err() {
            screen::say(&format_args!("warning: --resume: {}: not written", self.0.display()));
        }
    }

    /// The session goes out of the file: a 1.3 ticket must not be shown twice.
    fn take(&self, _server: Option<&ServerName<'_>>) -> Option<ClientSession> {
        let session = self.read();
        if session.is_some() {
            let _ = fs::remove_file(&self.0);
        }
        session
    }
}
