//! What staff do with categories.

use kernel::Detail;
use kernel::idempotency::{self, Answer, Key};
use kernel::store::Tx;

use super::{Precondition, Render, Service};
use crate::domain::CategoryId;
use crate::domain::draft::{CategoryChange, CategoryDraft};
use crate::error::Error;
use crate::store::categories::{self, CategoryRow};
use crate::store::{products, projections};

impl Service {
    /// Makes a category, once for `key`.
    ///
    /// # Errors
    /// [`Error::SlugTaken`], [`Error::Invalid`] when it cannot stand below its parent.
    pub async fn create_category(
        &self,
        draft: CategoryDraft,
        key: Option<Key>,
        render: Render<CategoryRow>,
    ) -> Result<Answer, Error> {
        self.store
            .write(move |tx| {
                idempotency::once(tx, key.as_ref(), |tx| {
                    let row = CategoryRow {
                        id: CategoryId::new(),
                        parent_id: draft.parent_id,
                        slug: draft.slug.as_str().to_owned(),
                        name: draft.name.as_str().to_owned(),
                        position: draft.position,
                        version: 1,
                    };
                    check(tx, &row)?;
                    categories::insert(tx, &row)?;
                    Ok(render(&row)?)
                })
            })
            .await
    }

    /// One category.
    ///
    /// # Errors
    /// [`Error::CategoryNotFound`].
    pub async fn category(&self, id: CategoryId) -> Result<CategoryRow, Error> {
        self.store.read(move |db| categories::find(db, id)?.ok_or(Error::CategoryNotFound)).await
    }

    /// Changes a category. A new name is searched for from then on.
    ///
    /// # Errors
    /// [`Error::CategoryNotFound`], [`Error::Changed`], [`Error::SlugTaken`], [`Error::Invalid`] when it cannot stand below its parent.
    pub async fn change_category(
        &self,
        id: CategoryId,
        expected: Precondition,
        change: CategoryChange,
    ) -> Result<CategoryRow, Error> {
        self.store
            .write(move |tx| {
                let before = categories::find(tx, id)?.ok_or(Error::CategoryNotFound)?;
                expected.check(before.version)?;
                let mut row = before.clone();
                if let Some(slug) = &change.slug {
                    row.slug = slug.as_str().to_owned();
                }
                if let Some(name) = &change.name {
                    row.name = name.as_str().to_owned();
                }
                row.parent_id = change.parent_id.unwrap_or(row.parent_id);
                row.position = change.position.unwrap_or(row.position);
                if row == before {
                    return Ok(row);
                }
                check(tx, &row)?;
                row.version += 1;
                categories::update(tx, &row)?;
                if row.name != before.name {
                    let products = products::in_category(tx, id)?;
                    projections::refresh(tx, &products)?;
                }
                Ok(row)
            })
            .await
    }

    /// Deletes an empty category.
    ///
    /// # Errors
    /// [`Error::CategoryNotFound`], [`Error::Changed`], [`Error::CategoryNotEmpty`].
    pub async fn delete_category(&self, id: CategoryId, expected: Precondition) -> Result<(), Error> {
        self.store
            .write(move |tx| {
                let row = categories::find(tx, id)?.ok_or(Error::CategoryNotFound)?;
                expected.check(row.version)?;
                if categories::in_use(tx, id)? {
                    return Err(Error::CategoryNotEmpty);
                }
                Ok(categories::delete(tx, id)?)
            })
            .await
    }
}

/// Refuses a slug that another has, and a parent that it cannot stand below.
fn check(tx: &mut Tx<'_>, row: &CategoryRow) -> Result<(), Error> {
    let all = categories::all(tx)?;
    if all.iter().any(|other| other.slug == row.slug && other.id != row.id) {
        return Err(Error::SlugTaken);
    }
    categories::tree(&all)
        .may_move(row.id, row.parent_id)
        .map_err(|error| Error::Invalid(vec![Detail::of("parent_id", error.to_string())]))
}
