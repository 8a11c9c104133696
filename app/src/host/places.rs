//! Where the modules' stores are when they are opened.

use handover::{Control, Placements};
use kernel::store::{Place, StoreSettings};

use super::ModuleName;
use crate::config::Config;
use crate::exit::Failure;

/// Tells where each module's store is.
pub(crate) enum Places {
    /// Where its data is, whichever process owns it: for commands.
    Data(Placements),
    /// Where it is for the home process: nowhere while it is its nodes' alone.
    Home(Placements),
    /// Nowhere yet: a node is told by its home.
    Later,
}

impl Places {
    /// What the control store says, if there is one. Blocks.
    pub(crate) fn of_data(config: &Config) -> Result<Self, Failure> {
        let settings = config.control_store();
        if !config.data.directory.join("control.db").exists() {
            return Ok(Self::Data(Placements::default()));
        }
        let control = Control::open(&settings)?;
        let placements = crate::commands::runtime()?.block_on(control.placements());
        control.close();
        Ok(Self::Data(placements.map_err(anyhow::Error::from)?))
    }

    /// The modules that cannot be asked here before it is known who owns them: those in the middle of a switch, and those whose
    /// data is elsewhere.
    pub(crate) fn away(&self) -> Vec<ModuleName> {
        let Self::Home(placements) = self else { return Vec::new() };
        let parked = placements.handovers.values().filter(|handover| handover.state.parks());
        let moved = placements.modules.iter().filter(|(_, placed)| placed.moved);
        let away = parked.map(|handover| &handover.module).chain(moved.map(|(module, _)| module));
        away.filter_map(|module| ModuleName::find(module)).collect()
    }

    /// How the store of `module` is opened.
    pub(super) fn settings(&self, config: &Config, module: ModuleName) -> Result<StoreSettings, Failure> {
        let (placements, home) = match self {
            Self::Data(placements) => (placements, false),
            Self::Home(placements) => (placements, true),
            Self::Later => return Ok(config.store_settings()),
        };
        let placed = placements.modules.get(module.as_str());
        if home && placed.is_some_and(|placed| placed.moved) {
            return Ok(config.store_settings());
        }
        let url = match placed.and_then(|placed| placed.store.as_ref()) {
            Some(url) => url.parse().map_err(|error| {
                Failure::Other(anyhow::anyhow!("where the store of {module} is cannot be read: {error}"))
            })?,
            None => config.store_url(module.as_str()).map_err(Failure::Config)?,
        };
        let place = Place { url, epoch: placed.map_or(1, |placed| placed.epoch) };
        Ok(StoreSettings { place: Some(place), ..config.store_settings() })
    }
}
