//! Benchmark, part 1g: IAM and SNS of the stand-in: roles with one policy each, topics with attributes. Forms in, XML out.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{ACCOUNT, REGION, Refusal};

type Form = BTreeMap<String, String>;
type Answer = Result<String, Refusal>;

/// The fields of a form.
pub fn form(body: &[u8]) -> Form {
    let text = String::from_utf8_lossy(body);
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decode(key), decode(value))).collect()
}

fn of<'a>(form: &'a Form, key: &str) -> &'a str {
    form.get(key).map(String::as_str).unwrap_or_default()
}

/// `Tags.member.1.Key` and so on, as XML members.
fn tags(form: &Form) -> String {
    let pairs = (1..).map_while(|n| {
        let key = form.get(&format!("Tags.member.{n}.Key"))?;
        Some(format!("<member><Key>{key}</Key><Value>{}</Value></member>", of(form, &format!("Tags.member.{n}.Value"))))
    });
    pairs.collect()
}

fn response(op: &str, inside: &str) -> String {
    format!("<{op}Response><{op}Result>{inside}</{op}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{op}Response>")
}

#[derive(Default)]
struct Role {
    path: String,
    trust: String,
    policy: Option<(String, String)>,
    tags: String,
}

#[derive(Default)]
pub struct Roles(BTreeMap<String, Role>);

impl Roles {
    pub fn call(&mut self, op: &str, form: &Form) -> Answer {
        let name = of(form, "RoleName");
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let none = || Refusal::new("NoSuchEntity", format!("The role with name {name} cannot be found."));
        if op == "CreateRole" {
            let trust = of(form, "AssumeRolePolicyDocument").to_owned();
            self.0.insert(name.to_owned(), Role { path: of(form, "Path").to_owned(), trust, policy: None, tags: tags(form) });
        }
        let role = self.0.get_mut(name).ok_or_else(none)?;
        let inside = match op {
            "CreateRole" | "GetRole" => format!(
                "<Role><Path>{path}</Path><RoleName>{name}</RoleName><RoleId>AROABENCH</RoleId><Arn>arn:aws:iam::{ACCOUNT}:role{path}{name}</Arn>\
                 <CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><Tags>{}</Tags></Role>",
                encoded(&role.trust),
                role.tags,
                path = role.path,
            ),
            "UpdateAssumeRolePolicy" => {
                of(form, "PolicyDocument").clone_into(&mut role.trust);
                String::new()
            }
            "PutRolePolicy" => {
                role.policy = Some((of(form, "PolicyName").to_owned(), of(form, "PolicyDocument").to_owned()));
                String::new()
            }
            "GetRolePolicy" => {
                let (policy, document) = role.policy.as_ref().ok_or_else(none)?;
                let document = encoded(document);
                format!("<RoleName>{name}</RoleName><PolicyName>{policy}</PolicyName><PolicyDocument>{document}</PolicyDocument>")
            }
            "ListRolePolicies" => {
                let names = role.policy.as_ref().map(|(policy, _)| format!("<member>{policy}</member>")).unwrap_or_default();
                format!("<PolicyNames>{names}</PolicyNames><IsTruncated>false</IsTruncated>")
            }
            "ListAttachedRolePolicies" => "<AttachedPolicies/><IsTruncated>false</IsTruncated>".to_owned(),
            "DeleteRolePolicy" => {
                role.policy = None;
                String::new()
            }
            "DeleteRole" => {
                self.0.remove(name);
                String::new()
            }
            _ => return Err(Refusal::new("InvalidAction", format!("the benchmark's stand-in does not know iam:{op}"))),
        };
        Ok(response(op, &inside))
    }
}

#[derive(Default)]
struct Topic {
    attributes: BTreeMap<String, String>,
    tags: String,
}

#[derive(Default)]
pub struct Topics(BTreeMap<String, Topic>);

impl Topics {
    pub fn call(&mut self, op: &str, form: &Form) -> Answer {
        let arn = match op {
            "CreateTopic" => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", of(form, "Name")),
            "ListTagsForResource" => of(form, "ResourceArn").to_owned(),
            _ => of(form, "TopicArn").to_owned(),
        };
        if op == "CreateTopic" {
            let attributes = (1..).map_while(|n| {
                let key = form.get(&format!("Attributes.entry.{n}.key"))?;
                Some((key.clone(), of(form, &format!("Attributes.entry.{n}.value")).to_owned()))
            });
            self.0.insert(arn.clone(), Topic { attributes: attributes.collect(), tags: tags(form) });
        }
        let topic = self.0.get_mut(&arn).ok_or_else(|| Refusal::new("NotFound", "Topic does not exist"))?;
        let inside = match op {
            "CreateTopic" => format!("<TopicArn>{arn}</TopicArn>"),
            "GetTopicAttributes" => {
                let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
                let entry = |(key, value): (&String, &String)| format!("<entry><key>{key}</key><value>{}</value></entry>", escaped(value));
                format!("<Attributes>{}</Attributes>", topic.attributes.iter().map(entry).collect::<String>())
            }
            "SetTopicAttributes" => {
                topic.attributes.insert(of(form, "AttributeName").to_owned(), of(form, "AttributeValue").to_owned());
                String::new()
            }
            "ListTagsForResource" => format!("<Tags>{}</Tags>", topic.tags),
            "DeleteTopic" => {
                self.0.remove(&arn);
                String::new()
            }
            _ => return Err(Refusal::new("InvalidAction", format!("the benchmark's stand-in does not know sns:{op}"))),
        };
        Ok(response(op, &inside))
    }
}
