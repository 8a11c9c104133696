//! The path of the program under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Path of the `banyan` binary: `BANYAN_BIN` when it is set, or else what cargo builds from this tree in the profile of the
/// running test, once per process.
///
/// # Panics
/// When it cannot be built.
pub fn banyan() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match std::env::var_os("BANYAN_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// Programs with the code of one module only, in a directory of their own, named `banyan-MODULE`. Afterwards the whole program
/// is where it was. Must not run beside tests that start that one.
///
/// # Panics
/// When one cannot be built.
pub fn with_one_module(modules: &[&str], directory: &Path) -> Vec<PathBuf> {
    let built = profile_directory().join(format!("banyan{}", std::env::consts::EXE_SUFFIX));
    let programs = modules.iter().map(|module| {
        cargo_build(&["--no-default-features", "--features", &format!("banyan/{module}")]);
        let program = directory.join(format!("banyan-{module}"));
        std::fs::copy(&built, &program).expect("the program can be copied");
        program
    });
    let programs = programs.collect();
    cargo_build(&[]);
    programs
}

fn build() -> PathBuf {
    cargo_build(&[]);
    profile_directory().join(format!("banyan{}", std::env::consts::EXE_SUFFIX))
}

fn cargo_build(arguments: &[&str]) {
    let directory = profile_directory();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let status = Command::new(cargo)
        // The whole workspace, narrowed to one binary: with `-p banyan` cargo would choose features for that package alone
        // and compile its dependencies a second time.
        .args(["build", "--quiet", "--workspace", "--bin", "banyan"])
        .args(arguments)
        .args(["--profile", profile_name(&directory)])
        .arg("--target-dir")
        .arg(directory.parent().expect("a profile's directory lies in the target directory"))
        .current_dir(
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace"),
        )
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "cargo could not build banyan {arguments:?}: {status}");
}

/// The directory that holds what was built in the running test's profile, such as `target/debug`.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its program");
    let directory = test.parent().expect("a program lies in a directory");
    // Tests lie in `deps`, binaries beside it.
    let directory = if directory.ends_with("deps") { directory.parent() } else { Some(directory) };
    directory.expect("`deps` lies in the profile's directory").to_owned()
}

fn profile_name(directory: &Path) -> &str {
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    }
}
