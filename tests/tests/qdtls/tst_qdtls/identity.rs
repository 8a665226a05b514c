//! Who the peer is, and what happens if it is not.

use core::time::Duration;
use std::sync::Arc;

use sealgram::crypto::{
    CertificateError, IdentityVerified, PeerChain, ServerVerifier, VerificationError,
};
use sealgram::danger::{AcceptAnyClient, AcceptAnyServer, AcceptErrors};
use sealgram::iana::{AlertDescription, Version};
use sealgram::pki_types::{CertificateDer, ServerName, UnixTime};
use sealgram::ring::hash::SHA256;
use sealgram::ring::verify::SIGNATURE_ALGORITHMS;
use sealgram::{
    Answer, Ask, AskId, ClientConfig, CloseReason, Closed, ConfigError, Error, ErrorKind,
    ServerConfig, TransportConfig, VerifyPeer, WebPkiClientVerifier, WebPkiServerVerifier,
};
use sealgram_tests::{Checked, Failure, check, check_eq};
use sealgram_udp::{Client, ClientOptions};

use crate::support::{
    Authority, Identity, Leaf, OrFail, Site, Stage, Usage, check_fails, check_has, error_of, name,
    per_version, plain_socket, quick, receive, run,
};

/// A site whose certificate is self-signed and for another name, and which trusts somebody else.
fn suspicious_site() -> Checked<Site> {
    let identity = Leaf { names: &["other.example"], ..Leaf::default() }.self_signed()?;
    Ok(Site { authority: Authority::root()?, identity })
}

fn verifier(site: &Site) -> Checked<Arc<WebPkiServerVerifier>> {
    let roots = Arc::new(site.roots()?);
    WebPkiServerVerifier::builder(roots, SIGNATURE_ALGORITHMS).build().or_fail("a verifier")
}

fn client_asking(site: &Site, version: Version) -> Checked<ClientConfig> {
    ClientConfig::builder()
        .with_versions(&[version])
        .with_asked_verification(verifier(site)?)
        .with_no_client_auth()
        .build()
        .or_fail("the client's configuration")
}

fn client_verifying(version: Version, verifier: Arc<dyn ServerVerifier>) -> Checked<ClientConfig> {
    ClientConfig::builder()
        .with_versions(&[version])
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .build()
        .or_fail("the client's configuration")
}

/// What is wrong with the peer, by the reason of the connection's end.
fn identity_errors(closed: &Closed) -> Checked<&VerificationError> {
    check_eq("the kind", closed.reason.kind(), Some(ErrorKind::PeerVerification))?;
    match &closed.reason {
        CloseReason::Error(Error::PeerIdentity(error)) => Ok(error),
        other => Err(Failure::new(format!("the end is {other:?}"))),
    }
}

/// The newest client has ended with this alert received.
fn check_alert_received(closed: &Closed, alert: AlertDescription) -> Checked {
    check_eq("the kind", closed.reason.kind(), Some(ErrorKind::Fatal))?;
    check_eq("the alert received", closed.alert_received, Some(alert))?;
    check_eq("the alert in answer", closed.alert_sent, None)
}

/// The server's view of the newest client's end, which never was connected.
fn server_end(stage: &mut Stage) -> Checked<Closed> {
    stage.until("the server's end", |stage| {
        stage.sessions.values().next_back().is_some_and(|session| session.ended.is_some())
    })?;
    let session = stage.session()?;
    check(session.connected.is_none(), "the server was connected")?;
    let ended = session.ended.as_ref().or_fail("the end")?;
    check(ended.info.negotiated.is_none(), "the server says that something is settled")?;
    ended.closed.clone().or_fail("a reason")
}

/// How an application goes on when the peer does not verify.
#[derive(Clone, Copy, Debug)]
enum Decision {
    /// It hands the errors back.
    Refuse,
    /// It closes.
    Close,
    /// It ignores them.
    Ignore,
}

