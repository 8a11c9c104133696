//! The address book.

use actix_web::http::StatusCode;
use kernel::idempotency::Answer;
use kernel::store::{StoreError, StoreUrl};
use system_tests::on_every_engine;
use user::{Address, AddressPatch, AddressText, Error, NewAddress};

use super::{at_once, first_page, open, register};

on_every_engine! {
    async fn at_most_one_address_is_the_default(url: StoreUrl) {
        let service = open(&url).service().clone();
        let id = register(&service, "ada@example.org").await;
        at_once(10, |number| {
            let service = service.clone();
            async move { service.add_address(id, place(number, true), None, address_answer).await.unwrap() }
        })
        .await;
        let addresses = service.addresses(id, first_page(50)).await.unwrap();
        assert_eq!(addresses.len(), 10);
        assert_eq!(defaults(&addresses).len(), 1);

        at_once(10, |number| {
            let (service, address) = (service.clone(), addresses[number].id);
            let patch = AddressPatch { is_default: Some(true), ..AddressPatch::default() };
            async move { service.change_address(id, address, patch).await.unwrap() }
        })
        .await;
        assert_eq!(defaults(&service.addresses(id, first_page(50)).await.unwrap()).len(), 1);
    }

    async fn an_address_book_is_its_owners_and_holds_fifty(url: StoreUrl) {
        let service = open(&url).service().clone();
        let (ada, bob) = (register(&service, "ada@example.org").await, register(&service, "bob@example.org").await);
        service.add_address(ada, place(0, false), None, address_answer).await.unwrap();
        let first = service.addresses(ada, first_page(10)).await.unwrap().remove(0);
        assert!(first.place.is_default, "the first is the default without being asked");
        let patch = || AddressPatch { city: Some("York".to_owned()), ..AddressPatch::default() };
        assert!(matches!(service.address(bob, first.id).await, Err(Error::AddressNotFound)));
        assert!(matches!(service.change_address(bob, first.id, patch()).await, Err(Error::AddressNotFound)));
        assert!(matches!(service.delete_address(bob, first.id).await, Err(Error::AddressNotFound)));
        assert_eq!(service.change_address(ada, first.id, patch()).await.unwrap().place.city, "York");

        for number in 1..50 {
            service.add_address(ada, place(number, false), None, address_answer).await.unwrap();
        }
        let refused = service.add_address(ada, place(50, false), None, address_answer).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        service.delete_address(ada, first.id).await.unwrap();
        service.add_address(ada, place(51, false), None, address_answer).await.unwrap();
        assert!(defaults(&service.addresses(ada, first_page(50)).await.unwrap()).is_empty());
    }
}

fn address_answer(address: &Address) -> Result<Answer, StoreError> {
    Answer::json(StatusCode::CREATED, &address.id)
}

fn place(number: usize, is_default: bool) -> NewAddress {
    NewAddress::parse(&AddressText {
        name: "Ada".to_owned(),
        line1: format!("{number} Queen Street"),
        city: "London".to_owned(),
        postal_code: "SW1Y 4LB".to_owned(),
        country: "GB".to_owned(),
        is_default,
        ..AddressText::default()
    })
    .unwrap()
}

fn defaults(addresses: &[Address]) -> Vec<&Address> {
    addresses.iter().filter(|address| address.place.is_default).collect()
}
