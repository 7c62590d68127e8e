//! Sync: from the body of a queue's message to the entity that it speaks of. Pure; takes both channels' events, whole or cut by `inputPath`.

use serde_json::{Map, Value};

use crate::sync::{
    kinds::Kind,
    poison::{Poison, PoisonReason},
};

/// What a message asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// Id of the entity, such as `bfi_...`.
    pub entity: String,
    pub kind: Kind,
    /// `evt_...`, Benchling's id of the event.
    pub event: Option<String>,
    /// RFC 3339; when Benchling made the event.
    pub created_at: Option<String>,
    /// Installation of the app (`app_...`), which only webhooks tell.
    pub app: Option<String>,
}

/// What the sink takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Events of other tenants are refused.
    pub tenant: String,
    /// Which schemas to sync; none: all.
    pub schemas: Vec<Schema>,
}

/// One schema, and which of its fields fills the value column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    pub id: String,
    pub kind: Option<Kind>,
    pub field: Option<String>,
}

/// What is to become of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    Work(Work),
    /// Of a schema that is not to be synced.
    Skip,
    Poison(Poison),
}

impl Scope {
    pub fn schema(&self, id: Option<&str>) -> Option<&Schema> {
        self.schemas.iter().find(|schema| Some(schema.id.as_str()) == id)
    }

    /// Whether a schema that is known is not to be synced. Of one that is not known the entity itself will tell.
    pub fn skips(&self, id: Option<&str>) -> bool {
        !self.schemas.is_empty() && id.is_some() && self.schema(id).is_none()
    }

    pub fn parse(&self, body: &str) -> Parsed {
        self.read(body).unwrap_or_else(Parsed::Poison)
    }

    fn read(&self, body: &str) -> Result<Parsed, Poison> {
        let not_an_event = |what: &str| Poison::new(PoisonReason::NotAnEvent, format!("{what}. Send whole events of Benchling here"));
        let body: Value = serde_json::from_str(body).map_err(|_| not_an_event("the body is no JSON"))?;
        let detail = body.get("detail").unwrap_or(&body).as_object().ok_or_else(|| not_an_event("detail is no object"))?;
        // The gateway's detail, or the envelope of a webhook, has the event in `message`.
        let message = detail.get("message").and_then(Value::as_object).unwrap_or(detail);
        let text = |of: &Map<String, Value>, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let event_type =
            text(message, "type").or_else(|| text(message, "eventType")).or_else(|| Some(body.get("detail-type")?.as_str()?.to_owned()));
        let event_type = event_type.ok_or_else(|| not_an_event("there is no event type"))?;
        self.check_tenant(&body, detail)?;
        let object = message.get("entity").or_else(|| object_of(message, &event_type)).filter(|object| object.is_object());
        let id = text(message, "resourceId").or_else(|| Some(object?.get("id")?.as_str()?.to_owned()));
        if !is_of_entity(&event_type) {
            return Err(Poison::new(
                PoisonReason::NotAnEntity,
                format!("{} is no event of an entity. Narrow the rule's event types to those of entities", shown(&event_type)),
            ));
        }
        let id = id.filter(|id| is_id(id)).ok_or_else(|| not_an_event("neither resourceId nor entity.id names an entity"))?;
        let schema = [message.get("schema"), object.and_then(|object| object.get("schema"))];
        let schema = schema.into_iter().flatten().find_map(|schema| schema.get("id")?.as_str());
        if self.skips(schema) {
            return Ok(Parsed::Skip);
        }
        let configured = self.schema(schema).and_then(|schema| schema.kind);
        let kind = configured.or_else(|| Kind::of_type(&event_type)).or_else(|| Kind::of_object(object?)).or_else(|| Kind::of_id(&id));
        let kind = kind.ok_or_else(|| {
            Poison::new(
                PoisonReason::KindUnknown,
                format!(
                    "neither type {}, id {} nor schema {} tells of which kind the entity is. Name the schema and its kind in spec.postgres.schemas, and move the message back",
                    shown(&event_type),
                    shown(&id),
                    shown(schema.unwrap_or("(none)"))
                ),
            )
        })?;
        Ok(Parsed::Work(Work {
            entity: id,
            kind,
            event: text(message, "id").filter(|id| id.starts_with("evt_")),
            created_at: text(message, "createdAt"),
            app: detail.get("app").and_then(|app| app.get("id")?.as_str().map(str::to_owned)).or_else(|| text(detail, "appId")),
        }))
    }

