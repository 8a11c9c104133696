//! The messages on the wire are those that were recorded, so that a process understands one that was built a release
//! before or after it.
//!
//! For each type that a contract sends there is `golden/<module>/<Type>.json`, a list of recorded messages. Each must
//! decode and encode again as it is. Of an enum, every variant that was ever sent stands there. What is recorded is never
//! changed: a new field gets a default and is left out when it has that, or the contract gets a new version.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use order_contract::Orders;
use product_contract::{ProductError, Products, VariantSummary};
use seam::{Contract, MessageVisitor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use user_contract::Users;

/// Compares every message of a contract with what was recorded in a directory.
struct Check {
    directory: PathBuf,
    found: BTreeSet<PathBuf>,
    problems: Vec<String>,
}

// === impl Check ===

impl Check {
    fn of<C: ?Sized + Contract>(golden: &Path) -> Vec<String> {
        let directory = golden.join(C::MODULE);
        let mut check = Self { directory, found: BTreeSet::new(), problems: Vec::new() };
        C::messages(&mut check);
        for entry in std::fs::read_dir(&check.directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if !check.found.contains(&path) {
                check.problems.push(format!("{}: no contract sends this", path.display()));
            }
        }
        check.problems
    }
}

impl MessageVisitor for Check {
    fn message<T: Serialize + DeserializeOwned>(&mut self, name: &'static str) {
        let path = self.directory.join(file_name(name));
        if self.found.insert(path.clone()) {
            let recorded = std::fs::read_to_string(&path).map_err(|error| error.to_string());
            let checked = recorded.and_then(|text| compare::<T>(&text));
            self.problems.extend(checked.err().map(|problem| format!("{}: {problem}", path.display())));
        }
    }
}

/// Decodes each recorded message as a `T`, and encodes it again.
fn compare<T: Serialize + DeserializeOwned>(recorded: &str) -> Result<(), String> {
    let recorded: Vec<Value> = serde_json::from_str(recorded).map_err(|error| error.to_string())?;
    if recorded.is_empty() {
        return Err("nothing is recorded".to_owned());
    }
    for message in recorded {
        let decoded: T = serde_json::from_value(message.clone())
            .map_err(|error| format!("{message} is not read: {error}"))?;
        let encoded = serde_json::to_value(&decoded).map_err(|error| error.to_string())?;
        if encoded != message {
            return Err(format!("{message} is now written {encoded}"));
        }
    }
    Ok(())
}

/// A type as a contract writes it, such as `Vec<PublicKey>`, as a file's name: `VecPublicKey.json`.
fn file_name(message: &str) -> String {
    let name: String = message.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}.json", if name.is_empty() { "Nothing" } else { &name })
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contracts/golden")
}

#[test]
fn every_message_is_as_it_was_recorded() {
    let problems: Vec<_> = [
        Check::of::<dyn Users>(&golden()),
        Check::of::<dyn Products>(&golden()),
        Check::of::<dyn Orders>(&golden()),
    ]
    .concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_contract_has_a_folder_and_no_other_is_there() {
    let folders: BTreeSet<String> = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let modules = [<dyn Orders>::MODULE, <dyn Products>::MODULE, <dyn Users>::MODULE];
    assert_eq!(folders, modules.map(str::to_owned).into());
}

#[test]
fn a_planted_change_is_found() {
    let recorded = std::fs::read_to_string(golden().join("product/VecVariantSummary.json")).unwrap();
    compare::<Vec<VariantSummary>>(&recorded).unwrap();
    for (what, from, to) in [
        ("a field has another name", "\"sku\"", "\"stock_keeping_unit\""),
        ("a number became a text", "\"available\": 12", "\"available\": \"12\""),
        ("a field is no longer sent", "\"sku\": \"TEA-1\",", ""),
        ("a field is not read any more", "\"for_sale\": true,", "\"for_sale\": true, \"colour\": \"green\","),
    ] {
        let changed = recorded.replacen(from, to, 1);
        assert_ne!(changed, recorded, "{what}: nothing was planted");
        assert!(compare::<Vec<VariantSummary>>(&changed).is_err(), "{what}");
    }
    let renamed = r#"[{"OutOfStock": {"shortages": []}}]"#;
    assert!(compare::<ProductError>(renamed).unwrap_err().contains("unknown variant"));
    assert!(compare::<ProductError>("[]").is_err());
}

#[test]
fn a_message_without_a_record_and_a_record_without_a_message_are_found() {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("order")).unwrap();
    std::fs::write(directory.path().join("order/Retired.json"), "[]").unwrap();
    let problems = Check::of::<dyn Orders>(directory.path()).join("\n");
    for part in ["HasBought.json", "ClaimCart.json", "bool.json", "CartId.json", "OrderError.json"] {
        assert!(problems.contains(part), "{part} in {problems}");
    }
    assert!(problems.contains("Retired.json: no contract sends this"));
}

#[test]
fn files_are_named_after_their_types() {
    assert_eq!(
        ["Vec<PublicKey>", "()", "bool"].map(file_name),
        ["VecPublicKey.json", "Nothing.json", "bool.json"]
    );
}
