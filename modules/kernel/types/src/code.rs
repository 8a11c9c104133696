//! The one catalogue of error codes. The OpenAPI document, `GET /errors/{code}` and the clients all read it from here.

use serde::{Deserialize, Serialize};

/// One thing that was wrong, in an error's `details`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Detail {
    /// The field or parameter, as a path such as `lines[2].quantity`; or the thing, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong with it, for people.
    pub message: String,
    /// The value it could have or has, where that helps: units in stock, the current total, a line number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

/// An error that clients may see: every error of a contract, and every error of a module.
pub trait Coded: std::error::Error {
    /// Its code.
    fn code(&self) -> ErrorCode;

    /// What exactly was wrong.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $status:literal $title:literal;)+) => {
        /// A stable code that a client can act on. Codes are only ever added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum ErrorCode {
            $(#[doc = $title] #[serde(rename = $name)] $variant,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as clients see it, in SCREAMING_SNAKE_CASE.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status it comes with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// One sentence that holds for every occurrence (RFC 9457 `title`).
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

catalogue! {
    // 400: the request cannot be understood.
    MalformedJson "MALFORMED_JSON" 400 "The body is not JSON of the expected shape.";
    UnknownParameter "UNKNOWN_PARAMETER" 400 "A field or parameter is not known here.";
    InvalidParameter "INVALID_PARAMETER" 400 "A parameter has a value that is not allowed.";
    InvalidCursor "INVALID_CURSOR" 400 "The cursor was not issued for this list with these filters and this order.";
    IdempotencyKeyRequired "IDEMPOTENCY_KEY_REQUIRED" 400 "This request needs an Idempotency-Key header.";
    IdempotencyKeyInvalid "IDEMPOTENCY_KEY_INVALID" 400 "The Idempotency-Key is not 16 to 255 visible ASCII characters.";
    MalformedCsv "MALFORMED_CSV" 400 "A line of the file cannot be read; nothing of it was applied.";
    WebhookInvalid "WEBHOOK_INVALID" 400 "The webhook's signature or content is not valid.";
    // 401: who are you?
    AuthenticationRequired "AUTHENTICATION_REQUIRED" 401 "This request needs an access token.";
    InvalidCredentials "INVALID_CREDENTIALS" 401 "E-mail address or password is wrong.";
    TokenExpired "TOKEN_EXPIRED" 401 "The token has expired.";
    TokenInvalid "TOKEN_INVALID" 401 "The token is not valid.";
    RefreshTokenReused "REFRESH_TOKEN_REUSED" 401 "The refresh token was used before; all tokens of this login are revoked.";
    // 403: you may not.
    AccessDenied "ACCESS_DENIED" 403 "This account may not do that.";
    // 404, 405, 406, 408.
    RouteNotFound "ROUTE_NOT_FOUND" 404 "There is nothing at this address.";
    UserNotFound "USER_NOT_FOUND" 404 "There is no such user.";
    AddressNotFound "ADDRESS_NOT_FOUND" 404 "There is no such address.";
    SessionNotFound "SESSION_NOT_FOUND" 404 "There is no such session.";
    ProductNotFound "PRODUCT_NOT_FOUND" 404 "There is no such product.";
    VariantNotFound "VARIANT_NOT_FOUND" 404 "There is no such variant.";
    CategoryNotFound "CATEGORY_NOT_FOUND" 404 "There is no such category.";
    ReviewNotFound "REVIEW_NOT_FOUND" 404 "There is no such review.";
    CartNotFound "CART_NOT_FOUND" 404 "There is no such cart.";
    OrderNotFound "ORDER_NOT_FOUND" 404 "There is no such order.";
    PaymentNotFound "PAYMENT_NOT_FOUND" 404 "There is no such payment.";
    ErrorCodeNotFound "ERROR_CODE_NOT_FOUND" 404 "There is no such error code.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 "This address does not take that method.";
    RequestTimeout "REQUEST_TIMEOUT" 408 "The request did not arrive in time.";
    // 409: not in the present state.
    IdempotencyInProgress "IDEMPOTENCY_IN_PROGRESS" 409 "A request with this Idempotency-Key is still being executed.";
    EmailTaken "EMAIL_TAKEN" 409 "An account with this e-mail address exists.";
    SlugTaken "SLUG_TAKEN" 409 "Something with this slug exists.";
    SkuTaken "SKU_TAKEN" 409 "A variant with this SKU exists.";
    CategoryNotEmpty "CATEGORY_NOT_EMPTY" 409 "The category still has products or subcategories.";
    AlreadyReviewed "ALREADY_REVIEWED" 409 "This account has reviewed this product.";
    PriceChanged "PRICE_CHANGED" 409 "The total is no longer the one that was expected.";
    CartCheckedOut "CART_CHECKED_OUT" 409 "The cart has become an order.";
    CartEmpty "CART_EMPTY" 409 "The cart has no items.";
    OrderNotCancellable "ORDER_NOT_CANCELLABLE" 409 "The order can no longer be cancelled.";
    OrderNotPayable "ORDER_NOT_PAYABLE" 409 "The order takes no payment now.";
    LastOperator "LAST_OPERATOR" 409 "The last operator must keep the role.";
    PlacementRefused "PLACEMENT_REFUSED" 409 "The module cannot be moved now.";
    // 412, 413, 415, 421, 422, 428.
    PreconditionFailed "PRECONDITION_FAILED" 412 "The resource has changed since it was read.";
    RequestTooLarge "REQUEST_TOO_LARGE" 413 "The body is larger than allowed here.";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" 415 "The body's media type is not taken here.";
    Misdirected "MISDIRECTED" 421 "This process does not own that part of the shop at that epoch.";
    ValidationFailed "VALIDATION_FAILED" 422 "A field has a value that is not allowed.";
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" 422 "The Idempotency-Key was used with another request.";
    InsufficientStock "INSUFFICIENT_STOCK" 422 "There is not enough stock.";
    NotForSale "NOT_FOR_SALE" 422 "The variant is not sold, or not in this currency.";
    CurrencyMismatch "CURRENCY_MISMATCH" 422 "The amounts are in different currencies.";
    ReviewNotAllowed "REVIEW_NOT_ALLOWED" 422 "Only a product that was bought can be reviewed.";
    PreconditionRequired "PRECONDITION_REQUIRED" 428 "This request needs an If-Match header.";
    // 429, 5xx: not your fault, or not only.
    RateLimited "RATE_LIMITED" 429 "Too many requests; try again later.";
    Internal "INTERNAL" 500 "Something went wrong here.";
    UpstreamFailed "UPSTREAM_FAILED" 502 "The application behind this address gave no usable answer.";
    ModuleUnavailable "MODULE_UNAVAILABLE" 503 "A part of the shop is unavailable; try again later.";
    Overloaded "OVERLOADED" 503 "Too much work is waiting; try again later.";
    ModuleTimeout "MODULE_TIMEOUT" 504 "A part of the shop did not answer in time.";
}

// === impl Detail ===

impl Detail {
    /// A detail about one field.
    pub fn of(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), message: message.into(), actual: None }
    }

    /// The same, with a value that helps.
    pub fn with(self, actual: impl ToString) -> Self {
        Self { actual: Some(actual.to_string()), ..self }
    }
}

// === impl ErrorCode ===

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ErrorCode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|code| code.name() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_in_the_one_way() {
        for code in ErrorCode::ALL {
            let name = code.name();
            assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{name}");
            assert_eq!(name.replace('_', "").to_lowercase(), format!("{code:?}").to_lowercase());
            assert!((400..600).contains(&code.status()), "{name}");
            assert!(code.title().ends_with('.'), "{name}");
            assert_eq!(name.parse(), Ok(*code));
        }
    }
}
