//! Versions of events as numbers.

/// The number of a version: `v2` is 2. `None` when it is not `v` and a number.
pub(crate) fn version_number(version: &str) -> Option<u32> {
    let digits = version.strip_prefix('v')?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
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
}
