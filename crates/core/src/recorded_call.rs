//! A call of the AWS API as CloudTrail records it and EventBridge delivers it, and what a service contributes to find its
//! resources. Data only; which objects a call concerns is in `change_events`.
//!
//! Sources: EventBridge user guide, "AWS service events delivered via AWS CloudTrail"; CloudTrail user guide, "CloudTrail record
//! contents for management, data, and network activity events" and "CloudTrail userIdentity element" (docs/aws-facts.md, CT1, CT4
//! and CT5).

use serde::Deserialize;
use serde_json::Value;

use crate::names::Scope;

/// End of the type of the events. It begins with `AWS`, in China with `Amazon` (docs/aws-facts.md, CT1).
pub const DETAIL_TYPE_END: &str = " API Call via CloudTrail";

/// Longest text of a record that is repeated to users, in characters.
const MAX_TEXT: usize = 256;

/// A recorded call.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    /// ID of the account that received the event: 12 digits.
    pub account_id: String,
    /// Region of the call. That of a global service such as IAM is one fixed Region (docs/aws-facts.md, CT6).
    pub region: String,
    /// The service as ARNs name it, such as `events`.
    pub service: String,
    /// Name of the call, without the API version that some services append (docs/aws-facts.md, CT7).
    pub name: String,
    /// Who made the call: the ARN of a principal, or the name of an AWS service.
    pub caller: String,
    /// The user agent of the client.
    pub user_agent: String,
    /// When the call was completed, as RFC 3339 text.
    pub time: String,
    /// ID of the request.
    pub request_id: Option<String>,
    /// The error code of a call that failed.
    pub error_code: Option<String>,
    request: Value,
    response: Value,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "detail-type")]
    detail_type: String,
    account: String,
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_time: String,
    event_source: String,
    event_name: String,
    aws_region: String,
    #[serde(default)]
    user_identity: UserIdentity,
    user_agent: Option<String>,
    #[serde(default)]
    request_parameters: Value,
    #[serde(default)]
    response_elements: Value,
    error_code: Option<String>,
    #[serde(rename = "requestID")]
    request_id: Option<String>,
}

/// All fields are optional, and depend on the type of the identity.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    #[serde(rename = "type")]
    type_: Option<String>,
    arn: Option<String>,
    invoked_by: Option<String>,
    principal_id: Option<String>,
    account_id: Option<String>,
}

impl UserIdentity {
    fn name(self) -> String {
        let Self { type_, arn, invoked_by, principal_id, account_id } = self;
        let found = arn.or(invoked_by).or(principal_id).or(account_id).or(type_);
        found.unwrap_or_else(|| "an unknown caller".to_owned())
    }
}

/// Returns the text as it may be repeated to users: without control characters, and cut.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

/// Returns the name of a call without an API version, such as `AddPermission` for `AddPermission20150331v2`.
fn without_version(name: &str) -> &str {
    let digits = |text: &str| text.len() - text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let base = match name.rsplit_once('v') {
        Some((base, revision)) if !revision.is_empty() && digits(revision) == revision.len() && digits(base) >= 8 => base,
        _ => name,
    };
    let version = digits(base);
    if version >= 8 && version < base.len() { &base[..base.len() - version] } else { name }
}

impl RecordedCall {
    /// Parses an event as EventBridge delivers it.
    ///
    /// # Errors
    /// The text is not such an event. The error says why, without the text.
    pub fn parse(event: &str) -> Result<Self, String> {
        let Envelope { detail_type, account, detail } = serde_json::from_str(event).map_err(|error| {
            // Only the position: the text of the error may repeat parts of the event.
            format!("not an event of CloudTrail (line {}, column {})", error.line(), error.column())
        })?;
        if !detail_type.ends_with(DETAIL_TYPE_END) {
            return Err("not a call of the AWS API".to_owned());
        }
        let service = detail.event_source.split('.').next().unwrap_or_default();
        Ok(Self {
            account_id: account,
            region: detail.aws_region,
            service: printable(service),
            name: printable(without_version(&detail.event_name)),
            caller: printable(&detail.user_identity.name()),
            user_agent: detail.user_agent.unwrap_or_default(),
            time: printable(&detail.event_time),
            request_id: detail.request_id.as_deref().map(printable),
            error_code: detail.error_code.filter(|code| !code.is_empty()),
            request: detail.request_parameters,
            response: detail.response_elements,
        })
    }

