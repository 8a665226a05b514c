//! Stateless replies. Each echoes the numbers of the hello that it answers, so that nothing has to
//! be remembered for the next one (RFC 6347 §4.2.1).

use sealgram_iana::{AlertDescription, AlertLevel, ContentType, HandshakeType, ProtocolVersion};
use sealgram_wire::{Alert, Fragment, FullHeader, MessageSeq, RecordNumber};

/// A HelloVerifyRequest or HelloRetryRequest.
pub(super) fn request(
    seq: MessageSeq,
    record: RecordNumber,
    typ: HandshakeType,
    body: &[u8],
    out: &mut [u8],
) -> Option<usize> {
    let len = u32::try_from(body.len()).ok()?;
    let header = Fragment::header(typ, seq, len, 0, len);
    plaintext_record(ContentType::HANDSHAKE, record, &[&header, body], out)
}

/// A fatal alert.
pub(super) fn alert(
    record: RecordNumber,
    description: AlertDescription,
    out: &mut [u8],
) -> Option<usize> {
    let alert = Alert { level: AlertLevel::FATAL, description }.encode();
    plaintext_record(ContentType::ALERT, record, &[&alert], out)
}

/// Writes a plaintext record and says how long it is; `None` if `out` is too small.
fn plaintext_record(
    typ: ContentType,
    number: RecordNumber,
    parts: &[&[u8]],
    out: &mut [u8],
) -> Option<usize> {
    let content = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let len = u16::try_from(content).ok()?;
    let header = FullHeader { typ, version: ProtocolVersion::DTLS_1_2, number, len }.encode();
    let total = header.len().saturating_add(content);
    let record = out.get_mut(..total)?;
    let bytes = header.iter().chain(parts.iter().copied().flatten());
    for (to, from) in record.iter_mut().zip(bytes) {
        *to = *from;
    }
    Some(total)
}
