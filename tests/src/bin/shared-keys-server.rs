//! A server whose keys for cookies and tickets others have too: two of them are two processes.
//!
//! ```text
//! shared-keys-server CHAIN KEY HISTORY
//! ```
//!
//! `HISTORY` has a letter for every secret that there was, the newest last. It listens at a free
//! port of 127.0.0.1, says which on standard error, and sends back what it gets until it is killed.
#![forbid(unsafe_code)]

use core::error::Error;
use std::env;
use std::sync::Arc;

use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};
use sealgram::{EndpointConfig, ServerConfig, Tickets, default_provider};
use sealgram_udp::{MAX_PLAINTEXT, Server, ServerEvent};

/// How long tickets are good, in seconds.
const LIFETIME: u32 = 3600;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [chain, key, history] = arguments.as_slice() else {
        return Err("usage: shared-keys-server CHAIN KEY HISTORY".into());
    };
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut secrets = history.bytes().map(|letter| [letter; 32]);
    let first = secrets.next().ok_or("no secret")?;
    let tickets = Arc::new(Tickets::with_shared_secret(&default_provider(), &first, LIFETIME)?);
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_identity(chain, &key)
        .with_tickets(tickets.clone())
        .build()?;
    let endpoint = EndpointConfig::new().with_shared_cookie_secret(&first, 0);
    let mut server = Server::bind("127.0.0.1:0".parse()?, endpoint, config)?;
    for secret in secrets {
        tickets.rotate_to(&secret)?;
        server.rotate_cookie_secret(&secret)?;
    }
    eprintln!("listening on {}", server.local_addr()?);
    let mut buf = [0; MAX_PLAINTEXT];
    loop {
        if let Some(ServerEvent::Data { peer, len, .. }) = server.step(None, &mut buf)? {
            server.send(peer, &buf[..len])?;
        }
    }
}
