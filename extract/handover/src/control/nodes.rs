//! Processes that host modules for the home.

use std::collections::BTreeMap;

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Id, IdKind, Timestamp, on_each};
use serde::{Deserialize, Serialize};

use crate::schema::nodes;

/// Kind of [`NodeId`].
pub enum NodeKind {}
impl IdKind for NodeKind {
    const PREFIX: &'static str = "nod";
}
/// Names a node for as long as it exists, over its restarts.
pub type NodeId = Id<NodeKind>;

/// A process that hosts modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// Where it answers, without a slash at the end.
    pub url: String,
    /// The modules that it hosts, with the versions of their contracts.
    pub modules: BTreeMap<String, u32>,
    /// The program's version.
    pub version: String,
    /// Whether home started it, and starts it again when it dies.
    pub spawned: bool,
    /// When it last introduced itself as something else than before.
    pub registered_at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = nodes)]
struct Row {
    id: NodeId,
    url: String,
    modules: String,
    version: String,
    spawned: bool,
    registered_at: Timestamp,
}

/// Ids as a column holds them: with commas between them, nothing for none.
pub(super) fn text(nodes: &[NodeId]) -> Option<String> {
    let ids: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
    (!ids.is_empty()).then(|| ids.join(","))
}

/// The ids in a column.
pub(super) fn parsed(text: Option<&str>) -> Result<Vec<NodeId>, StoreError> {
    let ids = text.into_iter().flat_map(|ids| ids.split(',')).map(str::parse);
    ids.collect::<Result<_, _>>().map_err(|error| StoreError::Corrupt(format!("a list of nodes: {error}")))
}

pub(super) fn upsert(tx: &mut Tx<'_>, node: &Node) -> Result<(), StoreError> {
    let modules = serde_json::to_string(&node.modules);
    let row = Row {
        id: node.id,
        url: node.url.clone(),
        modules: modules.map_err(|error| StoreError::Corrupt(error.to_string()))?,
        version: node.version.clone(),
        spawned: node.spawned,
        registered_at: node.registered_at,
    };
    on_each!(tx, conn => diesel::insert_into(nodes::table)
        .values(&row)
        .on_conflict(nodes::id)
        .do_update()
        .set(&row)
        .execute(conn))?;
    Ok(())
}

pub(super) fn all(db: &mut Db) -> Result<Vec<Node>, StoreError> {
    let rows: Vec<Row> =
        on_each!(db, conn => nodes::table.order(nodes::id).select(Row::as_select()).load(conn))?;
    rows.into_iter()
        .map(|row| {
            let modules = serde_json::from_str(&row.modules);
            Ok(Node {
                id: row.id,
                url: row.url,
                modules: modules
                    .map_err(|error| StoreError::Corrupt(format!("a node's modules: {error}")))?,
                version: row.version,
                spawned: row.spawned,
                registered_at: row.registered_at,
            })
        })
        .collect()
}

pub(super) fn delete(tx: &mut Tx<'_>, id: NodeId) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::delete(nodes::table.find(id)).execute(conn))?;
    Ok(())
}
