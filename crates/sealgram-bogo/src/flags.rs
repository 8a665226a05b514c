//! The command line: what the test wants, for each of its connections.

use core::time::Duration;

use sealgram::iana::{NamedGroup, SignatureScheme, SrtpProfile, Version};

use crate::report::Failure;

/// What we can show the peer.
#[derive(Clone, Default, Debug)]
pub(crate) struct Credential {
    /// PEM files.
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
    /// What may be signed with; empty: all that the key can.
    pub(crate) signing_prefs: Vec<SignatureScheme>,
    /// The key is shown without a certificate.
    pub(crate) raw_public_key: bool,
    /// Only for peers that name an authority of the chain.
    pub(crate) must_match_issuer: bool,
}

/// What one connection of the test is like.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) ipv6: bool,
    pub(crate) shim_id: u64,
    dtls: bool,
    pub(crate) server: bool,
    /// A pre-shared key and its identity; empty: none.
    pub(crate) psk: Vec<u8>,
    pub(crate) psk_identity: Vec<u8>,
    /// Tried before [`Self::last_credential`], in this order.
    pub(crate) credentials: Vec<Credential>,
    /// The one that the flags outside of any credential speak of.
    pub(crate) last_credential: Credential,
    /// From 0; `None`: the last one.
    pub(crate) expect_selected_credential: Option<Option<usize>>,
    /// Certificates are asked for, not given to the library.
    pub(crate) ask_for_certificates: bool,
    /// Keys are asked for, not given to the library.
    pub(crate) keys_elsewhere: bool,
    /// How long it takes to sign.
    pub(crate) private_key_delay: Duration,
    resume_count: usize,
    min_version: u16,
    max_version: u16,
    no_tls12: bool,
    no_tls13: bool,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) verify_peer: bool,
    pub(crate) verify_fail: bool,
    pub(crate) verify_prefs: Vec<SignatureScheme>,
    pub(crate) use_custom_verify_callback: bool,
    pub(crate) require_any_client_certificate: bool,
    pub(crate) expect_no_peer_certificate: bool,
    pub(crate) expect_verify_result: bool,
    pub(crate) mtu: Option<usize>,
    pub(crate) initial_timeout: Duration,
    pub(crate) implicit_handshake: bool,
    pub(crate) shim_writes_first: Option<Vec<u8>>,
    pub(crate) key_update_before_read: bool,
    pub(crate) send_alert: bool,
    pub(crate) export_len: usize,
    pub(crate) export_label: Vec<u8>,
    pub(crate) export_context: Vec<u8>,
    pub(crate) use_export_context: bool,
    pub(crate) host_name: Option<String>,
    pub(crate) expect_server_name: Option<Vec<u8>>,
    /// As they are on the wire.
    pub(crate) advertise_alpn: Option<Vec<u8>>,
    pub(crate) expect_advertised_alpn: Option<Vec<u8>>,
    pub(crate) expect_alpn: Vec<u8>,
    pub(crate) select_alpn: Vec<u8>,
    pub(crate) reject_alpn: bool,
    pub(crate) srtp_profiles: Vec<SrtpProfile>,
    pub(crate) max_certificate_message: Option<u32>,
    /// Whether a HelloRetryRequest must, or must not, have come.
    pub(crate) expect_hello_retried: Option<bool>,
    pub(crate) no_ticket: bool,
    /// The server has no key to seal tickets with.
    pub(crate) skip_ticket: bool,
    /// A ticket is opened once at most.
    pub(crate) expect_single_open: bool,
    pub(crate) reverify_on_resume: bool,
    pub(crate) expect_session_miss: bool,
    pub(crate) expect_ticket_renewal: bool,
    pub(crate) expect_no_session: bool,
    /// The session must say that it allows early data.
    pub(crate) expect_ticket_for_early_data: bool,
    pub(crate) expect_session_id: bool,
    pub(crate) expect_no_session_id: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            ipv6: false,
            shim_id: 0,
            dtls: false,
            server: false,
            psk: Vec::new(),
            psk_identity: Vec::new(),
            credentials: Vec::new(),
            last_credential: Credential::default(),
            expect_selected_credential: None,
            ask_for_certificates: false,
            keys_elsewhere: false,
            private_key_delay: Duration::ZERO,
            resume_count: 0,
            min_version: Self::DTLS_1_0,
            max_version: Self::DTLS_1_3,
            no_tls12: false,
            no_tls13: false,
            groups: Vec::new(),
            verify_peer: false,
            verify_fail: false,
            verify_prefs: Vec::new(),
            use_custom_verify_callback: false,
            require_any_client_certificate: false,
            expect_no_peer_certificate: false,
            expect_verify_result: false,
            mtu: None,
            initial_timeout: Duration::from_millis(400),
            implicit_handshake: false,
            shim_writes_first: None,
            key_update_before_read: false,
            send_alert: false,
            export_len: 0,
            export_label: Vec::new(),
            export_context: Vec::new(),
            use_export_context: false,
            host_name: None,
            expect_server_name: None,
            advertise_alpn: None,
            expect_advertised_alpn: None,
            expect_alpn: Vec::new(),
            select_alpn: Vec::new(),
            reject_alpn: false,
            srtp_profiles: Vec::new(),
            max_certificate_message: None,
            expect_hello_retried: None,
            no_ticket: false,
            skip_ticket: false,
            expect_single_open: false,
            reverify_on_resume: false,
            expect_session_miss: false,
            expect_ticket_renewal: false,
            expect_no_session: false,
            expect_ticket_for_early_data: false,
            expect_session_id: false,
            expect_no_session_id: false,
        }
    }
}

