//! The worked example in `docs/extraction.md` is true: its files are written, its commands are run, and they print what it
//! shows.

use std::path::Path;
use std::process::Command;

use system_tests::server::{Server, ServerOptions};

use crate::legacy::Python;

/// What the documentation listens at.
const LEGACY: &str = "127.0.0.1:9000";
const HOME: &str = "127.0.0.1:8080";

/// The fenced blocks of the section: language and text.
fn blocks(document: &str) -> Vec<(String, String)> {
    let section = document.split("## In front of a legacy application").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its end");
    let blocks = section.split("```").skip(1).step_by(2);
    let blocks = blocks.map(|block| block.split_once('\n').expect("a language"));
    blocks.map(|(language, text)| (language.to_owned(), text.to_owned())).collect()
}

fn bash(script: &str, directory: &Path) -> String {
    let ran = Command::new("bash").args(["-euc", script]).current_dir(directory).output().expect("bash");
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{script}\n{printed}{}", String::from_utf8_lossy(&ran.stderr));
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_works_word_for_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let document = std::fs::read_to_string(root.join("docs/extraction.md")).expect("the document");
    let directory = tempfile::tempdir().expect("a directory");
    let (mut legacy, mut home): (Option<(Python, String)>, Option<Server>) = (None, None);
    let (mut printed, mut compared) = (None, 0);
    for (language, text) in blocks(&document) {
        let here = |text: &str| {
            let legacy = legacy.as_ref().map_or(LEGACY, |(_, address)| address);
            let home = home.as_ref().map_or(HOME, |home| home.base_url().trim_start_matches("http://"));
            text.replace(LEGACY, legacy).replace(HOME, home)
        };
        match language.as_str() {
            "sh" => {
                let mut script = String::new();
                for line in text.lines() {
                    if let Some(arguments) = line.strip_prefix("python3 ") {
                        bash(&script, directory.path());
                        script.clear();
                        // In its own process, which ends with the test, and on a port that is free.
                        let arguments = arguments.trim_end_matches('&').replace("9000", "0");
                        let arguments: Vec<&str> = arguments.split_whitespace().collect();
                        let python = Python::start(&arguments, directory.path());
                        let port = python.number_behind(" port ");
                        legacy = Some((python, format!("127.0.0.1:{port}")));
                        continue;
                    }
                    if line == "kill %2; wait %2" {
                        let mut home = home.take().expect("it runs");
                        assert!(home.terminate().success());
                        continue;
                    }
                    if line == "banyan serve &" {
                        assert!(home.is_none(), "two cannot listen at one address");
                        let options = ServerOptions::default().data_dir(directory.path()).seed();
                        home = Some(Server::start_with(options));
                        continue;
                    }
                    let legacy = legacy.as_ref().map_or(LEGACY, |(_, address)| address);
                    let home =
                        home.as_ref().map_or(HOME, |home| home.base_url().trim_start_matches("http://"));
                    script.push_str(&line.replace(LEGACY, legacy).replace(HOME, home));
                    script.push('\n');
                }
                printed = Some(bash(&script, directory.path()));
            }
            "toml" => std::fs::write(directory.path().join("banyan.toml"), here(&text)).expect("written"),
            "text" => {
                assert_eq!(printed.take().expect("commands before").trim(), text.trim());
                compared += 1;
            }
            other => panic!("what is a block of {other:?}?"),
        }
    }
    assert!(compared >= 3, "only {compared} blocks of output");
}
