use actix_web::http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn client(headers: &HeaderMap) -> Client<'_> {
    let address = Some(IpAddr::from([192, 0, 2, 7]));
    Client { headers, address, session_cookie: "session", may_override: false }
}

fn percent(number: u8) -> Percent {
    Percent::try_from(number).unwrap()
}

proptest! {
    #[test]
    fn raising_the_weight_never_brings_a_client_back(cookie in "[a-z0-9]{1,32}", low in 0u8..=100, high in 0u8..=100) {
        let (low, high) = (low.min(high), low.max(high));
        let headers = headers(&[("cookie", &format!("banyan_split={cookie}"))]);
        let place_at = |weight| place(percent(weight), "order", &client(&headers));
        prop_assert!(!(place_at(low) == Place::Remote && place_at(high) == Place::Local));
    }

    #[test]
    fn a_client_stays_where_its_cookie_says_whatever_else_it_sends(
        cookie in "[a-z0-9]{1,32}", token in "[a-z]{1,20}", weight in 0u8..=100
    ) {
        let cookie = format!("a=b; banyan_split={cookie}; c=d");
        let before = headers(&[("cookie", &cookie)]);
        let after = headers(&[("cookie", &cookie), ("authorization", &token)]);
        let place_of = |headers| place(percent(weight), "order", &client(headers));
        prop_assert_eq!(place_of(&before), place_of(&after));
    }
}

#[test]
fn a_weight_is_the_share_of_clients_it_says() {
    for weight in [1, 10, 50, 90] {
        let out = (0..20_000)
            .filter(|n: &u32| {
                let headers = headers(&[("authorization", &format!("Bearer {n}"))]);
                place(percent(weight), "order", &client(&headers)) == Place::Remote
            })
            .count();
        let expected = usize::from(weight) * 200;
        assert!(out.abs_diff(expected) < 300, "weight {weight}: {out} of 20000");
    }
}

#[test]
fn nothing_and_everything_are_exact() {
    let headers = headers(&[]);
    assert_eq!(place(Percent::ZERO, "order", &client(&headers)), Place::Local);
    assert_eq!(place(Percent::ALL, "order", &client(&headers)), Place::Remote);
}

#[test]
fn an_operator_chooses_and_nobody_else() {
    let remote = headers(&[(OVERRIDE, "remote")]);
    let local = headers(&[(OVERRIDE, "local")]);
    let odd = headers(&[(OVERRIDE, "elsewhere")]);
    let operator = |headers| Client { may_override: true, ..client(headers) };
    assert_eq!(place(Percent::ZERO, "order", &operator(&remote)), Place::Remote);
    assert_eq!(place(Percent::ALL, "order", &operator(&local)), Place::Local);
    assert_eq!(place(Percent::ALL, "order", &operator(&odd)), Place::Remote);
    assert_eq!(place(Percent::ZERO, "order", &client(&remote)), Place::Local);
}

#[test]
fn buckets_are_the_same_in_every_release() {
    assert_eq!([bucket("order", b"a"), bucket("order", b"b"), bucket("product", b"a")], [95, 26, 57]);
}
