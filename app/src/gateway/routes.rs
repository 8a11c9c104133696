//! Every route as the OpenAPI document lists it: to tell which module one belongs to, and which methods an address takes.

use std::collections::{BTreeMap, HashMap};

use actix_web::dev::ResourceDef;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use kernel::ErrorCode;
use kernel::http::ApiError;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

/// The routes.
pub(crate) struct Routes {
    modules: HashMap<String, String>,
    /// Modules by the part of their addresses before the first parameter.
    beginnings: HashMap<String, String>,
    methods: Vec<(ResourceDef, String)>,
}

impl Routes {
    /// The routes that `document` lists.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut modules = HashMap::new();
        let mut beginnings = HashMap::new();
        let mut methods = Vec::new();
        for (path, item) in &document.paths.paths {
            let operations = operations(item);
            let tag = operations.values().find_map(|operation| operation.tags.as_ref()?.first());
            let tag = tag.cloned().unwrap_or_default();
            let beginning = path.split("/{").next().unwrap_or_default();
            beginnings.insert(beginning.to_owned(), tag.clone());
            modules.insert(path.clone(), tag);
            let mut allowed: Vec<&str> = operations.keys().copied().collect();
            if allowed.contains(&"GET") {
                allowed.push("HEAD");
            }
            methods.push((ResourceDef::new(path.as_str()), allowed.join(", ")));
        }
        Self { modules, beginnings, methods }
    }

    /// The module that a route's pattern belongs to.
    pub(crate) fn module(&self, pattern: &str) -> &str {
        self.modules.get(pattern).map_or("none", String::as_str)
    }

    /// The module that a request's path belongs to, whether or not there is such a route: the longest beginning of any of its
    /// addresses decides. No two modules share one, which a test looks after.
    pub(crate) fn module_of_path(&self, path: &str) -> Option<&str> {
        let mut rest = path;
        while !rest.is_empty() {
            if let Some(module) = self.beginnings.get(rest) {
                return Some(module);
            }
            rest = rest.rsplit_once('/').map_or("", |(before, _)| before);
        }
        None
    }

    /// What no route took.
    pub(crate) fn refuse(&self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        match self.methods.iter().find(|(path, _)| path.is_match(request.path())) {
            None => Err(ApiError::new(ErrorCode::RouteNotFound)),
            Some((_, allowed)) => {
                let allow = HeaderValue::from_str(allowed).unwrap_or(HeaderValue::from_static("GET"));
                Err(ApiError::new(ErrorCode::MethodNotAllowed).header(header::ALLOW, allow))
            }
        }
    }
}

/// A path's operations by method.
fn operations(item: &PathItem) -> BTreeMap<&'static str, &Operation> {
    [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("DELETE", &item.delete),
        ("PATCH", &item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
    .collect()
}
