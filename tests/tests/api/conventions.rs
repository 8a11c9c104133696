//! What holds for every route: errors, ids, traces, conditions, methods, limits.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::Method;
use serde_json::json;
use system_tests::server::ServerOptions;
use system_tests::shop::Shop;

#[tokio::test]
async fn errors_have_one_shape_and_carry_the_request_s_id() {
    let shop = Shop::open();
    let error =
        shop.client.get("/api/v1/products/none").header("x-request-id", "my-id-1").send().await.expect(404);
    assert_eq!(error.header("x-request-id"), Some("my-id-1"));
    assert_eq!(
        error.body,
        json!({"error": {
            "code": "PRODUCT_NOT_FOUND", "message": error.body["error"]["message"], "details": [],
            "request_id": "my-id-1",
        }})
    );
    let problem = shop.client.get("/api/v1/products/none").header("accept", "application/problem+json");
    let problem = problem.send().await.expect(404);
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem.body["type"], "/errors/PRODUCT_NOT_FOUND");
    assert_eq!(
        (&problem.body["status"], &problem.body["instance"]),
        (&json!(404), &json!("/api/v1/products/none"))
    );
    let meaning = shop.client.get("/errors/PRODUCT_NOT_FOUND").send().await.expect(200);
    assert_eq!(meaning.body["title"], problem.body["title"]);
}

#[tokio::test]
async fn a_trace_goes_on_and_a_malformed_one_starts_anew() {
    let shop = Shop::open();
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let response =
        shop.client.get("/api/v1/categories").header("traceparent", given).send().await.expect(200);
    let answered = response.header("traceparent").expect("a trace").to_owned();
    assert!(answered.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && answered != given, "{answered}");
    let other =
        shop.client.get("/api/v1/categories").header("traceparent", "rubbish").send().await.expect(200);
    assert!(!other.header("traceparent").expect("a trace").contains("rubbish"));
    shop.server.wait_for_log("trace_id=4bf92f3577b34da6a3ce929d0e0e4736", std::time::Duration::from_secs(5));
}

#[tokio::test]
async fn a_resource_that_the_client_has_is_not_sent_again() {
    let shop = Shop::open();
    let article = shop.article(1).await;
    let path = format!("/api/v1/products/{}", article.product_id);
    let first = shop.client.get(&path).send().await.expect(200);
    let tag = first.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with('"'), "a strong tag: {tag}");
    let second = shop.client.get(&path).header("if-none-match", &tag).send().await.expect(304);
    assert_eq!((second.text.as_str(), second.header("etag")), ("", Some(tag.as_str())));
    shop.client.get(&path).header("if-none-match", "\"other\"").send().await.expect(200);
}

