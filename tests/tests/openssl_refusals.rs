//! Handshakes that must not come about, and how both sides learn of it.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use std::net::UdpSocket;

use sealgram_tests::{
    Alert, Authority, Certified, Cipher, Conversation, Failure, Foreign, Group, KeyKind, Leaf,
    Loss, Openssl, Refuser, Role, Sealgram, Stream, check, check_eq, foreign_peer, rows,
};

fn sealgram() -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
}

/// What the client finds wrong with the server.
#[derive(Clone, Copy, Debug)]
enum Fault {
    OtherRoot,
    OtherName,
    Expired,
    Revoked,
    OtherFingerprint,
    NoSharedSuite,
    NoSharedGroup,
    SuiteForOtherKey,
    OnlyOldSuites,
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

/// What the one who refuses the server's identity ends with, if it is a sealgram client.
const IDENTITY_REJECTED: Option<i32> = Some(3);

/// What a sealgram client ends with when the handshake fails for another reason.
const HANDSHAKE_FAILED: Option<i32> = Some(2);

/// What a sealgram client ends with when an established connection fails.
const CONNECTION_FAILED: Option<i32> = Some(5);

fn cases() -> Vec<Row> {
    use Fault::{
        Expired, NoSharedGroup, NoSharedSuite, OnlyOldSuites, OtherFingerprint, OtherName,
        OtherRoot, Revoked, SuiteForOtherKey,
    };
    let mut cases = Vec::new();
    // The client refuses the certificate.
    for (fault, alert) in [
        (OtherRoot, Alert::UNKNOWN_CA),
        (OtherName, Alert::BAD_CERTIFICATE),
        (Expired, Alert::CERTIFICATE_EXPIRED),
        (Revoked, Alert::CERTIFICATE_REVOKED),
        (OtherFingerprint, Alert::BAD_CERTIFICATE),
    ] {
        let role = Role::Client;
        let code = IDENTITY_REJECTED;
        cases.push(Row { role, fault, refuser: Refuser::Sealgram, alert, code });
        if !matches!(fault, OtherFingerprint) {
            let role = Role::Server;
            cases.push(Row { role, fault, refuser: Refuser::Foreign, alert, code: None });
        }
    }
    // The server finds nothing to agree on.
    let alert = Alert::HANDSHAKE_FAILURE;
    for fault in [NoSharedSuite, NoSharedGroup, SuiteForOtherKey] {
        let role = Role::Client;
        let code = HANDSHAKE_FAILED;
        cases.push(Row { role, fault, refuser: Refuser::Foreign, alert, code });
    }
    for fault in [NoSharedSuite, NoSharedGroup, SuiteForOtherKey, OnlyOldSuites] {
        let role = Role::Server;
        cases.push(Row { role, fault, refuser: Refuser::Sealgram, alert, code: None });
    }
    cases
}

#[test]
fn handshake_with_a_fault_is_refused_with_its_alert() {
    if !foreign_peer("openssl") {
        return;
    }
    // RSA keys are on no group, so the groups can be restricted at will.
    let authority = Authority::new(KeyKind::Rsa).expect("an authority");
    let good = authority.issue(Leaf::default()).expect("a certificate");
    let expired =
        authority.issue(Leaf { expired: true, ..Leaf::default() }).expect("a certificate");
    let other = Authority::new(KeyKind::P256).expect("an authority");
    let [rsa_128, rsa_256, _] = Cipher::for_key(KeyKind::Rsa);
    let [ecdsa, ..] = Cipher::for_key(KeyKind::P256);
    rows(&cases(), |&Row { role, fault, refuser, alert, code }, scene| {
        let identity = if let Fault::Expired = fault { &expired } else { &good };
        let root = if let Fault::OtherRoot = fault { other.root() } else { authority.root() };
        let name = if let Fault::OtherName = fault { "other.example" } else { "localhost" };
        let (mut sealgram, mut openssl) = match (role, fault) {
            (Role::Client, Fault::OtherFingerprint) => (
                sealgram().with("--fingerprint", "0f".repeat(32)),
                Openssl::new().identity(identity),
            ),
            (Role::Client, _) => (sealgram().trust(root, name), Openssl::new().identity(identity)),
            (Role::Server, _) => (
                sealgram().identity(identity),
                Openssl::new().trust(root).with("-verify_hostname", name),
            ),
        };
        match fault {
            Fault::OtherRoot | Fault::OtherName | Fault::Expired | Fault::OtherFingerprint => {}
            Fault::Revoked => {
                let list = scene.new_path("crl.pem");
                authority.write_crl(identity, &list)?;
                match role {
                    Role::Client => sealgram = sealgram.with("--crl", list),
                    Role::Server => openssl = openssl.flag("-crl_check").with("-CRL", list),
                }
            }
            Fault::NoSharedSuite => {
                sealgram = sealgram.cipher(rsa_128);
                openssl = openssl.cipher(rsa_256);
            }
            Fault::NoSharedGroup => {
                sealgram = sealgram.groups(&[Group::X25519]);
                openssl = openssl.groups(&[Group::P384]);
            }
            Fault::SuiteForOtherKey => match role {
                Role::Client => sealgram = sealgram.cipher(ecdsa),
                Role::Server => openssl = openssl.cipher(ecdsa),
            },
            // CBC, and RSA key transport.
            Fault::OnlyOldSuites => {
                openssl = openssl.with("-cipher", "ECDHE-RSA-AES128-SHA256:AES128-GCM-SHA256");
            }
        }
        let conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        let failed = conversation.fail(refuser, alert)?;
        check_eq("sealgram's exit code", failed.code, code)
    });
}

#[test]
fn peer_that_speaks_only_dtls_1_0_is_refused() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::Rsa).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, _) = certified.programs(sealgram(), role);
        match role {
            Role::Client => {
                // DTLS 1.0 has none of the suites that sealgram offers, so openssl is first.
                let openssl = Openssl::dtls10().identity(&certified.identity);
                let conversation =
                    Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
                let failed = conversation.fail(Refuser::Foreign, Alert::HANDSHAKE_FAILURE)?;
                check_eq("sealgram's exit code", failed.code, HANDSHAKE_FAILED)
            }
            Role::Server => {
                // The refusal needs no connection, so none is reported.
                let server = sealgram.listen(scene)?;
                let mut client = Openssl::dtls10().connect(scene, server.address)?;
                let alert = format!("SSL alert number {}\n", Alert::PROTOCOL_VERSION.number);
                client.program.wait_for(Stream::Err, &alert)?;
                let exit = client.program.exit()?;
                check(exit.code != Some(0), "openssl ended as if all were well")
            }
        }
    });
}

