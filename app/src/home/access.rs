//! Who may give orders: whoever can read the operator's token in the data directory, or an operator who has logged in.

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest, web};
use kernel::http::{ApiError, Login};
use kernel::{ErrorCode, Permission};
use subtle::ConstantTimeEq as _;

use router::split::{OPERATOR, OVERRIDE};

use super::Home;

/// Names that are parsed when the program is compiled: every request of a module is asked for them.
const PLACEMENT: HeaderName = HeaderName::from_static(OVERRIDE);
const PROOF: HeaderName = HeaderName::from_static(OPERATOR);

/// Somebody who may move modules. Anybody else is answered 401 or 403.
pub(super) struct Operator {
    /// As the audit log names them.
    pub(super) name: String,
}

/// Whether a request may choose its placement: the operator's token or an operator's login comes with it.
pub(crate) async fn may_place(request: &HttpRequest) -> bool {
    if !request.headers().contains_key(PLACEMENT) {
        return false;
    }
    let Some(home) = request.app_data::<web::Data<Home>>() else { return false };
    if let Some(token) = request.headers().get(PROOF) {
        return home.is_operator_token(token.as_bytes());
    }
    Login::extract(request).await.is_ok_and(|login| login.require(Permission::ManageModules).is_ok())
}

impl Home {
    fn is_operator_token(&self, token: &[u8]) -> bool {
        bool::from(token.ct_eq(self.inner.operator_token.as_bytes()))
    }
}

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = futures_util::future::LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let home = request
                .app_data::<web::Data<Home>>()
                .ok_or_else(|| ApiError::new(ErrorCode::RouteNotFound))?;
            let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let token = given.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
            if home.is_operator_token(token.as_bytes()) {
                return Ok(Self { name: "operator token".to_owned() });
            }
            let login = Login::extract(&request).await?;
            login.require(Permission::ManageModules)?;
            Ok(Self { name: format!("user {}", login.user_id) })
        })
    }
}
