//! Client certificates, and handshakes that must not come about, with GnuTLS.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram_tests::{
    Alert, Authority, Certified, Cipher, Conversation, Foreign, Gnutls, Group, KeyKind, Leaf, Loss,
    Refuser, Role, Sealgram, Stream, check, check_contains, check_eq, foreign_peer, rows,
};

fn sealgram() -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
}

#[test]
fn client_certificate_of_every_kind_is_verified() {
    if !foreign_peer("gnutls") {
        return;
    }
    struct Row(Role, &'static str, KeyKind);
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, {} a certificate, {}", self.0, self.1, self.2)
        }
    }
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for kind in KeyKind::ALL {
            cases.extend(["request", "require"].map(|wanted| Row(role, wanted, kind)));
        }
    }
    rows(&cases, |&Row(role, wanted, kind), scene| {
        let certified = Certified::new(kind)?;
        let root = certified.authority.root();
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let (sealgram, gnutls) = match role {
            Role::Client => {
                let gnutls = match wanted {
                    "require" => gnutls.require_client(root),
                    // It asks for one unless it is told not to.
                    _ => gnutls.with("--x509cafile", root).flag("--verify-client-cert"),
                };
                (sealgram.identity(&certified.identity), gnutls)
            }
            Role::Server => (
                sealgram.with("--client-auth", wanted).with("--client-ca", root),
                gnutls.identity(&certified.identity),
            ),
        };
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        match role {
            Role::Client => {
                let seen = &ended.foreign.stderr;
                check_contains("what GnuTLS saw", seen, "CERTIFICATE VERIFY (15) was received")
            }
            Role::Server => {
                ended.report.check("peer_verified", true)?;
                let fingerprint = certified.identity.fingerprint()?;
                ended.report.check("peer_certificate_sha256", vec![fingerprint])
            }
        }
    });
}

#[test]
fn client_without_a_certificate_is_served_where_none_is_required() {
    if !foreign_peer("gnutls") {
        return;
    }
    struct Row(Role, bool);
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, {}", self.0, if self.1 { "requested" } else { "not requested" })
        }
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let cases: Vec<Row> =
        Role::BOTH.into_iter().flat_map(|role| [Row(role, true), Row(role, false)]).collect();
    rows(&cases, |&Row(role, requested), scene| {
        let root = certified.authority.root();
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let (sealgram, gnutls) = match (role, requested) {
            (Role::Client, true) => (sealgram, gnutls.with("--x509cafile", root)),
            (Role::Client, false) => (sealgram, gnutls.flag("--disable-client-cert")),
            (Role::Server, true) => {
                (sealgram.with("--client-auth", "request").with("--client-ca", root), gnutls)
            }
            (Role::Server, false) => (sealgram, gnutls),
        };
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        if role == Role::Server {
            ended.report.check("peer_verified", false)?;
            let sent = ended.foreign.stdout.contains("Successfully sent 0 certificate(s)");
            check_eq("a request for a certificate that GnuTLS saw", sent, requested)?;
        }
        Ok(())
    });
}

/// What is wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The server's root is not trusted.
    OtherRoot,
    /// The server's certificate is for somebody else.
    OtherName,
    /// The server's certificate is not valid any more.
    Expired,
    NoSharedSuite,
    NoSharedGroup,
    SuiteForOtherKey,
    /// CBC, and RSA key transport.
    OnlyOldSuites,
    OnlyOldVersion,
    /// One side has 1.3 alone.
    OnlyNewVersion,
    NoExtendedMasterSecret,
    /// The server requires a client certificate and gets none.
    NoClientCertificate,
    /// The client's root is not trusted.
    OtherClientRoot,
    /// The client's certificate is not valid any more.
    ExpiredClient,
}

struct Row {
    role: Role,
    fault: Fault,
    refuser: Refuser,
    alert: Alert,
    /// What a sealgram client ends with.
    code: Option<i32>,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}", self.role, self.fault)
    }
}

