//! Lambda, CloudWatch Logs and partner event sources of the stand-in: what others do in them, and what they hold.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::{Aws, REGION, answer, authorization};

pub(crate) const PARTNER: &str = "999900001111";

impl Aws {
    /// A call of Lambda's REST API behind the operator's back; `path` begins after the date.
    pub async fn lambda(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, format!("{}/2015-03-31/{path}", self.emulator))
            .header("authorization", authorization(&self.account, REGION, "lambda"))
            .header("x-amz-date", "20260101T000000Z");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer(request).await
    }

    /// A call of AWS Batch's REST API behind the operator's back; panics on an error.
    pub async fn batch(&self, op: &str, body: Value) -> Value {
        let request = self
            .http
            .post(format!("{}/v1/{}", self.emulator, op.to_lowercase()))
            .header("authorization", authorization(&self.account, REGION, "batch"))
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", "application/json")
            .body(body.to_string());
        answer(request).await.unwrap_or_else(|error| panic!("batch:{op}: {error}"))
    }

    /// Declares that a resource exists, of a service that the stand-in has not: `more` is what a delivery to it depends on.
    pub async fn declare(&self, arn: &str, more: Value) {
        let mut body = json!({"account": self.account, "region": REGION, "arn": arn});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let answer = self.http.post(format!("{}/_emu/resources", self.emulator)).body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// A call of CloudWatch Logs behind the operator's back; panics on an error.
    pub async fn logs(&self, op: &str, body: Value) -> Value {
        self.call("logs", op, body).await.unwrap_or_else(|error| panic!("logs:{op}: {error}"))
    }

    /// A function that always succeeds, of a role that may do anything with queues.
    pub async fn make_function(&self, name: &str) -> String {
        let role = format!("arn:aws:iam::{}:role/{name}", self.account);
        self.query("iam", &[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", "{}")]).await;
        self.allow_function(name, "*").await;
        let body = json!({"FunctionName": name, "Role": role, "Runtime": "python3.12", "Handler": "main.handler", "Code": {}});
        self.lambda("POST", "functions", Some(body)).await.unwrap();
        self.function_arn(name)
    }

    /// Gives the function's execution role the rights on queues of this ARN, and no others.
    pub async fn allow_function(&self, name: &str, queue_arn: &str) {
        let statement = json!({"Effect": "Allow", "Action": "sqs:*", "Resource": queue_arn});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        self.query("iam", &[("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", &policy)]).await;
    }

    /// ARN of the function.
    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{REGION}:{}:function:{name}", self.account)
    }

    /// ARN of the log group.
    pub fn log_group_arn(&self, name: &str) -> String {
        format!("arn:aws:logs:{REGION}:{}:log-group:{name}", self.account)
    }

    /// Statements of the function's policy.
    pub async fn function_policy(&self, function: &str) -> Vec<Value> {
        let Ok(answer) = self.lambda("GET", &format!("functions/{function}/policy"), None).await else { return vec![] };
        let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
        policy["Statement"].as_array().unwrap().clone()
    }

    /// Log resource policies: name to statements.
    pub async fn log_policies(&self) -> BTreeMap<String, Vec<Value>> {
        let answer = self.logs("DescribeResourcePolicies", json!({})).await;
        let rows = answer["resourcePolicies"].as_array().cloned().unwrap_or_default();
        let document = |row: &Value| -> Value { serde_json::from_str(row["policyDocument"].as_str().unwrap()).unwrap() };
        rows.iter()
            .map(|row| (row["policyName"].as_str().unwrap().to_owned(), document(row)["Statement"].as_array().cloned().unwrap_or_default()))
            .collect()
    }

    /// The log group, as `DescribeLogGroups` returns it.
    pub async fn log_group(&self, name: &str) -> Option<Value> {
        let answer = self.logs("DescribeLogGroups", json!({"logGroupNamePrefix": name})).await;
        answer["logGroups"].as_array()?.iter().find(|group| group["logGroupName"] == name).cloned()
    }

    /// Messages of the log group, each read as JSON.
    pub async fn logged(&self, group: &str) -> Vec<Value> {
        let Ok(answer) = self.call("logs", "FilterLogEvents", json!({"logGroupName": group})).await else { return vec![] };
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| serde_json::from_str(event["message"].as_str().unwrap()).unwrap_or_default()).collect()
    }

    /// The objects of a bucket that log deliveries write into: the key and the records of each. The bucket is declared as a resource.
    pub async fn log_objects(&self, bucket: &str) -> Vec<(String, Vec<Value>)> {
        let url = format!("{}/_emu/objects?account={}&bucket={bucket}", self.emulator, self.account);
        let objects: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let record = |line: &Value| serde_json::from_str(line.as_str().unwrap()).unwrap();
        let object = |object: &Value| {
            let records = object["lines"].as_array().unwrap().iter().map(record);
            (object["key"].as_str().unwrap().to_owned(), records.collect())
        };
        objects.as_array().unwrap().iter().map(object).collect()
    }

    /// Somebody sets up deliveries of the bus's logs, of all levels, to a log group of this name, past the operator. The level is that of the bus.
    pub async fn deliver_bus_logs(&self, bus: &str, group: &str) {
        self.logs("CreateLogGroup", json!({"logGroupName": group})).await;
        let statement = json!({"Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"}, "Resource": format!("{}:*", self.log_group_arn(group)),
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]});
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let name: String = bus.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
        self.logs("PutResourcePolicy", json!({"policyName": format!("bus-{name}"), "policyDocument": document})).await;
        let to = json!({"name": name, "deliveryDestinationConfiguration": {"destinationResourceArn": self.log_group_arn(group)}});
        let made = self.logs("PutDeliveryDestination", to).await;
        for level in ["ERROR", "INFO", "TRACE"] {
            let (source, arn) = (format!("{name}-{level}"), format!("arn:aws:events:{REGION}:{}:event-bus/{bus}", self.account));
            self.logs("PutDeliverySource", json!({"name": source, "resourceArn": arn, "logType": format!("{level}_LOGS")})).await;
            let delivery = json!({"deliverySourceName": source, "deliveryDestinationArn": made["deliveryDestination"]["arn"]});
            self.logs("CreateDelivery", delivery).await;
        }
    }

    /// Event source mappings of the queue.
    pub async fn mappings(&self, queue_arn: &str) -> Vec<Value> {
        let answer = self.lambda("GET", &format!("event-source-mappings?EventSourceArn={queue_arn}"), None).await.unwrap();
        answer["EventSourceMappings"].as_array().cloned().unwrap_or_default()
    }

    /// Invocations of functions in this account.
    pub async fn invocations(&self) -> Vec<Value> {
        let url = format!("{}/_emu/invocations?account={}", self.emulator, self.account);
        let answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        answer.as_array().cloned().or_else(|| answer["invocations"].as_array().cloned()).unwrap_or_default()
    }

    /// What the partner does, in an account of its own.
    pub async fn partner(&self, op: &str, body: Value) -> Result<Value, String> {
        self.call_as(PARTNER, "events", op, body).await
    }

    /// The partner creates an event source for this account.
    pub async fn make_source(&self, name: &str) {
        self.partner("CreatePartnerEventSource", json!({"Name": name, "Account": self.account})).await.unwrap();
    }

    /// The partner deletes its event source.
    pub async fn delete_source(&self, name: &str) {
        self.partner("DeletePartnerEventSource", json!({"Name": name, "Account": self.account})).await.unwrap();
    }

    /// One event of the partner's.
    pub async fn partner_event(&self, source: &str, detail_type: &str, detail: &Value) {
        let entry = json!({"Source": source, "DetailType": detail_type, "Detail": detail.to_string()});
        let answer = self.partner("PutPartnerEvents", json!({"Entries": [entry]})).await.unwrap();
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    }

    /// Changes a source in ways that take days in AWS.
    pub async fn bend_source(&self, name: &str, change: Value) {
        let mut body = change;
        body["account"] = json!(self.account);
        body["region"] = json!(REGION);
        body["name"] = json!(name);
        let answer = self.http.post(format!("{}/_emu/partner", self.emulator)).body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// State of the source as AWS tells it.
    pub async fn source_state(&self, name: &str) -> Option<String> {
        let answer = self.call("events", "DescribeEventSource", json!({"Name": name})).await.ok()?;
        answer["State"].as_str().map(str::to_owned)
    }

    pub(crate) async fn add_sources(&self, all: &mut BTreeMap<String, Value>) {
        for source in self.events("ListEventSources", json!({})).await["EventSources"].as_array().unwrap() {
            all.insert(format!("source {}", source["Name"].as_str().unwrap()), source["State"].clone());
        }
    }

    pub(crate) async fn add_logs(&self, all: &mut BTreeMap<String, Value>) {
        for group in self.logs("DescribeLogGroups", json!({})).await["logGroups"].as_array().cloned().unwrap_or_default() {
            let name = group["logGroupName"].as_str().unwrap();
            if name.starts_with("/aws/lambda/") {
                continue;
            }
            let tags = self.logs("ListTagsForResource", json!({"resourceArn": self.log_group_arn(name)})).await;
            let kept = json!({"class": group["logGroupClass"], "retention": group["retentionInDays"], "key": group["kmsKeyId"]});
            all.insert(format!("log group {name}"), json!([kept, tags["tags"]]));
        }
        for (name, statements) in self.log_policies().await {
            all.insert(format!("log policy {name}"), json!(statements));
        }
        let deliveries = self.log_deliveries().await;
        for part in deliveries.values().flatten() {
            let tags = self.logs("ListTagsForResource", json!({"resourceArn": part["arn"]})).await;
            let mut part = part.clone();
            // AWS makes up the ID of a delivery.
            part.as_object_mut().unwrap().retain(|key, _| key != "id" && key != "arn");
            all.insert(format!("log delivery {part}"), tags["tags"].clone());
        }
    }

    /// Log deliveries, by the names of their lists: `deliverySources`, `deliveryDestinations`, `deliveries`.
    pub async fn log_deliveries(&self) -> BTreeMap<&'static str, Vec<Value>> {
        let lists = [
            ("deliverySources", "DescribeDeliverySources"),
            ("deliveryDestinations", "DescribeDeliveryDestinations"),
            ("deliveries", "DescribeDeliveries"),
        ];
        let mut all = BTreeMap::new();
        for (key, op) in lists {
            all.insert(key, self.logs(op, json!({})).await[key].as_array().cloned().unwrap_or_default());
        }
        all
    }

    pub(crate) async fn add_functions(&self, all: &mut BTreeMap<String, Value>) {
        let answer = self.lambda("GET", "functions", None).await.unwrap();
        for function in answer["Functions"].as_array().cloned().unwrap_or_default() {
            let name = function["FunctionName"].as_str().unwrap();
            let invoke = self.lambda("GET", &format!("functions/{name}/event-invoke-config"), None).await.unwrap_or_default();
            all.insert(format!("function {name}"), json!([self.function_policy(name).await, invoke["DestinationConfig"]]));
        }
        let answer = self.lambda("GET", "event-source-mappings", None).await.unwrap();
        for mapping in answer["EventSourceMappings"].as_array().cloned().unwrap_or_default() {
            let (queue, function) = (mapping["EventSourceArn"].as_str().unwrap(), mapping["FunctionArn"].as_str().unwrap());
            let kept = json!([
                mapping["BatchSize"],
                mapping["MaximumBatchingWindowInSeconds"],
                mapping["ScalingConfig"],
                mapping["FunctionResponseTypes"],
                mapping["State"]
            ]);
            all.insert(format!("mapping {queue} {function}"), kept);
        }
    }
}
