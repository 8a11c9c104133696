use bytes::Bytes;
use kernel_types::CallContext;

use super::*;

/// Answers with the epoch that it was called in.
struct Tells;

#[async_trait::async_trait]
impl Transport for Tells {
    async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        Ok(Reply::Done(Bytes::from(request.epoch.to_string())))
    }
}

fn call(remaining: Duration) -> Request {
    Request {
        module: "echo",
        version: 1,
        method: "echo",
        epoch: 1,
        context: CallContext::of_module("test", remaining),
        body: Bytes::from_static(b"1"),
    }
}

#[tokio::test]
async fn calls_wait_and_are_then_sent_once_to_the_new_place_in_its_epoch() {
    let (parked, parking) = Parked::begin();
    let early = parked.send(call(Duration::from_secs(30)));
    let released = async {
        tokio::task::yield_now().await;
        parking.release(Arc::new(Tells), 2);
    };
    let (early, ()) = tokio::join!(early, released);
    assert_eq!(early, Ok(Reply::Done(Bytes::from_static(b"2"))));
    let late = parked.send(call(Duration::from_secs(30))).await;
    assert_eq!(late, Ok(Reply::Done(Bytes::from_static(b"2"))));
}

#[tokio::test]
async fn a_call_that_waits_in_vain_was_not_executed() {
    let (parked, parking) = Parked::begin();
    let late = parked.send(call(Duration::from_millis(1))).await;
    assert_eq!(late, Err(TransportError::TimedOut { executed: Executed::No }));
    drop(parking);
    let abandoned = parked.send(call(Duration::from_secs(30))).await;
    assert_eq!(abandoned.unwrap_err().executed(), Executed::No);
}

#[tokio::test]
async fn one_more_than_may_wait_is_turned_away_at_once() {
    let (parked, _parking) = Parked::begin();
    parked.waiting.store(MOST, Ordering::Relaxed);
    let refused = parked.send(call(Duration::from_secs(30))).await;
    assert!(matches!(refused, Err(TransportError::NotConnected(_))));
    assert_eq!(parked.waiting.load(Ordering::Relaxed), MOST);
}
