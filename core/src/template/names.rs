//! Which name somebody may have meant.

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

/// The candidate that is at most a third of its letters (or two) away.
pub(super) fn nearest<'a>(wanted: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let allowed = (wanted.chars().count() / 3).max(1);
    let lower = wanted.to_lowercase();
    candidates
        .iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&lower, &name.to_lowercase()),
                *name,
            )
        })
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map(|(_, name)| name)
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
