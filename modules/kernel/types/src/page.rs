//! One page of a longer list, walked by an opaque cursor.

use serde::{Deserialize, Serialize};

/// Rows of a page when the client names no limit.
pub const DEFAULT_LIMIT: u32 = 20;
/// Most rows of a page.
pub const MAX_LIMIT: u32 = 100;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub data: Vec<T>,
    /// How to go on.
    pub page: PageInfo,
}

/// How to go on from a [`Page`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PageInfo {
    /// Pass as `cursor` to get the next page; null on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

// === impl Page ===

impl<T> Page<T> {
    /// A page from up to `limit + 1` rows: the extra row only tells that there are more.
    /// `cursor` makes the text that continues after a row.
    pub fn cut(mut rows: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if has_more { rows.last().map(cursor) } else { None };
        Self { page: PageInfo { has_more: next_cursor.is_some(), next_cursor }, data: rows }
    }

    /// The same page with every row changed.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(change).collect(), page: self.page }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_row_becomes_a_cursor_and_not_a_row() {
        let page = Page::cut(vec![1, 2, 3], 2, |last| format!("after {last}"));
        assert_eq!(page.data, [1, 2]);
        assert_eq!(page.page.next_cursor.as_deref(), Some("after 2"));
        let last = Page::cut(vec![1, 2], 2, |last| format!("after {last}"));
        assert_eq!((last.page.has_more, last.page.next_cursor), (false, None));
    }
}
