//! `sealgram demo`: a server and a client on loopback, and a look at what passes between them.
//!
//! ```text
//!   client (this thread) <──UDP──> tap (a thread) <──UDP──> server (a thread)
//! ```

mod drawing;
mod tap;

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::thread;

use sealgram::iana::Version;
use sealgram::pki_types::ServerName;
use sealgram::ring::hash::SHA256;
use sealgram::{
    ClientConfig, CloseReason, EndpointConfig, Info, RootStore, ServerConfig, TransportConfig,
};
use sealgram_udp::{Client, ClientEvent, ClientOptions, MAX_PLAINTEXT, Server, ServerEvent};
use tap::{Seen, Tap};

use crate::certificates::{Made, Wish};
use crate::failure::Failure;
use crate::hex;

/// The versions that are shown, the newest first.
const VERSIONS: [Version; 2] = [Version::V13, Version::V12];

/// How long one version may take, and each wait within it.
const PATIENCE: Duration = Duration::from_secs(10);

const FROM_CLIENT: &[u8] = b"hello from the client";
const FROM_SERVER: &[u8] = b"hello from the server";

const LOOPBACK: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(crate) fn run() -> Result<(), Failure> {
    let made = Wish::self_signed("localhost")?;
    let fingerprint = SHA256.hash(&made.certificate);
    print(&format!(
        "A certificate for localhost, made on the spot.\nfingerprint {}\n",
        hex::encode(fingerprint.as_ref())
    ))?;
    let mut failed = Vec::new();
    for version in VERSIONS {
        match show(version, &made) {
            Ok(shown) => print(&shown.to_string())?,
            Err(error) => {
                print(&format!("\n{version}: failed: {error}\n"))?;
                failed.push(version.to_string());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::handshake(format!("the demo of {} failed", failed.join(" and ")))
        .hint("does this machine let programs use UDP on 127.0.0.1?"))
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::usage(format!("standard output: {error}")))
}

/// What one version has shown.
pub(crate) struct Shown {
    info: Info,
    seen: Vec<Seen>,
}

/// What went wrong; the demo has no finer use for it.
type Trouble = Box<dyn core::error::Error + Send + Sync>;

/// One connection of one version: a handshake with a cookie, data echoed both ways, goodbye.
fn show(version: Version, made: &Made) -> Result<Shown, Trouble> {
    let transport = TransportConfig::default().with_handshake_deadline(PATIENCE);
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_identity(vec![made.certificate.clone()], &made.key)
        .with_versions(&[version])
        .with_transport(transport)
        .build()?;
    let server = Server::bind(LOOPBACK, EndpointConfig::new(), config)?;
    let tap = Tap::start(server.local_addr()?)?;

    let stop = Arc::new(AtomicBool::new(false));
    let serving = thread::spawn({
        let stop = stop.clone();
        move || serve(server, &stop)
    });
    let client = visit(version, made, transport, tap.address());
    if client.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    let served = serving.join().unwrap_or_else(|_| Err("the server's thread has failed".into()));
    let seen = tap.stop();
    let info = client?;
    served?;
    if !info.cookie_exchanged {
        return Err("no cookie was exchanged".into());
    }
    if info.negotiated.as_ref().map(|negotiated| negotiated.version) != Some(version) {
        return Err("another version was negotiated".into());
    }
    Ok(Shown { info, seen })
}

/// The client's part: has its datagram echoed, echoes the server's, and says goodbye.
fn visit(
    version: Version,
    made: &Made,
    transport: TransportConfig,
    server: SocketAddr,
) -> Result<Info, Trouble> {
    let mut roots = RootStore::new();
    roots.add(made.certificate.clone())?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
        .with_versions(&[version])
        .with_transport(transport)
        .build()?;
    let name = ServerName::try_from("localhost")?;
    let mut client = Client::start(&config, server, Some(name), ClientOptions::default())?;
    let mut buf = vec![0; MAX_PLAINTEXT];
    let (mut echoed, mut greeted) = (false, false);
    while !(echoed && greeted) {
        match client.step(PATIENCE, &mut buf)? {
            Some(ClientEvent::Connected(_)) => client.send(FROM_CLIENT)?,
            Some(ClientEvent::Data(len)) => match buf.get(..len) {
                Some(FROM_CLIENT) => echoed = true,
                Some(FROM_SERVER) => {
                    client.send(FROM_SERVER)?;
                    greeted = true;
                }
                _ => return Err("the client has received something else".into()),
            },
            Some(ClientEvent::Closed(closed)) => return Err(closed.reason.to_string().into()),
            Some(_) => {}
            None => return Err("the server has stopped answering".into()),
        }
    }
    client.close()?;
    Ok(client.info().clone())
}

/// The server's part: echoes the client's datagram, has its own echoed, and waits for goodbye.
fn serve(mut server: Server, stop: &AtomicBool) -> Result<(), Trouble> {
    let mut buf = vec![0; MAX_PLAINTEXT];
    let mut echoed = false;
    while !stop.load(Ordering::Relaxed) {
        match server.step(Duration::from_millis(50), &mut buf)? {
            Some(ServerEvent::Data { peer, len, .. }) => match buf.get(..len) {
                Some(FROM_CLIENT) => {
                    server.send(peer, FROM_CLIENT)?;
                    server.send(peer, FROM_SERVER)?;
                }
                Some(FROM_SERVER) => echoed = true,
                _ => return Err("the server has received something else".into()),
            },
            Some(ServerEvent::Closed { ended, .. }) => {
                return match ended.closed.as_ref().map(|closed| &closed.reason) {
                    Some(CloseReason::Peer) if echoed => Ok(()),
                    Some(reason) => Err(reason.to_string().into()),
                    None => Err("the connection was replaced".into()),
                };
            }
            _ => {}
        }
    }
    Err("the client has given up".into())
}
