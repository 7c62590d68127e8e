//! Cuts entries into calls. Pure.

use tributary_aws::LARGEST_CALL;

/// Cuts the entries, in their order, into calls of at most `limit` entries and [`LARGEST_CALL`] bytes.
pub(crate) fn batches<T: Copy>(entries: &[(T, usize)], limit: usize) -> Vec<Vec<T>> {
    let mut all: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for &(entry, size) in entries {
        match all.last_mut() {
            Some(batch) if batch.len() < limit && bytes + size <= LARGEST_CALL => {
                batch.push(entry);
                bytes += size;
            }
            _ => {
                all.push(vec![entry]);
                bytes = size;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use tributary_aws::{Entry, MOST_ENTRIES};

    fn lengths(sizes: &[usize], limit: usize) -> Vec<usize> {
        let entries: Vec<_> = sizes.iter().enumerate().map(|(index, size)| (index, *size)).collect();
        let all = batches(&entries, limit);
        assert_eq!(all.concat(), (0..sizes.len()).collect::<Vec<_>>(), "all of them, in order");
        all.iter().map(Vec::len).collect()
    }

    #[test]
    fn ten_entries_and_a_megabyte_are_the_most() {
        assert_eq!(lengths(&[1; 25], MOST_ENTRIES), [10, 10, 5]);
        assert_eq!(lengths(&[LARGEST_CALL / 2; 3], MOST_ENTRIES), [2, 1]);
        assert_eq!(lengths(&[LARGEST_CALL, 1, LARGEST_CALL - 1, 1], MOST_ENTRIES), [1, 2, 1]);
        assert_eq!(lengths(&[1; 3], 1), [1, 1, 1]);
        assert_eq!(lengths(&[], MOST_ENTRIES), [0; 0]);
    }

    #[test]
    fn the_size_is_what_aws_counts() {
        let mut entry = Entry {
            bus: "a long name".into(),
            source: "é".into(),
            detail_type: "ab".into(),
            detail: "{}".into(),
            time: None,
            resources: vec!["r".into(), "rr".into()],
            trace_header: Some("t".into()),
        };
        assert_eq!(entry.size(), 2 + 2 + 2 + 3);
        entry.time = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(entry.size(), 9 + 14);
    }
}