#[test]
fn server_after_refusals_and_garbage_still_serves() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let other = Authority::new(KeyKind::P256).expect("an authority");
    rows(&["sealgram server"], |_, scene| {
        let (sealgram, good) = certified.programs(sealgram(), Role::Server);
        let mut server = sealgram.with("--count", "1").listen(scene)?;
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        for length in [0, 1, 12, 13, 14, 60, 1_500] {
            // Zeros, and the beginning of a handshake record that claims more than there is.
            socket.send_to(&vec![0; length], server.address)?;
            let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];
            record.resize(length, 1);
            socket.send_to(&record, server.address)?;
        }
        for bad in [
            Openssl::new().trust(other.root()),
            Openssl::new().with("-cipher", "ECDHE-RSA-AES128-SHA256"),
            Openssl::new().groups(&[Group { openssl: "X448", ..Group::X25519 }]),
            Openssl::dtls10(),
        ] {
            let exit = bad.connect(scene, server.address)?.program.exit()?;
            check(exit.code != Some(0), "openssl ended as if all were well")?;
        }
        let mut client = good.connect(scene, server.address)?;
        client.program.input(b"hello\n")?;
        client.program.wait_for(Stream::Out, "hello")?;
        client.program.input(b"Q\n")?;
        check_eq("openssl's exit code", client.program.exit()?.code, Some(0))?;
        check_eq("sealgram's exit code", server.program.exit()?.code, Some(0))
    });
}

#[test]
fn renegotiation_asked_for_by_openssl_is_refused_with_an_alert() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = certified.programs(sealgram(), role);
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        conversation.foreign().input(match role {
            // A HelloRequest.
            Role::Client => b"r\n",
            // A ClientHello under the keys of the connection.
            Role::Server => b"R\n",
        })?;
        // What openssl calls the alert no_renegotiation. It gives up then, with an alert of its
        // own, though it need not (RFC 5246 §7.2.2).
        conversation.foreign().wait_for(Stream::Err, "no renegotiation")?;
        let code = match role {
            Role::Client => CONNECTION_FAILED,
            // One connection is over, whatever its end was.
            Role::Server => Some(0),
        };
        check_eq("sealgram's exit code", conversation.sealgram().exit()?.code, code)?;
        let report = conversation.reports().wait_for_one()?;
        report.check("alert_received", Alert::HANDSHAKE_FAILURE.name)?;
        check(!report.is_null("error"), "sealgram reports no error")
    });
}

#[test]
fn client_of_a_silent_server_gives_up_in_time() {
    rows(&["silence"], |_, scene| {
        let silent = UdpSocket::bind(("127.0.0.1", 0))?;
        let mut client = sealgram()
            .flag("--insecure")
            .with("--timeout", "1")
            .connect(scene, silent.local_addr()?)?;
        let exit = client.program.exit()?;
        check_eq("sealgram's exit code", exit.code, Some(4))?;
        let mut hello = [0; 2_000];
        silent.set_nonblocking(true)?;
        let length = silent.recv(&mut hello).map_err(|_| Failure::new("it sent no hello"))?;
        check_eq("the first byte of the hello", hello[..length].first(), Some(&22))?;
        let report = client.reports.wait_for_one()?;
        check(!report.is_null("error"), "sealgram reports no error")
    });
}
