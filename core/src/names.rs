//! Which name somebody may have meant, for the remedy of an error.

/// Up to five of the candidates that somebody who wrote `wanted` may have meant, the nearest first.
///
/// Letter case does not count. A third of the letters, one to four, may be wrong, missing, too many or exchanged with their
/// neighbour; a part of a name, of three letters or more, finds the whole.
///
/// ```
/// use celerysalt::names::similar;
///
/// assert_eq!(similar("stauts", ["status", "amount"]), ["status"]);
/// assert_eq!(similar("paid", ["order.paid", "order.sent"]), ["order.paid"]);
/// assert!(similar("colour", ["status", "amount"]).is_empty());
/// ```
pub fn similar<'c>(wanted: &str, candidates: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    const AT_MOST: usize = 5;
    // Nobody misspells a name of this length, and comparing takes the product of the lengths.
    const LONGEST: usize = 200;
    let wanted = wanted.to_lowercase();
    let length = wanted.chars().count();
    if length > LONGEST {
        return Vec::new();
    }
    let near = candidates
        .into_iter()
        .filter_map(|name| Some((distance(&wanted, length, &name.to_lowercase())?, name)));
    let mut near: Vec<(usize, &str)> = near.collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(AT_MOST).map(|(_, n)| n).collect()
}

/// The nearest of the names that [`similar`] finds.
pub(crate) fn nearest<'c>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    similar(wanted, candidates).into_iter().next()
}

/// The end of an error's message: ``did you mean `status`?`` when a candidate is [`similar`], else the candidates there are.
///
/// ```
/// use celerysalt::names::remedy;
///
/// assert_eq!(remedy("stauts", ["status", "id"]), "did you mean `status`?");
/// assert_eq!(remedy("colour", ["status", "id"]), "there are `status`, `id`");
/// ```
pub fn remedy<'c>(wanted: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> String {
    const SHOWN: usize = 12;
    if let Some(name) = nearest(wanted, candidates.clone()) {
        return format!("did you mean `{name}`?");
    }
    let mut names = candidates.into_iter();
    let listed: Vec<String> = names
        .by_ref()
        .take(SHOWN)
        .map(|n| format!("`{n}`"))
        .collect();
    let more = if names.next().is_some() { ", …" } else { "" };
    match listed.is_empty() {
        true => "there are none".to_owned(),
        false => format!("there are {}{more}", listed.join(", ")),
    }
}

/// How far two names are apart; `None` when too far to be meant.
fn distance(wanted: &str, length: usize, name: &str) -> Option<usize> {
    let reach = (length / 3).clamp(1, 4);
    let part_of = length >= 3 && name.contains(wanted);
    if !part_of && name.chars().count().abs_diff(length) > reach {
        return None;
    }
    let edits = strsim::damerau_levenshtein(wanted, name);
    (part_of || edits <= reach).then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_name_and_nonsense_finds_none() {
        let names = ["status", "amount", "customer_id"];
        assert_eq!(nearest("stauts", names), Some("status"));
        assert_eq!(nearest("Amount", names), Some("amount"));
        assert_eq!(nearest("customerid", names), Some("customer_id"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn the_nearest_name_comes_first_and_strangers_stay_away() {
        let names = ["order.padded", "order.paid", "user.created"];
        assert_eq!(similar("order.payd", names), ["order.paid", "order.padded"]);
        assert_eq!(similar("OrderPaid", ["OrderPaid"]), ["OrderPaid"]);
        assert_eq!(similar("paid", names), ["order.paid"]);
        assert!(similar("invoice.sent", names).is_empty());
    }

    #[test]
    fn a_name_of_a_megabyte_is_nobodys() {
        let long = "x".repeat(1 << 20);
        assert!(similar(&long, [long.as_str()]).is_empty());
        assert!(similar("status", [long.as_str()]).is_empty());
    }

    #[test]
    fn many_names_are_not_all_told() {
        let names: Vec<String> = (0..20).map(|i| format!("field_number_{i}")).collect();
        let told = remedy("colour", names.iter().map(String::as_str));
        assert!(told.ends_with("`field_number_11`, …"), "{told}");
        assert_eq!(remedy("x", []), "there are none");
    }
}
