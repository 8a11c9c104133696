//! Service tokens: how one node shows another that it belongs to the same cluster.
//!
//! A token is a JWT (RFC 7519) signed with HMAC-SHA256 over a secret that every node of a cluster has. It names its node
//! (`iss`) and is good for one module (`aud`) and one minute, so that one that leaks opens little and not for long. It is
//! typed (`typ`, RFC 8725, 3.11), so that no other token of the shop can be taken for one. Clocks of nodes may differ by
//! a few seconds.
//!
//! It says which *node* calls, not on whose behalf: the user's own token goes beside it and is verified by itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

const TOKEN_TYPE: &str = "banyan-service+jwt";
/// How long a token is good.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long one is used: it must still be good when it arrives.
const FRESH: Duration = Duration::from_secs(30);
/// Seconds by which the clocks of two nodes may differ.
const SKEW: u64 = 5;

/// Mints and verifies service tokens. Clones share the minted ones.
#[derive(Clone)]
pub struct ServiceTokens {
    shared: Arc<Shared>,
}

struct Shared {
    node: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// By audience, of which there are as many as modules.
    minted: ArcSwap<HashMap<String, Minted>>,
}

#[derive(Clone)]
struct Minted {
    token: Arc<str>,
    at: Instant,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The node that calls.
    iss: String,
    /// The module that may be called.
    aud: String,
    /// Seconds since the epoch.
    iat: u64,
    /// Seconds since the epoch.
    exp: u64,
}

/// The token is not one of this cluster, for another module, or no longer good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid service token: {0}")]
pub struct InvalidToken(String);

/// A token cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no service token can be made: {0}")]
pub struct NoToken(String);

// === impl ServiceTokens ===

impl ServiceTokens {
    /// Tokens of the node `node`, signed with the cluster's secret: 32 random bytes that only its nodes know.
    pub fn new(node: impl Into<String>, secret: &[u8; 32]) -> Self {
        let shared = Shared {
            node: node.into(),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            minted: ArcSwap::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A token for calling the module `audience`. The same one for half a minute.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn mint(&self, audience: &str) -> Result<Arc<str>, NoToken> {
        if let Some(minted) = self.shared.minted.load().get(audience)
            && minted.at.elapsed() < FRESH
        {
            return Ok(Arc::clone(&minted.token));
        }
        let minted = Minted { token: self.sign(audience, now())?, at: Instant::now() };
        self.shared.minted.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(audience.to_owned(), minted.clone());
            known
        });
        Ok(minted.token)
    }

    /// Verifies a token that was presented for the module `audience`, and gives the name of the node that calls.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, token: &str, audience: &str) -> Result<String, InvalidToken> {
        let invalid = |error: jsonwebtoken::errors::Error| InvalidToken(error.to_string());
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        if header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(InvalidToken("it is of another type".to_owned()));
        }
        // An allow-list of one algorithm (RFC 8725, 3.1).
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        validation.leeway = SKEW;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.shared.decoding, &validation);
        claims.map(|verified| verified.claims.iss).map_err(invalid)
    }

    fn sign(&self, audience: &str, iat: u64) -> Result<Arc<str>, NoToken> {
        let claims = Claims {
            iss: self.shared.node.clone(),
            aud: audience.to_owned(),
            iat,
            exp: iat.saturating_add(LIFETIME.as_secs()),
        };
        let header = Header { typ: Some(TOKEN_TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &self.shared.encoding);
        token.map(Arc::from).map_err(|error| NoToken(error.to_string()))
    }
}

impl fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The keys are nobody's business.
        f.debug_struct("ServiceTokens").field("node", &self.shared.node).finish_non_exhaustive()
    }
}

fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> ServiceTokens {
        ServiceTokens::new("node-a", &[7; 32])
    }

    #[test]
    fn a_token_names_its_node_and_opens_one_module() {
        let token = tokens().mint("greeter").unwrap();
        let other = ServiceTokens::new("node-b", &[7; 32]);
        assert_eq!(other.verify(&token, "greeter").unwrap(), "node-a");
        assert!(other.verify(&token, "other").is_err());
    }

    #[test]
    fn a_token_of_another_cluster_is_refused() {
        let token = ServiceTokens::new("node-a", &[8; 32]).mint("greeter").unwrap();
        assert!(tokens().verify(&token, "greeter").is_err());
    }

    #[test]
    fn a_token_ends() {
        let tokens = tokens();
        let old = tokens.sign("greeter", now() - LIFETIME.as_secs() - SKEW - 1).unwrap();
        assert!(tokens.verify(&old, "greeter").unwrap_err().to_string().contains("Expired"));
        let skewed = tokens.sign("greeter", now() - LIFETIME.as_secs()).unwrap();
        assert!(tokens.verify(&skewed, "greeter").is_ok(), "the clocks of two nodes may differ a little");
    }

    #[test]
    fn a_token_of_another_type_or_algorithm_is_refused() {
        let tokens = tokens();
        let claims = Claims { iss: "x".into(), aud: "greeter".into(), iat: now(), exp: now() + 60 };
        let plain =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &tokens.shared.encoding).unwrap();
        assert!(tokens.verify(&plain, "greeter").unwrap_err().to_string().contains("type"));
        let header = Header { typ: Some(TOKEN_TYPE.into()), ..Header::new(Algorithm::HS512) };
        let other = jsonwebtoken::encode(&header, &claims, &tokens.shared.encoding).unwrap();
        assert!(tokens.verify(&other, "greeter").is_err());
        assert!(tokens.verify("no token", "greeter").is_err());
    }

    #[test]
    fn a_fresh_token_is_used_again() {
        let tokens = tokens();
        assert!(Arc::ptr_eq(&tokens.mint("greeter").unwrap(), &tokens.clone().mint("greeter").unwrap()));
        assert_ne!(tokens.mint("greeter").unwrap(), tokens.mint("other").unwrap());
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert_eq!(format!("{:?}", tokens()), r#"ServiceTokens { node: "node-a", .. }"#);
    }
}