/// Qt: `verificationErrors` (abort, ignore).
///
/// PeerVerificationFailed is a question here: the application sees the chain, has it verified, and
/// answers. Until then nothing that depends on the answer is sent, so the server does not believe
/// to be connected to somebody who is about to leave (V5). It may give up in two ways; both tell
/// the server (R6).
#[test]
fn verification_errors() {
    let cases = per_version(&[
        ("abort with the errors", Decision::Refuse),
        ("abort by closing", Decision::Close),
        ("ignore", Decision::Ignore),
    ]);
    run(&cases, |&(version, decision)| {
        let site = suspicious_site()?;
        let verifier = verifier(&site)?;
        let mut stage = Stage::new(site.server_with(version, quick(12))?)?;
        stage.start(&client_asking(&site, version)?, name())?;
        let (ask, question) = asked(&mut stage)?;
        check_eq("the chain", &question.chain, &site.identity.chain())?;
        check_eq("the name", &question.server_name, &name())?;
        let errors = verify(&verifier, &question)?;
        check_has("the errors", errors.errors(), &CertificateError::NotValidForName)?;
        check_has("the errors", errors.errors(), &CertificateError::SelfSigned)?;
        check_eq("how many errors", errors.errors().len(), 2)?;
        check_undecided(&mut stage)?;

        let client = &mut stage.client_mut().client;
        match decision {
            Decision::Refuse => {
                let alert = errors.alert();
                let answer = Answer::VerifyPeer(Err(errors.clone()));
                client.resolve(ask, answer).or_fail("the answer")?;
                stage.until("the client's end", |stage| stage.client().ends == 1)?;
                let closed = stage.client().client.closed().or_fail("it")?;
                check_eq("the errors at the end", identity_errors(closed)?, &errors)?;
                check_eq("the alert sent", closed.alert_sent, Some(alert))?;
                check_nothing_left(&mut stage, ask)?;
                check_alert_received(&server_end(&mut stage)?, alert)
            }
            Decision::Close => {
                client.close().or_fail("close")?;
                let closed = client.closed().or_fail("the end")?;
                check_eq("the reason", &closed.reason, &CloseReason::Local)?;
                check_nothing_left(&mut stage, ask)?;
                let end = server_end(&mut stage)?;
                let alert = Some(AlertDescription::CLOSE_NOTIFY);
                check_eq("what the server is told", end.alert_received, alert)
            }
            Decision::Ignore => {
                let answer = Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
                client.resolve(ask, answer).or_fail("the answer")?;
                stage.until_connected()?;
                let connected = stage.client().connected.as_ref().or_fail("it")?;
                check_eq("the chain", &connected.peer_chain, &site.identity.chain())?;
                stage.exchange()?;
                let again = Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
                let result = stage.client_mut().client.resolve(ask, again);
                check_fails("a second answer", result, ErrorKind::InvalidState)
            }
        }
    });
}

/// Waits for the client's question about the server.
fn asked(stage: &mut Stage) -> Checked<(AskId, VerifyPeer)> {
    stage.until("a question", |stage| !stage.client().asks.is_empty())?;
    match stage.client_mut().asks.pop_front() {
        Some((ask, Ask::VerifyPeer(question))) => Ok((ask, question)),
        other => Err(Failure::new(format!("the question is {other:?}"))),
    }
}

fn verify(verifier: &WebPkiServerVerifier, question: &VerifyPeer) -> Checked<VerificationError> {
    let (end_entity, intermediates) = question.chain.split_first().or_fail("a certificate")?;
    let chain = PeerChain { end_entity, intermediates };
    let name = question.server_name.as_ref();
    error_of("the verification", verifier.verify_server(&chain, name, UnixTime::now()))
}

/// While the question is open neither end is connected, however long it takes: here for a few of
/// the server's retransmissions.
fn check_undecided(stage: &mut Stage) -> Checked {
    stage.until("the server waits", |stage| {
        let peer = stage.server.peers().next();
        let connection = peer.and_then(|peer| stage.server.connection(peer));
        connection.is_some_and(|connection| connection.stats().flights_retransmitted >= 2)
    })?;
    check(stage.sessions.is_empty(), "the server has told something")?;
    let end = stage.client_mut();
    check(!end.client.is_connected(), "the client is connected")?;
    check(end.client.closed().is_none(), "the client is closed")?;
    check(end.client.info().negotiated.is_none(), "the client says that something is settled")?;
    check_fails("send", end.client.send(b"x"), ErrorKind::InvalidState)
}

/// After giving up nothing of the session is left, and the question cannot be answered any more.
fn check_nothing_left(stage: &mut Stage, ask: AskId) -> Checked {
    let end = stage.client_mut();
    check(!end.client.is_connected(), "the client is connected")?;
    check(end.connected.is_none(), "the client was connected")?;
    check(end.client.info().negotiated.is_none(), "the client says that something is settled")?;
    check_eq("room for plaintext", end.client.max_plaintext(), 0)?;
    let answer = Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
    check_fails("an answer", end.client.resolve(ask, answer), ErrorKind::InvalidState)?;
    check_fails("close", end.client.close(), ErrorKind::InvalidState)?;
    check_fails("send", end.client.send(b"x"), ErrorKind::InvalidState)
}

