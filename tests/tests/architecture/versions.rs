//! Rule: both engines have migrations of the same names, and no version comes twice in one store. The kernel's migrations run in
//! every module's store, and a store knows a version only once.

use std::collections::BTreeSet;

use crate::tree::{self, Source};

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for owner in tree::modules(sources).into_iter().chain(["kernel"]) {
        let [sqlite, postgres] = ["sqlite", "postgres"].map(|engine| names(sources, owner, engine));
        for (engine, only_here) in [("sqlite", &sqlite - &postgres), ("postgres", &postgres - &sqlite)] {
            found.extend(only_here.iter().map(|name| {
                format!("migrations/{owner}/{engine}/{name}: versions: the other engine has no migration of this name")
            }));
        }
        let kernel = if owner == "kernel" { BTreeSet::new() } else { names(sources, "kernel", "sqlite") };
        let mut seen: BTreeSet<String> = kernel.into_iter().map(version).collect();
        // One engine speaks for both: their names are equal, or it has been said above.
        for name in sqlite {
            if !seen.insert(version(name)) {
                found.push(format!(
                    "migrations/{owner}/sqlite/{name}: versions: this version comes twice in one store"
                ));
            }
        }
    }
    found
}

/// Folders of the migrations of a module, or of the kernel, for one engine.
fn names<'a>(sources: &'a [Source], owner: &str, engine: &str) -> BTreeSet<&'a str> {
    let prefix = format!("migrations/{owner}/{engine}/");
    sources.iter().filter_map(|source| source.path.strip_prefix(&prefix)?.strip_suffix("/up.sql")).collect()
}

/// As diesel reads it from the name: what comes before the first `_`, without hyphens.
fn version(name: &str) -> String {
    name.split('_').next().unwrap_or(name).replace('-', "")
}

#[test]
fn migrations_have_equal_and_single_versions() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_version_is_found() {
    let planted = |user: &[&str]| {
        let kernel = ["kernel/sqlite/2026-01-01-000001_kernel", "kernel/postgres/2026-01-01-000001_kernel"];
        let mut sources = vec![Source::planted("modules/user/src/lib.rs", "")];
        for path in kernel.iter().chain(user) {
            sources.push(Source::planted(&format!("migrations/{path}/up.sql"), ""));
        }
        violations(&sources)
    };
    tree::assert_none(&planted(&[
        "user/sqlite/2026-01-02-000001_user",
        "user/postgres/2026-01-02-000001_user",
    ]));
    tree::assert_found(
        &planted(&["user/sqlite/2026-01-02-000001_user", "user/postgres/2026-01-02-000001_users"]),
        &[
            "migrations/user/sqlite/2026-01-02-000001_user: versions",
            "postgres/2026-01-02-000001_users: versions",
        ],
    );
    tree::assert_found(
        &planted(&["user/sqlite/20260101000001_user", "user/postgres/20260101000001_user"]),
        &["migrations/user/sqlite/20260101000001_user: versions: this version comes twice"],
    );
}
