//! The extensions of a ClientHello.

use sealgram_iana::{
    CertificateType, ExtensionType, NamedGroup, ProtocolVersion, PskKeyExchangeMode,
    ServerNameType, SignatureScheme, SrtpProfile,
};

use super::{KeyShareEntry, empty, put, put_flag, put_list, put_opaque, whole};
use crate::{
    DistinguishedName, Item, List, Malformed, Prefix, ProtocolName, PskBinderEntry, Reader, Writer,
    codec,
};

/// What a ClientHello offers, one field per extension that this crate knows.
///
/// Invariant of what [`ClientExtensions::read`] gives: no list is empty unless its field says so.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ClientExtensions<'a> {
    /// The `host_name` that the client wants, at least one byte (RFC 6066 §3). Names of other types
    /// are skipped.
    pub server_name: Option<&'a [u8]>,
    /// A code of 1 to 4 for records of at most 2^9 to 2^12 bytes (RFC 6066 §4).
    pub max_fragment_length: Option<u8>,
    /// Key-exchange groups, best first (RFC 8446 §4.2.7).
    pub supported_groups: Option<List<'a, NamedGroup>>,
    /// Point formats, at least one (RFC 8422 §5.1.2).
    pub ec_point_formats: Option<&'a [u8]>,
    /// What may sign handshakes, and chains too without the next field (RFC 8446 §4.2.3).
    pub signature_algorithms: Option<List<'a, SignatureScheme>>,
    /// What may sign certificates (RFC 8446 §4.2.3).
    pub signature_algorithms_cert: Option<List<'a, SignatureScheme>>,
    /// SRTP profiles (RFC 5764 §4.1.1).
    pub use_srtp: Option<UseSrtp<'a>>,
    /// Application protocols, best first (RFC 7301 §3.1).
    pub alpn: Option<List<'a, ProtocolName<'a>>>,
    /// What the client can prove itself with (RFC 7250 §3).
    pub client_certificate_type: Option<List<'a, CertificateType>>,
    /// What the client can verify (RFC 7250 §3).
    pub server_certificate_type: Option<List<'a, CertificateType>>,
    /// `extended_master_secret` (RFC 7627 §5.1).
    pub extended_master_secret: bool,
    /// The largest plaintext that the client wants to receive, at least 64 (RFC 8449 §4).
    pub record_size_limit: Option<u16>,
    /// A 1.2 ticket, or empty to ask for one (RFC 5077 §3.2).
    pub session_ticket: Option<&'a [u8]>,
    /// `early_data` (RFC 8446 §4.2.10).
    pub early_data: bool,
    /// Versions, best first (RFC 8446 §4.2.1).
    pub supported_versions: Option<List<'a, ProtocolVersion>>,
    /// The cookie of a HelloRetryRequest, at least one byte (RFC 8446 §4.2.2).
    pub cookie: Option<&'a [u8]>,
    /// How PSKs may be used (RFC 8446 §4.2.9).
    pub psk_key_exchange_modes: Option<List<'a, PskKeyExchangeMode>>,
    /// Names of trusted authorities (RFC 8446 §4.2.4).
    pub certificate_authorities: Option<List<'a, DistinguishedName<'a>>>,
    /// `post_handshake_auth` (RFC 8446 §4.2.6).
    pub post_handshake_auth: bool,
    /// Key shares, best first; may be empty to ask for a HelloRetryRequest (RFC 8446 §4.2.8).
    pub key_share: Option<List<'a, KeyShareEntry<'a>>>,
    /// The connection ID that the client wants to receive, 0 to 255 bytes (RFC 9146 §3).
    pub connection_id: Option<&'a [u8]>,
    /// `rrc` (RFC 9853 §3).
    pub rrc: bool,
    /// `renegotiated_connection`, empty in an initial handshake (RFC 5746 §3.2).
    pub renegotiation_info: Option<&'a [u8]>,
    /// Pre-shared keys. The last extension of its hello (RFC 8446 §4.2.11).
    pub pre_shared_key: Option<OfferedPsks<'a>>,
}

