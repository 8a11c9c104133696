//! The contract definition: from one text the trait, the method table, the remote stub and the dispatch of its server.

use std::sync::Arc;

use kernel_types::CallContext;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Reply, Stub};

/// One method of a contract, as a wire or a retry policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Name of the trait's method, and the last segment of its address on the wire.
    pub name: &'static str,
    /// Whether executing it twice has the effect of executing it once, so that an unknown outcome may be retried.
    pub idempotent: bool,
    /// Type of the request message, as the contract writes it.
    pub request: &'static str,
    /// Type of the response message, as the contract writes it.
    pub response: &'static str,
}

/// Implemented by [`contract!`](crate::contract!) for the trait object of every contract.
#[async_trait::async_trait]
pub trait Contract: Send + Sync + 'static {
    /// The contract's own error.
    type Error: std::error::Error + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Name of the module.
    const MODULE: &'static str;
    /// Raised when a change is not additive; a node refuses a peer with another version.
    const VERSION: u32;
    /// Every method, in the order of the trait.
    const METHODS: &'static [Method];

    /// Decodes the request of `method` from `body` (JSON), calls `target` with it and encodes what came of it.
    ///
    /// A method that does not exist, or a body that is not its request, is [`Reply::Malformed`]: nothing was executed.
    async fn dispatch(target: &Self, method: &str, context: CallContext, body: &[u8]) -> Reply;

    /// The stub as what callers hold, so that it can be placed in a [`Handle`](crate::Handle).
    fn remote(stub: Stub<Self>) -> Arc<Self>;

    /// Shows `visitor` the type of every message: each method's request and response, then the error.
    fn messages<V: MessageVisitor>(visitor: &mut V);
}

/// Is shown every message type of a contract, by [`Contract::messages`]. A type may come more than once.
pub trait MessageVisitor {
    /// The message type `T`, which the contract writes as `name`.
    fn message<T: Serialize + DeserializeOwned>(&mut self, name: &'static str);
}

/// Defines a module's internal interface.
///
/// Each method takes one message and gives one message; the call context comes first and is not written out. A method
/// is either an `idempotent fn` or a plain `fn`. It expands to an [`async_trait`](https://docs.rs/async-trait) with these
/// signatures, which a local placement implements and nothing else comes between:
///
/// ```text
/// async fn greet(&self, context: CallContext, request: Greet) -> Result<Greeting, CallError<GreetError>>;
/// ```
///
/// and to the remote half, which is no more than the same list twice: an implementation of the trait for
/// [`Stub`](crate::Stub) that sends each request to `POST /_internal/{module}/{method}` as JSON, and a `match` over the
/// methods' names ([`Contract::dispatch`]) that decodes, calls and encodes. [`wire`](crate::wire) describes the messages
/// and headers.
#[macro_export]
macro_rules! contract {
    (
        $(#[$meta:meta])*
        pub trait $trait:ident: $module:literal, version $version:literal, error $error:ty {
            $($methods:tt)*
        }
    ) => {
        $crate::contract!(@methods [[$(#[$meta])*] $trait, $module, $version, $error] [] $($methods)*);
    };

    // One method after another becomes `[whether idempotent] fn …`, the form that can be repeated over.
    (@methods $head:tt [$($done:tt)*]
        $(#[$doc:meta])* idempotent fn $name:ident($request:ty) -> $response:ty; $($rest:tt)*) => {
        $crate::contract!(@methods $head [$($done)* $(#[$doc])* [true] fn $name($request) -> $response;] $($rest)*);
    };
    (@methods $head:tt [$($done:tt)*]
        $(#[$doc:meta])* fn $name:ident($request:ty) -> $response:ty; $($rest:tt)*) => {
        $crate::contract!(@methods $head [$($done)* $(#[$doc])* [false] fn $name($request) -> $response;] $($rest)*);
    };

    (@methods [[$($meta:tt)*] $trait:ident, $module:literal, $version:literal, $error:ty]
        [$($(#[$doc:meta])* [$idempotent:literal] fn $name:ident($request:ty) -> $response:ty;)*]) => {
        $($meta)*
        #[$crate::__private::async_trait]
        pub trait $trait: Send + Sync + 'static {
            $(
                $(#[$doc])*
                async fn $name(
                    &self,
                    context: $crate::__private::CallContext,
                    request: $request,
                ) -> Result<$response, $crate::__private::CallError<$error>>;
            )*
        }

        #[$crate::__private::async_trait]
        impl $crate::Contract for dyn $trait {
            type Error = $error;
            const MODULE: &'static str = $module;
            const VERSION: u32 = $version;
            const METHODS: &'static [$crate::Method] = &[$($crate::Method {
                name: stringify!($name),
                idempotent: $idempotent,
                request: stringify!($request),
                response: stringify!($response),
            }),*];

            async fn dispatch(
                target: &Self,
                method: &str,
                context: $crate::__private::CallContext,
                body: &[u8],
            ) -> $crate::Reply {
                match method {
                    $(stringify!($name) => {
                        $crate::__private::answer(body, |request| target.$name(context, request)).await
                    })*
                    unknown => $crate::__private::no_such_method(unknown),
                }
            }

            fn remote(stub: $crate::Stub<Self>) -> ::std::sync::Arc<Self> {
                ::std::sync::Arc::new(stub)
            }

            fn messages<V: $crate::MessageVisitor>(visitor: &mut V) {
                $(
                    visitor.message::<$request>(stringify!($request));
                    visitor.message::<$response>(stringify!($response));
                )*
                visitor.message::<$error>(stringify!($error));
            }
        }

        #[$crate::__private::async_trait]
        impl $trait for $crate::Stub<dyn $trait> {
            $(
                async fn $name(
                    &self,
                    context: $crate::__private::CallContext,
                    request: $request,
                ) -> Result<$response, $crate::__private::CallError<$error>> {
                    self.remote().call(stringify!($name), $idempotent, context, request).await
                }
            )*
        }
    };
}
