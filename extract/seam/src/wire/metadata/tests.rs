use std::collections::HashMap;

use bytes::Bytes;

use super::*;

fn request(caller: Caller, idempotency_key: Option<&str>) -> Request {
    Request {
        module: "greeter",
        version: 2,
        method: "greet",
        epoch: 7,
        context: CallContext {
            deadline: Instant::now() + Duration::from_secs(5),
            trace: TraceContext::start(),
            caller,
            idempotency_key: idempotency_key.map(Arc::from),
        },
        body: Bytes::from_static(b"null"),
    }
}

fn written(request: &Request) -> HashMap<&'static str, String> {
    let mut headers = HashMap::new();
    write(request, |name, value| assert_eq!(headers.insert(name, value.to_owned()), None, "{name} twice"));
    headers
}

fn read(headers: &HashMap<&'static str, String>) -> Result<Metadata, String> {
    Metadata::read(|name| headers.get(name).map(String::as_str))
}

#[test]
fn what_is_written_is_read() {
    for caller in [Caller::Anonymous, Caller::Module("order".into())] {
        let sent = request(caller.clone(), Some("key-1"));
        let got = read(&written(&sent)).unwrap();
        assert_eq!((got.version, got.epoch, got.trace), (2, 7, sent.context.trace));
        assert_eq!(got.idempotency_key.as_deref(), Some("key-1"));
        match (got.caller, caller) {
            (ClaimedCaller::Anonymous, Caller::Anonymous) => {}
            (ClaimedCaller::Module(got), Caller::Module(sent)) => assert_eq!(got, sent),
            other => panic!("{other:?}"),
        }
        let lost = sent.context.deadline.saturating_duration_since(got.deadline);
        assert!(lost < Duration::from_secs(1) && got.deadline > Instant::now());
    }
}

#[test]
fn a_deadline_that_has_passed_is_zero() {
    let mut late = request(Caller::Anonymous, None);
    late.context.deadline = Instant::now();
    assert_eq!(written(&late)[DEADLINE], "0");
}

#[test]
fn a_header_that_is_missing_or_wrong_is_named() {
    let whole = written(&request(Caller::Anonymous, None));
    for name in [VERSION, EPOCH, DEADLINE, CALLER] {
        let mut headers = whole.clone();
        headers.remove(name);
        assert_eq!(read(&headers).unwrap_err(), format!("{name} is missing"));
        headers.insert(name, "-1".to_owned());
        assert!(read(&headers).unwrap_err().starts_with(name));
    }
    let mut user = whole.clone();
    user.insert(CALLER, "user".to_owned());
    assert_eq!(read(&user).unwrap_err(), format!("{USER_TOKEN} is missing"));
}

#[test]
fn a_deadline_far_away_is_brought_near() {
    let mut headers = written(&request(Caller::Anonymous, None));
    headers.insert(DEADLINE, u64::MAX.to_string());
    assert!(read(&headers).unwrap().deadline <= Instant::now() + MOST_TIME);
}

#[test]
fn an_invalid_trace_is_started_anew() {
    let mut headers = written(&request(Caller::Anonymous, None));
    headers.insert(TRACE, "00-zz".to_owned());
    assert_ne!(read(&headers).unwrap().trace.trace_id, 0);
}
