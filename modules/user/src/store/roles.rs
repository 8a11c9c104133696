//! Staff roles.

use std::collections::HashMap;

use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Role, UserId};

use crate::schema::{user_roles, users};

#[derive(Insertable)]
#[diesel(table_name = user_roles)]
struct Row {
    user_id: UserId,
    role: &'static str,
}

pub(crate) fn of_user(db: &mut Db, user_id: UserId) -> Result<Vec<Role>, StoreError> {
    let names = user_roles::table.filter(user_roles::user_id.eq(user_id)).select(user_roles::role);
    let names: Vec<String> = on_each!(db, conn => names.load(conn))?;
    let mut roles = names.iter().map(|name| parse(name)).collect::<Result<Vec<_>, _>>()?;
    roles.sort_unstable();
    Ok(roles)
}

/// The roles of those who have any.
pub(crate) fn of_users(db: &mut Db, ids: &[UserId]) -> Result<HashMap<UserId, Vec<Role>>, StoreError> {
    let rows = user_roles::table
        .filter(user_roles::user_id.eq_any(ids))
        .select((user_roles::user_id, user_roles::role));
    let rows: Vec<(UserId, String)> = on_each!(db, conn => rows.load(conn))?;
    let mut roles: HashMap<UserId, Vec<Role>> = HashMap::new();
    for (user_id, name) in rows {
        roles.entry(user_id).or_default().push(parse(&name)?);
    }
    roles.values_mut().for_each(|roles| roles.sort_unstable());
    Ok(roles)
}

/// Makes `roles` the roles of the account.
pub(crate) fn replace(tx: &mut Tx<'_>, user_id: UserId, roles: &[Role]) -> Result<(), StoreError> {
    let old = user_roles::table.filter(user_roles::user_id.eq(user_id));
    on_each!(tx, conn => diesel::delete(old).execute(conn))?;
    let rows: Vec<Row> = roles.iter().map(|role| Row { user_id, role: role.name() }).collect();
    on_each!(tx, conn => diesel::insert_into(user_roles::table).values(&rows).execute(conn))?;
    Ok(())
}

/// Enabled operators besides `user_id`.
pub(crate) fn count_other_operators(db: &mut Db, user_id: UserId) -> Result<i64, StoreError> {
    let others = user_roles::table
        .inner_join(users::table)
        .filter(user_roles::role.eq(Role::Operator.name()))
        .filter(users::disabled.eq(false))
        .filter(users::id.ne(user_id));
    Ok(on_each!(db, conn => others.count().get_result(conn))?)
}

fn parse(name: &str) -> Result<Role, StoreError> {
    name.parse().map_err(|error| StoreError::Corrupt(format!("the role {name:?} is {error}")))
}
