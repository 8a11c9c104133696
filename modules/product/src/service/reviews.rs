//! Reviews by those who bought.

use kernel::idempotency::{self, Answer, Key};
use kernel::{CallContext, Page, ProductId, Timestamp, UserId};
use order_contract::HasBought;

use super::{Render, Service};
use crate::domain::ReviewId;
use crate::domain::rating::Rating;
use crate::domain::status::{ProductStatus, ReviewStatus};
use crate::domain::text::{ReviewBody, ReviewTitle};
use crate::error::Error;
use crate::store::details::{self, ProductRef};
use crate::store::products;
use crate::store::reviews::{self, ReviewRow};

/// A review to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewDraft {
    /// Stars.
    pub rating: Rating,
    /// Headline.
    pub title: ReviewTitle,
    /// Text.
    pub body: ReviewBody,
}

/// What shall be changed of a review; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewChange {
    /// Stars.
    pub rating: Option<Rating>,
    /// Headline.
    pub title: Option<ReviewTitle>,
    /// Text.
    pub body: Option<ReviewBody>,
}

impl Service {
    /// A page of a product's published reviews, the newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reviews(
        &self,
        product: ProductId,
        before: Option<ReviewId>,
        limit: u32,
        cursor: impl FnOnce(&ReviewId) -> String,
    ) -> Result<Page<ReviewRow>, Error> {
        let rows =
            self.store.read(move |db| reviews::list(db, product, before, i64::from(limit) + 1)).await?;
        Ok(Page::cut(rows, limit, |last| cursor(&last.id)))
    }

    /// The newest published reviews of a product on sale.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`].
    pub async fn newest_reviews_of(&self, name: ProductRef, limit: u32) -> Result<Vec<ReviewRow>, Error> {
        self.store
            .read(move |db| {
                let (product, _) = details::on_sale(db, &name)?.ok_or(Error::ProductNotFound)?;
                Ok(reviews::list(db, product.id, None, i64::from(limit))?)
            })
            .await
    }

    /// Adds a user's review of a product, once for `key`.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`], [`Error::ReviewNotAllowed`], [`Error::AlreadyReviewed`], [`Error::Orders`] when the order module cannot be asked.
    pub async fn create_review(
        &self,
        context: CallContext,
        user: UserId,
        product: ProductId,
        draft: ReviewDraft,
        key: Option<Key>,
        render: Render<ReviewRow>,
    ) -> Result<Answer, Error> {
        if !self.has_bought(context, user, product).await? {
            return Err(Error::ReviewNotAllowed);
        }
        self.store
            .write(move |tx| {
                idempotency::once(tx, key.as_ref(), |tx| {
                    let row = products::find(tx, product)?;
                    row.filter(|row| row.status == ProductStatus::Active).ok_or(Error::ProductNotFound)?;
                    let now = Timestamp::now();
                    let review = ReviewRow {
                        id: ReviewId::new(),
                        product_id: product,
                        user_id: user,
                        rating: draft.rating.stars(),
                        title: draft.title.as_str().to_owned(),
                        body: draft.body.as_str().to_owned(),
                        status: ReviewStatus::Published,
                        created_at: now,
                        updated_at: now,
                    };
                    if !reviews::insert(tx, &review)? {
                        return Err(Error::AlreadyReviewed);
                    }
                    products::add_rating(tx, product, i64::from(review.rating), 1)?;
                    Ok(render(&review)?)
                })
            })
            .await
    }

    /// Asks the order module only for what it has not told yet: reviewing goes on while it is away.
    async fn has_bought(
        &self,
        context: CallContext,
        user: UserId,
        product: ProductId,
    ) -> Result<bool, Error> {
        if self.has_been_told(user, product).await? {
            return Ok(true);
        }
        let question = HasBought { user_id: user, product_id: product };
        let orders = self.orders.enter().map_err(Error::Orders)?;
        orders.has_bought(context, question).await.map_err(Error::Orders)
    }

    /// Changes a user's own review.
    ///
    /// # Errors
    /// [`Error::ReviewNotFound`].
    pub async fn change_review(
        &self,
        user: UserId,
        id: ReviewId,
        change: ReviewChange,
    ) -> Result<ReviewRow, Error> {
        self.store
            .write(move |tx| {
                let before = reviews::find_own(tx, id, user)?.ok_or(Error::ReviewNotFound)?;
                let mut row = before.clone();
                row.rating = change.rating.map_or(row.rating, Rating::stars);
                if let Some(title) = &change.title {
                    row.title = title.as_str().to_owned();
                }
                if let Some(body) = &change.body {
                    row.body = body.as_str().to_owned();
                }
                if row == before {
                    return Ok(row);
                }
                row.updated_at = Timestamp::now();
                reviews::update(tx, &row)?;
                if row.status == ReviewStatus::Published {
                    products::add_rating(tx, row.product_id, i64::from(row.rating - before.rating), 0)?;
                }
                Ok(row)
            })
            .await
    }

    /// Deletes a user's own review.
    ///
    /// # Errors
    /// [`Error::ReviewNotFound`].
    pub async fn delete_review(&self, user: UserId, id: ReviewId) -> Result<(), Error> {
        self.store
            .write(move |tx| {
                let row = reviews::find_own(tx, id, user)?.ok_or(Error::ReviewNotFound)?;
                reviews::delete(tx, id)?;
                if row.status == ReviewStatus::Published {
                    products::add_rating(tx, row.product_id, -i64::from(row.rating), -1)?;
                }
                Ok(())
            })
            .await
    }
}
