//! Accounts.

use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Role, Timestamp, UserId};

use super::roles;
use crate::domain::{PersonName, User};
use crate::schema::{user_roles, users};

/// An account as it is stored. No `Debug`: it holds the password's hash.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub(crate) struct Row {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) email_key: String,
    pub(crate) name: String,
    pub(crate) name_key: String,
    pub(crate) password_hash: String,
    pub(crate) disabled: bool,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Which accounts to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Part of the e-mail address or the name.
    pub(crate) text: Option<String>,
    /// Only those with the role.
    pub(crate) role: Option<Role>,
}

/// Adds an account. `false` if its e-mail address is taken.
pub(crate) fn insert(tx: &mut Tx<'_>, row: &Row) -> Result<bool, StoreError> {
    let insert = diesel::insert_into(users::table).values(row).on_conflict_do_nothing();
    Ok(on_each!(tx, conn => insert.execute(conn))? == 1)
}

pub(crate) fn find(db: &mut Db, id: UserId) -> Result<Option<Row>, StoreError> {
    Ok(on_each!(db, conn => users::table.find(id).select(Row::as_select()).first(conn).optional())?)
}

pub(crate) fn find_by_email(db: &mut Db, email_key: &str) -> Result<Option<Row>, StoreError> {
    let with_email = users::table.filter(users::email_key.eq(email_key));
    Ok(on_each!(db, conn => with_email.select(Row::as_select()).first(conn).optional())?)
}

/// The account with its roles; two statements.
pub(crate) fn load(db: &mut Db, id: UserId) -> Result<Option<User>, StoreError> {
    let Some(row) = find(db, id)? else { return Ok(None) };
    let roles = roles::of_user(db, id)?;
    Ok(Some(row.into_user(roles)))
}

/// Accounts from the newest to the oldest, beginning after `after`; two statements, however many.
pub(crate) fn list(
    db: &mut Db,
    filter: &Filter,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let pattern = filter.text.as_deref().map(|text| format!("%{}%", escaped(&text.to_lowercase())));
    let rows: Vec<Row> = on_each!(db, conn => {
        let mut query = users::table.select(Row::as_select()).order(users::id.desc()).limit(limit).into_boxed();
        if let Some(after) = after {
            query = query.filter(users::id.lt(after));
        }
        if let Some(pattern) = &pattern {
            let in_email = users::email_key.like(pattern.clone()).escape('\\');
            query = query.filter(in_email.or(users::name_key.like(pattern.clone()).escape('\\')));
        }
        if let Some(role) = filter.role {
            let having = user_roles::table.filter(user_roles::role.eq(role.name())).select(user_roles::user_id);
            query = query.filter(users::id.eq_any(having));
        }
        query.load(conn)
    })?;
    let ids: Vec<UserId> = rows.iter().map(|row| row.id).collect();
    let mut roles = roles::of_users(db, &ids)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let roles = roles.remove(&row.id).unwrap_or_default();
            row.into_user(roles)
        })
        .collect())
}

/// Gives the account another name.
pub(crate) fn rename(
    tx: &mut Tx<'_>,
    id: UserId,
    name: &PersonName,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = diesel::update(users::table.find(id)).set((
        users::name.eq(name.as_str()),
        users::name_key.eq(name.key()),
        users::version.eq(users::version + 1),
        users::updated_at.eq(now),
    ));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

/// Notes that staff changed something of the account that lies elsewhere.
pub(crate) fn touch(tx: &mut Tx<'_>, id: UserId, now: Timestamp) -> Result<(), StoreError> {
    let change = diesel::update(users::table.find(id))
        .set((users::version.eq(users::version + 1), users::updated_at.eq(now)));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

pub(crate) fn set_disabled(tx: &mut Tx<'_>, id: UserId, disabled: bool) -> Result<(), StoreError> {
    let change = diesel::update(users::table.find(id)).set(users::disabled.eq(disabled));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

/// Replaces the hash if it is still `old`. No client sees a hash, so the version stays.
pub(crate) fn replace_hash(tx: &mut Tx<'_>, id: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
    let unchanged = users::table.find(id).filter(users::password_hash.eq(old));
    let change = diesel::update(unchanged).set(users::password_hash.eq(new));
    Ok(on_each!(tx, conn => change.execute(conn))? == 1)
}

/// Makes `%`, `_` and `\` mean themselves in a `LIKE` pattern.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

// === impl Row ===

impl Row {
    pub(crate) fn into_user(self, roles: Vec<Role>) -> User {
        User {
            id: self.id,
            email: self.email,
            name: self.name,
            roles,
            disabled: self.disabled,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_searched_percent_sign_is_just_a_percent_sign() {
        assert_eq!(escaped(r"50%_a\b"), r"50\%\_a\\b");
    }
}
