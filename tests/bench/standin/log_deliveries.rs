//! Benchmark, part 1j: log deliveries of the stand-in: sources, destinations and deliveries by name, with tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ACCOUNT, REGION};

#[derive(Default)]
pub struct LogDeliveries {
    /// By operation group, such as `DeliverySource`, and name or ID.
    rows: BTreeMap<(&'static str, String), Value>,
    /// By ARN.
    tags: BTreeMap<String, Value>,
}

/// What calls end with: a row, the list of rows, the field of the row in an answer, of the list, and the type in an ARN.
const KINDS: [(&str, &str, &str, &str, &str); 3] = [
    ("DeliverySource", "DeliverySources", "deliverySource", "deliverySources", "delivery-source"),
    ("DeliveryDestination", "DeliveryDestinations", "deliveryDestination", "deliveryDestinations", "delivery-destination"),
    ("Delivery", "Deliveries", "delivery", "deliveries", "delivery"),
];

impl LogDeliveries {
    /// Answers a call; `None` if it is about something else.
    pub fn call(&mut self, op: &str, request: &Value) -> Option<Value> {
        if op == "ListTagsForResource" {
            return self.tags.get(request["resourceArn"].as_str()?).map(|tags| json!({"tags": tags}));
        }
        let (verb, kind) = ["Put", "Create", "Delete", "Describe"].iter().find_map(|verb| Some((*verb, op.strip_prefix(verb)?)))?;
        let (row, _, one, many, type_) = *KINDS.iter().find(|(row, rows, ..)| kind == *row || kind == *rows)?;
        let text = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
        match verb {
            "Describe" => {
                let rows: Vec<_> = self.rows.iter().filter(|((kind, _), _)| *kind == row).map(|(_, row)| row.clone()).collect();
                Some(json!({many: rows}))
            }
            "Delete" => {
                self.rows.remove(&(row, if row == "Delivery" { text("id") } else { text("name") }));
                Some(json!({}))
            }
            _ => {
                let name = if row == "Delivery" { format!("D{}", self.rows.len()) } else { text("name") };
                let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:{type_}:{name}");
                let mut made = request.clone();
                made["arn"] = json!(arn);
                made[if row == "Delivery" { "id" } else { "name" }] = json!(name);
                made["resourceArns"] = json!([request["resourceArn"]]);
                self.tags.insert(arn, request["tags"].clone());
                self.rows.insert((row, name), made.clone());
                Some(json!({one: made}))
            }
        }
    }
}