/// The rest of the command line, from which a flag takes its value.
struct Rest<'a> {
    args: &'a [Vec<u8>],
    used: usize,
}

impl Rest<'_> {
    fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let value =
            self.args.get(self.used).ok_or_else(|| Failure::failed("a value is missing"))?;
        self.used += 1;
        Ok(value.clone())
    }

    fn text(&mut self) -> Result<String, Failure> {
        String::from_utf8(self.bytes()?).map_err(|error| Failure::failed(error.to_string()))
    }

    fn number<N: TryFrom<u64>>(&mut self) -> Result<N, Failure> {
        let text = self.text()?;
        let number = text.parse::<u64>().ok().and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| Failure::unimplemented(format!("the number {text}")))
    }
}

impl Options {
    const DTLS_1_0: u16 = 0xfeff;
    const DTLS_1_2: u16 = 0xfefd;
    const DTLS_1_3: u16 = 0xfefc;

    /// The versions that may be negotiated. Those of DTLS count downwards.
    pub(crate) fn versions(&self) -> Vec<Version> {
        let allowed = |wire: u16| (self.max_version..=self.min_version).contains(&wire);
        let mut versions = Vec::new();
        // A configuration whose groups are none for 1.2 contradicts itself if it has 1.2.
        let hybrid = self.groups == [NamedGroup::X25519_MLKEM768];
        if allowed(Self::DTLS_1_2) && !self.no_tls12 && !hybrid {
            versions.push(Version::V12);
        }
        if allowed(Self::DTLS_1_3) && !self.no_tls13 {
            versions.push(Version::V13);
        }
        versions
    }

    /// Whether the library asks about the peer's chain. It does not ask about a chain that it has
    /// asked about before.
    pub(crate) const fn ask_for_verdicts(&self) -> bool {
        self.use_custom_verify_callback && self.ask_for_certificates && !self.reverify_on_resume
    }

    /// Whether the library asks for sessions, unless the test is about who keeps them.
    pub(crate) const fn ask_for_sessions(&self) -> bool {
        let keeps_them = self.no_ticket || self.skip_ticket || self.expect_single_open;
        let looks = self.expect_session_id || self.expect_no_session_id;
        self.ask_for_certificates && !keeps_them && !looks
    }

    /// The one that is being described.
    fn credential(&mut self) -> &mut Credential {
        self.credentials.last_mut().unwrap_or(&mut self.last_credential)
    }

