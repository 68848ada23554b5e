//! Which name somebody may have meant.

use crate::rules::similar;

/// `did you mean …?` when a candidate is near, else all candidates when they are few.
pub(super) fn remedy(wanted: &str, candidates: &[&str]) -> String {
    if let Some(name) = nearest(wanted, candidates) {
        return format!("did you mean `{name}`?");
    }
    const SHOWN: usize = 12;
    let listed: Vec<_> = candidates
        .iter()
        .take(SHOWN)
        .map(|n| format!("`{n}`"))
        .collect();
    let more = if candidates.len() > SHOWN {
        ", …"
    } else {
        ""
    };
    format!("there are {}{more}", listed.join(", "))
}

/// The candidate that is near enough to be meant.
pub(super) fn nearest<'a>(wanted: &str, candidates: &[&'a str]) -> Option<&'a str> {
    similar::nearest(wanted, candidates.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_else_all() {
        let names = ["status", "amount", "id"];
        assert_eq!(remedy("stauts", &names), "did you mean `status`?");
        assert_eq!(remedy("ID", &names), "did you mean `id`?");
        assert_eq!(
            remedy("colour", &names),
            "there are `status`, `amount`, `id`"
        );
    }
}
