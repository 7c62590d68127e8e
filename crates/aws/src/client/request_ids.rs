//! The IDs that AWS gave to the requests of a future, for the audit log. Support and CloudTrail find a call by them.

use std::{cell::RefCell, future::Future};

use aws_smithy_runtime_api::http::Headers;

/// Headers that may have the ID, by protocol. Source: AWS SDK for Rust, `aws_types::request_id`.
const HEADERS: [&str; 3] = ["x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id"];
/// Maximum number of IDs that are kept: a write makes a few reads at most.
const MOST: usize = 16;

tokio::task_local! {
    static IDS: RefCell<Vec<String>>;
}

/// Runs the future. Returns its output, and the request IDs that AWS answered with meanwhile, in order.
pub async fn with_request_ids<F: Future>(future: F) -> (F::Output, Vec<String>) {
    let noted = async {
        let output = future.await;
        (output, IDS.with(RefCell::take))
    };
    IDS.scope(RefCell::default(), noted).await
}

/// Notes the request ID of an answer, if somebody wants to know.
pub(crate) fn note(headers: &Headers) {
    if let Some(id) = HEADERS.iter().find_map(|name| headers.get(*name)) {
        let _ = IDS.try_with(|ids| {
            let mut ids = ids.borrow_mut();
            if ids.len() < MOST {
                ids.push(id.to_owned());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: &'static str) {
        let mut headers = Headers::new();
        headers.insert(HEADERS[0], id);
        note(&headers);
    }

    #[tokio::test]
    async fn ids_are_those_of_the_future() {
        answer("before");
        let (first, second) = tokio::join!(
            with_request_ids(async {
                answer("a");
                tokio::task::yield_now().await;
                answer("b");
                1
            }),
            with_request_ids(async { answer("c") }),
        );
        assert_eq!(first, (1, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(second.1, ["c"]);
    }

    #[tokio::test]
    async fn a_loop_keeps_a_bounded_number() {
        let ((), ids) = with_request_ids(async { (0..1000).for_each(|_| answer("x")) }).await;
        assert_eq!(ids.len(), MOST);
    }
}
