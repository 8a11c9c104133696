//! The OpenAPI document lists every route, and every route it lists is there.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use system_tests::shop::Shop;

/// A method and a path.
type Route = (String, String);

/// The routes that the sources declare with actix's attributes.
fn declared(sources: &[(String, String)]) -> BTreeSet<Route> {
    let mut routes = BTreeSet::new();
    for (_, text) in sources {
        for method in ["get", "post", "put", "patch", "delete"] {
            for rest in text.split(&format!("#[{method}(\"")).skip(1) {
                let path = rest.split('"').next().unwrap_or_default();
                // `{path:regex}` is documented as `{path}`.
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routes
}

/// The routes of an OpenAPI document.
fn documented(document: &Value) -> BTreeSet<Route> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &Value)| {
        let path = path.clone();
        let methods: Vec<String> = item.as_object().expect("an item").keys().cloned().collect();
        methods.into_iter().map(move |method| (method, path.clone()))
    };
    paths.iter().flat_map(methods).collect()
}

fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                found.push((path.display().to_string(), text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let mut found = Vec::new();
    for part in ["app/src", "modules/user/src", "modules/product/src", "modules/order/src"] {
        walk(&root.join(part), &mut found);
    }
    found
}

#[test]
fn a_planted_undocumented_route_is_found() {
    let planted = vec![("x.rs".to_owned(), "#[get(\"/api/v1/secret\")]\nasync fn secret() {}".to_owned())];
    let document = serde_json::json!({"paths": {"/api/v1/known": {"get": {}}}});
    let missing: Vec<_> = declared(&planted).difference(&documented(&document)).cloned().collect();
    assert_eq!(missing, [("get".to_owned(), "/api/v1/secret".to_owned())]);
}

#[tokio::test]
async fn every_declared_route_is_documented_and_every_documented_one_declared() {
    let shop = Shop::open();
    let document = shop.client.get("/openapi.json").send().await.expect(200).body;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(declared(&sources()), documented(&document));
}

#[test]
fn routes_that_bypass_the_document_are_these_few() {
    let mut bypassing = Vec::new();
    for (path, text) in sources() {
        for rest in text.split(".route(\"").skip(1) {
            bypassing.push((path.clone(), rest.split('"').next().unwrap_or_default().to_owned()));
        }
    }
    // Those for nodes and operators are no part of the public API.
    let private = |path: &str| path.starts_with("/_internal/") || path.starts_with("/_admin/");
    let paths = bypassing.iter().map(|(_, path)| path.as_str()).filter(|path| !private(path));
    let paths: Vec<&str> = paths.collect();
    assert_eq!(paths, ["/openapi.json", "/docs", "/"], "{bypassing:?}");
}

#[tokio::test]
async fn what_addresses_begin_with_tells_their_module() {
    let shop = Shop::open();
    let document = shop.client.get("/openapi.json").send().await.expect(200).body;
    let mut owners = std::collections::BTreeMap::new();
    for (method, path) in documented(&document) {
        let beginning = path.split("/{").next().unwrap_or_default().to_owned();
        let module = document["paths"][&path][&method]["tags"][0].clone();
        let owner = owners.entry(beginning.clone()).or_insert_with(|| module.clone());
        assert_eq!(
            *owner, module,
            "{beginning} belongs to two modules: the router could not tell them apart"
        );
    }
}

#[tokio::test]
async fn every_documented_route_is_served() {
    let shop = Shop::open();
    let document = shop.client.get("/openapi.json").send().await.expect(200).body;
    for (method, path) in documented(&document) {
        let concrete = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let concrete = concrete.collect::<Vec<_>>().join("/");
        let method = method.to_uppercase().parse().expect("a method");
        let response = shop.client.request(method, &concrete).send().await;
        let code = response.body["error"]["code"].as_str().unwrap_or_default();
        let unserved = matches!(code, "ROUTE_NOT_FOUND" | "METHOD_NOT_ALLOWED");
        // An unknown provider's webhook is answered as an address where nothing is.
        assert!(!unserved || path.starts_with("/api/v1/webhooks/"), "{path}: {}", response.text);
        assert!(response.status < 500, "{path}: {}", response.text);
    }
}

#[tokio::test]
async fn every_operation_says_what_it_is_and_which_module_it_belongs_to() {
    let shop = Shop::open();
    let mut ids = BTreeSet::new();
    let document = shop.client.get("/openapi.json").send().await.expect(200).body;
    for (method, path) in documented(&document) {
        let operation = &document["paths"][&path][&method];
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        assert!(["user", "product", "order", "bff", "platform"].contains(&tag), "{method} {path}: {tag:?}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(
            !id.is_empty() && ids.insert(id.clone()),
            "{method} {path}: {id:?} names another operation too"
        );
    }
}

#[tokio::test]
async fn the_page_to_read_it_needs_nothing_from_outside() {
    let shop = Shop::open();
    let page = shop.client.get("/docs/").send().await.expect(200).text;
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(!page.contains("https://") && !page.contains("http://"), "{page}");
    shop.client.get("/docs/swagger-ui-bundle.js").send().await.expect(200);
}

#[test]
fn the_command_prints_the_document_that_the_server_serves() {
    let shop = Shop::open();
    let printed =
        std::process::Command::new(system_tests::binary::banyan()).arg("openapi").output().expect("it runs");
    assert!(printed.status.success());
    let printed: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let served = runtime.block_on(async { shop.client.get("/openapi.json").send().await.expect(200).body });
    assert_eq!(printed, served);
}
