//! The pseudorandom function of TLS 1.2.

use crate::Hash;

/// P_hash with the suite's hash (RFC 5246 §5): fills `out` from `secret`, `label` and the
/// concatenation of `seed`'s parts (at most four).
pub fn prf(hash: &dyn Hash, secret: &[u8], label: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    const PARTS: usize = 6;
    hash.with_hmac_key(secret, &mut |key| {
        let sign = |a: Option<&[u8]>| {
            let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
            let all = a.into_iter().chain(core::iter::once(label)).chain(seed.iter().copied());
            for (slot, part) in parts.iter_mut().zip(all) {
                *slot = part;
            }
            key.sign(&parts)
        };
        // A(1) = HMAC(secret, label + seed), A(i) = HMAC(secret, A(i-1)).
        let mut a = sign(None);
        let mut chunks = out.chunks_mut(hash.kind().output_len()).peekable();
        while let Some(chunk) = chunks.next() {
            let block = sign(Some(a.as_ref()));
            for (to, from) in chunk.iter_mut().zip(block.as_ref()) {
                *to = *from;
            }
            if chunks.peek().is_some() {
                a = key.sign(&[a.as_ref()]);
            }
        }
    });
}
