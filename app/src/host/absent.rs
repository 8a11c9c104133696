//! A module whose code is not in this program: there is no value of it, so nothing can be asked of it.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "which of them are asked for differs from build to build"
)]

use std::sync::Arc;

use kernel::store::StoreSettings;
use kernel::{Module, Role};

use super::Wiring;
use crate::config::Config;
use crate::exit::Failure;

/// A module that cannot be opened.
#[derive(Clone)]
pub(super) enum Hosted {}

impl Hosted {
    pub(super) fn open(_: &Config, _: &StoreSettings, _: &Wiring) -> Result<Self, Failure> {
        Err(Failure::Other(anyhow::anyhow!("a module is opened that this program was built without")))
    }

    pub(super) fn module(&self) -> &dyn Module {
        match *self {}
    }

    pub(super) fn contract<C: ?Sized>(&self) -> Arc<C> {
        match *self {}
    }

    pub(super) async fn seed_accounts(&self) -> Result<(), Failure> {
        match *self {}
    }

    pub(super) async fn grant(&self, _: &str, _: Role) -> Result<String, Failure> {
        match *self {}
    }

    pub(super) async fn seed_catalogue(&self, _: Option<u32>) -> Result<(), Failure> {
        match *self {}
    }

    pub(super) async fn rebuild(&self) -> Result<u64, Failure> {
        match *self {}
    }
}
