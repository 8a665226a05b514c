//! What can be wrong with a certificate besides what Qt's rows have.

use sealgram::crypto::CertificateError;
use sealgram::iana::Version;
use sealgram::pki_types::ServerName;
use sealgram::{CloseReason, Error};
use sealgram_tests::{Checked, check, check_eq};

use crate::support::{
    Authority, Leaf, Limits, NAME, OrFail, Site, Stage, Usage, per_version, quick, run,
};

/// What is special about a chain.
#[derive(Clone, Copy)]
enum Special {
    Leaf(Leaf<'static>),
    /// An authority that has another one below it.
    Authority(Limits<'static>),
}

impl Special {
    fn site(self) -> Checked<Site> {
        let root = Authority::root()?;
        let (authority, leaf) = match self {
            Self::Leaf(leaf) => (root, leaf),
            Self::Authority(limits) => {
                (root.intermediate_with(limits)?.intermediate()?, Leaf::default())
            }
        };
        let identity = authority.issue(leaf)?;
        Ok(Site { authority, identity })
    }
}

/// A leaf for these names.
fn names(names: &'static [&'static str]) -> Special {
    Special::Leaf(Leaf { names, ..Leaf::default() })
}

fn years(from: i32, to: i32) -> Special {
    Special::Leaf(Leaf { years: (from, to), ..Leaf::default() })
}

/// A leaf that has [`NAME`] as its common name.
fn common_name(names: &'static [&'static str]) -> Special {
    Special::Leaf(Leaf { names, common_name: NAME, ..Leaf::default() })
}

fn path_length(length: u8) -> Special {
    Special::Authority(Limits { path_length: Some(length), ..Limits::default() })
}

fn domain(domain: &'static str) -> Special {
    Special::Authority(Limits { domain: Some(domain), ..Limits::default() })
}

/// V4: the rows that Qt does not have.
#[test]
fn certificates_are_judged_by_more_than_qt_tests() {
    use CertificateError as E;
    let wildcard = &["*.server.example"];
    let client = Special::Leaf(Leaf { usage: Usage::Client, ..Leaf::default() });
    let cases = per_version(&[
        ("good", (names(&[NAME]), NAME, None)),
        ("expired", (years(2001, 2002), NAME, Some(E::Expired))),
        ("not yet valid", (years(3000, 3001), NAME, Some(E::NotYetValid))),
        ("a client's usage", (client, NAME, Some(E::WrongUsage))),
        ("path as long as allowed", (path_length(1), NAME, None)),
        ("path too long", (path_length(0), NAME, Some(E::PathLengthExceeded))),
        ("name in the domain", (domain("example"), NAME, None)),
        ("name elsewhere", (domain("elsewhere"), NAME, Some(E::NameConstraintViolated))),
        ("IP address", (names(&["127.0.0.1"]), "127.0.0.1", None)),
        ("IP of another", (names(&["127.0.0.2"]), "127.0.0.1", Some(E::NotValidForName))),
        ("IP as DNS name", (names(&[NAME]), "127.0.0.1", Some(E::NotValidForName))),
        ("wildcard", (names(wildcard), "a.server.example", None)),
        ("wildcard, no label", (names(wildcard), NAME, Some(E::NotValidForName))),
        ("wildcard, two labels", (names(wildcard), "a.b.server.example", Some(E::NotValidForName))),
        (
            "common name beside another",
            (common_name(&["a.example"]), NAME, Some(E::NotValidForName)),
        ),
        ("common name alone", (common_name(&[]), NAME, Some(E::NotValidForName))),
    ]);
    run(&cases, |&(version, (special, wanted, ref expected))| {
        judged(&special.site()?, version, wanted, expected.as_ref())
    });
}

fn judged(
    site: &Site,
    version: Version,
    wanted: &'static str,
    expected: Option<&CertificateError>,
) -> Checked {
    let wanted = ServerName::try_from(wanted).or_fail("a name")?;
    let mut stage = Stage::new(site.server_with(version, quick(12))?)?;
    stage.start(&site.client(version)?, Some(wanted))?;
    let Some(expected) = expected else {
        stage.until_connected()?;
        return stage.exchange();
    };
    stage.until("the client's end", |stage| stage.client().ends == 1)?;
    let closed = stage.client().client.closed().or_fail("it")?.clone();
    let CloseReason::Error(Error::PeerIdentity(found)) = &closed.reason else {
        return check(false, format!("the end is {closed:?}"));
    };
    // A path that breaks a rule is none, and that is said too.
    let broken = [CertificateError::PathLengthExceeded, CertificateError::NameConstraintViolated];
    let more = broken.contains(expected).then_some(CertificateError::UnknownIssuer);
    let all: Vec<_> = [expected.clone()].into_iter().chain(more).collect();
    check_eq("the errors", found.errors(), all)?;
    check_eq("the alert", closed.alert_sent, Some(expected.alert()))?;
    stage.until("the server's end", |stage| {
        stage.sessions.values().any(|session| session.ended.is_some())
    })?;
    check(stage.session()?.connected.is_none(), "the server was connected")
}
