//! Finds the entity that a message is about. Pure. Accepts events of webhooks and of EventBridge, whole or reduced by `inputPath`.

use serde_json::{Map, Value};
use tributary_benchling::EntityKind;

use crate::sync::unprocessable::{Unprocessable, UnprocessableReason};

/// What a message asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    /// Id of the entity, such as `bfi_...`.
    pub(crate) entity: String,
    pub(crate) kind: EntityKind,
    /// `evt_...`, Benchling's id of the event.
    pub(crate) event: Option<String>,
    /// When Benchling created the event (RFC 3339).
    pub(crate) created_at: Option<String>,
    /// Installation of the app (`app_...`). Only webhooks contain it.
    pub(crate) app: Option<String>,
}

/// Which entities the sink syncs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Events of other tenants are unprocessable.
    pub(crate) tenant: String,
    /// Schemas to sync. Defaults to all.
    pub(crate) schemas: Vec<Schema>,
}

/// A schema, and the field that fills the value column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) id: String,
    pub(crate) kind: Option<EntityKind>,
    pub(crate) field: Option<String>,
}

/// What a message asks for, if anything.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parsed {
    Work(Work),
    /// The schema is not synced.
    Skip,
    Unprocessable(Unprocessable),
}

impl Scope {
    pub(crate) fn schema(&self, id: Option<&str>) -> Option<&Schema> {
        self.schemas.iter().find(|schema| Some(schema.id.as_str()) == id)
    }

    /// Returns whether the schema is known and not synced. If it is not known, the entity itself decides.
    pub(crate) fn skips(&self, id: Option<&str>) -> bool {
        !self.schemas.is_empty() && id.is_some() && self.schema(id).is_none()
    }

    pub(crate) fn parse(&self, body: &str) -> Parsed {
        self.read(body).unwrap_or_else(Parsed::Unprocessable)
    }

