//! What a client sees of the public catalogue, over a real store.

use actix_web::body::MessageBody;
use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, ETAG, IF_NONE_MATCH, LINK};
use actix_web::{App, Error, test};
use kernel::Module as _;
use kernel::store::{StoreSettings, StoreUrl};
use seam::Handle;
use serde_json::{Value, json};
use utoipa_actix_web::AppExt as _;

use crate::{Needs, ProductModule, Settings};

/// The sample catalogue, behind the module's routes.
macro_rules! shop {
    ($directory:ident) => {{
        let settings = StoreSettings::new(StoreUrl::Sqlite($directory.path().join("product.db")));
        let needs = Needs { orders: Handle::vacant() };
        let module = ProductModule::open(Settings::default(), &settings, needs).unwrap();
        module.seed(None).await.unwrap();
        let app = App::new().into_utoipa_app().configure(|config| module.routes(config)).into_app();
        test::init_service(app).await
    }};
}

/// Status, headers and JSON body of a GET.
async fn get<B: MessageBody>(
    app: &impl actix_web::dev::Service<actix_http_request::Request, Response = ServiceResponse<B>, Error = Error>,
    path: &str,
) -> (u16, actix_web::http::header::HeaderMap, Value) {
    let response = app.call(test::TestRequest::get().uri(path).to_request()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = test::read_body(response).await;
    (status, headers, serde_json::from_slice(&body).unwrap_or_default())
}

/// The request type is actix's own, which it does not re-export by a name of the web crate.
mod actix_http_request {
    pub(super) type Request = actix_web::dev::ServiceRequestAlias;
}
