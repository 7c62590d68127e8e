//! Lists of objects, read in pages: neither the memory of the API server nor that of a command is filled by one answer.

use std::time::Duration;

use kube::{api::ListParams, core::ObjectList};

/// Objects per request: as many as kubectl asks for.
pub(crate) const PAGE: u32 = 500;
/// How long one page may take. An API server in trouble may accept a connection and never respond.
const LIMIT: Duration = Duration::from_secs(30);

/// Reads all pages, and keeps of each object what `keep` returns. A list that changes so much that the API server cannot continue it
/// (410) is read once more from its start.
///
/// # Errors
/// A page cannot be read, or does not come within 30 s.
pub(crate) async fn list<K, T, F>(page: impl Fn(ListParams) -> F, keep: impl Fn(K) -> T) -> Result<Vec<T>, kube::Error>
where
    K: Clone,
    F: Future<Output = Result<ObjectList<K>, kube::Error>>,
{
    match all(&page, &keep).await {
        Err(kube::Error::Api(status)) if status.code == 410 => all(&page, &keep).await,
        other => other,
    }
}

async fn all<K, T, F>(page: &impl Fn(ListParams) -> F, keep: &impl Fn(K) -> T) -> Result<Vec<T>, kube::Error>
where
    K: Clone,
    F: Future<Output = Result<ObjectList<K>, kube::Error>>,
{
    let (mut kept, mut params) = (Vec::new(), ListParams::default().limit(PAGE));
    loop {
        let answer = tokio::time::timeout(LIMIT, page(params.clone())).await;
        let answer =
            answer.map_err(|_| kube::Error::Service(format!("the API server did not respond within {} s", LIMIT.as_secs()).into()))??;
        kept.extend(answer.items.into_iter().map(keep));
        match answer.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use kube::core::{ListMeta, Status, TypeMeta};

    use super::*;

    fn page(items: Vec<u32>, next: Option<&str>) -> ObjectList<u32> {
        let metadata = ListMeta { continue_: next.map(str::to_owned), ..ListMeta::default() };
        ObjectList { types: TypeMeta::default(), metadata, items }
    }

    #[tokio::test]
    async fn a_list_that_expires_is_read_again_from_its_start() {
        let expired = || Err(kube::Error::Api(Box::new(Status::failure("expired", "Expired").with_code(410))));
        let answers = Mutex::new(vec![Ok(page(vec![3], None)), Ok(page(vec![1, 2], Some("b"))), expired(), Ok(page(vec![1], Some("a")))]);
        let asked = Mutex::new(vec![]);
        let read = |params: ListParams| {
            asked.lock().unwrap().push(params.continue_token.clone());
            let answer = answers.lock().unwrap().pop().unwrap();
            async move { answer }
        };
        assert_eq!(list(read, |item| item).await.unwrap(), [1, 2, 3]);
        assert_eq!(*asked.lock().unwrap(), [None, Some("a".into()), None, Some("b".into())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_does_not_come_is_an_error() {
        let error = list(|_| std::future::pending(), |item: u32| item).await.unwrap_err();
        assert!(error.to_string().contains("did not respond within 30 s"), "{error}");
    }
}