/// Qt: `presetExpectedErrors` (partial, all).
#[test]
fn preset_expected_errors() {
    use CertificateError::{NotValidForName, SelfSigned};
    let cases = per_version(&[
        ("partial: self-signed", vec![SelfSigned]),
        ("partial: the name", vec![NotValidForName]),
        ("all", vec![SelfSigned, NotValidForName]),
        ("all and more", vec![SelfSigned, CertificateError::Expired, NotValidForName]),
    ]);
    run(&cases, |(version, ignored)| {
        let site = suspicious_site()?;
        let found = [SelfSigned, NotValidForName];
        let all = found.iter().all(|error| ignored.contains(error));
        let verifier = AcceptErrors::new(verifier(&site)?, ignored.iter().cloned())
            .or_fail("a verifier that ignores errors")?;
        let mut stage = Stage::new(site.server_with(*version, quick(12))?)?;
        let config = client_verifying(*version, verifier)?;
        if all {
            stage.connect(&config, name())?;
            let connected = stage.client().connected.as_ref().or_fail("it")?;
            check_eq("the chain", &connected.peer_chain, &site.identity.chain())?;
            return stage.exchange();
        }
        stage.start(&config, name())?;
        stage.until("the client's end", |stage| stage.client().ends == 1)?;
        let closed = stage.client().client.closed().or_fail("it")?.clone();
        // Those that were expected as well: an application may show them all.
        for error in &found {
            check_has("the errors", identity_errors(&closed)?.errors(), error)?;
        }
        let alert = closed.alert_sent.or_fail("an alert")?;
        check_alert_received(&server_end(&mut stage)?, alert)
    });
}

/// How the client of `verify_server_certificate` meets the server.
#[derive(Clone, Copy, Debug)]
enum Meets {
    /// Nobody: the server has a certificate, and not its key.
    ServerWithoutKey,
    /// AutoVerifyPeer, which is what is written down with the fewest words.
    Default,
    /// QueryPeer: accepts anybody, and keeps the certificate.
    Query,
    /// VerifyNone. We keep the certificate all the same: it came, and the handshake signature
    /// was made with its key.
    Nobody,
    /// VerifyPeer with the authority that has issued the certificate.
    Verify,
    /// VerifyPeer with another authority. With none at all there would be no client: see
    /// `invalid_configuration`.
    VerifyWithoutCa,
    /// VerifyPeer with another name.
    VerifyOtherName,
}

/// Qt: `verifyServerCertificate` (7).
///
/// A certificate without a key does not compile here; one with another key is refused when the
/// configuration is built, so there is no server, and the client goes on asking.
#[test]
fn verify_server_certificate() {
    let cases = per_version(&[
        ("certificate without key", (Meets::ServerWithoutKey, None)),
        ("AutoVerifyPeer", (Meets::Default, None)),
        ("QueryPeer", (Meets::Query, None)),
        ("VerifyNone", (Meets::Nobody, None)),
        ("VerifyPeer, add CA", (Meets::Verify, None)),
        ("VerifyPeer, no CA", (Meets::VerifyWithoutCa, Some(CertificateError::UnknownIssuer))),
        (
            "VerifyPeer, other name",
            (Meets::VerifyOtherName, Some(CertificateError::NotValidForName)),
        ),
    ]);
    run(&cases, |&(version, (meets, ref refused))| {
        let root = Authority::root()?;
        let authority = root.intermediate()?;
        let identity = authority.issue(Leaf::default())?;
        let site = Site { authority, identity };
        let wanted = match meets {
            Meets::VerifyOtherName => ServerName::try_from("other.example").ok(),
            // Nobody looks at it.
            Meets::Query | Meets::Nobody => None,
            _ => name(),
        };
        let config = match meets {
            Meets::ServerWithoutKey => return server_without_key(&site, version),
            Meets::Default | Meets::VerifyOtherName => site.client(version)?,
            Meets::Query | Meets::Nobody => {
                client_verifying(version, AcceptAnyServer::new(SIGNATURE_ALGORITHMS))?
            }
            Meets::Verify => client_verifying(version, verifier(&site)?)?,
            Meets::VerifyWithoutCa => {
                let other = Site { authority: Authority::root()?, identity: site.identity.clone() };
                client_verifying(version, verifier(&other)?)?
            }
        };
        let mut stage = Stage::new(site.server_with(version, quick(12))?)?;
        stage.start(&config, wanted)?;
        let Some(refused) = refused else {
            stage.until_connected()?;
            let connected = stage.client().connected.as_ref().or_fail("it")?;
            check_eq("the chain", &connected.peer_chain, &site.identity.chain())?;
            return stage.exchange();
        };
        stage.until("the client's end", |stage| stage.client().ends == 1)?;
        let end = stage.client_mut();
        let closed = end.client.closed().or_fail("it")?.clone();
        check_eq("the errors", identity_errors(&closed)?.errors(), core::slice::from_ref(refused))?;
        check(!closed.reason.to_string().is_empty(), "the error has no text")?;
        check_fails("send", end.client.send(b"x"), ErrorKind::InvalidState)?;
        check(end.connected.is_none(), "the client was connected")?;
        let alert = closed.alert_sent.or_fail("an alert")?;
        check_alert_received(&server_end(&mut stage)?, alert)
    });
}

