//! Secrets that are handed out once and kept as a digest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// 256 random bits as text.
pub(super) fn fresh() -> String {
    let mut bytes = [0; 32];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Without entropy nobody may get in: an unguessable id would be guessable.
        log::error!("no entropy: {error}");
        std::process::abort();
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a secret. It has 256 bits, so a plain digest is enough.
pub(super) fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}
