//! `arn` with the HTTP parameters of Amazon API Gateway.

use serde_json::json;

use crate::parameters::{Wanted, arn, delivers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_gateway_gets_headers_query_and_path_of_the_event() {
    let call = delivers("gateway-http", "HttpParameters", async |world| {
        let api = arn(world, "execute-api", "a1/prod/POST/orders/*");
        world.aws.declare(&api, json!({})).await;
        let http = json!({"headers": {"x-mark": "$.detail.mark"}, "query": {"from": "bus"}, "path": ["$.detail.mark"]});
        Wanted {
            spec: json!({"arn": {"existing": {"arn": api}, "actions": ["execute-api:Invoke"], "http": http}}),
            parameters: json!({"HeaderParameters": {"x-mark": "$.detail.mark"}, "QueryStringParameters": {"from": "bus"},
                "PathParameterValues": ["$.detail.mark"]}),
            statements: json!([{"Effect": "Allow", "Action": ["execute-api:Invoke"], "Resource": api}]),
            input: Some(json!({"order": 1})),
        }
    })
    .await;
    let request = json!({"path": "a1/prod/POST/orders/one", "headers": {"x-mark": "one"}, "query": {"from": "bus"}, "body": {"order": 1}});
    assert_eq!(call["request"], request);
}
