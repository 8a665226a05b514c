//! sealgram's configurations, as the flags want them.

use core::time::Duration;
use std::sync::Arc;

use sealgram::iana::Version;
use sealgram::pki_types::ServerName;
use sealgram::{ClientConfig, Connection, ExternalPsk, Path, ServerConfig, TransportConfig};

use crate::clock::Clock;
use crate::credentials::{Identities, Identity};
use crate::flags::Options;
use crate::provider;
use crate::report::Failure;
use crate::sessions::Sessions;
use crate::verify::Verdict;

/// What a connection is made from.
pub(crate) struct Parts<'a> {
    pub(crate) clock: &'a Arc<Clock>,
    pub(crate) sessions: &'a Sessions,
    pub(crate) options: &'a Options,
    pub(crate) identities: &'a Arc<Identities>,
    pub(crate) verdict: &'a Arc<Verdict>,
}

/// A connection that has not begun.
pub(crate) fn connection(parts: &Parts<'_>) -> Result<Connection, Failure> {
    let Parts { options, clock, .. } = parts;
    if options.server {
        // The runner does not expect cookies.
        Ok(Connection::server_on_trusted_path(&server(parts)?, Path::connected(), clock.now()))
    } else {
        let name = options.host_name.clone().map(ServerName::try_from).transpose();
        let name = name.map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Connection::client(&client(parts)?, name, Path::connected(), clock.now())?)
    }
}

/// What both roles are told.
macro_rules! common {
    ($builder:expr, $clock:expr, $options:expr, $alpn:expr) => {{
        let builder = $builder
            .with_versions(&$options.versions())
            .with_wall_clock($clock.clone())
            .with_transport(transport($options)?)
            .with_srtp($options.srtp_profiles.clone())
            .with_alpn($alpn);
        if $options.groups.is_empty() { builder } else { builder.with_groups(&$options.groups) }
    }};
}

/// One identity after the other.
macro_rules! and_identities {
    ($builder:expr, $options:expr, $identities:expr) => {{
        let mut builder = $builder;
        for Identity { certified, private, key, schemes, .. } in &$identities.list {
            let (family, schemes) = (key.algorithm(), schemes.clone());
            let chain = certified.chain().to_vec();
            builder = match (certified.raw_public_key(), $options.keys_elsewhere) {
                (None, false) => builder.and_identity(chain, private),
                (None, true) => builder.and_asked_identity(chain, family, schemes),
                (Some(_), false) => builder.and_raw_public_key(private),
                (Some(public), true) => {
                    builder.and_asked_raw_public_key(public.clone(), family, schemes)
                }
            };
        }
        builder
    }};
}

fn client(parts: &Parts<'_>) -> Result<ClientConfig, Failure> {
    let Parts { clock, sessions, options, identities, verdict } = *parts;
    let provider = provider::chosen_for(options)?;
    let alpn = options.advertise_alpn.as_deref().map(protocols).unwrap_or_default();
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = common!(builder, clock, options, alpn);
    let builder = if let Some(psk) = psk(options)? {
        // BoringSSL has no such keys in 1.3.
        builder.with_versions(&[Version::V12]).with_psk(psk)
    } else {
        let builder = if options.ask_for_verdicts() {
            builder.with_asked_verification(verdict.clone())
        } else {
            builder.with_server_verifier(verdict.clone())
        };
        if options.ask_for_certificates {
            builder.with_asked_certificate_types(&identities.types())
        } else if options.expect_advertised_alpn.is_some() || identities.need_resolver() {
            builder.with_client_cert_resolver(identities.clone())
        } else {
            and_identities!(builder.with_no_client_auth(), options, identities)
        }
    };
    let builder = builder
        // The runner takes the first group that it knows without asking for a share.
        .with_hybrid_share_first(true)
        .with_verification_on_resumption(options.reverify_on_resume);
    let builder = if options.no_ticket {
        builder.without_resumption()
    } else {
        builder.with_session_store(sessions.store.clone())
    };
    Ok(builder.build()?)
}

