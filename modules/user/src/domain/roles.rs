//! Who may have which roles.

use kernel::Role;

/// Reads a list of roles: each once, in the order of [`Role::ALL`].
///
/// # Errors
/// Names the first that is no role.
pub(crate) fn parse_roles<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<Role>, String> {
    let mut roles = names
        .into_iter()
        .map(|name| name.parse::<Role>().map_err(|error| format!("{name:?} is {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

/// Whether a change leaves nobody who can give roles. `others` counts the enabled operators besides the one who is changed.
pub(crate) fn loses_last_operator(was_operator: bool, stays_operator: bool, others: i64) -> bool {
    was_operator && !stays_operator && others == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_a_set() {
        let roles = parse_roles(["operator", "support", "operator"]).unwrap();
        assert_eq!(roles, [Role::Support, Role::Operator]);
        assert_eq!(parse_roles([]), Ok(vec![]));
    }

    #[test]
    fn what_is_no_role_is_named() {
        assert!(parse_roles(["support", "king"]).unwrap_err().contains("king"));
    }

    #[test]
    fn only_the_last_enabled_operator_must_stay() {
        assert!(loses_last_operator(true, false, 0));
        assert!(!loses_last_operator(true, false, 1));
        assert!(!loses_last_operator(true, true, 0));
        assert!(!loses_last_operator(false, false, 0));
    }
}
