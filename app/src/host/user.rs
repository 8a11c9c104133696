//! The user module, as this program hosts it.

use std::sync::Arc;

use ::user::{Needs, SampleUser, SampleUsers, UserModule};
use kernel::store::StoreSettings;
use kernel::{Module, Role};
use user_contract::Users;

use super::{CUSTOMER, Demo, OPERATOR, Wiring};
use crate::config::Config;
use crate::exit::Failure;

/// The open module. Clones share it.
#[derive(Clone)]
pub(super) struct Hosted(UserModule);

impl Hosted {
    /// Opens its store. Blocks.
    pub(super) fn open(config: &Config, store: &StoreSettings, wiring: &Wiring) -> Result<Self, Failure> {
        let needs = Needs { orders: wiring.handles.orders.clone() };
        Ok(Self(UserModule::open(config.user.clone(), store, needs)?))
    }

    /// What every module is.
    pub(super) fn module(&self) -> &dyn Module {
        &self.0
    }

    /// The module as other modules see it.
    pub(super) fn contract(&self) -> Arc<dyn Users> {
        self.0.contract()
    }

    /// Makes the demo accounts that do not exist.
    pub(super) async fn seed_accounts(&self) -> Result<(), Failure> {
        let sample = |demo: Demo| SampleUser { email: demo.email, password: demo.password, name: demo.name };
        let sample = SampleUsers { customer: sample(CUSTOMER), operator: sample(OPERATOR) };
        self.0.seed(&sample).await.map_err(anyhow::Error::from)?;
        Ok(())
    }

    /// Gives an account a staff role.
    pub(super) async fn grant(&self, email: &str, role: Role) -> Result<String, Failure> {
        let user = self.0.service().grant(email, role).await.map_err(anyhow::Error::from)?;
        Ok(user.id.to_string())
    }
}
