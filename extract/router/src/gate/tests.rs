use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn gate(inside: u64, waiting: usize) -> Arc<Gate> {
    Gate::new(Limits { inside, waiting, park: Duration::from_secs(5) })
}

#[tokio::test]
async fn an_open_gate_counts_in_and_out() {
    let gate = gate(2, 0);
    let first = gate.enter(soon()).await.unwrap();
    let _second = gate.enter(soon()).await.unwrap();
    assert_eq!(gate.enter(soon()).await.unwrap_err(), Refused::Full);
    drop(first);
    assert!(gate.enter(soon()).await.is_ok());
    assert_eq!(gate.inside(), 1);
}

#[tokio::test]
async fn a_parked_gate_drains_while_who_comes_waits() {
    let gate = gate(9, 9);
    let inside = gate.enter(soon()).await.unwrap();
    gate.park();
    let late = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { gate.enter(soon()).await }
    });
    tokio::task::yield_now().await;
    assert!(!gate.drained(Instant::now()).await);
    drop(inside);
    assert!(gate.drained(soon()).await);
    assert!(!late.is_finished());
    gate.release();
    assert!(late.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_is_bounded_in_number_and_in_time() {
    let gate = gate(9, 1);
    gate.park();
    let began = tokio::time::Instant::now();
    let (first, second) = tokio::join!(gate.enter(soon()), gate.enter(soon()));
    assert_eq!((first.unwrap_err(), second.unwrap_err()), (Refused::WaitedTooLong, Refused::Crowded));
    assert!(began.elapsed() >= Duration::from_millis(4900));

    let began = tokio::time::Instant::now();
    let deadline = Instant::now() + Duration::from_secs(1);
    assert_eq!(gate.enter(deadline).await.unwrap_err(), Refused::WaitedTooLong);
    assert!(began.elapsed() < Duration::from_secs(2), "never longer than the client's deadline");
    gate.release();
    assert_eq!(gate.inside(), 0, "who gave up holds no permit");
}

#[tokio::test]
async fn who_waits_is_let_in_by_order_of_arrival_and_before_newcomers() {
    let gate = gate(99, 99);
    gate.park();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..20 {
        let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let permit = gate.enter(soon()).await.unwrap();
            order.lock().unwrap().push(number);
            permit
        }));
        tokio::task::yield_now().await;
    }
    gate.release();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[test]
fn under_load_every_request_runs_once_and_none_while_drained() {
    const REQUESTS: usize = 4_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let (ran, forbidden) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let gate = gate(10_000, 10_000);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (gate, ran, forbidden) = (Arc::clone(&gate), Arc::clone(&ran), Arc::clone(&forbidden));
                tokio::spawn(async move {
                    for _ in 0..REQUESTS / 4 {
                        let _permit = gate.enter(soon()).await.unwrap();
                        assert_eq!(
                            forbidden.load(Ordering::Acquire),
                            0,
                            "a request ran while the gate was drained"
                        );
                        ran.fetch_add(1, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            gate.park();
            assert!(gate.drained(soon()).await);
            forbidden.store(1, Ordering::Release);
            tokio::task::yield_now().await;
            forbidden.store(0, Ordering::Release);
            gate.release();
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(ran.load(Ordering::Relaxed), REQUESTS);
    assert_eq!(gate.inside(), 0);
}

proptest! {
    #[test]
    fn the_count_is_the_permits_that_are_out(steps in prop::collection::vec(0u8..4, 0..100)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let gate = gate(1000, 1000);
            let mut held = Vec::new();
            for step in steps {
                match step {
                    0 => held.extend(gate.enter(Instant::now()).await.ok()),
                    1 => drop(held.pop()),
                    2 => gate.park(),
                    _ => gate.release(),
                }
                prop_assert_eq!(usize::try_from(gate.inside()).unwrap(), held.len());
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_told_how_long_those_waited_who_were_let_in_and_how_many_were_refused() {
    let gate = gate(9, 2);
    gate.park();
    let waits = [Arc::clone(&gate), Arc::clone(&gate)]
        .map(|gate| tokio::spawn(async move { gate.enter(soon()).await }));
    tokio::task::yield_now().await;
    assert_eq!(gate.enter(soon()).await.unwrap_err(), Refused::Crowded);
    gate.park();
    gate.release();
    for waited in waits {
        waited.await.unwrap().unwrap();
    }
    let park = gate.last_park();
    assert_eq!((park.let_in, park.refused, park.waits.iter().sum()), (2, 1, 2_u64));
    gate.park();
    assert_eq!(gate.last_park(), Park::default(), "each park is told by itself");
    gate.release();
}
