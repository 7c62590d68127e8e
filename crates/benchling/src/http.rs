//! Requests with a time limit and answers of a bounded size. Errors contain neither URL nor headers.

use std::time::Duration;

use reqwest::header::HeaderMap;

/// Maximum size of a small answer, such as a token or a key set, in bytes.
pub(crate) const SMALL_ANSWER: usize = 64 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Returns a client that follows no redirect: a redirect could carry credentials to another host.
///
/// # Errors
/// TLS cannot be set up in this process.
pub(crate) fn client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Sends the request and reads an answer of at most `limit` bytes.
///
/// # Errors
/// The reason why there is no answer, as text.
pub(crate) async fn send(request: reqwest::RequestBuilder, limit: usize) -> Result<Answer, String> {
    let mut response = request.send().await.map_err(describe)?;
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(describe)? {
        body.extend_from_slice(&part);
        if body.len() > limit {
            return Err(format!("the answer is larger than {limit} bytes"));
        }
    }
    Ok(Answer { status, headers, body })
}

fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer within the time limit".to_owned();
    }
    innermost_cause(&error.without_url())
}

/// Returns the innermost cause, such as `Connection refused`.
fn innermost_cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
