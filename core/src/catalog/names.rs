//! Names of events: versions as numbers, and names that look alike.

/// The number of a version: `v2` is 2. `None` when it is not `v` and a number.
pub(crate) fn version_number(version: &str) -> Option<u32> {
    let digits = version.strip_prefix('v')?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Up to five of `candidates` that somebody who wrote `wanted` may have meant, the nearest first.
pub(crate) fn similar<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|name| Some((distance(&wanted, &name.to_lowercase())?, name)))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(5)
        .map(|(_, n)| n.to_owned())
        .collect()
}

/// How far two names are apart; `None` when too far to be meant.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let edits = strsim::damerau_levenshtein(wanted, name);
    let allowed = (wanted.chars().count() / 3).max(2);
    let part_of = wanted.len() >= 3 && name.contains(wanted);
    (edits <= allowed || part_of).then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_behind_a_v() {
        assert_eq!(version_number("v1"), Some(1));
        assert_eq!(version_number("v12"), Some(12));
        for wrong in ["", "v", "1", "v1.2", "v+1", "V1", "v99999999999"] {
            assert_eq!(version_number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_nearest_name_comes_first_and_strangers_stay_away() {
        let names = ["order.paid", "order.padded", "user.created"];
        assert_eq!(similar("order.payd", names), ["order.paid", "order.padded"]);
        assert_eq!(similar("OrderPaid", ["OrderPaid"]), ["OrderPaid"]);
        assert_eq!(similar("paid", names), ["order.paid"]);
        assert!(similar("invoice.sent", names).is_empty());
    }
}
