//! The last known copies of products, for when their module does not answer.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use product_contract::{ProductDetails, ProductName};

/// Most copies. The one that was not asked for longest makes room.
const MOST: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");
/// Older ones are not shown: prices and stock are too far off.
const OLDEST: Duration = Duration::from_secs(10 * 60);

/// Copies by the name that was asked for.
pub(super) struct LastKnown(Mutex<LruCache<ProductName, Copy>>);

#[derive(Clone)]
struct Copy {
    product: Arc<ProductDetails>,
    at: Instant,
}

// === impl LastKnown ===

impl Default for LastKnown {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl LastKnown {
    /// The product is like this now.
    pub(super) fn keep(&self, name: ProductName, product: Arc<ProductDetails>, now: Instant) {
        self.lock().put(name, Copy { product, at: now });
    }

    /// There is no such product any longer.
    pub(super) fn forget(&self, name: &ProductName) {
        self.lock().pop(name);
    }

    /// The copy and its age, if it may still be shown.
    pub(super) fn get(&self, name: &ProductName, now: Instant) -> Option<(Arc<ProductDetails>, Duration)> {
        let copy = self.lock().get(name).cloned()?;
        let age = now.saturating_duration_since(copy.at);
        (age <= OLDEST).then_some((copy.product, age))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<ProductName, Copy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kernel::{ProductId, Timestamp};

    use super::*;

    fn product(name: &str) -> Arc<ProductDetails> {
        Arc::new(ProductDetails {
            id: ProductId::new(),
            slug: name.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            image_url: None,
            category: None,
            variants: Vec::new(),
            rating_average: None,
            rating_count: 0,
            created_at: Timestamp::now(),
        })
    }

    #[test]
    fn a_copy_is_shown_until_it_is_too_old_or_the_product_is_gone() {
        let (copies, now) = (LastKnown::default(), Instant::now());
        let tea = ProductName("tea".to_owned());
        copies.keep(tea.clone(), product("tea"), now);
        let minute = Duration::from_secs(60);
        assert_eq!(copies.get(&tea, now + minute).unwrap().1, minute);
        assert!(copies.get(&tea, now + OLDEST).is_some());
        assert!(copies.get(&tea, now + OLDEST + minute).is_none());
        copies.forget(&tea);
        assert!(copies.get(&tea, now).is_none());
    }

    #[test]
    fn only_so_many_copies_are_kept() {
        let (copies, now) = (LastKnown::default(), Instant::now());
        let name = |number: usize| ProductName(number.to_string());
        for number in 0..=MOST.get() {
            copies.keep(name(number), product("tea"), now);
        }
        assert!(copies.get(&name(0), now).is_none());
        assert!(copies.get(&name(1), now).is_some() && copies.get(&name(MOST.get()), now).is_some());
    }
}
