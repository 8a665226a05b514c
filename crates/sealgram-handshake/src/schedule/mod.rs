//! Key schedules: the part of each version that turns a shared secret into keys.

pub(crate) mod v12;
pub(crate) mod v13;

/// What keying material for the application is derived from.
pub(crate) enum Exporter<'a> {
    V12(&'a v12::MasterSecret),
    V13(&'a v13::Exporter),
}

impl Exporter<'_> {
    /// Fills `out`; `false` if label or length are outside of what the version allows.
    pub(crate) fn export(&self, out: &mut [u8], label: &[u8], context: Option<&[u8]>) -> bool {
        match self {
            Self::V12(master) => {
                master.export(out, label, context);
                true
            }
            Self::V13(exporter) => exporter.export(out, label, context).is_ok(),
        }
    }
}
