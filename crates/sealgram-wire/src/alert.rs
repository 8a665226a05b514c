//! Alerts.

use sealgram_iana::{AlertDescription, AlertLevel};

use crate::{Malformed, Reader};

/// An alert, which fills its record: both versions send one per record and never split it
/// (RFC 8446 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Alert {
    /// Tells fatal from warning in 1.2; ignored in 1.3 (RFC 8446 §6).
    pub level: AlertLevel,
    /// What happened.
    pub description: AlertDescription,
}

impl Alert {
    /// Reads the content of a record: exactly two bytes.
    pub fn read(content: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(content);
        let level = AlertLevel(r.u8("Alert.level")?);
        let description = AlertDescription(r.u8("Alert.description")?);
        r.finish("Alert")?;
        Ok(Self { level, description })
    }

    /// The content of a record.
    #[must_use]
    pub const fn encode(&self) -> [u8; 2] {
        [self.level.0, self.description.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::assert_codec;

    #[test]
    fn alert_obeys_the_laws() {
        let alert = Alert { level: AlertLevel::FATAL, description: AlertDescription::DECODE_ERROR };
        assert_eq!(alert.encode(), [2, 50]);
        assert_codec!(alert, Alert::read);
    }
}
