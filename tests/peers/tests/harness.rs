//! Foreign libraries at both ends: if this fails, the fault is not sealgram's.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram::Side;
use sealgram::iana::Version;
use sealgram_peers::{KeyKind, Library, Meeting, Terms, check_eq, is_wanted, rows};
use sealgram_testkit::plan;

struct Row {
    client: Library,
    server: Library,
    version: Version,
    /// Which datagram is lost.
    lost: usize,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, server, version, lost } = self;
        write!(f, "client {client}, server {server}, {version:?}, datagram {lost} lost")
    }
}

#[test]
fn foreign_libraries_connect_with_each_other_over_a_link_that_loses() {
    let libraries: Vec<Library> =
        [Library::Boring, Library::Dimpl].into_iter().filter(|one| is_wanted(*one)).collect();
    let mut cases = Vec::new();
    for &client in &libraries {
        for &server in &libraries {
            for version in [Version::V12, Version::V13] {
                cases.extend((0..3).map(|lost| Row { client, server, version, lost }));
            }
        }
    }
    if cases.is_empty() {
        return;
    }
    let authority = Library::Dimpl.authority(KeyKind::P256);
    rows(&cases, |row| {
        let [client, server] = Terms::pair(&authority, &[row.version]);
        let parties = [row.client.client(&client), row.server.server(&server)];
        let mut meeting = Meeting::start(&parties)?.with_plan(plan::dropping(vec![row.lost]));
        let [agreed, _] = meeting.connect()?;
        check_eq("the version", agreed.version, row.version)?;
        meeting.pair.set_plan(plan::perfect());
        meeting.exchange()?;
        meeting.close(Side::Client)
    });
}
