//! The contract definition.

/// One method of a contract, as a wire or a retry policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Name of the trait's method.
    pub name: &'static str,
    /// Whether executing it twice has the effect of executing it once, so that an unknown outcome may be retried.
    pub idempotent: bool,
}

/// Implemented by [`contract!`](crate::contract!) for the trait object of every contract.
pub trait Contract: Send + Sync + 'static {
    /// The contract's own error.
    type Error: std::error::Error + Send + Sync + 'static;
    /// Name of the module.
    const MODULE: &'static str;
    /// Raised when a change is not additive; a node refuses a peer with another version.
    const VERSION: u32;
    /// Every method, in the order of the trait.
    const METHODS: &'static [Method];
}

/// Defines a module's internal interface.
///
/// Each method takes one message and gives one message; the call context comes first and is not written out. A method
/// is either an `idempotent fn` or a plain `fn`. It expands to nothing more than an
/// [`async_trait`](https://docs.rs/async-trait) with these signatures and a [`Contract`] impl:
///
/// ```text
/// async fn greet(&self, context: CallContext, request: Greet) -> Result<Greeting, CallError<GreetError>>;
/// ```
#[macro_export]
macro_rules! contract {
    (
        $(#[$meta:meta])*
        pub trait $trait:ident: $module:literal, version $version:literal, error $error:ty {
            $($methods:tt)*
        }
    ) => {
        $crate::contract!(@trait [$(#[$meta])*] $trait, $error, [] $($methods)*);

        impl $crate::Contract for dyn $trait {
            type Error = $error;
            const MODULE: &'static str = $module;
            const VERSION: u32 = $version;
            const METHODS: &'static [$crate::Method] = $crate::contract!(@table [] $($methods)*);
        }
    };

    // The trait: one signature after another, whatever the declared idempotency.
    (@trait [$($head:tt)*] $trait:ident, $error:ty, [$($done:tt)*]
        $(#[$doc:meta])* idempotent fn $name:ident($request:ty) -> $response:ty; $($rest:tt)*) => {
        $crate::contract!(@trait [$($head)*] $trait, $error, [$($done)* $(#[$doc])* fn $name($request) -> $response;] $($rest)*);
    };
    (@trait [$($head:tt)*] $trait:ident, $error:ty, [$($done:tt)*]
        $(#[$doc:meta])* fn $name:ident($request:ty) -> $response:ty; $($rest:tt)*) => {
        $crate::contract!(@trait [$($head)*] $trait, $error, [$($done)* $(#[$doc])* fn $name($request) -> $response;] $($rest)*);
    };
    (@trait [$($head:tt)*] $trait:ident, $error:ty,
        [$($(#[$doc:meta])* fn $name:ident($request:ty) -> $response:ty;)*]) => {
        $($head)*
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
    };

    // The method table.
    (@table [$($done:tt)*] $(#[$doc:meta])* idempotent fn $name:ident($request:ty) -> $response:ty; $($rest:tt)*) => {
        $crate::contract!(@table [$($done)* $crate::Method { name: stringify!($name), idempotent: true },] $($rest)*)
    };
    (@table [$($done:tt)*] $(#[$doc:meta])* fn $name:ident($request:ty) -> $response:ty; $($rest:tt)*) => {
        $crate::contract!(@table [$($done)* $crate::Method { name: stringify!($name), idempotent: false },] $($rest)*)
    };
    (@table [$($done:tt)*]) => { &[$($done)*] };
}
