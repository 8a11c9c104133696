//! The transport over HTTP: what callers are told when the other end is not there, slow, broken or somebody else.

use std::sync::Arc;
use std::time::Duration;

use kernel::{CallError, Executed};
use seam::wire::MOST_BYTES;
use seam::{Contract, Epoch, Handle, Stub};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::echo::{Echo, EchoError, Served, next, remote, transport, within};
use crate::runner::{EPOCH, context};

fn unavailable(executed: Executed) -> CallError<EchoError> {
    CallError::Unavailable { module: "echo", executed }
}

/// A server that reads a request and then answers these bytes, and closes.
async fn answering(answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(one_answer(stream, answer.clone()));
        }
    });
    base
}

async fn one_answer(mut stream: TcpStream, answer: Vec<u8>) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    // The request's body ends with the text that every test here sends.
    while !request.ends_with(b"\"hello\"") {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    // The client may have gone already.
    let _gone = stream.write_all(&answer).await;
}

async fn echo(handle: &Handle<dyn Echo>, milliseconds: u64) -> Result<String, CallError<EchoError>> {
    handle.enter()?.echo(within(milliseconds), "hello".to_owned()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_a_refusal_come_back_equal() {
    let served = Served::start();
    let handle = remote(&served.base);
    assert_eq!(echo(&handle, 5000).await, Ok("hello".to_owned()));
    let refused = handle.enter().unwrap().echo(context(), "!no".to_owned()).await;
    assert_eq!(refused, Err(CallError::Refused(EchoError::Refused("!no".to_owned()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_nothing_was_executed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(echo(&remote(&base), 5000).await, Err(unavailable(Executed::No)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_after_the_request_may_have_executed_it() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n\"hel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n\"hel\r\n",
    ] {
        let base = answering(answer).await;
        assert_eq!(echo(&remote(&base), 5000).await, Err(unavailable(Executed::Maybe)), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_a_nodes_tells_by_its_status() {
    for (status, executed) in [
        ("404 Not Found", Executed::No),
        ("401 Unauthorized", Executed::No),
        ("403 Forbidden", Executed::No),
        ("502 Bad Gateway", Executed::Maybe),
        ("503 Service Unavailable", Executed::Maybe),
        // Never followed: who knows where to.
        ("307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/", Executed::Maybe),
        // A page where a message should be.
        ("200 OK", Executed::Maybe),
    ] {
        let base = answering(format!("HTTP/1.1 {status}\r\ncontent-length: 6\r\n\r\n<html>")).await;
        assert_eq!(echo(&remote(&base), 5000).await, Err(unavailable(executed)), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_pieces_is_put_together() {
    let pieces = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n\"hel\r\n3\r\nlo\"\r\n0\r\n\r\n";
    assert_eq!(echo(&remote(&answering(pieces).await), 5000).await, Ok("hello".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_given_up() {
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MOST_BYTES + 1);
    assert_eq!(echo(&remote(&answering(announced).await), 5000).await, Err(unavailable(Executed::Maybe)));
    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\"".to_vec();
    endless.resize(MOST_BYTES + 4096, b'x');
    assert_eq!(echo(&remote(&answering(endless).await), 10_000).await, Err(unavailable(Executed::Maybe)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_ends_at_its_deadline_on_both_ends() {
    let served = Served::start();
    let handle = remote(&served.base);
    let hung = handle.enter().unwrap().hang(within(200), ()).await;
    assert_eq!(hung, Err(CallError::TimedOut { module: "echo", executed: Executed::Maybe }));
    let context = served.module.calls.lock().unwrap()[0].clone();
    assert!(context.remaining() < Duration::from_millis(200), "the receiver knew the deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_may_have_executed_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let timed_out = CallError::TimedOut { module: "echo", executed: Executed::Maybe };
    assert_eq!(echo(&remote(&base), 100).await, Err(timed_out));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_passes_and_one_that_is_too_long_does_not() {
    let served = Served::start();
    let handle = remote(&served.base);
    let lengthen = async |length| handle.enter().unwrap().lengthen(context(), length).await;
    assert_eq!(lengthen(MOST_BYTES - 2).await.map(|text| text.len()), Ok(MOST_BYTES - 2));
    assert_eq!(lengthen(MOST_BYTES).await, Err(unavailable(Executed::Maybe)));
    let long = handle.enter().unwrap().echo(context(), "x".repeat(MOST_BYTES)).await;
    assert_eq!((long, served.module.count()), (Err(unavailable(Executed::No)), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_contract_version_executes_nothing() {
    let served = Served::start();
    let stub = Stub::<dyn next::Echo>::new(Arc::new(transport(&served.base)), Epoch::new(EPOCH));
    let later = <dyn next::Echo>::remote(stub);
    let outcome = next::Echo::echo(&*later, context(), "hello".to_owned()).await;
    assert_eq!((outcome, served.module.count()), (Err(unavailable(Executed::No)), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_moved_on_executes_nothing_and_says_where_it_is() {
    let served = Served::start();
    served.epoch.advance_to(EPOCH + 1);
    let misdirected = CallError::Misdirected { module: "echo", owner_epoch: EPOCH + 1 };
    assert_eq!((echo(&remote(&served.base), 5000).await, served.module.count()), (Err(misdirected), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_was_withdrawn_is_unavailable() {
    let served = Served::start();
    let handle = remote(&served.base);
    assert_eq!(echo(&handle, 5000).await, Ok("hello".to_owned()));
    served.registry.withdraw("echo");
    assert_eq!((echo(&handle, 5000).await, served.module.count()), (Err(unavailable(Executed::No)), 1));
}
