use std::os::unix::process::ExitStatusExt as _;
use std::time::Instant;

use super::*;

const SOON: Duration = Duration::from_secs(10);

const LISTEN: &str = "echo 'INFO listening on http://127.0.0.1:4242 with 2 threads'";
/// Blocks for ever in the shell itself: a child such as `sleep` would outlive it.
const WAIT: &str = "read -r line < fifo";

/// Starts the stand-in with what it shall do.
fn start(options: ServerOptions, steps: &[&str]) -> Server {
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/stand_in");
    Server::start_program(&stand_in, options.setting("SCRIPT", steps.join("\n")))
}

#[test]
fn the_address_is_read_from_the_log_and_settings_reach_the_process() {
    let options = ServerOptions::default().argument("--modules").argument("user").seed();
    let show = "echo data=$BANYAN__DATA__DIRECTORY sample=$BANYAN__SAMPLE_DATA >&2; echo \"$@\"";
    let server = start(options, &[show, LISTEN, WAIT]);
    assert_eq!(server.base_url(), "http://127.0.0.1:4242");
    server.wait_for_log(&format!("data={} sample=true", server.data_dir().display()), SOON);
    assert!(server.log().contains("serve --listen 127.0.0.1:0 --modules user"), "{}", server.log());
}

#[test]
fn a_server_that_ends_before_it_listens_is_not_waited_for() {
    let started = Instant::now();
    let ends = || start(ServerOptions::default(), &["echo the disk is full >&2; exit 3"]);
    let panic = std::panic::catch_unwind(ends).unwrap_err();
    assert!(started.elapsed() < START);
    assert!(panic.downcast_ref::<String>().unwrap().contains("Ended"), "{panic:?}");
}

#[test]
fn terminate_lets_it_finish_and_gives_its_exit_status() {
    // A shell that blocks could miss a signal that comes just before; one that spins cannot.
    let steps = ["trap 'echo draining; exit 7' TERM", LISTEN, "while :; do :; done"];
    let mut server = start(ServerOptions::default(), &steps);
    assert_eq!(server.terminate().code(), Some(7));
    server.wait_for_log("draining", SOON);
}

#[test]
fn terminate_tells_when_the_signal_itself_ended_it() {
    let mut server = start(ServerOptions::default(), &[LISTEN, WAIT]);
    assert_eq!(server.terminate().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn data_outlives_a_kill_and_goes_with_the_last_server() {
    let steps = ["cat state 2>/dev/null; echo kept > state", LISTEN, WAIT];
    let mut first = start(ServerOptions::default(), &steps);
    first.kill();
    let second = start(first.options(), &steps);
    drop(first);
    second.wait_for_log("kept", SOON);
    let data = second.data_dir().to_owned();
    assert!(data.is_dir());
    drop(second);
    assert!(!data.exists());
}
