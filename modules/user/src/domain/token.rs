//! Refresh tokens: 256 random bits, known to the store only by their digest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::Secret;

/// A fresh refresh token and its digest.
#[derive(Debug, Clone)]
pub(crate) struct RefreshToken {
    pub(crate) secret: Secret,
    pub(crate) digest: String,
}

/// SHA-256 of a token, in lower-case hexadecimal. A token has 256 random bits, so that a fast digest cannot be guessed back.
pub(crate) fn digest(token: &Secret) -> String {
    Sha256::digest(token.expose()).iter().map(|byte| format!("{byte:02x}")).collect()
}

// === impl RefreshToken ===

impl RefreshToken {
    /// Makes the token of these random bytes.
    pub(crate) fn of(random: [u8; 32]) -> Self {
        let secret = Secret::new(URL_SAFE_NO_PAD.encode(random));
        Self { digest: digest(&secret), secret }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_43_url_safe_characters_and_its_digest_64() {
        let token = RefreshToken::of([255; 32]);
        assert_eq!(token.secret.expose().len(), 43);
        assert!(token.secret.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(token.digest.len(), 64);
    }

    #[test]
    fn the_digest_is_sha_256() {
        let digest = digest(&Secret::new("abc"));
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
