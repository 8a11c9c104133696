use std::sync::Arc;

use bytes::Bytes;
use kernel_types::CallContext;
use tokio::sync::Semaphore;

use super::*;

/// A node that fails as it is told, or answers once it may.
struct Fake {
    always: Option<Result<Reply, TransportError>>,
    may_answer: Semaphore,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl Transport for Fake {
    async fn send(&self, _request: Request) -> Result<Reply, TransportError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(always) = &self.always {
            return always.clone();
        }
        self.may_answer.acquire().await.unwrap().forget();
        Ok(Reply::Done(Bytes::from_static(b"1")))
    }
}

fn fake(failure: Option<TransportError>) -> Arc<Fake> {
    always(failure.map(Err))
}

fn always(always: Option<Result<Reply, TransportError>>) -> Arc<Fake> {
    let may_answer = Semaphore::new(Semaphore::MAX_PERMITS);
    Arc::new(Fake { always, may_answer, asked: AtomicUsize::new(0) })
}

fn asked(fakes: &[Arc<Fake>]) -> Vec<usize> {
    fakes.iter().map(|fake| fake.asked.load(Ordering::Relaxed)).collect()
}

fn call() -> Request {
    Request {
        module: "echo",
        version: 1,
        method: "echo",
        epoch: 1,
        context: CallContext::of_module("test", Duration::from_secs(5)),
        body: Bytes::from_static(b"1"),
    }
}

#[tokio::test]
async fn calls_are_spread_over_all_nodes() {
    let fakes = [fake(None), fake(None), fake(None)];
    let spread = Spread::new(fakes.clone());
    for _ in 0..300 {
        spread.send(call()).await.unwrap();
    }
    assert!(asked(&fakes).into_iter().all(|count| count > 30), "{:?}", asked(&fakes));
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_costs_no_call_and_is_left_out() {
    let gone = TransportError::NotConnected("refused".to_owned());
    let fakes = [fake(Some(gone)), fake(None)];
    let spread = Spread::new(fakes.clone());
    for _ in 0..50 {
        spread.send(call()).await.unwrap();
    }
    assert_eq!(asked(&fakes)[1], 50);
    assert!(asked(&fakes)[0] <= 2, "{:?}", asked(&fakes));
}

#[tokio::test]
async fn a_node_that_does_not_own_the_module_yet_costs_no_call() {
    let no_owner = || always(Some(Ok(Reply::Misdirected { owner_epoch: 0 })));
    let fakes = [no_owner(), fake(None)];
    let spread = Spread::new(fakes.clone());
    for _ in 0..50 {
        assert_eq!(spread.send(call()).await.unwrap(), Reply::Done(Bytes::from_static(b"1")));
    }
    // When none is, who called is told so, and each was asked once.
    let fakes = [no_owner(), no_owner()];
    let told = Spread::new(fakes.clone()).send(call()).await.unwrap();
    assert_eq!((told, asked(&fakes)), (Reply::Misdirected { owner_epoch: 0 }, vec![1, 1]));
}

#[tokio::test]
async fn a_call_that_broke_off_is_not_sent_again_and_its_node_is_left_out() {
    let broke = TransportError::Lost("reset".to_owned());
    let fakes = [fake(Some(broke.clone())), fake(None)];
    let spread = Spread::new(fakes.clone());
    let mut failed = 0;
    for _ in 0..50 {
        failed += usize::from(spread.send(call()).await.is_err());
    }
    assert_eq!(asked(&fakes).iter().sum::<usize>(), 50);
    assert!((1..=2).contains(&failed), "{failed}");
}

#[tokio::test]
async fn with_every_node_gone_each_is_asked_once() {
    let gone = || fake(Some(TransportError::NotConnected("refused".to_owned())));
    let fakes = [gone(), gone(), gone()];
    let spread = Spread::new(fakes.clone());
    for times in 1..=3 {
        assert!(matches!(spread.send(call()).await, Err(TransportError::NotConnected(_))));
        assert_eq!(asked(&fakes), [times; 3]);
    }
    let none = Spread::<Arc<Fake>>::new([]);
    assert!(matches!(none.send(call()).await, Err(TransportError::NotConnected(_))));
}

#[tokio::test]
async fn a_node_that_does_not_get_on_is_given_no_more() {
    let stuck = Arc::new(Fake { always: None, may_answer: Semaphore::new(0), asked: AtomicUsize::new(0) });
    let fakes = [stuck.clone(), fake(None)];
    let spread = Arc::new(Spread::new(fakes.clone()));
    // Drawn at random, so perhaps not at once: the stuck one is asked sooner or later.
    let mut waiting = Vec::new();
    for _ in 0..200 {
        let spread = Arc::clone(&spread);
        let call = tokio::spawn(async move { spread.send(call()).await.unwrap() });
        tokio::task::yield_now().await;
        waiting.push(call);
    }
    assert_eq!(asked(&fakes)[0], 1, "{:?}", asked(&fakes));
    stuck.may_answer.add_permits(1);
    for call in waiting {
        call.await.unwrap();
    }
}