    /// Returns the parameter of the request with this name, in any case: CloudTrail writes `UUID` as `uUID`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        text(&self.request, name)
    }

    /// Returns the element of the response with this name, in any case.
    pub fn answer(&self, name: &str) -> Option<&str> {
        text(&self.response, name)
    }

    /// Returns the scope of the call's resources, in this partition.
    pub fn scope<'a>(&'a self, partition: &'a str) -> Scope<'a> {
        Scope { partition, region: &self.region, account_id: &self.account_id }
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let (_, value) = object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().filter(|text| !text.is_empty())
}

/// What a service contributes to find the resources of its recorded calls.
#[derive(Clone, Copy, Debug)]
pub struct ServiceCalls {
    /// The service as ARNs name it, such as `events`.
    pub service: &'static str,
    /// Returns the ARNs of the resources that a call changes.
    pub changed: fn(&RecordedCall, Scope<'_>) -> Vec<String>,
    /// Returns the part of an ARN after the account ID without what differs between ARNs of one resource, such as a version; `None`
    /// for a resource that the entry does not know.
    pub canonical: fn(&str) -> Option<String>,
    /// Returns the part of the ARN of a resource that others share, and on which this one depends: `installation` and the part after
    /// the account ID of this one.
    pub shared: fn(&str, &str) -> Option<String>,
    /// Names of calls that CloudTrail records as management events, that change no configuration and are frequent.
    pub minor: &'static [&'static str],
}

/// For services whose resources share nothing.
pub(crate) fn nothing_shared(_: &str, _: &str) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "values are written in place")]
    fn event(detail: Value) -> String {
        json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.events", "account": "111122223333",
               "region": "eu-west-1", "detail": detail})
        .to_string()
    }

    #[test]
    fn a_record_is_read_as_documented() {
        let call = RecordedCall::parse(&event(json!({
            "eventVersion": "1.11", "eventTime": "2026-11-29T23:31:58Z", "eventSource": "events.amazonaws.com", "eventName": "DeleteRule",
            "awsRegion": "eu-west-1", "userAgent": "aws-cli/2.24.0", "requestID": "r-1", "eventID": "e-1", "readOnly": false,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "userName": "alice"},
            "requestParameters": {"name": "r", "eventBusName": "b", "force": true}, "responseElements": null,
        })))
        .unwrap();
        assert_eq!((call.service.as_str(), call.name.as_str(), call.region.as_str()), ("events", "DeleteRule", "eu-west-1"));
        assert_eq!(call.caller, "arn:aws:iam::111122223333:user/alice");
        assert_eq!((call.parameter("Name"), call.parameter("eventbusname"), call.parameter("force")), (Some("r"), Some("b"), None));
        assert_eq!((call.request_id.as_deref(), call.error_code), (Some("r-1"), None));
    }

    #[test]
    fn every_kind_of_identity_has_a_name() {
        let name = |identity: Value| {
            let detail = json!({"eventTime": "t", "eventSource": "iam.amazonaws.com", "eventName": "TagRole", "awsRegion": "us-east-1",
                                "userIdentity": identity});
            RecordedCall::parse(&event(detail)).unwrap().caller
        };
        assert_eq!(name(json!({"type": "AWSService", "invokedBy": "lambda.amazonaws.com"})), "lambda.amazonaws.com");
        assert_eq!(name(json!({"type": "AWSAccount", "principalId": "AIDA", "accountId": "444455556666"})), "AIDA");
        assert_eq!(name(json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root"})), "arn:aws:iam::111122223333:root");
        assert_eq!(name(json!({"type": "Unknown"})), "Unknown");
        assert_eq!(name(json!({})), "an unknown caller");
        assert_eq!(name(json!({"arn": format!("a\n{}", "b".repeat(999))})).len(), MAX_TEXT, "text of others is cut and printable");
    }

    #[test]
    fn versions_of_apis_are_removed() {
        let cases = [
            ("AddPermission20150331v2", "AddPermission"),
            ("CreateEventSourceMapping20150331", "CreateEventSourceMapping"),
            ("PutRule", "PutRule"),
            ("PublishV2", "PublishV2"),
            ("20150331", "20150331"),
        ];
        for (recorded, name) in cases {
            assert_eq!(without_version(recorded), name);
        }
    }

    #[test]
    fn what_is_no_record_is_an_error_that_repeats_nothing() {
        let other = json!({"detail-type": "Scheduled Event", "account": "1", "detail": {"eventTime": "", "eventSource": "", "eventName": "",
                           "awsRegion": ""}});
        for text in ["", "not JSON: secret", "[]", r#"{"secret": "secret"}"#, &event(json!({"eventName": "secret"})), &other.to_string()] {
            let error = RecordedCall::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
