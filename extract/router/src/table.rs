//! The route table as it is written, sent and stored.
//!
//! **Why.** Every node must act on the same placements, so they are one value with one number, its generation. A node
//! swaps the whole value or nothing.
//!
//! **Rules.** Percentages and base URLs are types that cannot hold anything else; what only the whole table shows
//! (traffic for a module without instances, one id twice) is refused by [`Table::check`], which
//! [`Router::install`](crate::Router::install) calls. Generations only grow, and the same generation must be the same
//! table.
//!
//! **Odd cases.** A table need not list every module: what it leaves out is local. Weight 0 with instances is not the
//! same as no instances: an operator's header can reach them and a shadow can be sent there. Upstreams are reached over plain
//! HTTP/1.1; a URL with `https` is refused by name rather than at the first request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

mod url;

pub use self::url::{BaseUrl, InvalidUrl};

/// Where every module runs, and what lies behind foreign prefixes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Number of this version of the table; only grows.
    pub generation: u64,
    /// Placements by the module's name. A module that is not listed is local.
    #[serde(default)]
    pub modules: BTreeMap<String, Placement>,
    /// Foreign applications. The longest matching path wins.
    #[serde(default)]
    pub prefixes: Vec<Prefix>,
}

/// Where one module runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// The period of ownership of the module's store that requests are sent in.
    pub epoch: u64,
    /// Share of clients that the instances serve; 0 is all local.
    #[serde(default)]
    pub weight: Percent,
    /// The processes outside home that serve it.
    #[serde(default)]
    pub instances: Vec<Instance>,
    /// Whether reads are copied to the instances for comparison.
    #[serde(default)]
    pub shadow: Option<Shadow>,
    /// Whether requests wait.
    #[serde(default)]
    pub parked: bool,
}

/// One process that serves a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Names it among the module's instances.
    pub id: String,
    /// Where it listens.
    pub url: BaseUrl,
}

/// A comparison of placements on live reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Share of GET and HEAD requests that are copied.
    pub percent: Percent,
}

/// A foreign HTTP application behind a path prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// Matches itself and every path below it: `/shop` takes `/shop` and `/shop/x`, not `/shopping`.
    pub path: String,
    /// Where the application listens; one or more. None if the paths are [`local`](Self::local).
    #[serde(default)]
    pub upstream: Vec<BaseUrl>,
    /// Whether these paths are answered here, as if no shorter prefix took them: what was taken over already.
    #[serde(default)]
    pub local: bool,
    /// Whether the prefix is taken off the path before it is sent on.
    #[serde(default)]
    pub strip: bool,
    /// Whether the application sees the client's `Host` (the default), or its own.
    #[serde(default = "yes")]
    pub preserve_host: bool,
    /// A path that answers below 400 while the application is well. Without one only requests tell.
    #[serde(default)]
    pub health: Option<String>,
}

/// A whole number from 0 to 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

/// Why a table is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTable {
    /// Traffic is to go to a module outside that has no instance.
    #[error("module {module}: traffic or a shadow needs at least one instance")]
    NoInstance {
        /// The module.
        module: String,
    },
    /// Two instances of one module have one id.
    #[error("module {module}: there are two instances {id}")]
    DuplicateInstance {
        /// The module.
        module: String,
        /// The id.
        id: String,
    },
    /// More than [`MAX_INSTANCES`].
    #[error("{owner}: more than {MAX_INSTANCES} instances")]
    TooManyInstances {
        /// A module or a prefix.
        owner: String,
    },
    /// A name is empty or has characters that do not belong in one.
    #[error("{name:?} is not a name: lower-case letters, digits, '-' and '_', at most 64")]
    Name {
        /// The name.
        name: String,
    },
    /// A prefix is not a normalised absolute path.
    #[error("prefix {path:?}: must begin with '/', and hold no '//', '.', '..', '?', '#', '%' or space")]
    PrefixPath {
        /// The path.
        path: String,
    },
    /// Two prefixes are the same.
    #[error("prefix {path:?} stands there twice")]
    DuplicatePrefix {
        /// The path.
        path: String,
    },
    /// A prefix leads nowhere.
    #[error("prefix {path:?}: needs at least one upstream, or local = true")]
    NoUpstream {
        /// The path.
        path: String,
    },
    /// A prefix leads to two places.
    #[error("prefix {path:?}: is local, so it has no upstream")]
    LocalUpstream {
        /// The path.
        path: String,
    },
}