impl<'a> ClientExtensions<'a> {
    /// Reads the content of the `extensions` vector.
    pub fn read(block: &'a [u8]) -> Result<Self, Malformed> {
        let mut this = Self::default();
        for extension in super::read_block(block)? {
            if this.pre_shared_key.is_some() {
                return Err(Malformed::MisplacedExtension(ExtensionType::PRE_SHARED_KEY));
            }
            this.read_one(extension.extension_type, extension.extension_data)?;
        }
        Ok(this)
    }

    fn read_one(&mut self, typ: ExtensionType, data: &'a [u8]) -> Result<(), Malformed> {
        match typ {
            ExtensionType::SERVER_NAME => self.server_name = server_name(data)?,
            ExtensionType::MAX_FRAGMENT_LENGTH => {
                self.max_fragment_length = Some(super::max_fragment_length(data)?);
            }
            ExtensionType::SUPPORTED_GROUPS => {
                self.supported_groups = Some(super::supported_groups(data)?);
            }
            ExtensionType::EC_POINT_FORMATS => {
                self.ec_point_formats = Some(super::ec_point_formats(data)?);
            }
            ExtensionType::SIGNATURE_ALGORITHMS => {
                let list = super::signature_schemes(data, "signature_algorithms")?;
                self.signature_algorithms = Some(list);
            }
            ExtensionType::SIGNATURE_ALGORITHMS_CERT => {
                let list = super::signature_schemes(data, "signature_algorithms_cert")?;
                self.signature_algorithms_cert = Some(list);
            }
            ExtensionType::USE_SRTP => self.use_srtp = Some(UseSrtp::read(data)?),
            ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                let list = whole(data, "ProtocolNameList", |r| r.vec16("ProtocolNameList"))?;
                self.alpn = Some(List::non_empty(list, "ProtocolNameList")?);
            }
            ExtensionType::CLIENT_CERTIFICATE_TYPE => {
                self.client_certificate_type = Some(list8(data, "client_certificate_types")?);
            }
            ExtensionType::SERVER_CERTIFICATE_TYPE => {
                self.server_certificate_type = Some(list8(data, "server_certificate_types")?);
            }
            ExtensionType::EXTENDED_MASTER_SECRET => {
                self.extended_master_secret = empty(data, "extended_master_secret")?;
            }
            ExtensionType::RECORD_SIZE_LIMIT => {
                self.record_size_limit = Some(super::record_size_limit(data)?);
            }
            ExtensionType::SESSION_TICKET => self.session_ticket = Some(data),
            ExtensionType::EARLY_DATA => self.early_data = empty(data, "early_data")?,
            ExtensionType::SUPPORTED_VERSIONS => {
                self.supported_versions = Some(list8(data, "supported_versions")?);
            }
            ExtensionType::COOKIE => self.cookie = Some(super::cookie(data)?),
            ExtensionType::PSK_KEY_EXCHANGE_MODES => {
                self.psk_key_exchange_modes = Some(list8(data, "psk_key_exchange_modes")?);
            }
            ExtensionType::CERTIFICATE_AUTHORITIES => {
                self.certificate_authorities = Some(super::certificate_authorities(data)?);
            }
            ExtensionType::POST_HANDSHAKE_AUTH => {
                self.post_handshake_auth = empty(data, "post_handshake_auth")?;
            }
            ExtensionType::KEY_SHARE => {
                let list = whole(data, "client_shares", |r| r.vec16("client_shares"))?;
                self.key_share = Some(List::from_wire(list)?);
            }
            ExtensionType::CONNECTION_ID => {
                self.connection_id = Some(whole(data, "cid", |r| r.vec8("cid"))?);
            }
            ExtensionType::RRC => self.rrc = empty(data, "rrc")?,
            ExtensionType::RENEGOTIATION_INFO => {
                const FIELD: &str = "renegotiated_connection";
                self.renegotiation_info = Some(whole(data, FIELD, |r| r.vec8(FIELD))?);
            }
            ExtensionType::PRE_SHARED_KEY => {
                self.pre_shared_key = Some(OfferedPsks::read(data)?);
            }
            // Not ours to judge: a server ignores what it does not know (RFC 8446 §4.1.2).
            _ => {}
        }
        Ok(())
    }

    /// Whether nothing is offered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes the content of the `extensions` vector.
    pub fn encode(&self, w: &mut Writer) {
        self.encode_names_and_flags(w);
        self.encode_lists(w);
        if let Some(version) = &self.supported_versions {
            put_list(w, ExtensionType::SUPPORTED_VERSIONS, Prefix::U8, version);
        }
        if let Some(cookie) = self.cookie {
            put_opaque(w, ExtensionType::COOKIE, Prefix::U16, cookie);
        }
        if let Some(cid) = self.connection_id {
            put_opaque(w, ExtensionType::CONNECTION_ID, Prefix::U8, cid);
        }
        put_flag(w, ExtensionType::RRC, self.rrc);
        put_flag(w, ExtensionType::POST_HANDSHAKE_AUTH, self.post_handshake_auth);
        put_flag(w, ExtensionType::EARLY_DATA, self.early_data);
        // The binders cover everything in front of them, so this comes last (RFC 8446 §4.2.11).
        if let Some(psks) = &self.pre_shared_key {
            put(w, ExtensionType::PRE_SHARED_KEY, |w| psks.encode(w));
        }
    }

    fn encode_names_and_flags(&self, w: &mut Writer) {
        if let Some(name) = self.server_name {
            put(w, ExtensionType::SERVER_NAME, |w| {
                w.vec(Prefix::U16, |w| {
                    w.u8(ServerNameType::HOST_NAME.0);
                    w.vec(Prefix::U16, |w| w.bytes(name));
                });
            });
        }
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
    }

    fn encode_lists(&self, w: &mut Writer) {
        if let Some(groups) = &self.supported_groups {
            put_list(w, ExtensionType::SUPPORTED_GROUPS, Prefix::U16, groups);
        }
        if let Some(formats) = self.ec_point_formats {
            put_opaque(w, ExtensionType::EC_POINT_FORMATS, Prefix::U8, formats);
        }
        if let Some(ticket) = self.session_ticket {
            put(w, ExtensionType::SESSION_TICKET, |w| w.bytes(ticket));
        }
        if let Some(names) = &self.alpn {
            let typ = ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION;
            put_list(w, typ, Prefix::U16, names);
        }
        if let Some(schemes) = &self.signature_algorithms {
            put_list(w, ExtensionType::SIGNATURE_ALGORITHMS, Prefix::U16, schemes);
        }
        if let Some(schemes) = &self.signature_algorithms_cert {
            put_list(w, ExtensionType::SIGNATURE_ALGORITHMS_CERT, Prefix::U16, schemes);
        }
        if let Some(names) = &self.certificate_authorities {
            put_list(w, ExtensionType::CERTIFICATE_AUTHORITIES, Prefix::U16, names);
        }
        if let Some(types) = &self.client_certificate_type {
            put_list(w, ExtensionType::CLIENT_CERTIFICATE_TYPE, Prefix::U8, types);
        }
        if let Some(types) = &self.server_certificate_type {
            put_list(w, ExtensionType::SERVER_CERTIFICATE_TYPE, Prefix::U8, types);
        }
        if let Some(srtp) = &self.use_srtp {
            put(w, ExtensionType::USE_SRTP, |w| {
                srtp.profiles.encode_vec(w, Prefix::U16);
                w.vec(Prefix::U8, |w| w.bytes(srtp.mki));
            });
        }
        if let Some(shares) = &self.key_share {
            put_list(w, ExtensionType::KEY_SHARE, Prefix::U16, shares);
        }
        if let Some(modes) = &self.psk_key_exchange_modes {
            put_list(w, ExtensionType::PSK_KEY_EXCHANGE_MODES, Prefix::U8, modes);
        }
    }
}

