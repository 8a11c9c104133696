//! Where a store is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Location of a store: `sqlite:PATH` or `postgres://…`.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A libpq connection URL. May hold a password: never shown.
    Postgres(String),
}

/// The text is not the location of a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a store URL: use sqlite:PATH or postgres://USER@HOST/DATABASE")]
pub struct InvalidStoreUrl;

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("sqlite:") {
            Some("") => Err(InvalidStoreUrl),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                Ok(Self::Postgres(text.to_owned()))
            }
            None => Err(InvalidStoreUrl),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                // Everything before the host may be a user name and a password.
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
                let shown = rest.split_once('@').map_or(rest, |(_credentials, host)| host);
                write!(f, "{scheme}://{}", shown.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url: StoreUrl = "postgres://shop:secret@db.example:5432/shop?password=also".parse().unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://db.example:5432/shop postgres://db.example:5432/shop"
        );
    }

    #[test]
    fn other_schemes_are_refused() {
        for text in ["", "sqlite:", "mysql://x", "data/user.db"] {
            assert_eq!(text.parse::<StoreUrl>(), Err(InvalidStoreUrl), "{text:?}");
        }
    }
}
