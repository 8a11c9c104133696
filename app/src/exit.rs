//! How commands end. The codes follow sysexits(3), so that a supervisor can tell a mistake from a passing trouble.

use std::io::Write as _;
use std::process::ExitCode;

use kernel::store::OpenError;

/// The command line is wrong.
const USAGE: u8 = 64;
/// A store is damaged, or newer than this program.
const DATA: u8 = 65;
/// A store or an address is not to be had now.
const UNAVAILABLE: u8 = 69;
/// A fault of this program.
const SOFTWARE: u8 = 70;
/// A file or directory cannot be created.
const CANNOT_CREATE: u8 = 73;
/// An operation was undone; nothing has changed.
const TRY_AGAIN: u8 = 75;
/// The other side does not take the order.
const PROTOCOL: u8 = 76;
/// The configuration is wrong.
const CONFIG: u8 = 78;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line contradicts itself.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error("configuration: {0}")]
    Config(String),
    /// A store cannot be opened.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// What was asked for.
        address: String,
        /// What the system says, and what may help.
        reason: String,
    },
    /// Home does not answer.
    #[error("the home at {url} does not answer: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the system says.
        reason: String,
    },
    /// Home does not take the order.
    #[error("refused: {0}")]
    Refused(String),
    /// The operation was undone.
    #[error("undone: {0}")]
    Undone(String),
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// Says why on standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        // If standard error is gone there is nobody to tell.
        let mut told = format!("banyan: {self}");
        let mut cause = match self {
            Self::Store(error) => std::error::Error::source(error),
            // These say all that there is.
            Self::Usage(_) | Self::Config(_) | Self::Listen { .. } | Self::Other(_) => None,
            Self::Unreachable { .. } | Self::Refused(_) | Self::Undone(_) => None,
        };
        while let Some(error) = cause {
            told = format!("{told}: {error}");
            cause = error.source();
        }
        writeln!(std::io::stderr(), "{told}").unwrap_or_default();
        ExitCode::from(match self {
            Self::Usage(_) => USAGE,
            Self::Config(_) => CONFIG,
            Self::Store(OpenError::NotWritable { .. }) => CANNOT_CREATE,
            Self::Store(OpenError::Damaged { .. } | OpenError::Newer { .. } | OpenError::Fenced { .. }) => {
                DATA
            }
            Self::Store(OpenError::Unreachable { .. }) | Self::Listen { .. } | Self::Unreachable { .. } => {
                UNAVAILABLE
            }
            Self::Undone(_) => TRY_AGAIN,
            Self::Refused(_) => PROTOCOL,
            Self::Store(OpenError::Migration { .. } | OpenError::Unusable { .. }) | Self::Other(_) => {
                SOFTWARE
            }
        })
    }
}

/// Shows clap's message: help and version succeed, all else is a usage error.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    error.print().unwrap_or_default();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

/// Says something on standard output: a command's result, not a log line.
pub(crate) fn say(text: &str) {
    // A closed pipe (`banyan openapi | head`) is no failure.
    writeln!(std::io::stdout(), "{text}").unwrap_or_default();
}
