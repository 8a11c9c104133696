//! Rule: who may depend on whom, by where a crate lies.

use std::collections::BTreeMap;

use crate::layout::Role;
use crate::tree;

/// A crate of the workspace.
#[derive(Debug, Clone)]
struct Crate {
    name: String,
    /// Relative to the root of the repository.
    folder: String,
    /// Names of what it depends on, for whatever purpose: to run, to build or to test.
    dependencies: Vec<String>,
}

fn violations(crates: &[Crate]) -> Vec<String> {
    let roles: BTreeMap<&str, Option<Role>> =
        crates.iter().map(|member| (member.name.as_str(), Role::of(&member.folder))).collect();
    let mut found = Vec::new();
    for Crate { name, folder, dependencies } in crates {
        let Some(role) = Role::of(folder) else {
            found.push(format!("{folder}/Cargo.toml: crate graph: the layout has no place for a crate here"));
            continue;
        };
        for dependency in dependencies {
            if let Some(Some(other)) = roles.get(dependency.as_str())
                && !role.may_use(*other)
            {
                found.push(format!(
                    "{folder}/Cargo.toml: crate graph: {name} ({role:?}) must not depend on {dependency} ({other:?})"
                ));
            }
        }
    }
    found
}

fn real() -> Vec<Crate> {
    let folder = |package: &cargo_metadata::Package| {
        let manifest =
            package.manifest_path.strip_prefix(tree::root()).expect("a member lies in the repository");
        manifest.parent().map(ToString::to_string).unwrap_or_default()
    };
    let crates = tree::packages();
    crates
        .iter()
        .map(|package| Crate {
            name: package.name.to_string(),
            folder: folder(package),
            dependencies: package.dependencies.iter().map(|dependency| dependency.name.clone()).collect(),
        })
        .collect()
}

#[test]
fn crates_depend_on_what_they_may() {
    tree::assert_none(&violations(&real()));
}

#[test]
fn a_planted_dependency_is_found() {
    for (from, to) in [
        ("order", "user"),
        ("kernel", "user"),
        ("kernel", "user-contract"),
        ("kernel-types", "kernel"),
        ("user-contract", "order-contract"),
        ("user-contract", "user"),
        ("user-contract", "kernel"),
        ("seam", "user-contract"),
        ("seam", "product"),
        ("product", "banyan"),
        ("banyan", "system-tests"),
    ] {
        let mut crates = real();
        let member = crates.iter_mut().find(|member| member.name == from).expect("it is a member");
        member.dependencies.push(to.to_owned());
        tree::assert_found(&violations(&crates), &[&format!("{from} (")]);
    }
}

#[test]
fn a_planted_crate_is_placed_by_its_folder() {
    let planted = |folder: &str, dependency: &str| {
        let crates =
            [Crate { name: "new".into(), folder: folder.into(), dependencies: vec![dependency.into()] }];
        violations(&[real(), crates.to_vec()].concat())
    };
    tree::assert_found(
        &planted("extract/router", "order-contract"),
        &["new (Extract) must not depend on order-contract"],
    );
    tree::assert_found(
        &planted("modules/cart", "order"),
        &["new (Module) must not depend on order (Module)"],
    );
    tree::assert_found(
        &planted("lib/new", "serde"),
        &["lib/new/Cargo.toml: crate graph: the layout has no place"],
    );
    tree::assert_none(&planted("modules/cart", "order-contract"));
}