/// Reads a list with at least one item behind a one-byte length.
fn list8<'a, T: Item<'a>>(data: &'a [u8], field: &'static str) -> Result<List<'a, T>, Malformed> {
    List::non_empty(whole(data, field, |r| r.vec8(field))?, field)
}

/// The `host_name` of a `ServerNameList`. The list has at least one name and at most one of each
/// type; names of unknown types start with a two-byte length, so they can be skipped (RFC 6066 §3).
fn server_name(data: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let list = whole(data, "ServerNameList", |r| r.vec16("ServerNameList"))?;
    let mut names = Reader::new(codec::non_empty(list, "ServerNameList")?);
    let mut host_name = None;
    while !names.is_empty() {
        let name_type = ServerNameType(names.u8("ServerName.name_type")?);
        let name = names.vec16("ServerName.name")?;
        if name_type == ServerNameType::HOST_NAME {
            let name = codec::non_empty(name, "HostName")?;
            if host_name.replace(name).is_some() {
                return Err(Malformed::IllegalValue("ServerNameList"));
            }
        }
    }
    Ok(host_name)
}

/// A client's SRTP offer (RFC 5764 §4.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UseSrtp<'a> {
    /// Protection profiles, best first; at least one.
    pub profiles: List<'a, SrtpProfile>,
    /// The master key identifier, 0 to 255 bytes.
    pub mki: &'a [u8],
}

