//! Where random bytes come from.

use rand_core::{TryCryptoRng, TryRng};
use sealgram_crypto::{CryptoError, SecureRandom};

/// A source of ours as RustCrypto's crates take it.
pub(crate) struct Source<'a>(pub(crate) &'a dyn SecureRandom);

impl TryRng for Source<'_> {
    type Error = CryptoError;

    fn try_next_u32(&mut self) -> Result<u32, CryptoError> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, CryptoError> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), CryptoError> {
        self.0.fill(out)
    }
}

impl TryCryptoRng for Source<'_> {}

/// A static source in the form that a provider holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Borrowed(pub(crate) &'static dyn SecureRandom);

impl SecureRandom for Borrowed {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        self.0.fill(out)
    }
}

/// The operating system's random generator.
#[cfg(feature = "getrandom")]
#[derive(Clone, Copy, Debug)]
pub struct Random;

#[cfg(feature = "getrandom")]
impl SecureRandom for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        getrandom::fill(out).map_err(|_| CryptoError)
    }
}

/// Any cryptographic generator of `rand_core`, shared behind a lock.
///
/// ```
/// # #[derive(Debug)] struct Chip;
/// # impl rand_core::TryRng for Chip {
/// #     type Error = core::convert::Infallible;
/// #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(4) }
/// #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(4) }
/// #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> { Ok(out.fill(4)) }
/// # }
/// # impl rand_core::TryCryptoRng for Chip {}
/// use sealgram_rustcrypto::{FromRng, RustCrypto};
///
/// // `Chip` implements `rand_core::TryCryptoRng`.
/// static RANDOM: FromRng<Chip> = FromRng::new(Chip);
/// static CRYPTO: RustCrypto = RustCrypto::new(&RANDOM);
/// let provider = CRYPTO.provider();
/// # assert_eq!(provider.groups.len(), 3);
/// ```
#[cfg(feature = "std")]
pub struct FromRng<R>(std::sync::Mutex<R>);

#[cfg(feature = "std")]
impl<R: TryCryptoRng> FromRng<R> {
    /// Takes the generator over.
    pub const fn new(rng: R) -> Self {
        Self(std::sync::Mutex::new(rng))
    }
}

/// Never the generator's state.
#[cfg(feature = "std")]
impl<R> core::fmt::Debug for FromRng<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FromRng(..)")
    }
}

#[cfg(feature = "std")]
impl<R: TryCryptoRng + Send> SecureRandom for FromRng<R> {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        // A generator that has panicked once may be in any state.
        let mut rng = self.0.lock().map_err(|_| CryptoError)?;
        rng.try_fill_bytes(out).map_err(|_| CryptoError)
    }
}
