//! `total_count` is text on some of upstream's pages. Callers get a number; the rest of the page
//! passes as it came.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    total_count: Option<&'a RawValue>,
}

/// The page with its count as a number; `None` if there is nothing to change.
pub fn with_numeric_total_count(page: &[u8]) -> Option<Vec<u8>> {
    let Page { total_count } = serde_json::from_slice(page).ok()?;
    let raw = total_count?.get();
    let count: u64 = raw.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    // What was read is a part of the page.
    let at = raw.as_ptr().addr().checked_sub(page.as_ptr().addr())?;
    let (before, rest) = page.split_at_checked(at)?;
    let (_, after) = rest.split_at_checked(raw.len())?;
    Some([before, count.to_string().as_bytes(), after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_number_and_nothing_else_changes() {
        let page = br#"{ "data": [{"total_count":"7"}], "total_count" : "12" , "x": 1.50 }"#;
        let told = with_numeric_total_count(page).unwrap();
        let expected = br#"{ "data": [{"total_count":"7"}], "total_count" : 12 , "x": 1.50 }"#;
        assert_eq!(told, expected);
        for page in [
            &br#"{"total_count":12,"data":[]}"#[..],
            br#"{"data":[]}"#,
            br#"{"total_count":"many"}"#,
            b"[]",
            b"",
        ] {
            assert_eq!(with_numeric_total_count(page), None);
        }
    }
}
