//! Benchmark, part 1h: CloudWatch of the stand-in: each rule had one delivery that failed in the minute before. That takes the most calls.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::Refusal;

pub fn call(op: &str, request: &Value) -> Result<Value, Refusal> {
    if op != "GetMetricData" {
        return Err(Refusal::new("UnknownOperationException", format!("the benchmark's stand-in does not know {op}")));
    }
    let before = Timestamp::now().as_second() / 60 * 60 - 60;
    let result = |query: &Value| {
        let failed = query["MetricStat"]["Metric"]["MetricName"] == "FailedInvocations";
        let (times, values) = if failed { (json!([before]), json!([1.0])) } else { (json!([]), json!([])) };
        json!({"Id": query["Id"], "Label": "l", "StatusCode": "Complete", "Timestamps": times, "Values": values})
    };
    let results: Vec<_> = request["MetricDataQueries"].as_array().into_iter().flatten().map(result).collect();
    Ok(json!({"MetricDataResults": results, "Messages": []}))
}
