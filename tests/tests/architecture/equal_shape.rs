//! Rule: every module has the same files for the same roles, so that knowing one is knowing all.

use std::collections::BTreeSet;

use crate::tree::{self, Source};

/// Files at the top of a module's `src`.
const FILES: [&str; 7] =
    ["contract.rs", "error.rs", "lib.rs", "module.rs", "schema.rs", "settings.rs", "worker.rs"];
/// Folders there; each begins with a `mod.rs`.
const FOLDERS: [&str; 4] = ["domain", "http", "service", "store"];

fn violations(sources: &[Source]) -> Vec<String> {
    let paths: BTreeSet<&str> =
        sources.iter().filter(|source| source.is_rust()).map(|source| source.path.as_str()).collect();
    let mut found = Vec::new();
    for module in tree::modules(sources) {
        let src = format!("modules/{module}/src/");
        let wanted = FILES.iter().map(|file| format!("{src}{file}"));
        let wanted = wanted.chain(FOLDERS.iter().map(|folder| format!("{src}{folder}/mod.rs")));
        let wanted = wanted.chain([format!("modules/{module}/contract/src/lib.rs")]);
        for missing in wanted.filter(|path| !paths.contains(path.as_str())) {
            found.push(format!("{missing}: equal shape: every module has this file, {module} does not"));
        }
        let top: BTreeSet<&str> = paths
            .iter()
            .filter_map(|path| path.strip_prefix(&src))
            .map(|inside| inside.split_once('/').map_or(inside, |(folder, _)| folder))
            .collect();
        for extra in top.into_iter().filter(|name| !FILES.contains(name) && !FOLDERS.contains(name)) {
            found
                .push(format!("{src}{extra}: equal shape: no role has this name; put it below one that has"));
        }
    }
    found
}

#[test]
fn modules_have_the_same_shape() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_difference_is_found() {
    let tree_with = |change: fn(&mut Vec<String>)| {
        let mut paths: Vec<String> = FILES.iter().map(|file| format!("modules/user/src/{file}")).collect();
        paths.extend(FOLDERS.iter().map(|folder| format!("modules/user/src/{folder}/mod.rs")));
        paths.extend(["modules/user/contract/src/lib.rs".into(), "modules/user/src/domain/email.rs".into()]);
        change(&mut paths);
        violations(&paths.iter().map(|path| Source::planted(path, "")).collect::<Vec<_>>())
    };
    tree::assert_none(&tree_with(|_| {}));
    let without =
        tree_with(|paths| paths.retain(|path| !path.ends_with("settings.rs") && !path.contains("contract/")));
    tree::assert_found(
        &without,
        &["user/src/settings.rs: equal shape", "user/contract/src/lib.rs: equal shape"],
    );
    let with = tree_with(|paths| {
        paths.extend(["modules/user/src/util.rs".into(), "modules/user/src/jobs/mod.rs".into()])
    });
    tree::assert_found(&with, &["user/src/util.rs: equal shape", "user/src/jobs: equal shape"]);
    let plain = tree_with(|paths| {
        paths.retain(|path| !path.ends_with("store/mod.rs"));
        paths.push("modules/user/src/store.rs".into());
    });
    tree::assert_found(&plain, &["user/src/store/mod.rs: equal shape", "user/src/store.rs: equal shape"]);
}
