//! The extensions of the messages that answer a ClientHello.

use sealgram_iana::{CertificateType, ExtensionType, NamedGroup, ProtocolVersion, SrtpProfile};

use super::{KeyShareEntry, empty, put, put_flag, put_list, put_opaque, whole};
use crate::{Item, List, Malformed, Prefix, ProtocolName, Writer};

/// Which message a server's extensions are in: some have a different form in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerMessage {
    /// A ServerHello of either version.
    ServerHello,
    /// A ServerHello with [`crate::Random::HELLO_RETRY_REQUEST`].
    HelloRetryRequest,
    /// The EncryptedExtensions of 1.3.
    EncryptedExtensions,
}

/// What a ServerHello of either version, a HelloRetryRequest or an EncryptedExtensions says, one
/// field per extension that this crate knows.
///
/// Whether an extension was offered, and whether it belongs in this message, is for the reader's
/// owner to say, who finds every type that is present with [`ServerExtensions::types`]. Only the
/// extensions that have no form in a message are refused by [`ServerExtensions::read`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ServerExtensions<'a> {
    /// The server used the client's `server_name` (RFC 6066 §3).
    pub server_name: bool,
    /// The code of the client's offer, 1 to 4 (RFC 6066 §4).
    pub max_fragment_length: Option<u8>,
    /// The server's groups, for the client's next connection (RFC 8446 §4.2.7).
    pub supported_groups: Option<List<'a, NamedGroup>>,
    /// Point formats, at least one (RFC 8422 §5.2).
    pub ec_point_formats: Option<&'a [u8]>,
    /// The chosen SRTP profile (RFC 5764 §4.1.1).
    pub use_srtp: Option<SelectedSrtp<'a>>,
    /// The chosen application protocol, at least one byte (RFC 7301 §3.1).
    pub alpn: Option<&'a [u8]>,
    /// What the client shall prove itself with (RFC 7250 §3).
    pub client_certificate_type: Option<CertificateType>,
    /// What the server proves itself with (RFC 7250 §3).
    pub server_certificate_type: Option<CertificateType>,
    /// `extended_master_secret` (RFC 7627 §5.1).
    pub extended_master_secret: bool,
    /// The largest plaintext that the server wants to receive, at least 64 (RFC 8449 §4).
    pub record_size_limit: Option<u16>,
    /// A 1.2 NewSessionTicket will follow (RFC 5077 §3.2).
    pub session_ticket: bool,
    /// The server accepts early data (RFC 8446 §4.2.10).
    pub early_data: bool,
    /// The chosen version, in a ServerHello or HelloRetryRequest (RFC 8446 §4.2.1).
    pub supported_versions: Option<ProtocolVersion>,
    /// What the client shall repeat, at least one byte (RFC 8446 §4.2.2).
    pub cookie: Option<&'a [u8]>,
    /// `key_share` of a ServerHello (RFC 8446 §4.2.8).
    pub key_share: Option<KeyShareEntry<'a>>,
    /// `key_share` of a HelloRetryRequest: the group that the client shall use (RFC 8446 §4.2.8).
    /// At most one of `key_share` and `selected_group` is set.
    pub selected_group: Option<NamedGroup>,
    /// `pre_shared_key` of a ServerHello: the index of the chosen identity (RFC 8446 §4.2.11).
    pub pre_shared_key: Option<u16>,
    /// The connection ID that the server wants to receive, 0 to 255 bytes (RFC 9146 §3).
    pub connection_id: Option<&'a [u8]>,
    /// `rrc` (RFC 9853 §3).
    pub rrc: bool,
    /// `renegotiated_connection`, empty in an initial handshake (RFC 5746 §3.2).
    pub renegotiation_info: Option<&'a [u8]>,
    /// The first type that this crate does not know, hence never offered. Not encoded.
    pub unknown: Option<ExtensionType>,
}

impl<'a> ServerExtensions<'a> {
    /// Reads the content of the `extensions` vector of `message`.
    pub fn read(block: &'a [u8], message: ServerMessage) -> Result<Self, Malformed> {
        let mut this = Self::default();
        for extension in super::read_block(block)? {
            this.read_one(extension.extension_type, extension.extension_data, message)?;
        }
        Ok(this)
    }

