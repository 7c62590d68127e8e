//! Reads a side from manifests.

use std::path::Path;

use crate::cli::{
    diff::side::Side,
    manifests::{self, Manifests},
};

/// Namespace of objects that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// Returns the objects of a file, a folder or standard input. Replays and backfills run once, and are no part of an environment.
pub(super) fn side(path: &Path) -> Side {
    let manifests = Manifests::new(manifests::read(&[path.to_owned()]), DEFAULT_NAMESPACE);
    let problems = manifests.problems.iter().map(ToString::to_string).collect();
    Side::new(&path.display().to_string(), &manifests.objects, problems)
}