impl<'a> UseSrtp<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        const FIELD: &str = "SRTPProtectionProfiles";
        whole(data, "use_srtp", |r| {
            let profiles = List::non_empty(r.vec16(FIELD)?, FIELD)?;
            let mki = r.vec8("srtp_mki")?;
            Ok(Self { profiles, mki })
        })
    }
}

/// The PSKs that a client offers (RFC 8446 §4.2.11).
///
/// Invariant of what was read: there are as many binders as identities, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferedPsks<'a> {
    /// The names of the keys, best first.
    pub identities: List<'a, PskIdentity<'a>>,
    /// One proof per identity. They cover the hello without the binders, so a client first encodes
    /// them with the right lengths and any content, and then writes them over the last bytes of
    /// the hello.
    pub binders: List<'a, PskBinderEntry<'a>>,
}

impl<'a> OfferedPsks<'a> {
    /// How many bytes at the end of a ClientHello the binders take, with all length prefixes: the
    /// binders are computed over the hello without these bytes (RFC 8446 §4.2.11.2).
    #[must_use]
    pub fn binders_len(&self) -> usize {
        self.binders.iter().fold(2_usize, |len, PskBinderEntry(binder)| {
            len.saturating_add(binder.len()).saturating_add(1)
        })
    }

    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        whole(data, "pre_shared_key", |r| {
            let identities = List::non_empty(r.vec16("identities")?, "identities")?;
            let binders = List::non_empty(r.vec16("binders")?, "binders")?;
            let this = Self { identities, binders };
            if this.identities.len() != this.binders.len() {
                return Err(Malformed::IllegalValue("binders"));
            }
            Ok(this)
        })
    }

    fn encode(&self, w: &mut Writer) {
        self.identities.encode_vec(w, Prefix::U16);
        self.binders.encode_vec(w, Prefix::U16);
    }
}

/// The name of a PSK (RFC 8446 §4.2.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PskIdentity<'a> {
    /// The ticket, or the external name; at least one byte.
    pub identity: &'a [u8],
    /// The ticket's age in milliseconds plus `ticket_age_add`, mod 2^32; 0 for an external PSK.
    pub obfuscated_ticket_age: u32,
}

impl<'a> Item<'a> for PskIdentity<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let identity = codec::non_empty(r.vec16("PskIdentity.identity")?, "PskIdentity.identity")?;
        let obfuscated_ticket_age = r.u32("obfuscated_ticket_age")?;
        Ok(Self { identity, obfuscated_ticket_age })
    }

    fn encode(&self, w: &mut Writer) {
        w.vec(Prefix::U16, |w| w.bytes(self.identity));
        w.u32(self.obfuscated_ticket_age);
    }
}
