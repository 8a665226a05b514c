//! Key schedules: the part of each version that turns a shared secret into keys.

pub(crate) mod v12;
#[cfg_attr(not(test), expect(dead_code, reason = "the state machines of 1.3 will use it"))]
pub(crate) mod v13;

/// What keying material for the application is derived from.
pub(crate) enum Exporter<'a> {
    V12(&'a v12::MasterSecret),
}

impl Exporter<'_> {
    pub(crate) fn export(&self, out: &mut [u8], label: &[u8], context: Option<&[u8]>) {
        match self {
            Self::V12(master) => master.export(out, label, context),
        }
    }
}
