//! The tree under test: its source files, its modules and its crates.

use std::collections::BTreeSet;
use std::path::Path;

/// A text file; the path is relative to the root of the repository and has `/` between its parts.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

// === impl Source ===

impl Source {
    /// A file that exists only in a test.
    pub fn planted(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file lies in one of these folders.
    pub fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Whether the file is made for tests only: `tests.rs`, or below a folder `tests`.
    pub fn is_test(&self) -> bool {
        // The folder `tests` at the root is a package of its own, with sources and tests.
        let inside = self.path.strip_prefix("tests/").unwrap_or(&self.path);
        inside.split('/').any(|part| part == "tests" || part == "tests.rs")
    }
}

/// Every Rust and SQL file of the repository.
pub fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    // Rules over no module would all hold.
    let modules = modules(&found);
    assert!(["order", "product", "user"].iter().all(|name| modules.contains(name)), "modules: {modules:?}");
    found
}

/// Names of the business modules: the folders of `modules/`, without the kernel, which is none.
pub fn modules(sources: &[Source]) -> BTreeSet<&str> {
    let folders = sources.iter().filter_map(|source| source.path.strip_prefix("modules/")?.split_once('/'));
    folders.map(|(folder, _)| folder).filter(|folder| *folder != "kernel").collect()
}

/// The workspace's own packages.
pub fn packages() -> Vec<cargo_metadata::Package> {
    let mut command = cargo_metadata::MetadataCommand::new();
    // Without the packages of others, so that the network is not needed.
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo describes the workspace").packages
}

/// Root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the repository")
}

/// Fails with one violation a line.
#[track_caller]
pub fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}\n", violations.len(), violations.join("\n"));
}

/// Fails unless there is one violation for each of `wanted`, in any order, which contains that text.
#[track_caller]
pub fn assert_found(violations: &[String], wanted: &[&str]) {
    let unmet = wanted.iter().find(|text| !violations.iter().any(|violation| violation.contains(*text)));
    assert!(unmet.is_none() && violations.len() == wanted.len(), "wanted {wanted:#?}, found {violations:#?}");
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder can be read to its end").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            // What was built, and what belongs to tools.
            if name != "target" && !name.starts_with('.') {
                collect(&path, found);
            }
        } else if name.ends_with(".rs") || name.ends_with(".sql") {
            let text =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let inside = path.strip_prefix(root()).expect("the walk began at the root");
            found.push(Source { path: inside.to_string_lossy().replace('\\', "/"), text });
        }
    }
}
