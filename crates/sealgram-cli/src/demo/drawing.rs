//! What the demo prints of a connection.

use core::fmt::{self, Display};

use sealgram::Negotiated;

use super::Shown;
use super::tap::Seen;

/// Between the two ends.
const WIDTH: usize = 76;

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(negotiated) = &self.info.negotiated else { return Ok(()) };
        writeln!(f, "\n{}\n", negotiated.version)?;
        writeln!(f, "{:13}client{:width$}server", "", "", width = WIDTH.saturating_sub(3))?;
        for seen in &self.seen {
            arrow(f, seen)?;
        }
        writeln!(f)?;
        facts(f, negotiated)?;
        let millis = self.info.handshake_time.unwrap_or_default().as_secs_f64() * 1e3;
        let (up, down): (Vec<_>, Vec<_>) = self.seen.iter().partition(|seen| seen.from_client);
        let bytes = |seen: &[&Seen]| seen.iter().map(|seen| seen.len).sum::<usize>();
        writeln!(f, "  handshake         {millis:.1} ms, with a cookie exchange")?;
        writeln!(f, "  client to server  {} datagrams, {} bytes", up.len(), bytes(&up))?;
        writeln!(f, "  server to client  {} datagrams, {} bytes", down.len(), bytes(&down))?;
        writeln!(f, "  data              echoed both ways, then closed")
    }
}

fn facts(f: &mut fmt::Formatter<'_>, negotiated: &Negotiated) -> fmt::Result {
    writeln!(f, "  cipher suite      {}", negotiated.cipher_suite)?;
    if let Some(group) = negotiated.group {
        writeln!(f, "  key exchange      {group}")?;
    }
    if let Some(scheme) = negotiated.signature_scheme {
        writeln!(f, "  signature         {scheme}")?;
    }
    Ok(())
}

fn arrow(f: &mut fmt::Formatter<'_>, seen: &Seen) -> fmt::Result {
    let millis = seen.at.as_secs_f64() * 1e3;
    let text = format!(" {}, {} bytes ", seen.records.join(" + "), seen.len);
    let (left, right) = if seen.from_client { ("─", "─▶") } else { ("◀─", "─") };
    writeln!(f, "  {millis:5.1} ms     │{left}{text:─<WIDTH$}{right}│")
}
