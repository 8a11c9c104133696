//! Webhook signatures: `t=SECONDS,v1=HEX`, an HMAC-SHA256 over `SECONDS.BODY` (the scheme that Stripe documents).

use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::Timestamp;
use sha2::Sha256;

/// A message older or younger than this is not taken.
const TOLERANCE_SECONDS: i64 = 300;

/// Signs `body` as sent at `now`.
pub(super) fn sign(secret: &[u8], body: &[u8], now: Timestamp) -> String {
    let seconds = now.seconds();
    format!("t={seconds},v1={}", hex(&digest(secret, seconds, body)))
}

/// Whether any of the header's signatures is right and lately made. Several may stand there while a secret is changed.
pub(super) fn verify(secret: &[u8], header: &str, body: &[u8], now: Timestamp) -> bool {
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let Some(seconds) = fields().find(|(name, _)| *name == "t").and_then(|(_, t)| t.parse::<i64>().ok())
    else {
        return false;
    };
    if seconds.abs_diff(now.seconds()) > TOLERANCE_SECONDS.unsigned_abs() {
        return false;
    }
    let expected = hex(&digest(secret, seconds, body));
    fields()
        .filter(|(name, _)| *name == "v1")
        .any(|(_, given)| bool::from(subtle::ConstantTimeEq::ct_eq(given.as_bytes(), expected.as_bytes())))
}

fn digest(secret: &[u8], seconds: i64, body: &[u8]) -> Vec<u8> {
    // An HMAC key may have any length, so this cannot fail; no signature equals an empty one, which is 64 digits long.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return Vec::new() };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_457_480_000_000);

    #[test]
    fn only_the_signed_body_passes_and_only_for_five_minutes() {
        let header = sign(b"secret", b"body", NOW);
        assert!(verify(b"secret", &header, b"body", NOW));
        assert!(verify(b"secret", &header, b"body", NOW.plus(std::time::Duration::from_secs(300))));
        assert!(!verify(b"secret", &header, b"body", NOW.plus(std::time::Duration::from_secs(301))));
        assert!(!verify(b"secret", &header, b"other", NOW));
        assert!(!verify(b"other", &header, b"body", NOW));
        for bad in ["", "t=1", "v1=00", "t=x,v1=00", &header.replace("v1", "v0")] {
            assert!(!verify(b"secret", bad, b"body", NOW), "{bad}");
        }
    }

    #[test]
    fn one_right_signature_among_several_is_enough() {
        let header = format!("{},v1=00", sign(b"secret", b"body", NOW));
        assert!(verify(b"secret", &header, b"body", NOW));
    }
}