fn server_without_key(site: &Site, version: Version) -> Checked {
    let (socket, address) = plain_socket()?;
    let options = ClientOptions::default();
    let mut client =
        Client::start(&site.client(version)?, address, name(), options).or_fail("a client")?;
    let other = site.authority.issue(Leaf::default())?;
    let server = ServerConfig::builder()
        .with_versions(&[version])
        .with_no_client_auth()
        .with_identity(site.identity.chain(), &other.key())
        .build();
    let error = error_of("the server's configuration", server)?;
    check_eq("the error's kind", error.kind(), ErrorKind::Init)?;
    check(matches!(error, ConfigError::Key(_)), format!("the error is {error:?}"))?;
    receive(&socket)?;
    let told = client.step(Duration::ZERO, &mut []).or_fail("a step")?;
    check(told.is_none(), format!("the client tells {told:?}"))?;
    check(client.closed().is_none() && !client.is_connected(), "the client has come to an end")
}

/// What the client of `verify_client_certificate` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    SelfSigned,
    /// From the right authority, for servers.
    ServerUsage,
    ClientUsage,
    /// As `ClientUsage`, with an authority in between.
    ClientChain,
}

/// What the server of `verify_client_certificate` wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// AutoVerifyPeer: on a server it is the same as QueryPeer.
    Auto,
    Query,
    Nothing,
    Verify,
}

/// Qt: `verifyClientCertificate` (20: 5 certificates, 4 modes).
///
/// In Qt the client of a server that refuses it stays in progress and hears nothing. Here the
/// server sends an alert before it says Finished, so a 1.2 client never is connected; a 1.3 client
/// has sent its certificate together with its Finished, may have been connected by its own lights,
/// and is told right after. The server never is (V5).
#[test]
fn verify_client_certificate() {
    let shown = [
        ("no certificate", Shows::Nothing),
        ("self-signed", Shows::SelfSigned),
        ("server's usage", Shows::ServerUsage),
        ("client's usage", Shows::ClientUsage),
        ("client's chain", Shows::ClientChain),
    ];
    let wanted = [
        ("AutoVerifyPeer", Wants::Auto),
        ("QueryPeer", Wants::Query),
        ("VerifyNone", Wants::Nothing),
        ("VerifyPeer", Wants::Verify),
    ];
    let named: Vec<(String, (Shows, Wants))> = shown
        .iter()
        .flat_map(|(certificate, shows)| {
            wanted
                .iter()
                .map(move |(mode, wants)| (format!("{certificate}, {mode}"), (*shows, *wants)))
        })
        .collect();
    let cases: Vec<_> = named.iter().map(|(name, data)| (name.as_str(), *data)).collect();
    assert_eq!(cases.len(), 20);
    run(&per_version(&cases), |&(version, (shows, wants))| {
        let site = Site::new()?;
        let identity = client_identity(&site.authority, shows)?;
        let mut stage = Stage::new(server_wanting(&site, version, wants)?)?;
        stage.start(&client_showing(&site, version, identity.as_ref())?, name())?;
        let good = matches!(shows, Shows::ClientUsage | Shows::ClientChain);
        if wants != Wants::Verify || good {
            stage.until_connected()?;
            let sent = match wants {
                Wants::Nothing => Vec::new(),
                _ => identity.map(|identity| identity.chain()).unwrap_or_default(),
            };
            let connected = stage.session()?.connected.as_ref().or_fail("it")?;
            check_eq("the client's chain", &connected.peer_chain, &sent)?;
            return stage.exchange();
        }
        let closed = server_end(&mut stage)?;
        let reason = match &closed.reason {
            CloseReason::Error(error) => error,
            other => return Err(Failure::new(format!("the server's end is {other:?}"))),
        };
        check_eq("the kind", reason.kind(), ErrorKind::PeerVerification)?;
        match shows {
            Shows::Nothing => check_eq("the reason", reason, &Error::NoPeerCertificate)?,
            Shows::SelfSigned => {
                let found = identity_errors(&closed)?.errors();
                check_eq("the errors", found, &[CertificateError::SelfSigned])?;
            }
            _ => {
                let found = identity_errors(&closed)?.errors();
                check_eq("the errors", found, &[CertificateError::WrongUsage])?;
            }
        }
        check(!reason.to_string().is_empty(), "the error has no text")?;
        let alert = closed.alert_sent.or_fail("an alert")?;
        stage.until("the client's end", |stage| stage.client().ends == 1)?;
        let end = stage.client();
        check_alert_received(end.client.closed().or_fail("it")?, alert)?;
        check(version == Version::V13 || end.connected.is_none(), "the client was connected")
    });
}