/// Why a number is not a [`Percent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a percentage from 0 to 100")]
pub struct InvalidPercent(u8);

/// Paths that never belong to a foreign application, whatever its prefix: what operators and nodes say there proves who they
/// are, and must not be told to anybody else.
const RESERVED: [&str; 2] = ["/_admin", "/_internal"];

/// Most instances of a module, and most upstreams of a prefix.
pub const MAX_INSTANCES: usize = 64;

const fn yes() -> bool {
    true
}

// === impl Table ===

impl Table {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first thing that is wrong, by name.
    pub fn check(&self) -> Result<(), InvalidTable> {
        for (module, placement) in &self.modules {
            check_name(module)?;
            placement.check(module)?;
        }
        let mut seen = BTreeSet::new();
        for prefix in &self.prefixes {
            prefix.check()?;
            if !seen.insert(prefix.trimmed()) {
                return Err(InvalidTable::DuplicatePrefix { path: prefix.path.clone() });
            }
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), InvalidTable> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err(InvalidTable::Name { name: name.to_owned() });
    }
    Ok(())
}

// === impl Placement ===

impl Placement {
    fn check(&self, module: &str) -> Result<(), InvalidTable> {
        let module = || module.to_owned();
        if self.instances.is_empty() && (self.weight > Percent::ZERO || self.shadow.is_some()) {
            return Err(InvalidTable::NoInstance { module: module() });
        }
        if self.instances.len() > MAX_INSTANCES {
            return Err(InvalidTable::TooManyInstances { owner: module() });
        }
        let mut seen = BTreeSet::new();
        for instance in &self.instances {
            check_name(&instance.id)?;
            if !seen.insert(&instance.id) {
                return Err(InvalidTable::DuplicateInstance { module: module(), id: instance.id.clone() });
            }
        }
        Ok(())
    }
}

// === impl Prefix ===

/// Whether `path` is for this server alone.
pub(crate) fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|reserved| lies_below(reserved, path))
}

fn lies_below(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Prefix {
    /// The path without a slash at its end: what a matching path begins with.
    pub(crate) fn trimmed(&self) -> &str {
        self.path.strip_suffix('/').unwrap_or(&self.path)
    }

    /// Whether `path` is the prefix or lies below it.
    pub(crate) fn covers(&self, path: &str) -> bool {
        lies_below(self.trimmed(), path)
    }

    fn check(&self) -> Result<(), InvalidTable> {
        let odd = |c: char| c.is_ascii_control() || matches!(c, '?' | '#' | '%' | ' ' | '\\');
        let segments = self.trimmed().split('/').skip(1);
        let bad_segment = segments.into_iter().any(|segment| matches!(segment, "" | "." | ".."));
        if !self.path.starts_with('/') || self.path.contains(odd) || !self.path.is_ascii() || bad_segment {
            return Err(InvalidTable::PrefixPath { path: self.path.clone() });
        }
        if self.local && !self.upstream.is_empty() {
            return Err(InvalidTable::LocalUpstream { path: self.path.clone() });
        }
        if !self.local && self.upstream.is_empty() {
            return Err(InvalidTable::NoUpstream { path: self.path.clone() });
        }
        if self.upstream.len() > MAX_INSTANCES {
            return Err(InvalidTable::TooManyInstances { owner: self.path.clone() });
        }
        Ok(())
    }
}

// === impl Percent ===

impl Percent {
    /// None.
    pub const ZERO: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(100);

    /// The number, from 0 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = InvalidPercent;

    fn try_from(number: u8) -> Result<Self, InvalidPercent> {
        if number <= 100 { Ok(Self(number)) } else { Err(InvalidPercent(number)) }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

#[cfg(test)]
mod tests;
