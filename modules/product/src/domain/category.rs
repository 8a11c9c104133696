//! The tree of categories.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::CategoryId;

/// Deepest nesting that is taken, so that every walk ends.
pub const DEEPEST: usize = 10;

/// The whole tree: what hangs below what.
#[derive(Debug, Default)]
pub struct Tree {
    parents: HashMap<CategoryId, Option<CategoryId>>,
    children: BTreeMap<Option<CategoryId>, Vec<CategoryId>>,
}

/// Why a category cannot be put below another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidParent {
    /// There is no such category.
    #[error("there is no such category")]
    Unknown,
    /// It would be its own ancestor.
    #[error("a category cannot stand below itself")]
    Cycle,
    /// Too many levels.
    #[error("categories can be nested at most 10 deep")]
    TooDeep,
}

impl Tree {
    /// The tree of `(category, parent)` pairs; siblings keep their order.
    pub fn of(pairs: impl IntoIterator<Item = (CategoryId, Option<CategoryId>)>) -> Self {
        let mut tree = Self::default();
        for (id, parent) in pairs {
            tree.parents.insert(id, parent);
            tree.children.entry(parent).or_default().push(id);
        }
        tree
    }

    /// The category and everything below it, each before what is below it.
    pub fn with_descendants(&self, top: CategoryId) -> Vec<CategoryId> {
        let (mut found, mut seen, mut waiting) = (Vec::new(), HashSet::new(), vec![top]);
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                found.push(id);
                waiting.extend(self.children_of(Some(id)).iter().rev());
            }
        }
        found
    }

    /// All categories, each before what is below it.
    pub fn depth_first(&self) -> Vec<CategoryId> {
        self.children_of(None).iter().flat_map(|top| self.with_descendants(*top)).collect()
    }

    /// From the top down to the category.
    pub fn path(&self, id: CategoryId) -> Vec<CategoryId> {
        let mut path = vec![id];
        while let Some(parent) = path.last().and_then(|id| self.parents.get(id).copied().flatten()) {
            if path.len() > DEEPEST {
                break;
            }
            path.push(parent);
        }
        path.reverse();
        path
    }

    /// Whether `id`, with all that is below it, may be put below `parent`. A new category has nothing below it.
    ///
    /// # Errors
    /// Why it may not.
    pub fn may_move(&self, id: CategoryId, parent: Option<CategoryId>) -> Result<(), InvalidParent> {
        let Some(parent) = parent else { return Ok(()) };
        if !self.parents.contains_key(&parent) {
            return Err(InvalidParent::Unknown);
        }
        let moved = self.with_descendants(id);
        if moved.contains(&parent) {
            return Err(InvalidParent::Cycle);
        }
        let levels_below = moved.iter().map(|below| self.path(*below).len()).max().unwrap_or(1);
        let levels_moved = levels_below.saturating_sub(self.path(id).len()) + 1;
        if self.path(parent).len() + levels_moved > DEEPEST { Err(InvalidParent::TooDeep) } else { Ok(()) }
    }

    fn children_of(&self, parent: Option<CategoryId>) -> &[CategoryId] {
        self.children.get(&parent).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: usize) -> (Vec<CategoryId>, Tree) {
        let ids: Vec<_> = (0..length).map(|_| CategoryId::new()).collect();
        let parents = std::iter::once(None).chain(ids.iter().copied().map(Some));
        let tree = Tree::of(ids.iter().copied().zip(parents));
        (ids, tree)
    }

    #[test]
    fn a_category_comes_with_all_that_is_below_it() {
        let (ids, tree) = chain(4);
        assert_eq!(tree.with_descendants(ids[1]), ids[1..]);
        assert_eq!(tree.path(ids[2]), ids[..3]);
        assert_eq!(tree.depth_first(), ids);
    }

    #[test]
    fn a_category_cannot_be_put_below_itself() {
        let (ids, tree) = chain(3);
        assert_eq!(tree.may_move(ids[0], Some(ids[2])), Err(InvalidParent::Cycle));
        assert_eq!(tree.may_move(ids[0], Some(ids[0])), Err(InvalidParent::Cycle));
        assert_eq!(tree.may_move(ids[2], Some(ids[0])), Ok(()));
        assert_eq!(tree.may_move(ids[2], None), Ok(()));
        assert_eq!(tree.may_move(ids[2], Some(CategoryId::new())), Err(InvalidParent::Unknown));
    }

    #[test]
    fn a_tree_has_a_floor() {
        let (ids, tree) = chain(DEEPEST);
        assert_eq!(tree.may_move(CategoryId::new(), ids.last().copied()), Err(InvalidParent::TooDeep));
        assert_eq!(tree.may_move(CategoryId::new(), ids.get(DEEPEST - 2).copied()), Ok(()));
    }

    #[test]
    fn a_cycle_in_the_store_does_not_hang_a_walk() {
        let (a, b) = (CategoryId::new(), CategoryId::new());
        let tree = Tree::of([(a, Some(b)), (b, Some(a))]);
        assert_eq!(tree.with_descendants(a), [a, b]);
        assert!(tree.path(a).len() <= DEEPEST + 1);
    }
}
