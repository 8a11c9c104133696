use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::Budget;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum EchoError {
    #[error("too much")]
    TooMuch,
}

crate::contract! {
    /// A contract to test with.
    pub trait Echo: "echo", version 3, error EchoError {
        /// Gives back what it was given.
        idempotent fn echo(u64) -> u64;
        /// The same, but nobody knows what happens the second time.
        fn once(u64) -> u64;
    }
}

type Answers = VecDeque<Outcome>;

/// Gives prepared outcomes and keeps what it was sent.
#[derive(Default)]
struct Prepared {
    answers: Mutex<Answers>,
    sent: Mutex<Vec<Request>>,
    /// Learned when a request is sent, as from a route table that changes meanwhile.
    learn: Option<(Epoch, u64)>,
}

#[async_trait::async_trait]
impl Transport for Prepared {
    async fn send(&self, request: Request) -> Outcome {
        self.sent.lock().unwrap().push(request);
        if let Some((epoch, learned)) = &self.learn {
            epoch.advance_to(*learned);
        }
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

fn prepared(answers: impl IntoIterator<Item = Outcome>) -> Arc<Prepared> {
    Arc::new(Prepared { answers: Mutex::new(answers.into_iter().collect()), ..Prepared::default() })
}

fn stub(transport: &Arc<Prepared>) -> Stub<dyn Echo> {
    Stub::new(transport.clone(), Epoch::new(7))
}

fn retrying(transport: &Arc<Prepared>) -> Stub<dyn Echo> {
    let budget = Arc::new(Budget::new(0, 0, 1000));
    stub(transport).retrying(RetryPolicy::idempotent(budget).and_connect_failures())
}

fn context() -> CallContext {
    CallContext::of_module("test", Duration::from_secs(5))
}

fn done(body: &'static str) -> Outcome {
    Ok(Reply::Done(Bytes::from_static(body.as_bytes())))
}

fn lost() -> Outcome {
    Err(TransportError::Lost(String::new()))
}

fn not_connected() -> Outcome {
    Err(TransportError::NotConnected(String::new()))
}

fn unavailable(executed: Executed) -> CallError<EchoError> {
    CallError::Unavailable { module: "echo", executed }
}

fn timed_out(executed: Executed) -> CallError<EchoError> {
    CallError::TimedOut { module: "echo", executed }
}

#[tokio::test]
async fn a_call_says_what_its_receiver_must_know() {
    let transport = prepared([done("9")]);
    let context = context();
    assert_eq!(stub(&transport).echo(context.clone(), 8).await, Ok(9));
    let sent = &transport.sent.lock().unwrap()[0];
    assert_eq!((sent.module, sent.method, sent.version, sent.epoch), ("echo", "echo", 3, 7));
    assert_eq!(&*sent.body, b"8");
    assert_eq!(sent.context.trace.trace_id, context.trace.trace_id);
    assert_ne!(sent.context.trace.parent_id, context.trace.parent_id, "the call is a span of its own");
}

#[tokio::test]
async fn every_reply_becomes_the_error_that_a_local_call_would_give() {
    let refused = Reply::of::<(), _>(Err(CallError::Refused(EchoError::TooMuch)));
    for (outcome, error) in [
        (Ok(refused), CallError::Refused(EchoError::TooMuch)),
        (
            Ok(Reply::Misdirected { owner_epoch: 8 }),
            CallError::Misdirected { module: "echo", owner_epoch: 8 },
        ),
        (Ok(Reply::Unavailable { executed: Executed::Maybe }), unavailable(Executed::Maybe)),
        (Ok(Reply::TimedOut { executed: Executed::No }), timed_out(Executed::No)),
        (Ok(Reply::Incompatible { version: 4 }), unavailable(Executed::No)),
        (Ok(Reply::Malformed { reason: String::new() }), unavailable(Executed::No)),
        (Ok(Reply::NotAdmitted), unavailable(Executed::No)),
        (Ok(Reply::Foreign { status: 404 }), unavailable(Executed::No)),
        (Ok(Reply::Foreign { status: 500 }), unavailable(Executed::Maybe)),
        (done("\"no number\""), unavailable(Executed::Maybe)),
        (Ok(Reply::Refused(Bytes::from_static(b"{\"refused\":\"Newer\"}"))), unavailable(Executed::No)),
        (not_connected(), unavailable(Executed::No)),
        (Err(TransportError::NotSent(String::new())), unavailable(Executed::No)),
        (lost(), unavailable(Executed::Maybe)),
    ] {
        let transport = prepared([outcome.clone()]);
        assert_eq!(stub(&transport).echo(context(), 1).await, Err(error), "{outcome:?}");
        assert_eq!(transport.sent.lock().unwrap().len(), 1, "nothing is tried again by default");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_and_a_late_one_never_leaves() {
    let transport = prepared([]);
    assert_eq!(stub(&transport).echo(context(), 1).await, Err(timed_out(Executed::Maybe)));
    let late = CallContext { deadline: std::time::Instant::now(), ..context() };
    assert_eq!(stub(&transport).echo(late, 1).await, Err(timed_out(Executed::No)));
    assert_eq!(transport.sent.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_idempotent_call_is_tried_again_and_another_is_not() {
    let transport = prepared([lost(), done("1"), lost()]);
    assert_eq!(retrying(&transport).echo(context(), 1).await, Ok(1));
    assert_eq!(retrying(&transport).once(context(), 1).await, Err(unavailable(Executed::Maybe)));
}

#[tokio::test]
async fn a_call_that_never_left_may_be_tried_again_whatever_it_does() {
    let transport = prepared([not_connected(), done("1")]);
    assert_eq!(retrying(&transport).once(context(), 1).await, Ok(1));
}

#[tokio::test]
async fn a_try_that_may_have_been_executed_is_not_forgotten() {
    for last in
        [not_connected(), Ok(Reply::Misdirected { owner_epoch: 9 }), Ok(Reply::Foreign { status: 404 })]
    {
        let transport = prepared([lost(), last.clone(), last.clone()]);
        let error = retrying(&transport).echo(context(), 1).await.unwrap_err();
        assert_eq!(error, unavailable(Executed::Maybe), "{last:?}");
    }
}

#[tokio::test]
async fn a_misdirected_call_is_sent_once_more_if_another_epoch_was_learned_meanwhile() {
    let misdirected = || Ok(Reply::Misdirected { owner_epoch: 8 });
    let epoch = Epoch::new(7);
    let answers = Mutex::new(Answers::from([misdirected(), done("1"), misdirected()]));
    let learn = Some((epoch.clone(), 8));
    let transport = Arc::new(Prepared { answers, learn, ..Prepared::default() });
    let stub: Stub<dyn Echo> = Stub::new(transport.clone(), epoch);
    assert_eq!(stub.once(context(), 1).await, Ok(1));
    let moved = CallError::Misdirected { module: "echo", owner_epoch: 8 };
    assert_eq!(stub.once(context(), 1).await, Err(moved), "nothing new was learned");
    let epochs: Vec<_> = transport.sent.lock().unwrap().iter().map(|sent| sent.epoch).collect();
    assert_eq!(epochs, [7, 8, 8]);
}

#[tokio::test]
async fn a_request_that_is_too_long_never_leaves() {
    let transport = prepared([]);
    let long = "x".repeat(MOST_BYTES);
    let outcome: Result<(), _> = stub(&transport).remote().call("echo", true, context(), long).await;
    assert_eq!(outcome, Err::<(), CallError<EchoError>>(unavailable(Executed::No)));
    assert!(transport.sent.lock().unwrap().is_empty());
}
