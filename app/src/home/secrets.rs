//! Secrets that processes on this machine share through files in the data directory, readable by their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;

/// With it nodes and home sign their calls to each other.
pub(crate) const CLUSTER_KEY: &str = "cluster.key";
/// With it the command line shows that it may give orders.
pub(crate) const OPERATOR_TOKEN: &str = "operator.token";

/// The secret in the file, which is made if it does not exist: 32 random bytes in hexadecimal.
///
/// # Errors
/// When the file cannot be made or read, or others may read it.
pub(crate) fn read_or_make(directory: &Path, name: &str) -> anyhow::Result<String> {
    let path = directory.join(name);
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no entropy: {error}"))?;
    let fresh: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // Written beside and linked into place, so that nobody ever reads a part of it, and the first of two wins.
    let beside = directory.join(format!(".{name}.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(fresh.as_bytes()).and_then(|()| file.sync_all()));
    let linked = written.and_then(|()| fs::hard_link(&beside, &path));
    fs::remove_file(&beside).unwrap_or_default();
    match linked {
        Ok(()) => Ok(fresh),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(&path),
        Err(error) => Err(error).with_context(|| format!("{} cannot be made", path.display())),
    }
}

/// The secret in the file.
///
/// # Errors
/// When the file cannot be read, is no secret, or others may read it.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let mode = fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?.permissions().mode();
    anyhow::ensure!(mode & 0o077 == 0, "{shown} can be read by others; run: chmod 600 {shown}");
    let text = fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    let secret = text.trim();
    let sound = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
    anyhow::ensure!(
        sound,
        "{shown} is not 64 hexadecimal digits; remove it and start again to have another made"
    );
    Ok(secret.to_owned())
}

/// The bytes of a secret that [`read_or_make`] gave.
pub(crate) fn bytes(secret: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (pairs, _) = secret.as_bytes().as_chunks::<2>();
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let digits = std::str::from_utf8(pair).unwrap_or_default();
        // Only hexadecimal digits are read from the file.
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let made = read_or_make(directory.path(), CLUSTER_KEY).unwrap();
        assert_eq!(read_or_make(directory.path(), CLUSTER_KEY).unwrap(), made);
        let mode = fs::metadata(directory.path().join(CLUSTER_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        read_or_make(directory.path(), CLUSTER_KEY).unwrap();
        let path = directory.path().join(CLUSTER_KEY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
