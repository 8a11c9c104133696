//! The ids that cross module boundaries. Ids that stay inside one module are defined there.

use crate::{Id, IdKind};

macro_rules! names {
    ($($kind:ident $id:ident $prefix:literal $doc:literal;)+) => {$(
        #[doc = concat!("Kind of [`", stringify!($id), "`].")]
        pub enum $kind {}
        impl IdKind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        #[doc = $doc]
        pub type $id = Id<$kind>;
    )+};
}

names! {
    UserKind UserId "usr" "Names an account.";
    SessionKind SessionId "ses" "Names one login of an account: the family of its refresh tokens.";
    ProductKind ProductId "prd" "Names a product.";
    VariantKind VariantId "var" "Names a variant of a product: what is priced, stocked and sold.";
    ReservationKind ReservationId "rsv" "Names a hold on stock. The holder makes it, so that asking again is the same hold.";
    CartKind CartId "crt" "Names a cart.";
    OrderKind OrderId "ord" "Names an order.";
}
