//! Raw public keys (RFC 7250) with GnuTLS, in both roles, of both sides.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use sealgram_tests::{
    Alert, Authority, Checked, Conversation, Gnutls, KeyKind, Leaf, Loss, Refuser, Role, Scene,
    Sealgram, check, check_eq, foreign_peer, rows,
};

/// Both sides show keys, and neither certificates.
const RAW: &str = "-CTYPE-ALL:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK";

/// A key pair, in PEM files.
struct Pair {
    private: PathBuf,
    public: PathBuf,
    /// Keeps the files.
    _authority: Authority,
}

impl Pair {
    fn new(scene: &Scene, kind: KeyKind) -> Checked<Self> {
        let authority = Authority::new(kind)?;
        let identity = authority.issue(Leaf::default())?;
        let public = scene.new_path("public.pem");
        fs::write(&public, identity.public_key()?)?;
        Ok(Self { private: identity.key, public, _authority: authority })
    }
}

fn sealgram(role: Role, own: Option<&Pair>, peer: &Path) -> Sealgram {
    let sealgram =
        Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test")).flag("--raw-public-key");
    let sealgram = match own {
        Some(own) => sealgram.with("--key", &own.private),
        None => sealgram,
    };
    match role {
        Role::Client => sealgram.with("--ca", peer),
        Role::Server => sealgram.with("--client-auth", "require").with("--client-ca", peer),
    }
}

/// GnuTLS with this key. It does not know whose key it sees: there is no file for that.
fn gnutls(own: &Pair) -> Gnutls {
    Gnutls::new()
        .priority(RAW)
        .with("--rawpkkeyfile", &own.private)
        .with("--rawpkfile", &own.public)
}

struct Row {
    role: Role,
    ours: KeyKind,
    theirs: KeyKind,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, our key {}, theirs {}", self.role, self.ours, self.theirs)
    }
}

#[test]
fn both_sides_are_known_by_keys_of_every_kind() {
    if !foreign_peer("gnutls") {
        return;
    }
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for ours in KeyKind::ALL {
            for theirs in KeyKind::ALL {
                cases.push(Row { role, ours, theirs });
            }
        }
    }
    rows(&cases, |&Row { role, ours, theirs }, scene| {
        let (ours, theirs) = (Pair::new(scene, ours)?, Pair::new(scene, theirs)?);
        let sealgram = sealgram(role, Some(&ours), &theirs.public);
        let gnutls = match role {
            Role::Client => gnutls(&theirs).flag("--require-client-cert"),
            Role::Server => gnutls(&theirs).flag("--insecure"),
        };
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("first")?;
        conversation.echo("and again")?;
        let ended = conversation.end()?;
        ended.report.check("peer_verified", true)?;
        check(!ended.report.is_null("peer_certificate_sha256"), "no key is reported")
    });
}

#[test]
fn sealgram_client_without_a_key_is_served() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&["sealgram client"], |_, scene| {
        let theirs = Pair::new(scene, KeyKind::P256)?;
        let sealgram = sealgram(Role::Client, None, &theirs.public);
        let gnutls = gnutls(&theirs);
        let role = Role::Client;
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("data")?;
        conversation.end()?.report.check("peer_verified", true)
    });
}

#[test]
fn gnutls_key_that_is_not_pinned_is_refused() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&Role::BOTH, |&role, scene| {
        let (ours, theirs) = (Pair::new(scene, KeyKind::P256)?, Pair::new(scene, KeyKind::P256)?);
        let other = Pair::new(scene, KeyKind::P256)?;
        let sealgram = sealgram(role, Some(&ours), &other.public);
        let gnutls = match role {
            Role::Client => gnutls(&theirs),
            Role::Server => gnutls(&theirs).flag("--insecure"),
        };
        let conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        let failed = conversation.fail(Refuser::Sealgram, Alert::BAD_CERTIFICATE)?;
        if role == Role::Client {
            check_eq("sealgram's exit code", failed.code, Some(3))?;
        }
        Ok(())
    });
}

/// RFC 7250 §4.2.
#[test]
fn gnutls_client_that_wants_certificates_is_told_that_there_are_none() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&["sealgram server"], |_, scene| {
        let (ours, theirs) = (Pair::new(scene, KeyKind::P256)?, Pair::new(scene, KeyKind::P256)?);
        let role = Role::Server;
        let sealgram = sealgram(role, Some(&ours), &theirs.public);
        let gnutls = Gnutls::new().flag("--insecure");
        let conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.fail(Refuser::Sealgram, Alert::UNSUPPORTED_CERTIFICATE)?;
        Ok(())
    });
}