    /// Obeys one flag.
    fn set(&mut self, flag: &str, rest: &mut Rest<'_>) -> Result<(), Failure> {
        match flag {
            "port" => self.port = rest.number()?,
            "shim-id" => self.shim_id = rest.number()?,
            "ipv6" => self.ipv6 = true,
            "server" => self.server = true,
            "psk" => self.psk = rest.bytes()?,
            "psk-identity" => self.psk_identity = rest.bytes()?,
            "dtls" => self.dtls = true,
            // No call waits for anything: what can be asked for is asked for.
            "async" => {
                self.ask_for_certificates = true;
                self.keys_elsewhere = true;
            }
            "use-early-callback" => self.ask_for_certificates = true,
            // Renegotiation is refused whatever BoringSSL would do.
            "renegotiate-freely" => {}
            // Chains are judged by what the test says alone.
            "trust-cert" => drop(rest.bytes()?),
            "cert-file" => self.credential().certificate = Some(rest.text()?),
            "key-file" => self.credential().key = Some(rest.text()?),
            "signing-prefs" => {
                let scheme = SignatureScheme(rest.number()?);
                self.credential().signing_prefs.push(scheme);
                self.keys_elsewhere = true;
            }
            "must-match-issuer" => self.credential().must_match_issuer = true,
            "new-rpk-credential" => {
                self.credentials.push(Credential { raw_public_key: true, ..Credential::default() });
            }
            // What the credentials are.
            "available-client-cert-types" => drop(rest.number::<u8>()?),
            "new-x509-credential" => self.credentials.push(Credential::default()),
            "expect-selected-credential" => {
                let index = rest.text()?;
                self.expect_selected_credential = Some(match index.as_str() {
                    "-1" => None,
                    index => Some(index.parse().map_err(|_| Failure::failed("not an index"))?),
                });
                self.keys_elsewhere = true;
            }
            "private-key-delay-ms" => {
                self.private_key_delay = Duration::from_millis(rest.number()?);
                self.keys_elsewhere = true;
            }
            "resume-count" => self.resume_count = rest.number()?,

            "min-version" => self.min_version = rest.number()?,
            "max-version" => self.max_version = rest.number()?,
            "no-tls1" => {}
            "no-tls12" => self.no_tls12 = true,
            "no-tls13" => self.no_tls13 = true,
            "curves" => self.groups.push(group(rest.number()?)?),

            "verify-peer" => self.verify_peer = true,
            "verify-fail" => self.verify_fail = true,
            "verify-prefs" => self.verify_prefs.push(SignatureScheme(rest.number()?)),
            "use-custom-verify-callback" => self.use_custom_verify_callback = true,
            "require-any-client-certificate" => self.require_any_client_certificate = true,
            "expect-no-peer-cert" => self.expect_no_peer_certificate = true,
            "expect-verify-result" => self.expect_verify_result = true,
            "max-cert-list" => self.max_certificate_message = Some(rest.number()?),

            "mtu" => self.mtu = Some(rest.number()?),
            "initial-timeout-duration-ms" => {
                self.initial_timeout = Duration::from_millis(rest.number()?);
            }
            "implicit-handshake" => self.implicit_handshake = true,
            "shim-writes-first" => {
                self.shim_writes_first.get_or_insert_with(|| b"hello".to_vec());
            }
            "shim-initial-write" => self.shim_writes_first = Some(rest.bytes()?),
            "key-update-before-read" => self.key_update_before_read = true,
            "send-alert" => self.send_alert = true,

            "export-keying-material" => self.export_len = rest.number()?,
            "export-label" => self.export_label = rest.bytes()?,
            "export-context" => self.export_context = rest.bytes()?,
            "use-export-context" => self.use_export_context = true,

            "host-name" => self.host_name = Some(rest.text()?),
            "expect-server-name" => self.expect_server_name = Some(rest.bytes()?),
            "advertise-alpn" => self.advertise_alpn = Some(rest.bytes()?),
            "expect-alpn" => self.expect_alpn = rest.bytes()?,
            "select-alpn" => self.select_alpn = rest.bytes()?,
            "decline-alpn" => {}
            "expect-advertised-alpn" => self.expect_advertised_alpn = Some(rest.bytes()?),
            "reject-alpn" => self.reject_alpn = true,
            "srtp-profiles" => self.srtp_profiles = srtp_profiles(&rest.text()?)?,

            "expect-hrr" => self.expect_hello_retried = Some(true),
            "expect-no-hrr" => self.expect_hello_retried = Some(false),
            "expect-session-miss" => self.expect_session_miss = true,
            "expect-ticket-renewal" => self.expect_ticket_renewal = true,
            "expect-no-session" => self.expect_no_session = true,
            "expect-session-id" => self.expect_session_id = true,
            "expect-no-session-id" => self.expect_no_session_id = true,
            "no-ticket" => self.no_ticket = true,
            "use-ticket-callback" | "use-ticket-aead-callback" => self.expect_single_open = true,
            // A resumed session gets a new ticket anyway.
            "renew-ticket" => {}
            "skip-ticket" => self.skip_ticket = true,
            "reverify-on-resume" => self.reverify_on_resume = true,
            // The runner has no early data over DTLS, and wants none: it only gives tickets that
            // would allow it.
            "enable-early-data" | "expect-accept-early-data" => {}
            "expect-early-data-reason" => drop(rest.bytes()?),
            "expect-ticket-supports-early-data" => self.expect_ticket_for_early_data = true,

            _ => return Err(Failure::unimplemented(format!("-{flag}"))),
        }
        Ok(())
    }
}

fn group(number: u16) -> Result<NamedGroup, Failure> {
    let group = NamedGroup(number);
    match group {
        NamedGroup::X25519
        | NamedGroup::SECP256R1
        | NamedGroup::SECP384R1
        | NamedGroup::X25519_MLKEM768 => Ok(group),
        _ => Err(Failure::unimplemented(format!("the group {group}"))),
    }
}

