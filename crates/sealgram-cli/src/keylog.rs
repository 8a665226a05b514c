//! The key log, in the format of `SSLKEYLOGFILE` (draft-ietf-tls-keylogfile).

use core::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use sealgram::crypto::KeyLog;

use crate::failure::Failure;
use crate::{files, hex, screen};

/// Appends secrets to files.
pub(crate) struct KeyLogFiles {
    files: Mutex<Vec<File>>,
}

impl KeyLogFiles {
    /// The files of `--keylog` and of the environment; `None` if there is neither.
    pub(crate) fn open(option: Option<&Path>) -> Result<Option<Self>, Failure> {
        let variable = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty());
        let mut paths: Vec<&Path> = option.into_iter().collect();
        let variable = variable.as_ref().map(Path::new);
        paths.extend(variable.filter(|path| option != Some(*path)));
        if paths.is_empty() {
            return Ok(None);
        }
        let files = paths
            .into_iter()
            .map(|path| files::append_secret(path).map_err(|error| Failure::file(path, error)))
            .collect::<Result<_, _>>()?;
        screen::progress(&"warning: secrets are logged: whoever reads the key log can decrypt");
        Ok(Some(Self { files: Mutex::new(files) }))
    }
}

impl fmt::Debug for KeyLogFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLogFiles").finish_non_exhaustive()
    }
}

impl KeyLog for KeyLogFiles {
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex::encode(client_random), hex::encode(secret));
        let Ok(mut files) = self.files.lock() else { return };
        for file in files.iter_mut() {
            // In one piece: other processes may append to the same file. A full disk must not
            // end a connection.
            let _ = file.write_all(line.as_bytes());
        }
    }
}