    fn read_one(
        &mut self,
        typ: ExtensionType,
        data: &'a [u8],
        message: ServerMessage,
    ) -> Result<(), Malformed> {
        match typ {
            ExtensionType::SERVER_NAME => self.server_name = empty(data, "server_name")?,
            ExtensionType::MAX_FRAGMENT_LENGTH => {
                self.max_fragment_length = Some(super::max_fragment_length(data)?);
            }
            ExtensionType::SUPPORTED_GROUPS => {
                self.supported_groups = Some(super::supported_groups(data)?);
            }
            ExtensionType::EC_POINT_FORMATS => {
                self.ec_point_formats = Some(super::ec_point_formats(data)?);
            }
            ExtensionType::USE_SRTP => self.use_srtp = Some(SelectedSrtp::read(data)?),
            ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                let list = whole(data, "ProtocolNameList", |r| r.vec16("ProtocolNameList"))?;
                let ProtocolName(name) = whole(list, "ProtocolNameList", ProtocolName::read)?;
                self.alpn = Some(name);
            }
            ExtensionType::CLIENT_CERTIFICATE_TYPE => {
                self.client_certificate_type =
                    Some(whole(data, "client_certificate_type", CertificateType::read)?);
            }
            ExtensionType::SERVER_CERTIFICATE_TYPE => {
                self.server_certificate_type =
                    Some(whole(data, "server_certificate_type", CertificateType::read)?);
            }
            ExtensionType::EXTENDED_MASTER_SECRET => {
                self.extended_master_secret = empty(data, "extended_master_secret")?;
            }
            ExtensionType::RECORD_SIZE_LIMIT => {
                self.record_size_limit = Some(super::record_size_limit(data)?);
            }
            ExtensionType::SESSION_TICKET => self.session_ticket = empty(data, "session_ticket")?,
            ExtensionType::EARLY_DATA => self.early_data = empty(data, "early_data")?,
            ExtensionType::COOKIE => self.cookie = Some(super::cookie(data)?),
            ExtensionType::CONNECTION_ID => {
                self.connection_id = Some(whole(data, "cid", |r| r.vec8("cid"))?);
            }
            ExtensionType::RRC => self.rrc = empty(data, "rrc")?,
            ExtensionType::RENEGOTIATION_INFO => {
                const FIELD: &str = "renegotiated_connection";
                self.renegotiation_info = Some(whole(data, FIELD, |r| r.vec8(FIELD))?);
            }
            ExtensionType::SUPPORTED_VERSIONS
            | ExtensionType::KEY_SHARE
            | ExtensionType::PRE_SHARED_KEY => self.read_hello_only(typ, data, message)?,
            _ => self.unknown = self.unknown.or(Some(typ)),
        }
        Ok(())
    }

    /// The extensions that have a form in hellos only.
    fn read_hello_only(
        &mut self,
        typ: ExtensionType,
        data: &'a [u8],
        message: ServerMessage,
    ) -> Result<(), Malformed> {
        use ServerMessage::{HelloRetryRequest, ServerHello};
        match (typ, message) {
            (ExtensionType::SUPPORTED_VERSIONS, ServerHello | HelloRetryRequest) => {
                self.supported_versions = Some(super::selected_version(data)?);
            }
            (ExtensionType::KEY_SHARE, ServerHello) => {
                self.key_share = Some(whole(data, "server_share", KeyShareEntry::read)?);
            }
            (ExtensionType::KEY_SHARE, HelloRetryRequest) => {
                self.selected_group = Some(whole(data, "selected_group", NamedGroup::read)?);
            }
            (ExtensionType::PRE_SHARED_KEY, ServerHello) => {
                const FIELD: &str = "selected_identity";
                self.pre_shared_key = Some(whole(data, FIELD, |r| r.u16(FIELD))?);
            }
            _ => return Err(Malformed::MisplacedExtension(typ)),
        }
        Ok(())
    }

    /// Every type that is present: those of the fields that are set, then the first unknown one.
    pub fn types(&self) -> impl Iterator<Item = ExtensionType> + use<> {
        let share = self.key_share.is_some() || self.selected_group.is_some();
        let alpn = ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION;
        [
            (ExtensionType::SERVER_NAME, self.server_name),
            (ExtensionType::MAX_FRAGMENT_LENGTH, self.max_fragment_length.is_some()),
            (ExtensionType::SUPPORTED_GROUPS, self.supported_groups.is_some()),
            (ExtensionType::EC_POINT_FORMATS, self.ec_point_formats.is_some()),
            (ExtensionType::USE_SRTP, self.use_srtp.is_some()),
            (alpn, self.alpn.is_some()),
            (ExtensionType::CLIENT_CERTIFICATE_TYPE, self.client_certificate_type.is_some()),
            (ExtensionType::SERVER_CERTIFICATE_TYPE, self.server_certificate_type.is_some()),
            (ExtensionType::EXTENDED_MASTER_SECRET, self.extended_master_secret),
            (ExtensionType::RECORD_SIZE_LIMIT, self.record_size_limit.is_some()),
            (ExtensionType::SESSION_TICKET, self.session_ticket),
            (ExtensionType::EARLY_DATA, self.early_data),
            (ExtensionType::SUPPORTED_VERSIONS, self.supported_versions.is_some()),
            (ExtensionType::COOKIE, self.cookie.is_some()),
            (ExtensionType::KEY_SHARE, share),
            (ExtensionType::PRE_SHARED_KEY, self.pre_shared_key.is_some()),
            (ExtensionType::CONNECTION_ID, self.connection_id.is_some()),
            (ExtensionType::RRC, self.rrc),
            (ExtensionType::RENEGOTIATION_INFO, self.renegotiation_info.is_some()),
        ]
        .into_iter()
        .filter_map(|(typ, present)| present.then_some(typ))
        .chain(self.unknown)
    }

    /// Whether nothing is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types().next().is_none()
    }

    /// Writes the content of the `extensions` vector.
    pub fn encode(&self, w: &mut Writer) {
        if let Some(version) = self.supported_versions {
            put(w, ExtensionType::SUPPORTED_VERSIONS, |w| w.u16(version.0));
        }
        if let Some(share) = &self.key_share {
            put(w, ExtensionType::KEY_SHARE, |w| share.encode(w));
        } else if let Some(group) = self.selected_group {
            put(w, ExtensionType::KEY_SHARE, |w| w.u16(group.0));
        }
        if let Some(index) = self.pre_shared_key {
            put(w, ExtensionType::PRE_SHARED_KEY, |w| w.u16(index));
        }
        if let Some(cookie) = self.cookie {
            put_opaque(w, ExtensionType::COOKIE, Prefix::U16, cookie);
        }
        put_flag(w, ExtensionType::SERVER_NAME, self.server_name);
        put_flag(w, ExtensionType::EXTENDED_MASTER_SECRET, self.extended_master_secret);
        if let Some(verify_data) = self.renegotiation_info {
            put_opaque(w, ExtensionType::RENEGOTIATION_INFO, Prefix::U8, verify_data);
        }
        if let Some(code) = self.max_fragment_length {
            put(w, ExtensionType::MAX_FRAGMENT_LENGTH, |w| w.u8(code));
        }
        if let Some(limit) = self.record_size_limit {
            put(w, ExtensionType::RECORD_SIZE_LIMIT, |w| w.u16(limit));
        }
        if let Some(groups) = &self.supported_groups {
            put_list(w, ExtensionType::SUPPORTED_GROUPS, Prefix::U16, groups);
        }
        if let Some(formats) = self.ec_point_formats {
            put_opaque(w, ExtensionType::EC_POINT_FORMATS, Prefix::U8, formats);
        }
        put_flag(w, ExtensionType::SESSION_TICKET, self.session_ticket);
        self.encode_application(w);
        put_flag(w, ExtensionType::EARLY_DATA, self.early_data);
    }

    /// What applications and identities need.
    fn encode_application(&self, w: &mut Writer) {
        if let Some(name) = self.alpn {
            put(w, ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, |w| {
                w.vec(Prefix::U16, |w| ProtocolName(name).encode(w));
            });
        }
        if let Some(typ) = self.client_certificate_type {
            put(w, ExtensionType::CLIENT_CERTIFICATE_TYPE, |w| w.u8(typ.0));
        }
        if let Some(typ) = self.server_certificate_type {
            put(w, ExtensionType::SERVER_CERTIFICATE_TYPE, |w| w.u8(typ.0));
        }
        if let Some(srtp) = &self.use_srtp {
            put(w, ExtensionType::USE_SRTP, |w| {
                w.vec(Prefix::U16, |w| w.u16(srtp.profile.0));
                w.vec(Prefix::U8, |w| w.bytes(srtp.mki));
            });
        }
        if let Some(cid) = self.connection_id {
            put_opaque(w, ExtensionType::CONNECTION_ID, Prefix::U8, cid);
        }
        put_flag(w, ExtensionType::RRC, self.rrc);
    }
}

/// A server's SRTP choice (RFC 5764 §4.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectedSrtp<'a> {
    /// The one chosen profile.
    pub profile: SrtpProfile,
    /// The client's master key identifier, or empty.
    pub mki: &'a [u8],
}

impl<'a> SelectedSrtp<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        const FIELD: &str = "SRTPProtectionProfiles";
        whole(data, "use_srtp", |r| {
            let profile = whole(r.vec16(FIELD)?, FIELD, SrtpProfile::read)?;
            let mki = r.vec8("srtp_mki")?;
            Ok(Self { profile, mki })
        })
    }
}
