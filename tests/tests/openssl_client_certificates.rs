//! Certificates of clients: shown, left out, refused, by and to openssl.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram_tests::{
    Alert, Authority, Certified, Checked, Conversation, Foreign, Identity, KeyKind, Leaf, Loss,
    Refuser, Role, Sealgram, check, check_eq, foreign_peer, rows,
};

fn sealgram() -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
}

/// Whether the server wants a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// It does not ask.
    No,
    /// It asks, and lives with the answer that there is none.
    Request,
    /// It asks, and insists.
    Require,
}

/// What the client shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Nothing.
    Nothing,
    /// What the server wants.
    Good(KeyKind),
    /// A certificate of another authority.
    OtherRoot,
    /// A certificate whose time has passed.
    Expired,
}

struct Row {
    role: Role,
    wanted: Wanted,
    shown: Shown,
    /// The alert by which the server refuses.
    refused: Option<Alert>,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, wanted: {:?}, shown: {:?}", self.role, self.wanted, self.shown)
    }
}

/// All that a client may show, and what the server trusts.
struct Clients {
    authorities: [(Authority, Identity); 4],
    other: Certified,
    expired: Identity,
}

impl Clients {
    fn new() -> Checked<Self> {
        let mut authorities = Vec::new();
        for kind in KeyKind::ALL {
            let authority = Authority::new(kind)?;
            let identity = authority.issue(Leaf::default())?;
            authorities.push((authority, identity));
        }
        let expired = authorities[0].0.issue(Leaf { expired: true, ..Leaf::default() })?;
        Ok(Self {
            other: Certified::new(KeyKind::P256)?,
            expired,
            authorities: authorities.try_into().expect("one for each kind"),
        })
    }

    /// The root that the server trusts, and what the client shows.
    fn choose(&self, shown: Shown) -> (&Authority, Option<&Identity>) {
        let (first, _) = &self.authorities[0];
        match shown {
            Shown::Nothing => (first, None),
            Shown::OtherRoot => (first, Some(&self.other.identity)),
            Shown::Expired => (first, Some(&self.expired)),
            Shown::Good(kind) => {
                let (authority, identity) = self
                    .authorities
                    .iter()
                    .find(|(_, identity)| identity.kind == kind)
                    .expect("one for each kind");
                (authority, Some(identity))
            }
        }
    }
}

fn cases() -> Vec<Row> {
    use Shown::{Expired, Good, Nothing, OtherRoot};
    use Wanted::{No, Request, Require};
    let mut cases = Vec::new();
    for role in Role::BOTH {
        let mut row = |wanted, shown, refused| cases.push(Row { role, wanted, shown, refused });
        for kind in KeyKind::ALL {
            row(Require, Good(kind), None);
            row(Request, Good(kind), None);
        }
        row(No, Good(KeyKind::P256), None);
        row(No, Nothing, None);
        row(Request, Nothing, None);
        row(Require, Nothing, Some(Alert::HANDSHAKE_FAILURE));
        for wanted in [Request, Require] {
            row(wanted, OtherRoot, Some(Alert::UNKNOWN_CA));
            row(wanted, Expired, Some(Alert::CERTIFICATE_EXPIRED));
        }
    }
    cases
}

#[test]
fn client_certificate_is_verified_as_the_server_wants() {
    if !foreign_peer("openssl") {
        return;
    }
    let server = Certified::new(KeyKind::P256).expect("a certificate");
    let clients = Clients::new().expect("certificates");
    rows(&cases(), |&Row { role, wanted, shown, refused }, scene| {
        let (authority, identity) = clients.choose(shown);
        let (mut sealgram, mut openssl) = server.programs(sealgram(), role);
        if let Some(identity) = identity {
            match role {
                Role::Client => sealgram = sealgram.identity(identity),
                Role::Server => openssl = openssl.identity(identity),
            }
        }
        match (role, wanted) {
            (_, Wanted::No) => {}
            (Role::Client, Wanted::Request) => {
                openssl = openssl.trust(authority.root()).with("-verify", "1");
            }
            (Role::Client, Wanted::Require) => {
                openssl = openssl.trust(authority.root()).with("-Verify", "1");
            }
            (Role::Server, _) => {
                let how = if wanted == Wanted::Request { "request" } else { "require" };
                sealgram =
                    sealgram.with("--client-auth", how).with("--client-ca", authority.root());
            }
        }
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        if let Some(alert) = refused {
            let refuser = match role {
                Role::Client => Refuser::Foreign,
                Role::Server => Refuser::Sealgram,
            };
            let failed = conversation.fail(refuser, alert)?;
            return match role {
                Role::Client => check_eq("sealgram's exit code", failed.code, Some(2)),
                Role::Server => failed.report.check("peer_verified", false),
            };
        }
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        let verified = wanted != Wanted::No && shown != Shown::Nothing;
        match (role, identity) {
            (Role::Client, _) => check(
                // s_server shows the certificate that it got.
                ended.foreign.stdout.contains("Client certificate") == verified,
                "openssl has another opinion of whether there was a certificate",
            ),
            (Role::Server, Some(identity)) if verified => {
                ended.report.check("peer_verified", true)?;
                ended.report.check("peer_certificate_sha256", vec![identity.fingerprint()?])
            }
            (Role::Server, _) => {
                ended.report.check("peer_verified", false)?;
                check(
                    ended.report.is_empty("peer_certificate_sha256"),
                    "sealgram reports a certificate that it did not ask for",
                )
            }
        }
    });
}