fn client_identity(authority: &Authority, shows: Shows) -> Checked<Option<Identity>> {
    let client = Leaf { usage: Usage::Client, names: &["client.example"], ..Leaf::default() };
    Ok(Some(match shows {
        Shows::Nothing => return Ok(None),
        Shows::SelfSigned => client.self_signed()?,
        Shows::ServerUsage => authority.issue(Leaf::default())?,
        Shows::ClientUsage => authority.issue(client)?,
        Shows::ClientChain => {
            let identity = authority.intermediate()?.issue(client)?;
            check_eq("the chain's length", identity.chain().len(), 2)?;
            identity
        }
    }))
}

fn client_showing(
    site: &Site,
    version: Version,
    identity: Option<&Identity>,
) -> Checked<ClientConfig> {
    let builder = ClientConfig::builder()
        .with_versions(&[version])
        .with_transport(quick(12))
        .with_root_certificates(site.roots()?);
    let builder = match identity {
        Some(identity) => builder.with_identity(identity.chain(), &identity.key()),
        None => builder.with_no_client_auth(),
    };
    builder.build().or_fail("the client's configuration")
}

fn server_wanting(site: &Site, version: Version, wants: Wants) -> Checked<ServerConfig> {
    let builder = ServerConfig::builder()
        .with_versions(&[version])
        .with_transport(TransportConfig::default());
    let builder = match wants {
        Wants::Nothing => builder.with_no_client_auth(),
        Wants::Auto | Wants::Query => {
            builder.with_client_verifier(AcceptAnyClient::new(SIGNATURE_ALGORITHMS))
        }
        Wants::Verify => {
            let roots = Arc::new(site.roots()?);
            let verifier = WebPkiClientVerifier::builder(roots, SIGNATURE_ALGORITHMS).build();
            builder.with_client_verifier(verifier.or_fail("a verifier")?)
        }
    };
    builder
        .with_identity(site.identity.chain(), &site.identity.key())
        .build()
        .or_fail("the server's configuration")
}

/// Qt: `blacklistedCerificate` (the spelling is Qt's).
///
/// Qt carries a list of its own; here the application says what it distrusts. The second row is
/// what such lists are mostly about: the authority in between.
#[test]
fn blacklisted_cerificate() {
    let cases = per_version(&[("the leaf", 0_usize), ("the authority", 1)]);
    run(&cases, |&(version, index)| {
        let root = Authority::root()?;
        let authority = root.intermediate()?;
        let identity = authority.issue(Leaf::default())?;
        let site = Site { authority, identity };
        let chain = site.identity.chain();
        let listed = fingerprint(chain.get(index).or_fail("a certificate")?);
        let roots = Arc::new(site.roots()?);
        let verifier = WebPkiServerVerifier::builder(roots, SIGNATURE_ALGORITHMS)
            .with_distrusted([listed], SHA256)
            .build()
            .or_fail("a verifier")?;
        let mut stage = Stage::new(site.server_with(version, quick(12))?)?;
        stage.start(&client_verifying(version, verifier)?, name())?;
        stage.until("the client's end", |stage| stage.client().ends == 1)?;
        let closed = stage.client().client.closed().or_fail("it")?.clone();
        let found = identity_errors(&closed)?.errors();
        check_eq("the errors", found, &[CertificateError::Distrusted])?;
        let alert = closed.alert_sent.or_fail("an alert")?;
        check_alert_received(&server_end(&mut stage)?, alert)?;
        // Nothing else is wrong with it: without the list it is accepted.
        stage.connect(&site.client(version)?, name())
    });
}

fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    SHA256.hash(certificate).as_ref().try_into().expect("32 bytes")
}
