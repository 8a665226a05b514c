//! HKDF (RFC 5869) over any provider's HMAC, and the labelled form of DTLS 1.3.

use crate::{Hash, HashKind, HmacKey, Secret, Tag};

/// HKDF-Extract (RFC 5869 §2.2).
#[must_use]
pub fn extract(hash: &dyn Hash, salt: &[u8], ikm: &[u8]) -> Secret {
    Secret::copy_from(hash.hmac(salt, &[ikm]).as_ref())
}

/// HKDF-Expand (RFC 5869 §2.3) with `info` given in parts, at most six.
///
/// `out` is at most 255 hash lengths; what is longer stays zero and is never asked for here.
pub fn expand(hash: &dyn Hash, prk: &[u8], info: &[&[u8]], out: &mut [u8]) {
    hash.with_hmac_key(prk, &mut |key| expand_with(key, hash.kind(), info, out));
}

fn expand_with(key: &dyn HmacKey, kind: HashKind, info: &[&[u8]], out: &mut [u8]) {
    let mut previous: Option<Tag> = None;
    // The previous block, the counter, and the six parts of a labelled info.
    const PARTS: usize = 8;
    for (chunk, counter) in out.chunks_mut(kind.output_len()).zip(1_u8..=255) {
        let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
        let counter = [counter];
        let all = previous
            .iter()
            .map(AsRef::as_ref)
            .chain(info.iter().copied())
            .chain(core::iter::once(&counter[..]));
        for (slot, part) in parts.iter_mut().zip(all) {
            *slot = part;
        }
        let block = key.sign(&parts);
        for (to, from) in chunk.iter_mut().zip(block.as_ref()) {
            *to = *from;
        }
        previous = Some(block);
    }
}

/// One of the outputs of [`expand_labels`].
#[derive(Debug)]
pub struct Labelled<'a> {
    /// The label without its prefix: ASCII, at most 249 bytes.
    pub label: &'a str,
    /// The context, at most 255 bytes; often a transcript hash.
    pub context: &'a [u8],
    /// What is filled.
    pub out: &'a mut [u8],
}

/// HKDF-Expand-Label with the prefix of DTLS 1.3 (RFC 8446 §7.1, RFC 9147 §5.9).
pub fn expand_label(hash: &dyn Hash, secret: &[u8], label: &str, context: &[u8], out: &mut [u8]) {
    expand_labels(hash, secret, &mut [Labelled { label, context, out }]);
}

/// Several times HKDF-Expand-Label from one secret, which costs less than one after the other.
pub fn expand_labels(hash: &dyn Hash, secret: &[u8], all: &mut [Labelled<'_>]) {
    const PREFIX: &[u8] = b"dtls13";
    hash.with_hmac_key(secret, &mut |key| {
        for Labelled { label, context, out } in all.iter_mut() {
            let out_len = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
            let label_len = PREFIX.len().saturating_add(label.len());
            let label_len = [u8::try_from(label_len).unwrap_or(u8::MAX)];
            let context_len = [u8::try_from(context.len()).unwrap_or(u8::MAX)];
            let info = [&out_len[..], &label_len, PREFIX, label.as_bytes(), &context_len, context];
            expand_with(key, hash.kind(), &info, out);
        }
    });
}

/// Derive-Secret (RFC 8446 §7.1), given the transcript's hash: a secret of one hash length.
#[must_use]
pub fn derive_secret(hash: &dyn Hash, secret: &Secret, label: &str, transcript: &[u8]) -> Secret {
    let [derived] = derive_secrets(hash, secret, [(label, transcript)]);
    derived
}

/// Several times Derive-Secret from one secret, which costs less than one after the other: for each
/// label and transcript hash a secret of one hash length.
#[must_use]
pub fn derive_secrets<const N: usize>(
    hash: &dyn Hash,
    secret: &Secret,
    all: [(&str, &[u8]); N],
) -> [Secret; N] {
    let mut derived = all.map(|_| Secret::filled(hash.kind().output_len(), |_| {}));
    let mut places = derived.iter_mut();
    let mut outputs = all.map(|(label, context)| {
        let out = places.next().map(Secret::expose_mut).unwrap_or_default();
        Labelled { label, context, out }
    });
    expand_labels(hash, secret.expose(), &mut outputs);
    derived
}

/// As many zeros as the hash is long: the salt and key of the schedule's empty inputs.
#[must_use]
pub fn zeros(kind: HashKind) -> &'static [u8] {
    static ZEROS: [u8; HashKind::MAX_LEN] = [0; HashKind::MAX_LEN];
    ZEROS.get(..kind.output_len()).unwrap_or(&ZEROS)
}
