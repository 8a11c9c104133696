//! The README's tour works word for word: its commands are run, and what they print is what the README shows, but for ids, times and
//! tokens.

use std::path::Path;
use std::process::Command;

use system_tests::shop::Shop;

/// The address that the README uses.
const README_ADDRESS: &str = "http://127.0.0.1:8080";

/// The program that `cargo run --release` has built.
const README_PROGRAM: &str = "target/release/banyan";

/// A command block and the block that shows what it prints.
type Scene = (String, String);

fn scenes(readme: &str) -> Vec<Scene> {
    let tour = readme.split("## Five-minute tour").nth(1).expect("a tour");
    let blocks: Vec<(&str, &str)> = tour
        .split("```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').expect("a language"))
        .collect();
    blocks
        .windows(2)
        .filter(|pair| pair[0].0 == "sh")
        .map(|pair| (pair[0].1.to_owned(), pair[1].1.trim().to_owned()))
        .collect()
}

/// The text with what differs from run to run made equal.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || "_-.:".contains(c) {
            word.push(c);
            continue;
        }
        let is_id = word.split_once('_').is_some_and(|(prefix, rest)| prefix.len() == 3 && rest.len() == 26);
        let is_time = word.len() > 18 && word.starts_with("20") && word.ends_with('Z');
        let is_opaque = word.len() > 30 && !word.contains('.');
        masked.push_str(if is_id || is_time || is_opaque { "*" } else { &word });
        masked.push(c);
        word.clear();
    }
    masked.trim().to_owned()
}

#[test]
fn a_planted_difference_is_seen() {
    let shown = r#"{"id":"ord_01m8503a1mfsk8n2fz95qrrt97","total":4980}"#;
    assert_eq!(masked(shown), masked(&shown.replace("01m8503a1mf", "01m8503a1m0")));
    assert_ne!(masked(shown), masked(&shown.replace("4980", "4981")));
    assert_ne!(masked(shown), masked(&shown.replace("total", "sum")));
}

#[tokio::test]
async fn the_tour_works_word_for_word() {
    let shop = Shop::open();
    // The tour takes it out itself; it may be out already where this suite runs in another placement.
    let _home_already = system_tests::operator::run(&shop.server, &["rollback", "order"]);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("README.md");
    let readme = std::fs::read_to_string(readme).expect("a README");
    let scenes = scenes(&readme);
    assert!(scenes.len() >= 7, "only {} scenes", scenes.len());
    let mut script = String::from("set -eu\n");
    for (commands, _) in &scenes {
        script.push_str(commands);
        script.push_str("\necho; echo ==== next scene\n");
    }
    let script = script.replace(README_ADDRESS, shop.server.base_url());
    let program = system_tests::binary::banyan().to_str().expect("a path");
    let script = script.replace(README_PROGRAM, program);
    let directory = tempfile::tempdir().expect("a directory");
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(directory.path());
    // The reader is where `data` is.
    bash.env("BANYAN__DATA__DIRECTORY", shop.server.data_dir());
    let ran = bash.output().expect("bash");
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{printed}{}", String::from_utf8_lossy(&ran.stderr));
    for ((commands, shown), printed) in scenes.iter().zip(printed.split("==== next scene")) {
        assert_eq!(masked(printed), masked(shown), "{commands}");
    }
}

#[tokio::test]
async fn the_start_says_what_the_readme_shows() {
    let shop = Shop::open();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("README.md");
    let readme = std::fs::read_to_string(readme).expect("a README");
    let shown =
        readme.split("cargo run --release -- serve\n").nth(1).and_then(|rest| rest.split("```").next());
    let shown = shown.expect("what it prints").replace(README_ADDRESS, shop.server.base_url());
    for line in shown.lines().filter(|line| !line.starts_with("  data ")) {
        shop.server.wait_for_log(line.trim_end(), std::time::Duration::from_secs(5));
    }
}