#[tokio::test]
async fn staff_change_only_what_they_have_read() {
    let shop = Shop::open();
    let (article, operator) = (shop.article(1).await, shop.operator().await);
    let path = format!("/api/v1/admin/products/{}", article.product_id);
    let read = shop.client.get(&path).bearer(&operator.token).send().await.expect(200);
    let tag = read.header("etag").expect("a tag").to_owned();
    let patch = |name: &str| shop.client.patch(&path).bearer(&operator.token).json(&json!({"name": name}));
    assert_eq!(patch("A").send().await.expect(428).error_code(), "PRECONDITION_REQUIRED");
    let changed = patch("B").header("if-match", &tag).send().await.expect(200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    assert_eq!(
        patch("C").header("if-match", &tag).send().await.expect(412).error_code(),
        "PRECONDITION_FAILED"
    );
    let now = shop.client.get(&path).bearer(&operator.token).send().await.expect(200);
    assert_eq!(now.body["name"], "B");
}

#[tokio::test]
async fn head_is_get_without_a_body_and_other_methods_are_named() {
    let shop = Shop::open();
    let head = shop.client.request(Method::HEAD, "/api/v1/categories").send().await.expect(200);
    assert_eq!(head.text, "");
    assert!(head.header("content-length").and_then(|length| length.parse::<u64>().ok()).unwrap_or(0) > 10);
    let refused = shop.client.delete("/api/v1/categories").send().await.expect(405);
    assert_eq!((refused.error_code(), refused.header("allow")), ("METHOD_NOT_ALLOWED", Some("GET, HEAD")));
}

#[tokio::test]
async fn a_head_with_another_request_behind_it_is_answered_without_a_body() {
    let shop = Shop::open();
    let address = shop.server.base_url().strip_prefix("http://").expect("http").to_owned();
    let ask = move |path: &str| {
        let mut socket = TcpStream::connect(&address).expect("it listens");
        socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("a timeout");
        let requests = format!(
            "HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        socket.write_all(requests.as_bytes()).expect("it reads");
        let mut answers = String::new();
        socket.read_to_string(&mut answers).expect("both are answered");
        answers
    };
    let asking = tokio::task::spawn_blocking(move || {
        // Whether the second is read before the first is answered is up to chance.
        for _ in 0..10 {
            for path in ["/api/v1/products?limit=1", "/api/v1/products", "/bff/web/products/none", "/"] {
                let answers = ask(path);
                let behind = answers.split_once("\r\n\r\n").map_or("", |(_, behind)| behind);
                assert!(behind.starts_with("HTTP/1.1 200 OK"), "{path}: {answers}");
                assert!(behind.ends_with("\r\n\r\nok\n"), "{path}: {answers}");
            }
        }
    });
    asking.await.expect("no panic");
}

#[tokio::test]
async fn what_is_somebody_s_own_is_never_cached() {
    let shop = Shop::open();
    let cart = shop.client.post("/api/v1/carts").json(&json!({})).send().await.expect(201).body;
    let path = format!("/api/v1/carts/{}", cart["id"].as_str().expect("an id"));
    let secret = cart["guest_token"].as_str().expect("a secret");
    let own = shop.client.get(&path).header("x-guest-token", secret).send().await.expect(200);
    assert_eq!(own.header("cache-control"), Some("private, no-store"));
    let public = shop.client.get("/api/v1/products?limit=1").send().await.expect(200);
    assert!(public.header("cache-control").is_some_and(|value| value.starts_with("public")));
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_refused_by_name() {
    let shop = Shop::open();
    let body =
        json!({"email": "a@b.example", "name": "A", "password": "a-long-enough-secret", "is_admin": true});
    let field = shop.client.post("/api/v1/users").json(&body).send().await.expect(400);
    assert_eq!(field.error_code(), "UNKNOWN_PARAMETER");
    assert_eq!(field.body["error"]["details"][0]["field"], "is_admin");
    let parameter = shop.client.get("/api/v1/products?colour=red").send().await.expect(400);
    assert_eq!(parameter.error_code(), "UNKNOWN_PARAMETER");
    assert_eq!(parameter.body["error"]["details"][0]["field"], "colour");
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_in_time() {
    let shop = Shop::open_with(ServerOptions::default().setting("BANYAN__SERVER__REQUEST_SECONDS", "2"));
    let large = format!("{{\"email\":\"{}\"}}", "x".repeat(300 * 1024));
    let refused =
        shop.client.post("/api/v1/auth/login").raw("application/json", large).send().await.expect(413);
    assert_eq!(refused.error_code(), "REQUEST_TOO_LARGE");
    let other = shop.client.post("/api/v1/auth/login").raw("text/plain", "{}").send().await.expect(415);
    assert_eq!(other.error_code(), "UNSUPPORTED_MEDIA_TYPE");

    let address = shop.server.base_url().strip_prefix("http://").expect("http").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).expect("it listens");
        socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("a timeout");
        // Promises ten bytes and sends one.
        let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                    content-length: 10\r\n\r\n{";
        socket.write_all(head.as_bytes()).expect("it reads");
        let mut answer = [0; 4096];
        let length = socket.read(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    });
    let answer = answer.await.expect("no panic");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn health_readiness_and_metrics_answer() {
    let shop = Shop::open();
    shop.client.get("/healthz").send().await.expect(200);
    let ready = shop.client.get("/readyz").send().await.expect(200).body;
    assert_eq!(ready["modules"], json!({"user": "ready", "product": "ready", "order": "ready"}));
    shop.client.get("/api/v1/products/none").send().await.expect(404);
    let metrics = shop.client.get("/metrics").send().await.expect(200).text;
    let counted = metrics.lines().any(|line| {
        line.starts_with("banyan_http_requests_total{")
            && line.contains("module=\"product\"")
            && line.contains("status=\"404\"")
    });
    assert!(counted, "{metrics}");
    assert!(!metrics.contains("/products/none"), "a route, not a path, is a label");
}

#[tokio::test]
async fn secrets_never_reach_the_log() {
    let options = ServerOptions::default().setting("BANYAN__LOG__LEVEL", "trace");
    let shop = Shop::open_with(options.setting("BANYAN__LOG__FORMAT", "json"));
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    shop.buy(&person, &article, "ok").await;
    let refresh = json!({"refresh_token": person.refresh_token});
    shop.client.post("/api/v1/auth/refresh").json(&refresh).send().await.expect(200);
    shop.client.get("/api/v1/users/me").bearer("not-a-token-either").send().await.expect(401);
    // What was printed arrives a moment after the answer; the last request's line is the last that matters.
    let last = "GET /api/v1/users/me 401";
    shop.server.wait_for_log(last, std::time::Duration::from_secs(10));
    let log = shop.server.log();
    for secret in [&*person.password, &*person.token, &*person.refresh_token, "not-a-token-either"] {
        assert!(!log.contains(secret), "the log has {secret}");
    }
    let shown = log.lines().find(|line| line.contains(last)).unwrap_or_default();
    assert!(shown.starts_with('{'), "{shown}");
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused() {
    let shop = Shop::open();
    let person = shop.somebody().await;
    let me = |token: String| shop.client.get("/api/v1/users/me").bearer(&token).send();
    me(person.token.clone()).await.expect(200);
    let parts: Vec<&str> = person.token.split('.').collect();
    // `{"alg":"none","typ":"at+jwt"}` and the same claims without a signature.
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", parts[1]);
    let swapped = format!("{}.{}.{}", parts[0], parts[1], "A".repeat(parts[2].len()));
    for token in [unsigned, swapped, "x.y.z".to_owned(), String::from("x")] {
        let refused = me(token).await.expect(401);
        assert_eq!(refused.error_code(), "TOKEN_INVALID");
        assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    }
}
