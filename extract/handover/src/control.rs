//! The control store: what is decided about placements, durably.

mod audit;
mod handovers;
mod moves;
mod nodes;
mod operations;
mod placements;
mod receipts;

use diesel_migrations::embed_migrations;
use kernel::store::{Migrations, OpenError, Store, StoreError, StoreSettings};

pub use audit::{Audit, Entry};
pub use handovers::JournalEntry;
pub use nodes::{Node, NodeId, NodeKind};
pub use placements::{Placed, Placements};
pub use receipts::Stored;

use crate::peel::{Operation, OperationId, Phase};

const MIGRATIONS: Migrations = Migrations {
    module: "control",
    sqlite: embed_migrations!("../../migrations/control/sqlite"),
    postgres: embed_migrations!("../../migrations/control/postgres"),
    fenced: false,
};

/// The control store. Clones share it.
#[derive(Clone)]
pub struct Control {
    store: Store,
}

/// Why something is not decided.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another operation on the module has not ended.
    #[error("an operation on {module} is running: {running}")]
    Running {
        /// The module.
        module: String,
        /// The operation.
        running: OperationId,
    },
    /// There is no such running operation.
    #[error("no operation on {module} is running")]
    NotRunning {
        /// The module.
        module: String,
    },
    /// The operation is not in the phase that the driver believed: another driver is at work.
    #[error("the operation is in another phase already")]
    Stale,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Control {
    /// Opens the store, creating it when it does not exist. Blocks.
    ///
    /// # Errors
    /// Says what is wrong with the store.
    pub fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        Ok(Self { store: Store::open(settings, &MIGRATIONS)? })
    }

    /// Every placement, with the generation that they are.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn placements(&self) -> Result<Placements, ControlError> {
        self.store.read_snapshot(|db| Ok(placements::load(db)?)).await
    }

    /// Begins an operation.
    ///
    /// # Errors
    /// [`ControlError::Running`] when another one on the module has not ended.
    pub async fn begin(&self, operation: Operation, audit: Audit) -> Result<(), ControlError> {
        self.store
            .write(move |tx| {
                moves::refuse_running(tx, &operation.module, None)?;
                operations::insert(tx, &operation)?;
                Ok(audit::insert(tx, &audit)?)
            })
            .await
    }

    /// Writes down that `operation` goes on from `from`, and with it where its module is placed from now on. Gives the new
    /// generation.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when it is not in phase `from`.
    pub async fn advance(
        &self,
        operation: Operation,
        from: Phase,
        audit: Audit,
    ) -> Result<u64, ControlError> {
        self.store
            .write(move |tx| {
                if !operations::update(tx, &operation, from)? {
                    return Err(ControlError::Stale);
                }
                placements::place(tx, &operation.module, &operation.nodes, operation.routing())?;
                audit::insert(tx, &audit)?;
                Ok(placements::raise(tx)?)
            })
            .await
    }

    /// Asks for the running operation on `module` to be undone.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`].
    pub async fn cancel(&self, module: &str, audit: Audit) -> Result<OperationId, ControlError> {
        let module = module.to_owned();
        self.store
            .write(move |tx| {
                let Some(running) = operations::running(tx, &module)? else {
                    return Err(ControlError::NotRunning { module: module.clone() });
                };
                operations::cancel(tx, running.id)?;
                audit::insert(tx, &audit)?;
                Ok(running.id)
            })
            .await
    }

    /// The operations that have not ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn running(&self) -> Result<Vec<Operation>, ControlError> {
        self.store.read(|db| Ok(operations::all_running(db)?)).await
    }

    /// One operation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn operation(&self, id: OperationId) -> Result<Option<Operation>, ControlError> {
        self.store.read(move |db| Ok(operations::find(db, id)?)).await
    }

    /// The last operation on each module.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn latest(&self) -> Result<Vec<Operation>, ControlError> {
        self.store.read(|db| Ok(operations::latest(db)?)).await
    }

    /// Adds a node, or writes down what it is now. Raises the generation: a node that was started again answers elsewhere.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn register(&self, node: Node) -> Result<(), ControlError> {
        self.store
            .write(move |tx| {
                nodes::upsert(tx, &node)?;
                placements::raise(tx)?;
                Ok(())
            })
            .await
    }

    /// Every node.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn nodes(&self) -> Result<Vec<Node>, ControlError> {
        self.store.read(|db| Ok(nodes::all(db)?)).await
    }

    /// Forgets a node, unless a module is placed there. Says whether it is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self, id: NodeId) -> Result<bool, ControlError> {
        self.store
            .write(move |tx| {
                let used = placements::load(tx)?.modules.values().any(|placed| placed.nodes.contains(&id));
                if !used {
                    nodes::delete(tx, id)?;
                }
                Ok(!used)
            })
            .await
    }

    /// Writes down what somebody did.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note(&self, audit: Audit) -> Result<(), ControlError> {
        self.store.write(move |tx| Ok(audit::insert(tx, &audit)?)).await
    }

    /// The newest entries of the audit log, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_log(&self, limit: u32) -> Result<Vec<Entry>, ControlError> {
        self.store.read(move |db| Ok(audit::newest(db, limit)?)).await
    }

    /// Finishes the writes that wait and closes the store. Blocks.
    pub fn close(&self) {
        self.store.close();
    }
}

#[cfg(test)]
mod tests;