/// OpenSSL's names, separated by colons.
fn srtp_profiles(list: &str) -> Result<Vec<SrtpProfile>, Failure> {
    let profile = |name: &str| match name {
        "SRTP_AES128_CM_SHA1_80" => Ok(SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80),
        "SRTP_AES128_CM_SHA1_32" => Ok(SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32),
        _ => Err(Failure::unimplemented(format!("the profile {name}"))),
    };
    list.split(':').map(profile).collect()
}

/// The options of every connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    initial: Options,
    resume: Options,
}

impl Flags {
    /// Reads the command line. What sealgram cannot do is [`Failure::Unimplemented`].
    pub(crate) fn parse(args: &[Vec<u8>]) -> Result<Self, Failure> {
        let mut flags = Self::default();
        let mut args = args;
        while let Some((flag, rest)) = args.split_first() {
            let flag = core::str::from_utf8(flag).ok().and_then(|flag| flag.strip_prefix('-'));
            let flag = flag.ok_or_else(|| Failure::failed("a flag was expected"))?;
            args = &rest[flags.set(flag, rest)?..];
        }
        if !flags.initial.dtls {
            return Err(Failure::unimplemented("TLS"));
        }
        Ok(flags)
    }

    /// Obeys one flag for the connections that it is for, and says how many values it took.
    fn set(&mut self, flag: &str, args: &[Vec<u8>]) -> Result<usize, Failure> {
        let strip = |prefix| flag.strip_prefix(prefix);
        // For a second process that some tests split handshakes over.
        if strip("on-handshaker-").is_some() {
            return Ok(1);
        }
        let Self { initial, resume } = self;
        let (flag, targets) = if let Some(flag) = strip("on-initial-") {
            (flag, vec![initial])
        } else if let Some(flag) = strip("on-resume-") {
            (flag, vec![resume])
        } else if strip("on-retry-").is_some() {
            return Err(Failure::unimplemented("retries after rejected early data"));
        } else {
            (strip("on-shim-").unwrap_or(flag), vec![initial, resume])
        };
        let mut used = 0;
        for options in targets {
            let mut rest = Rest { args, used: 0 };
            options.set(flag, &mut rest)?;
            used = rest.used;
        }
        Ok(used)
    }

    /// How many connections follow the first one.
    pub(crate) const fn resumptions(&self) -> usize {
        self.initial.resume_count
    }

    /// The options of the connection with this number, from 0.
    pub(crate) const fn options(&self, nth: usize) -> &Options {
        if nth == 0 { &self.initial } else { &self.resume }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Flags, Failure> {
        let args = [&["-dtls"], args].concat();
        let args: Vec<_> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        Flags::parse(&args)
    }

    #[test]
    fn prefixed_flag_is_for_its_connection_alone() {
        let flags = parse(&["-server", "-on-resume-mtu", "512", "-on-initial-mtu", "256"]).unwrap();
        assert_eq!(flags.options(0).mtu, Some(256));
        assert_eq!(flags.options(1).mtu, Some(512));
        assert!(flags.options(0).server && flags.options(1).server);
    }

    #[test]
    fn flags_after_a_new_credential_describe_it() {
        let flags = parse(&[
            "-key-file",
            "last",
            "-new-x509-credential",
            "-key-file",
            "first",
            "-new-rpk-credential",
            "-key-file",
            "second",
            "-expect-selected-credential",
            "-1",
        ])
        .unwrap();
        let options = flags.options(0);
        let keys: Vec<_> = options.credentials.iter().map(|one| one.key.as_deref()).collect();
        assert_eq!(keys, [Some("first"), Some("second")]);
        assert_eq!(options.last_credential.key.as_deref(), Some("last"));
        assert_eq!(options.expect_selected_credential, Some(None));
    }

    #[test]
    fn empty_value_is_a_value() {
        let flags = parse(&["-export-label", "", "-server"]).unwrap();
        assert!(flags.options(0).export_label.is_empty());
        assert!(flags.options(0).server);
    }

    #[test]
    fn unknown_flag_is_unimplemented() {
        assert!(matches!(parse(&["-fly-to-the-moon"]), Err(Failure::Unimplemented(_))));
    }

    #[test]
    fn versions_follow_the_limits() {
        let versions = |args: &[&str]| parse(args).unwrap().options(0).versions();
        assert_eq!(versions(&[]), [Version::V12, Version::V13]);
        assert_eq!(versions(&["-max-version", "65277"]), [Version::V12]);
        assert_eq!(versions(&["-max-version", "65279"]), []);
        assert_eq!(versions(&["-min-version", "65276"]), [Version::V13]);
        assert_eq!(versions(&["-no-tls12"]), [Version::V13]);
    }
}
