//! Checking several fields and reporting all that is wrong at once.

use std::fmt::Display;

use kernel::Detail;

/// Fields that break a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a field has a value that is not allowed")]
pub struct Invalid {
    /// One for each field that is wrong.
    pub details: Vec<Detail>,
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    wrong: Vec<Detail>,
}

// === impl Invalid ===

impl Invalid {
    /// One field that is wrong.
    pub(crate) fn of(field: &str, message: impl Display) -> Self {
        Self { details: vec![Detail::of(field, message.to_string())] }
    }
}

// === impl Fields ===

impl Fields {
    /// The parsed value, or `None` and a note of what is wrong.
    pub(crate) fn take<T, E: Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.wrong.push(Detail::of(field, error.to_string()))).ok()
    }

    /// As [`Fields::take`] for a field that may be absent: `None` only if it is wrong.
    pub(crate) fn maybe<T, E: Display>(
        &mut self,
        field: &str,
        parsed: Option<Result<T, E>>,
    ) -> Option<Option<T>> {
        match parsed {
            None => Some(None),
            Some(parsed) => self.take(field, parsed).map(Some),
        }
    }

    /// Everything that was wrong.
    pub(crate) fn invalid(self) -> Invalid {
        Invalid { details: self.wrong }
    }
}
