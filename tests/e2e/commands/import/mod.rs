//! `tributary import`: what it prints can be applied as it is, and adopting it writes nothing but the owner tag.

mod aws;
mod fixture;

use fixture::Fixture;

/// Each folder of `tests/fixtures/import`, so that one that is added is not forgotten here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_plan_after_an_import_is_empty() {
    let mut fixtures = fixture::all();
    if let Ok(only) = std::env::var("IMPORT_FIXTURE") {
        fixtures.retain(|name| name.contains(&only));
    } else {
        assert!(fixtures.len() >= 12, "{fixtures:?}");
    }
    let mut failed = Vec::new();
    for name in fixtures {
        let fixture = name.clone();
        let run = tokio::spawn(async move { Fixture::new(&fixture).imports_and_adopts().await });
        if run.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
