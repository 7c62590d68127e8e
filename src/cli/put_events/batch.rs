//! How many entries go into one call. Pure.

use crate::aws::Entry;

/// Entries in one call (AWS API reference, `PutEvents`).
pub const MOST: usize = 10;
/// Bytes in one call: 1 MB, since January 2026 (EventBridge user guide, "Calculating `PutEvents` event entry size").
pub const LIMIT: usize = 1 << 20;
/// What a time counts, however it is written (same page).
const TIME: usize = 14;

/// Bytes that the entry counts: time, source, detail type, detail and each resource (same page). Bus and trace header count nothing.
pub fn size(entry: &Entry) -> usize {
    let resources: usize = entry.resources.iter().map(String::len).sum();
    entry.time.map_or(0, |_| TIME) + entry.source.len() + entry.detail_type.len() + entry.detail.len() + resources
}

/// Cuts the entries, in their order, into calls of at most `most` of them.
pub fn batches<T: Copy>(entries: &[(T, usize)], most: usize) -> Vec<Vec<T>> {
    let (mut all, mut bytes): (Vec<Vec<T>>, usize) = (Vec::new(), 0);
    for &(entry, size) in entries {
        match all.last_mut() {
            Some(batch) if batch.len() < most && bytes + size <= LIMIT => {
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

    fn lengths(sizes: &[usize], most: usize) -> Vec<usize> {
        let entries: Vec<_> = sizes.iter().enumerate().map(|(index, size)| (index, *size)).collect();
        let all = batches(&entries, most);
        assert_eq!(all.concat(), (0..sizes.len()).collect::<Vec<_>>(), "all of them, in order");
        all.iter().map(Vec::len).collect()
    }

    #[test]
    fn ten_entries_and_a_megabyte_are_the_most() {
        assert_eq!(lengths(&[1; 25], MOST), [10, 10, 5]);
        assert_eq!(lengths(&[LIMIT / 2; 3], MOST), [2, 1]);
        assert_eq!(lengths(&[LIMIT, 1, LIMIT - 1, 1], MOST), [1, 2, 1]);
        assert_eq!(lengths(&[1; 3], 1), [1, 1, 1]);
        assert_eq!(lengths(&[], MOST), [0; 0]);
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
        assert_eq!(size(&entry), 2 + 2 + 2 + 3);
        entry.time = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(size(&entry), 9 + 14);
    }
}
