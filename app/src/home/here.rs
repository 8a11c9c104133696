//! Where home is, for commands on the same machine: a file in the data directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const FILE: &str = "home.json";

/// Where home answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Here {
    /// Base URL, without a slash at the end.
    pub(crate) url: String,
    /// The process.
    pub(crate) pid: u32,
}

impl Here {
    /// Tells it.
    pub(crate) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let (path, beside) = (file(directory), directory.join(format!(".{FILE}")));
        let text = serde_json::to_vec(self)?;
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path))?;
        Ok(())
    }

    /// Reads it.
    pub(crate) fn read(directory: &Path) -> anyhow::Result<Self> {
        let path = file(directory);
        let text = fs::read(&path).with_context(|| {
            format!("no shop has been started over {}: start one with `banyan serve`", directory.display())
        })?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not readable", path.display()))
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join(FILE)
}
