//! Where home is, for commands on the same machine, and that there is one home only: files in the data directory.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kernel::store::OpenError;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

const FILE: &str = "home.json";
const LOCK: &str = "home.lock";

/// The only home over a data directory. The system gives the lock up when the process ends, in whatever way.
pub(crate) struct OnlyHome {
    _lock: File,
}

impl OnlyHome {
    /// Makes sure that no other home runs over the directory: two would both carry handovers out.
    ///
    /// # Errors
    /// When there is one, or the directory cannot be written.
    pub(crate) fn over(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(LOCK);
        let refused = |error: std::io::Error| {
            let path = directory.display().to_string();
            Failure::Store(OpenError::NotWritable { path, reason: error.to_string() })
        };
        let opened = fs::create_dir_all(directory)
            .and_then(|()| OpenOptions::new().create(true).truncate(false).write(true).open(&path));
        let lock = opened.map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Failure::Other(anyhow::anyhow!(
                "another shop runs over {}; stop it first",
                directory.display()
            ))),
            Err(fs::TryLockError::Error(error)) => Err(refused(error)),
        }
    }
}

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
