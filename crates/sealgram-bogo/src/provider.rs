//! The cryptographic provider that the suite tests along with the protocol.

use std::env;

use sealgram::crypto::CryptoProvider;
use sealgram::iana::NamedGroup;
use sealgram::ring;

use crate::flags::Options;
use crate::report::Failure;

/// Names the provider in the environment, since the suite passes on no flags of ours.
const VARIABLE: &str = "SEALGRAM_BOGO_PROVIDER";

/// The provider that is asked for: `ring`, which is the default, or `rustcrypto`.
pub(crate) fn chosen() -> Result<CryptoProvider, Failure> {
    match env::var(VARIABLE).as_deref() {
        Err(_) | Ok("ring") => Ok(ring::default_provider()),
        Ok("rustcrypto") => Ok(CryptoProvider {
            // It signs with no RSA keys, and the suite's servers have little else.
            key_loader: ring::default_provider().key_loader,
            ..sealgram_rustcrypto::default_provider()
        }),
        Ok(other) => Err(Failure::failed(format!("{VARIABLE} names no provider: {other}"))),
    }
}

/// The provider for one connection. The hybrid group is there for the tests that name it: its
/// share does not fit the small datagrams that others count.
pub(crate) fn chosen_for(options: &Options) -> Result<CryptoProvider, Failure> {
    let mut provider = chosen()?;
    if options.groups.contains(&NamedGroup::X25519_MLKEM768) {
        let hybrid = |name| name == NamedGroup::X25519_MLKEM768;
        let groups = sealgram::default_provider().groups;
        provider.groups.extend(groups.into_iter().filter(|group| hybrid(group.name())));
    }
    Ok(provider)
}