fn server(parts: &Parts<'_>) -> Result<ServerConfig, Failure> {
    let Parts { clock, sessions, options, identities, verdict } = *parts;
    let provider = provider::chosen_for(options)?;
    let alpn = if options.reject_alpn {
        vec![b"nobody offers this".to_vec()]
    } else if options.select_alpn.is_empty() {
        Vec::new()
    } else {
        vec![options.select_alpn.clone()]
    };
    let builder = common!(ServerConfig::builder_with_provider(provider), clock, options, alpn);
    let builder = if !options.verify_peer && !options.require_any_client_certificate {
        builder.with_no_client_auth()
    } else if options.ask_for_verdicts() {
        let required = options.require_any_client_certificate;
        builder.with_asked_verification(verdict.clone(), required)
    } else {
        builder.with_client_verifier(verdict.clone())
    };
    if identities.list.is_empty() && options.psk.is_empty() {
        return Err(Failure::unimplemented("a server without a certificate"));
    }
    let builder = if options.ask_for_certificates {
        builder.with_asked_certificate()
    } else if options.expect_advertised_alpn.is_some() || identities.need_resolver() {
        builder.with_cert_resolver(identities.clone())
    } else {
        and_identities!(builder.with_certificates([]), options, identities)
    };
    let builder = match psk(options)? {
        // BoringSSL's servers hint at their identity.
        Some(psk) => builder.with_psk_hint(&options.psk_identity).and_psks(Arc::new(vec![psk])),
        None => builder,
    };
    let builder = builder.with_verification_on_resumption(options.reverify_on_resume);
    let builder = if options.no_ticket {
        builder.without_resumption()
    } else if options.ask_for_sessions() {
        return Ok(builder.with_asked_sessions(Sessions::LIFETIME).build()?);
    } else {
        sessions.tickets.set_skips(options.skip_ticket);
        builder.with_tickets(sessions.tickets.clone())
    };
    Ok(builder.with_session_cache(sessions.cache.clone()).build()?)
}

/// The pre-shared key, if there is one. The suite's are short.
fn psk(options: &Options) -> Result<Option<Arc<ExternalPsk>>, Failure> {
    if options.psk.is_empty() {
        return Ok(None);
    }
    let psk = ExternalPsk::danger_weak(&options.psk_identity, &options.psk);
    let psk = psk.ok_or_else(|| Failure::unimplemented("a pre-shared key without an identity"))?;
    Ok(Some(Arc::new(psk)))
}

fn transport(options: &Options) -> Result<TransportConfig, Failure> {
    // Without a clock that moves by itself, evidence of failure must be obeyed at once. The
    // runner moves the clock at will, so the sum of all timeouts is no measure for a deadline.
    // The runner's model of a peer that waits for the rest of a flight has no timer.
    let mut transport = TransportConfig::default()
        .with_repeated_acks(false)
        .with_retransmit_timeout(options.initial_timeout)?
        .with_handshake_deadline(Duration::from_secs(24 * 60 * 60))
        // BoringSSL's window, which some tests count backwards in.
        .with_replay_window(256)?
        .with_fail_fast(true);
    if let Some(mtu) = options.mtu {
        transport = transport.with_max_datagram(mtu)?;
    }
    if let Some(bytes) = options.max_certificate_message {
        transport = transport.with_max_message(bytes)?;
    }
    Ok(transport)
}

/// A list of protocols as it is on the wire, taken apart.
pub(crate) fn protocols(wire: &[u8]) -> Vec<Vec<u8>> {
    let mut protocols = Vec::new();
    let mut rest = wire;
    while let Some((len, after)) = rest.split_first() {
        let (name, after) = after.split_at(usize::from(*len).min(after.len()));
        protocols.push(name.to_vec());
        rest = after;
    }
    protocols
}
