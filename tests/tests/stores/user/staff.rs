//! What staff do with the accounts of others.

use std::collections::HashSet;

use actix_web::FromRequest as _;
use actix_web::dev::Payload;
use actix_web::test::TestRequest;
use kernel::http::{IfMatch, Paging};
use kernel::store::StoreUrl;
use kernel::{CallError, Role, UserId};
use system_tests::on_every_engine;
use user::{Error, Profile, Seeded, Service, UserFilter};
use user_contract::UserError;

use super::{at_once, context, enter, first_page, log_in, open, register, sample};

on_every_engine! {
    async fn a_disabled_account_is_locked_out_and_unknown_to_others(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = register(service, "ada@example.org").await;
        let (tokens, principal) = enter(&module, "ada@example.org").await;
        assert_eq!(module.contract().get_user(context(), id).await.unwrap().name, "Ada");

        let disabled = service.set_disabled(id, true, if_match(1)).await.unwrap();
        assert!(disabled.disabled && disabled.version == 2);
        assert!(matches!(service.alive(principal).await, Err(Error::TokenInvalid)));
        assert!(matches!(service.refresh(&tokens.refresh_token).await, Err(Error::TokenInvalid)));
        assert!(matches!(log_in(service, "ada@example.org").await, Err(Error::InvalidCredentials)));
        assert_eq!(module.contract().get_user(context(), id).await, Err(CallError::Refused(UserError::NotFound)));

        service.set_disabled(id, false, if_match(2)).await.unwrap();
        log_in(service, "ada@example.org").await.unwrap();
    }

    async fn one_operator_always_stays(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        assert_eq!(module.seed(&sample()).await.unwrap(), Seeded { customer: true, operator: true });
        assert_eq!(module.seed(&sample()).await.unwrap(), Seeded { customer: false, operator: false });
        let first = operators(service).await.remove(0);
        let refused = service.set_roles(first, vec![Role::Support], if_match(1)).await;
        assert!(matches!(refused, Err(Error::LastOperator)), "{refused:?}");
        let refused = service.set_disabled(first, true, if_match(1)).await;
        assert!(matches!(refused, Err(Error::LastOperator)), "{refused:?}");

        // Two operators who take each other's role at the same moment: one of them comes too late.
        let second = register(service, "second@example.org").await;
        service.set_roles(second, vec![Role::Operator], if_match(1)).await.unwrap();
        let results = at_once(2, |number| {
            let (service, id) = (service.clone(), if number == 0 { first } else { second });
            async move { service.set_roles(id, vec![], any()).await }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        assert!(results.iter().any(|result| matches!(result, Err(Error::LastOperator))), "{results:?}");
        assert_eq!(operators(service).await.len(), 1);
    }

    async fn a_change_of_what_was_not_read_is_refused(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = register(service, "ada@example.org").await;
        let profile = Profile::parse(Some("Ada Lovelace")).unwrap();
        assert_eq!(service.change_profile(id, profile).await.unwrap().version, 2);
        let refused = service.set_roles(id, vec![Role::Catalog], if_match(1)).await;
        assert!(matches!(refused, Err(Error::Changed)), "{refused:?}");
        let user = service.set_roles(id, vec![Role::Support, Role::Catalog], if_match(2)).await.unwrap();
        assert_eq!((user.version, user.roles), (3, vec![Role::Support, Role::Catalog]));
        let missing = service.set_roles(UserId::new(), vec![], any()).await;
        assert!(matches!(missing, Err(Error::UserNotFound)), "{missing:?}");
    }

    async fn a_role_that_was_taken_away_is_gone_at_once(url: StoreUrl) {
        let module = open(&url);
        module.seed(&sample()).await.unwrap();
        let (_, principal) = enter(&module, "operator@example.org").await;
        assert_eq!(principal.roles, [Role::Operator]);
        let second = register(module.service(), "second@example.org").await;
        module.service().set_roles(second, vec![Role::Operator], any()).await.unwrap();
        module.service().set_roles(principal.user_id, vec![Role::Support], any()).await.unwrap();
        let alive = module.service().alive(principal).await.unwrap();
        assert!(alive.roles.is_empty(), "neither the old role, nor the new one that the token does not name");
    }

    async fn a_walk_over_the_accounts_meets_each_once_while_others_register(url: StoreUrl) {
        let service = open(&url).service().clone();
        let mut known = HashSet::new();
        for number in 0..25 {
            known.insert(register(&service, &format!("user{number}@example.org")).await);
        }
        let (mut met, mut after) = (Vec::new(), None);
        loop {
            let rows = service.users(UserFilter::default(), Paging { limit: 10, after }).await.unwrap();
            let (page, more) = (rows.iter().take(10), rows.len() > 10);
            met.extend(page.map(|user| user.id));
            register(&service, &format!("later{}@example.org", met.len())).await;
            if !more { break }
            after = met.last().copied();
        }
        assert!(met.is_sorted_by(|earlier, later| earlier > later), "newest first");
        assert_eq!(met.into_iter().collect::<HashSet<_>>(), known);
    }

    async fn accounts_are_found_by_part_of_name_or_address_and_by_role(url: StoreUrl) {
        let module = open(&url);
        module.seed(&sample()).await.unwrap();
        register(module.service(), "per_cent@example.org").await;
        let find = |text: Option<&str>, role| {
            let filter = UserFilter { text: text.map(str::to_owned), role };
            let service = module.service().clone();
            async move {
                let users = service.users(filter, first_page(10)).await.unwrap();
                users.into_iter().map(|user| user.email).collect::<Vec<_>>()
            }
        };
        assert_eq!(find(Some("OPERATOR@"), None).await, ["operator@example.org"]);
        assert_eq!(find(Some("clara"), None).await, ["customer@example.org"]);
        assert_eq!(find(Some("r_c"), None).await, ["per_cent@example.org"], "an underscore is an underscore");
        assert_eq!(find(Some("%"), None).await, Vec::<String>::new());
        assert_eq!(find(None, Some(Role::Operator)).await, ["operator@example.org"]);
        assert_eq!(find(Some("clara"), Some(Role::Operator)).await, Vec::<String>::new());
    }
}

async fn operators(service: &Service) -> Vec<UserId> {
    let filter = UserFilter { role: Some(Role::Operator), ..UserFilter::default() };
    service.users(filter, first_page(10)).await.unwrap().iter().map(|user| user.id).collect()
}

fn if_match(version: i32) -> IfMatch {
    matching(&format!("\"v{version}\""))
}

fn any() -> IfMatch {
    matching("*")
}

fn matching(tags: &str) -> IfMatch {
    let request = TestRequest::default().insert_header(("if-match", tags)).to_http_request();
    IfMatch::from_request(&request, &mut Payload::None).into_inner().unwrap()
}