    /// By the tenant that the gateway verified, or that the partner's bus is of. `baseURL` is compared, and never called.
    fn check_tenant(&self, body: &Value, detail: &Map<String, Value>) -> Result<(), Poison> {
        let source = body.get("source").and_then(Value::as_str).unwrap_or_default();
        let of_source = source.strip_prefix("aws.partner/benchling.com/").and_then(|rest| rest.split('/').next());
        let of_gateway = source.strip_prefix("benchling.webhook/").and_then(|rest| rest.rsplit('/').next());
        let of_detail = detail.get("tenant").and_then(Value::as_str);
        let base = detail.get("baseURL").and_then(Value::as_str);
        let of_base = base.and_then(|url| url.strip_prefix("https://")?.strip_suffix(".benchling.com"));
        match of_source.or(of_gateway).or(of_detail).or(of_base) {
            Some(tenant) if tenant != self.tenant => Err(Poison::new(
                PoisonReason::WrongTenant,
                format!(
                    "the event is of tenant {}, and this sink reads {}. Narrow the rule, or make a sink for that tenant",
                    shown(tenant),
                    self.tenant
                ),
            )),
            _ => Ok(()),
        }
    }
}

fn is_of_entity(event_type: &str) -> bool {
    event_type.split('.').nth(1) == Some("entity") || Kind::of_type(event_type).is_some()
}

/// The object of a hydrated event lies under the name of its resource.
fn object_of<'a>(message: &'a Map<String, Value>, event_type: &str) -> Option<&'a Value> {
    message.get(event_type.split('.').nth(1)?)
}

/// What ids of Benchling's look like. Anything else could change the meaning of a request.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Somebody else's text in a message of ours: short, and of one line.
pub fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope { tenant: "acme".into(), schemas: vec![] }
    }

    fn parse(scope: &Scope, body: &Value) -> Parsed {
        scope.parse(&body.to_string())
    }

    fn reason(parsed: Parsed) -> PoisonReason {
        let Parsed::Poison(poison) = parsed else { panic!("{parsed:?}") };
        poison.reason
    }

    fn hydrated() -> Value {
        json!({"source": "aws.partner/benchling.com/acme/app", "detail-type": "v2.entity.registered", "detail": {
            "id": "evt_1", "eventType": "v2.entity.registered", "createdAt": "2026-01-01T00:00:00.000001+00:00", "schema": {"id": "ts_1", "name": "P"},
            "entity": {"id": "seq_1", "apiURL": "https://acme.benchling.com/api/v2/dna-sequences/seq_1", "schema": {"id": "ts_1"}}}})
    }

    fn thin(id: &str) -> Value {
        json!({"source": "benchling.webhook/ns/app/acme", "detail-type": "v2.entity.registered", "detail": {"baseURL": "https://acme.benchling.com",
            "app": {"id": "app_1"}, "message": {"type": "v2.entity.registered", "id": "evt_1", "resourceId": id, "schema": {"id": "ts_1"}}}})
    }

    #[test]
    fn both_channels_name_an_entity_and_its_kind() {
        let Parsed::Work(work) = parse(&scope(), &hydrated()) else { panic!() };
        assert_eq!((work.entity.as_str(), work.kind, work.event.as_deref()), ("seq_1", Kind::DnaSequence, Some("evt_1")));
        let Parsed::Work(work) = parse(&scope(), &thin("bfi_1")) else { panic!() };
        assert_eq!((work.entity.as_str(), work.kind, work.app.as_deref()), ("bfi_1", Kind::CustomEntity, Some("app_1")));
        // `inputPath: $.detail` of a rule cuts the frame off.
        let Parsed::Work(work) = parse(&scope(), &thin("bfi_1")["detail"]) else { panic!() };
        assert_eq!(work.entity, "bfi_1");
    }

    #[test]
    fn a_kind_that_nothing_tells_is_poison_until_the_spec_names_it() {
        assert_eq!(reason(parse(&scope(), &thin("seq_1"))), PoisonReason::KindUnknown);
        let schemas = vec![Schema { id: "ts_1".into(), kind: Some(Kind::Oligo), field: None }];
        let Parsed::Work(work) = parse(&Scope { schemas, ..scope() }, &thin("seq_1")) else { panic!() };
        assert_eq!(work.kind, Kind::Oligo);
    }

    #[test]
    fn other_schemas_are_skipped_and_other_tenants_refused() {
        let schemas = vec![Schema { id: "ts_other".into(), ..Schema::default() }];
        assert_eq!(parse(&Scope { schemas, ..scope() }, &thin("bfi_1")), Parsed::Skip);
        let other = Scope { tenant: "other".into(), ..scope() };
        assert_eq!(reason(parse(&other, &hydrated())), PoisonReason::WrongTenant);
        assert_eq!(reason(parse(&other, &thin("bfi_1"))), PoisonReason::WrongTenant);
    }

    #[test]
    fn what_is_no_event_of_an_entity_is_told_apart() {
        assert_eq!(reason(scope().parse("{")), PoisonReason::NotAnEvent);
        assert_eq!(reason(scope().parse("[]")), PoisonReason::NotAnEvent);
        assert_eq!(reason(parse(&scope(), &thin("bfi_1/../x"))), PoisonReason::NotAnEvent);
        assert_eq!(reason(parse(&scope(), &thin(""))), PoisonReason::NotAnEvent);
        let entry = json!({"detail-type": "v2.entry.created", "detail": {"eventType": "v2.entry.created", "entry": {"id": "etr_1"}}});
        assert_eq!(reason(parse(&scope(), &entry)), PoisonReason::NotAnEntity);
    }
}