fn cases() -> Vec<Row> {
    use Fault::{
        Expired, ExpiredClient, NoClientCertificate, NoExtendedMasterSecret, NoSharedGroup,
        NoSharedSuite, OnlyNewVersion, OnlyOldSuites, OnlyOldVersion, OtherClientRoot, OtherName,
        OtherRoot, SuiteForOtherKey,
    };
    use Refuser::{Foreign, Sealgram};
    let row = |role, fault, refuser, alert, code| Row { role, fault, refuser, alert, code };
    vec![
        // The client refuses the server: 3 is what sealgram ends with then. gnutls-cli says
        // nothing to the server.
        row(Role::Client, OtherRoot, Sealgram, Alert::UNKNOWN_CA, Some(3)),
        row(Role::Client, OtherName, Sealgram, Alert::BAD_CERTIFICATE, Some(3)),
        row(Role::Client, Expired, Sealgram, Alert::CERTIFICATE_EXPIRED, Some(3)),
        row(Role::Client, NoExtendedMasterSecret, Sealgram, Alert::HANDSHAKE_FAILURE, Some(2)),
        row(Role::Client, OtherClientRoot, Foreign, Alert::ACCESS_DENIED, Some(2)),
        // The server refuses the client.
        row(Role::Server, NoSharedSuite, Sealgram, Alert::HANDSHAKE_FAILURE, None),
        row(Role::Server, NoSharedGroup, Sealgram, Alert::HANDSHAKE_FAILURE, None),
        row(Role::Server, SuiteForOtherKey, Sealgram, Alert::HANDSHAKE_FAILURE, None),
        row(Role::Server, OnlyOldSuites, Sealgram, Alert::HANDSHAKE_FAILURE, None),
        row(Role::Server, NoExtendedMasterSecret, Sealgram, Alert::HANDSHAKE_FAILURE, None),
        row(Role::Server, NoClientCertificate, Sealgram, Alert::HANDSHAKE_FAILURE, None),
        row(Role::Server, OtherClientRoot, Sealgram, Alert::UNKNOWN_CA, None),
        row(Role::Server, ExpiredClient, Sealgram, Alert::CERTIFICATE_EXPIRED, None),
        row(Role::Server, OnlyOldVersion, Sealgram, Alert::PROTOCOL_VERSION, None),
        row(Role::Server, OnlyNewVersion, Sealgram, Alert::PROTOCOL_VERSION, None),
    ]
}

#[test]
fn handshake_with_a_fault_is_refused_with_its_alert() {
    if !foreign_peer("gnutls") {
        return;
    }
    // RSA keys are on no group, so the groups can be restricted at will.
    let authority = Authority::new(KeyKind::Rsa).expect("an authority");
    let good = authority.issue(Leaf::default()).expect("a certificate");
    let expired =
        authority.issue(Leaf { expired: true, ..Leaf::default() }).expect("a certificate");
    let other = Certified::new(KeyKind::P256).expect("a certificate");
    let [rsa_128, rsa_256, _] = Cipher::for_key(KeyKind::Rsa);
    let [ecdsa, ..] = Cipher::for_key(KeyKind::P256);
    rows(&cases(), |&Row { role, fault, refuser, alert, code }, scene| {
        let identity = if let Fault::Expired = fault { &expired } else { &good };
        let root =
            if let Fault::OtherRoot = fault { other.authority.root() } else { authority.root() };
        let name = if let Fault::OtherName = fault { "other.example" } else { "localhost" };
        let gnutls = match fault {
            Fault::OnlyOldVersion => Gnutls::dtls10(),
            _ => Gnutls::new(),
        };
        let (mut sealgram, mut gnutls) = match role {
            Role::Client => (sealgram().trust(root, name), gnutls.identity(identity)),
            Role::Server => (sealgram().identity(identity), gnutls.trust_server(root, name)),
        };
        match (fault, role) {
            (Fault::OtherRoot | Fault::OtherName | Fault::Expired | Fault::OnlyOldVersion, _) => {}
            (Fault::NoSharedSuite, _) => {
                sealgram = sealgram.cipher(rsa_128);
                gnutls = gnutls.cipher(rsa_256);
            }
            (Fault::NoSharedGroup, _) => {
                sealgram = sealgram.groups(&[Group::X25519]);
                gnutls = gnutls.groups(&[Group::P384]);
            }
            (Fault::SuiteForOtherKey, Role::Client) => sealgram = sealgram.cipher(ecdsa),
            (Fault::SuiteForOtherKey, Role::Server) => gnutls = gnutls.cipher(ecdsa),
            (Fault::OnlyOldSuites, _) => {
                gnutls = gnutls.priority("-CIPHER-ALL:-KX-ALL:+RSA:+ECDHE-RSA:+AES-128-CBC");
            }
            (Fault::OnlyNewVersion, _) => sealgram = sealgram.with("--dtls", "1.3"),
            (Fault::NoExtendedMasterSecret, _) => gnutls = gnutls.priority("%NO_SESSION_HASH"),
            (
                Fault::NoClientCertificate | Fault::OtherClientRoot | Fault::ExpiredClient,
                Role::Server,
            ) => {
                sealgram =
                    sealgram.with("--client-auth", "require").with("--client-ca", authority.root());
            }
            (
                Fault::NoClientCertificate | Fault::OtherClientRoot | Fault::ExpiredClient,
                Role::Client,
            ) => gnutls = gnutls.require_client(authority.root()),
        }
        let shown = match fault {
            Fault::OtherClientRoot => Some(&other.identity),
            Fault::ExpiredClient => Some(&expired),
            _ => None,
        };
        match (role, shown) {
            (Role::Client, Some(shown)) => sealgram = sealgram.identity(shown),
            (Role::Server, Some(shown)) => gnutls = gnutls.identity(shown),
            (_, None) => {}
        }
        if let (Fault::OnlyOldVersion | Fault::OnlyNewVersion, Role::Server) = (fault, role) {
            // The refusal needs no connection, so none is reported.
            let server = sealgram.listen(scene)?;
            let mut client = gnutls.call(scene, server.address)?;
            let (stream, text) = (Gnutls::HABITS.alert)(alert);
            client.wait_for(stream, &text)?;
            return check(client.exit()?.code != Some(0), "GnuTLS ended as if all were well");
        }
        let conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        let failed = conversation.fail(refuser, alert)?;
        check_eq("sealgram's exit code", failed.code, code)
    });
}