    fn read(&self, body: &str) -> Result<Parsed, Unprocessable> {
        let not_an_event =
            |what: &str| Unprocessable::new(UnprocessableReason::NotAnEvent, format!("{what}. Send whole Benchling events to this queue."));
        let body: Value = serde_json::from_str(body).map_err(|_| not_an_event("the body is not JSON"))?;
        let detail = body.get("detail").unwrap_or(&body).as_object().ok_or_else(|| not_an_event("detail is not an object"))?;
        // Webhooks have the event in `message`.
        let message = detail.get("message").and_then(Value::as_object).unwrap_or(detail);
        let text = |of: &Map<String, Value>, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let event_type =
            text(message, "type").or_else(|| text(message, "eventType")).or_else(|| Some(body.get("detail-type")?.as_str()?.to_owned()));
        let event_type = event_type.ok_or_else(|| not_an_event("the event has no type"))?;
        self.check_tenant(&body, detail)?;
        let object = message.get("entity").or_else(|| object_of(message, &event_type)).filter(|object| object.is_object());
        let id = text(message, "resourceId").or_else(|| Some(object?.get("id")?.as_str()?.to_owned()));
        if !is_of_entity(&event_type) {
            return Err(Unprocessable::new(
                UnprocessableReason::NotAnEntity,
                format!("{} is not an event of an entity. Restrict the rule to event types of entities.", shown(&event_type)),
            ));
        }
        let id = id.filter(|id| is_id(id)).ok_or_else(|| not_an_event("neither resourceId nor entity.id is the id of an entity"))?;
        let schema = [message.get("schema"), object.and_then(|object| object.get("schema"))];
        let schema = schema.into_iter().flatten().find_map(|schema| schema.get("id")?.as_str());
        if self.skips(schema) {
            return Ok(Parsed::Skip);
        }
        let configured = self.schema(schema).and_then(|schema| schema.kind);
        let kind = configured
            .or_else(|| EntityKind::of_type(&event_type))
            .or_else(|| EntityKind::of_object(object?))
            .or_else(|| EntityKind::of_id(&id));
        let kind = kind.ok_or_else(|| {
            Unprocessable::new(
                UnprocessableReason::KindUnknown,
                format!(
                    "the entity's kind is unknown from type {}, id {} and schema {}. Add the schema and its kind to spec.postgres.schemas, then move the message back to the queue.",
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

    /// Checks the tenant that the gateway verified or that the partner event source names. `baseURL` is compared, never requested.
    fn check_tenant(&self, body: &Value, detail: &Map<String, Value>) -> Result<(), Unprocessable> {
        let source = body.get("source").and_then(Value::as_str).unwrap_or_default();
        let of_source = source.strip_prefix("aws.partner/benchling.com/").and_then(|rest| rest.split('/').next());
        let of_gateway = source.strip_prefix("benchling.webhook/").and_then(|rest| rest.rsplit('/').next());
        let of_detail = detail.get("tenant").and_then(Value::as_str);
        let base = detail.get("baseURL").and_then(Value::as_str);
        let of_base = base.and_then(|url| url.strip_prefix("https://")?.strip_suffix(".benchling.com"));
        match of_source.or(of_gateway).or(of_detail).or(of_base) {
            Some(tenant) if tenant != self.tenant => Err(Unprocessable::new(
                UnprocessableReason::WrongTenant,
                format!(
                    "the event is from tenant {}, but this sink reads tenant {}. Restrict the rule, or create a sink for that tenant.",
                    shown(tenant),
                    self.tenant
                ),
            )),
            _ => Ok(()),
        }
    }
}

fn is_of_entity(event_type: &str) -> bool {
    event_type.split('.').nth(1) == Some("entity") || EntityKind::of_type(event_type).is_some()
}

/// Returns the object of a hydrated event, which is stored under the name of its resource.
fn object_of<'a>(message: &'a Map<String, Value>, event_type: &str) -> Option<&'a Value> {
    message.get(event_type.split('.').nth(1)?)
}

/// Returns whether the text has the form of an id. Any other character could change the meaning of a request.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Returns foreign text for use in a message: one line of at most 80 characters.
pub(crate) fn shown(text: &str) -> String {
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

    fn reason(parsed: Parsed) -> UnprocessableReason {
        let Parsed::Unprocessable(unprocessable) = parsed else { panic!("{parsed:?}") };
        unprocessable.reason
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
        assert_eq!((work.entity.as_str(), work.kind, work.event.as_deref()), ("seq_1", EntityKind::DnaSequence, Some("evt_1")));
        let Parsed::Work(work) = parse(&scope(), &thin("bfi_1")) else { panic!() };
        assert_eq!((work.entity.as_str(), work.kind, work.app.as_deref()), ("bfi_1", EntityKind::CustomEntity, Some("app_1")));
        // `inputPath: $.detail` of a rule cuts the frame off.
        let Parsed::Work(work) = parse(&scope(), &thin("bfi_1")["detail"]) else { panic!() };
        assert_eq!(work.entity, "bfi_1");
    }

    #[test]
    fn an_unknown_kind_is_unprocessable_until_the_spec_names_it() {
        assert_eq!(reason(parse(&scope(), &thin("seq_1"))), UnprocessableReason::KindUnknown);
        let schemas = vec![Schema { id: "ts_1".into(), kind: Some(EntityKind::Oligo), field: None }];
        let Parsed::Work(work) = parse(&Scope { schemas, ..scope() }, &thin("seq_1")) else { panic!() };
        assert_eq!(work.kind, EntityKind::Oligo);
    }

    #[test]
    fn other_schemas_are_skipped_and_other_tenants_refused() {
        let schemas = vec![Schema { id: "ts_other".into(), ..Schema::default() }];
        assert_eq!(parse(&Scope { schemas, ..scope() }, &thin("bfi_1")), Parsed::Skip);
        let other = Scope { tenant: "other".into(), ..scope() };
        assert_eq!(reason(parse(&other, &hydrated())), UnprocessableReason::WrongTenant);
        assert_eq!(reason(parse(&other, &thin("bfi_1"))), UnprocessableReason::WrongTenant);
    }

    #[test]
    fn messages_without_an_entity_are_unprocessable() {
        assert_eq!(reason(scope().parse("{")), UnprocessableReason::NotAnEvent);
        assert_eq!(reason(scope().parse("[]")), UnprocessableReason::NotAnEvent);
        assert_eq!(reason(parse(&scope(), &thin("bfi_1/../x"))), UnprocessableReason::NotAnEvent);
        assert_eq!(reason(parse(&scope(), &thin(""))), UnprocessableReason::NotAnEvent);
        let entry = json!({"detail-type": "v2.entry.created", "detail": {"eventType": "v2.entry.created", "entry": {"id": "etr_1"}}});
        assert_eq!(reason(parse(&scope(), &entry)), UnprocessableReason::NotAnEntity);
    }
}
