//! Sends one batch: what may pass is sent again, alone and a few times; what was accepted is never sent twice, nor what may have been.

use std::{collections::VecDeque, future::Future, time::Duration};

use tributary_aws::{Answer, AwsError, Entry, Publisher, Session, may_pass};

/// The one call that is needed here; tests have their own.
pub trait Put {
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Result<Vec<Answer>, AwsError>> + Send;
}

impl Put for Publisher {
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Result<Vec<Answer>, AwsError>> + Send {
        self.put(entries)
    }
}

impl Put for Session {
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Result<Vec<Answer>, AwsError>> + Send {
        self.put(entries)
    }
}

/// How often an entry is sent at most, and how long after the first time; the wait doubles each time.
const TRIES: u32 = 6;
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What became of a whole call that AWS did not answer with 200.
enum Whole {
    /// It did nothing, and may pass.
    Again,
    /// It did nothing because of some of the entries.
    OneByOne,
    /// Each entry has this answer.
    All,
}

/// Sends the entries and gives an answer for each, in their order.
pub async fn send(put: &impl Put, batch: &[&Entry]) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = vec![None; batch.len()];
    let mut queue = VecDeque::from([((0..batch.len()).collect::<Vec<usize>>(), 1)]);
    while let Some((group, nth)) = queue.pop_front() {
        let entries: Vec<_> = group.iter().map(|index| batch[*index]).collect();
        let mut again = Vec::new();
        match put.put(&entries).await {
            Ok(said) if said.len() == group.len() => {
                for (index, answer) in group.into_iter().zip(said) {
                    if answer.as_ref().is_err_and(|(code, _)| may_pass(code)) {
                        again.push(index);
                    }
                    answers[index] = Some(answer);
                }
            }
            Ok(said) => {
                let text =
                    format!("AWS answered for {} of {} entries. It may have been accepted, and is not sent again", said.len(), group.len());
                for index in group {
                    answers[index] = Some(Err(("NoAnswer".into(), text.clone())));
                }
            }
            Err(error) => match whole(&error, &entries) {
                Whole::OneByOne => queue.extend(group.into_iter().map(|index| (vec![index], 1))),
                what => {
                    let answer = refusal(&error);
                    for index in &group {
                        answers[*index] = Some(Err(answer.clone()));
                    }
                    if matches!(what, Whole::Again) {
                        again = group;
                    }
                }
            },
        }
        if !again.is_empty() && nth < TRIES {
            tokio::time::sleep(AGAIN_AFTER * 2_u32.pow(nth - 1)).await;
            queue.push_front((again, nth + 1));
        }
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(("NotSent".into(), "it was not sent".into())))).collect()
}

fn whole(error: &AwsError, entries: &[&Entry]) -> Whole {
    let buses = entries.iter().any(|entry| entry.bus != entries[0].bus);
    match error.code.as_str() {
        _ if error.is_throttled() || error.status >= 500 => Whole::Again,
        "ValidationException" if entries.len() > 1 => Whole::OneByOne,
        "AccessDeniedException" if buses => Whole::OneByOne,
        _ => Whole::All,
    }
}

fn refusal(error: &AwsError) -> (String, String) {
    if error.status == 0 {
        // The request may have come through although no answer did.
        return ("NoAnswer".into(), format!("{}. It may have been accepted, and is not sent again", error.message));
    }
    (error.code.clone(), error.message.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tributary_aws::Events;

    use super::*;

    /// Answers each call with the next of these; writes down what came.
    struct Fake {
        answers: Mutex<VecDeque<Result<Vec<Answer>, AwsError>>>,
        calls: Mutex<Vec<Vec<String>>>,
    }

    impl Put for Fake {
        async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, AwsError> {
            self.calls.lock().unwrap().push(entries.iter().map(|entry| entry.source.clone()).collect());
            let next = self.answers.lock().unwrap().pop_front();
            next.unwrap_or_else(|| Ok(entries.iter().map(|entry| Ok(format!("id-{}", entry.source))).collect()))
        }
    }

    fn error(code: &str, status: u16) -> Result<Vec<Answer>, AwsError> {
        Err(AwsError::answered(Events::PutEvents, code, "m", status))
    }

    fn failed(code: &str) -> Answer {
        Err((code.into(), "m".into()))
    }

    async fn run(answers: Vec<Result<Vec<Answer>, AwsError>>) -> (Vec<String>, Vec<String>) {
        let entry = |source: &str| Entry {
            bus: "b".into(),
            source: source.into(),
            detail_type: "t".into(),
            detail: "{}".into(),
            time: None,
            resources: vec![],
            trace_header: None,
        };
        let (a, b, c) = (entry("a"), entry("b"), entry("c"));
        let fake = Fake { answers: Mutex::new(answers.into()), calls: Mutex::default() };
        let said = send(&fake, &[&a, &b, &c]).await.into_iter().map(|answer| answer.unwrap_or_else(|(code, _)| code)).collect();
        (said, fake.calls.into_inner().unwrap().into_iter().map(|call| call.concat()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_pass_is_sent_again() {
        let first = Ok(vec![Ok("1".into()), failed("ThrottlingException"), failed("MalformedDetail")]);
        let (said, calls) = run(vec![first, Ok(vec![failed("InternalFailure")])]).await;
        assert_eq!(said, ["1", "id-b", "MalformedDetail"]);
        assert_eq!(calls, ["abc", "b", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_did_nothing_is_sent_again_and_one_without_answer_is_not() {
        let (said, calls) = run(vec![error("ThrottlingException", 400), error("InternalException", 500)]).await;
        assert_eq!((said.concat(), calls.concat()), ("id-aid-bid-c".into(), "abcabcabc".into()));
        let (said, calls) = run(vec![error("", 0)]).await;
        assert_eq!((said, calls), (vec!["NoAnswer".to_owned(); 3], vec!["abc".to_owned()]));
        let (said, calls) = run(vec![Ok(vec![Ok("1".into())])]).await;
        assert_eq!((said, calls.len()), (vec!["NoAnswer".to_owned(); 3], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_bad_entry_does_not_keep_the_others_back() {
        let refused = || error("ValidationException", 400);
        let (said, calls) = run(vec![refused(), Ok(vec![Ok("1".into())]), refused()]).await;
        assert_eq!(said, ["1", "ValidationException", "id-c"]);
        assert_eq!(calls, ["abc", "a", "b", "c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_throttled_is_given_up() {
        let (said, calls) = run((0..9).map(|_| error("ThrottlingException", 400)).collect()).await;
        assert_eq!((said, calls.len()), (vec!["ThrottlingException".to_owned(); 3], TRIES as usize));
    }
}
