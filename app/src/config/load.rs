//! Reads the settings.

use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat};

use super::Config;
use crate::exit::Failure;

const DEFAULT_FILE: &str = "banyan.toml";

/// Reads the settings from `file`, or from `banyan.toml` if there is one, and from the environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, Failure> {
    let file = match file {
        Some(named) if named.is_file() => Some(named.to_owned()),
        Some(named) => return Err(Failure::Config(format!("there is no file {}", named.display()))),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|default| default.is_file()),
    };
    let mut builder = config::Config::builder();
    if let Some(file) = &file {
        builder = builder.add_source(File::from(file.as_path()).format(FileFormat::Toml));
    }
    let environment =
        Environment::with_prefix("BANYAN").prefix_separator("__").separator("__").try_parsing(true);
    let settings = builder.add_source(environment).build().map_err(|error| wrong(&error, file.as_deref()))?;
    let mut settings: Config = settings.try_deserialize().map_err(|error| wrong(&error, file.as_deref()))?;
    settings.untouched = file.is_none() && !is_in_environment();
    settings.file = file;
    for module in ["user", "product", "order"] {
        settings.store_url(module).map_err(Failure::Config)?;
    }
    Ok(settings)
}

/// Whether any variable sets anything. Somebody who configures a shop does not want demo accounts whose passwords all know.
fn is_in_environment() -> bool {
    std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with("BANYAN__"))
}

fn wrong(error: &config::ConfigError, file: Option<&Path>) -> Failure {
    let sources = file.map_or_else(
        || "BANYAN__… variables".to_owned(),
        |file| format!("{} and BANYAN__… variables", file.display()),
    );
    Failure::Config(format!("{error} (read from {sources})"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn load_text(text: &str) -> Result<Config, Failure> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        load(Some(file.path()))
    }

    #[test]
    fn an_empty_file_gives_the_defaults_and_no_sample_data() {
        let config = load_text("").unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:8080");
        assert!(!config.wants_sample_data());
    }

    #[test]
    fn what_is_unknown_or_wrong_is_refused_by_name() {
        for (text, name) in [
            ("[server]\nlisen = \"x\"", "lisen"),
            ("colour = 1", "colour"),
            ("[order]\npayment_seconds = \"soon\"", "payment_seconds"),
            ("[log]\nformat = \"xml\"", "xml"),
            ("[data.stores]\nuser = \"mysql://x\"", "data.stores.user"),
        ] {
            let error = load_text(text).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        }
    }

    #[test]
    fn the_documented_example_names_every_setting_with_its_default() {
        let example = include_str!("../../../docs/banyan.example.toml");
        let shown = format!("{:?}", load_text(example).unwrap());
        let defaults = format!("{:?}", Config { file: None, ..load_text("").unwrap() });
        let plain = |text: &str| text.split(", file: ").next().unwrap_or_default().to_owned();
        assert_eq!(plain(&shown), plain(&defaults));
    }
}
