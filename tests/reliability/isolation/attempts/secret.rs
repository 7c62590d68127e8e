//! Attempts by every reference to a Secret: the other tenant has one of that name, and the operator may read it.

use serde_json::{Value, json};

use super::{Attempt, attempt};

pub fn attempts() -> Vec<Attempt> {
    let theirs = json!({"name": "theirs", "key": "k"});
    let sink = |fields: &'static [&'static str], connection: Value| {
        let managed = json!({"endpoint": "https://example.com/", "connection": connection});
        attempt(fields, "EventSink", json!({"apiDestination": {"managed": managed}}), "SecretNotFound", "/theirs does not exist")
    };
    let value = json!({"a": {"secretRef": theirs}});
    let oauth = |secret: &Value, http: Value| json!({"oauthClientCredentials": {"authorizationEndpoint": "https://example.com/", "clientId": "a", "clientSecretRef": secret, "http": http}});
    let basic = |http: Value| json!({"basic": {"username": "a", "passwordSecretRef": theirs}, "invocationHttp": http});
    vec![
        sink(&["EventSink.apiDestination.managed.connection.basic.passwordSecretRef.name"], basic(json!({}))),
        sink(
            &["EventSink.apiDestination.managed.connection.apiKey.valueSecretRef.name"],
            json!({"apiKey": {"name": "a", "valueSecretRef": theirs}}),
        ),
        sink(&["EventSink.apiDestination.managed.connection.oauthClientCredentials.clientSecretRef.name"], oauth(&theirs, json!({}))),
        sink(
            &["EventSink.apiDestination.managed.connection.oauthClientCredentials.http.headers.secretRef.name"],
            oauth(&theirs, json!({"headers": value})),
        ),
        sink(
            &["EventSink.apiDestination.managed.connection.oauthClientCredentials.http.query.secretRef.name"],
            oauth(&theirs, json!({"query": value})),
        ),
        sink(
            &["EventSink.apiDestination.managed.connection.oauthClientCredentials.http.body.secretRef.name"],
            oauth(&theirs, json!({"body": value})),
        ),
        sink(&["EventSink.apiDestination.managed.connection.invocationHttp.headers.secretRef.name"], basic(json!({"headers": value}))),
        sink(&["EventSink.apiDestination.managed.connection.invocationHttp.query.secretRef.name"], basic(json!({"query": value}))),
        sink(&["EventSink.apiDestination.managed.connection.invocationHttp.body.secretRef.name"], basic(json!({"body": value}))),
    ]
}