#[test]
fn server_that_gnutls_does_not_trust_is_never_connected() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let other = Authority::new(KeyKind::P256).expect("an authority");
    rows(&["another root", "another name"], |&fault, scene| {
        let server = sealgram().identity(&certified.identity).listen(scene)?;
        let gnutls = match fault {
            "another root" => Gnutls::new().trust_server(other.root(), "localhost"),
            _ => Gnutls::new().trust_server(certified.authority.root(), "other.example"),
        };
        let mut client = gnutls.call(scene, server.address)?;
        let exit = client.exit()?;
        check(exit.code != Some(0), "GnuTLS ended as if all were well")?;
        check_contains("what GnuTLS says", &exit.stdout, "PKI verification of server")?;
        let said = server.program.text(Stream::Err);
        check(!said.contains("connected"), "sealgram reports a connection")
    });
}

#[test]
fn client_of_a_gnutls_server_that_fails_in_silence_gives_up_in_time() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::Rsa).expect("a certificate");
    let [ecdsa, ..] = Cipher::for_key(KeyKind::P256);
    // gnutls-serv sends no alert over UDP when it finds a fault itself.
    rows(&["no shared suite", "no client certificate"], |&fault, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), Role::Client);
        let (sealgram, gnutls) = match fault {
            "no shared suite" => (sealgram.cipher(ecdsa), gnutls),
            _ => (sealgram, gnutls.require_client(certified.authority.root())),
        };
        let server = gnutls.serve_one(scene)?;
        let mut client = sealgram.with("--timeout", "1").connect(scene, server.address)?;
        check_eq("sealgram's exit code", client.program.exit()?.code, Some(4))?;
        server.program.wait_for(Stream::Err, "Error in handshake(): ")?;
        let report = client.reports.wait_for_one()?;
        check(!report.is_null("error"), "sealgram reports no error")
    });
}

#[test]
fn client_with_1_3_alone_refuses_gnutls_with_an_alert() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&["gnutls-serv"], |_, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), Role::Client);
        // GnuTLS has no connection yet when the alert to its HelloVerifyRequest comes.
        let server = gnutls.serve_one(scene)?;
        let mut client = sealgram.with("--dtls", "1.3").connect(scene, server.address)?;
        check_eq("sealgram's exit code", client.program.exit()?.code, Some(2))?;
        let report = client.reports.wait_for_one()?;
        report.check("alert_sent", Alert::PROTOCOL_VERSION.name)
    });
}
