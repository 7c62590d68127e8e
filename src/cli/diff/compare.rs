//! Compares two sides: finds the objects that correspond to each other, and the fields in which they differ. Pure.

use serde_json::{Map, Value};
use tributary_core::meaning::{canonical_pattern, is_same_pattern};

use crate::cli::diff::{
    accounts::add_accounts,
    declared::{Declared, End},
    fields::{sets, walk},
    ignore::Ignore,
    report::{Difference, Lone, Pairing, Report},
    side::{Object, Side},
};

/// Fields of which each side has its own value.
const OWN: [&str; 7] =
    ["spec.accountRef", "spec.region", "spec.tenant", "spec.tenants", "spec.appName", "spec.appDefinitionId", "spec.eventSourceName"];

/// Returns what differs.
pub(super) fn compare(from: &Side, to: &Side, ignore: &Ignore) -> Report {
    let mut declared = Declared::default();
    for pair in &ignore.values {
        declared.add("value", &pair.from, &pair.to);
    }
    if let ([from], [to]) = (&Vec::from_iter(from.namespaces())[..], &Vec::from_iter(to.namespaces())[..]) {
        declared.add_names("namespace", from, to);
    }
    for (a, b) in pairs(from, to, &declared) {
        declared.add_objects(a, b);
    }
    // Names can follow from the tenant, so objects may correspond to each other only now.
    let paired = pairs(from, to, &declared);
    for (a, b) in &paired {
        declared.add_objects(a, b);
    }
    add_accounts(&mut declared, (from, to), &paired);
    let paired = pairs(from, to, &declared);
    let mut report = Report { from: from.label.clone(), to: to.label.clone(), ..Report::default() };
    for (a, b) in &paired {
        let mut differences = differences(a, b, &declared);
        differences.retain(|difference| {
            !ignore.has_field(&a.kind, &a.name, &difference.field) && !ignore.has_field(&b.kind, &b.name, &difference.field)
        });
        report.objects.push(Pairing { kind: a.kind.clone(), from: a.name.clone(), to: b.name.clone(), differences });
    }
    let lone = |side: &Side, is_paired: &dyn Fn(&Object) -> bool| -> Vec<Lone> {
        let objects = side.objects.iter().filter(|object| !is_paired(object) && !ignore.has_object(&object.kind, &object.name));
        objects.map(|object| Lone { kind: object.kind.clone(), name: object.name.clone() }).collect()
    };
    report.only_in_from = lone(from, &|object| paired.iter().any(|(a, _)| std::ptr::eq(*a, object)));
    report.only_in_to = lone(to, &|object| paired.iter().any(|(_, b)| std::ptr::eq(*b, object)));
    report.declared = declared.pairs;
    report
}

/// Returns the objects that correspond to each other: those of the same name, or whose names follow from each other.
fn pairs<'a>(from: &'a Side, to: &'a Side, declared: &Declared) -> Vec<(&'a Object, &'a Object)> {
    let is_one = from.namespaces().len() <= 1 && to.namespaces().len() <= 1;
    let key = |end: End, object: &Object| {
        let namespace = if is_one { String::new() } else { declared.normalize(end, &object.namespace) };
        (object.kind.clone(), namespace, declared.normalize(end, &object.name))
    };
    let is_same_name = |a: &Object, b: &Object| a.kind == b.kind && a.name == b.name && (is_one || a.namespace == b.namespace);
    let mut paired: Vec<(&Object, &Object)> = Vec::new();
    for object in &from.objects {
        let is_free = |other: &&Object| !paired.iter().any(|(_, taken)| std::ptr::eq(*taken, *other));
        let same = to.objects.iter().filter(is_free).find(|other| is_same_name(object, other));
        let own = key(End::From, object);
        let other = same.or_else(|| to.objects.iter().filter(is_free).find(|other| key(End::To, other) == own));
        if let Some(other) = other {
            paired.push((object, other));
        }
    }
    paired
}

fn differences(a: &Object, b: &Object, declared: &Declared) -> Vec<Difference> {
    let (mut spec_a, mut spec_b) = (a.spec.clone(), b.spec.clone());
    let mut all = Vec::new();
    patterns(a, b, (&mut spec_a, &mut spec_b), declared, &mut all);
    walk("spec", Some(&spec_a), Some(&spec_b), declared, &mut |field, from, to| {
        let is_own = OWN.iter().any(|own| field == *own || field.strip_prefix(own).is_some_and(|rest| rest.starts_with(['.', '['])));
        if !is_own {
            all.push(Difference::new(field, from, to));
        }
    });
    all.sort_by(|a, b| a.field.cmp(&b.field));
    all
}

/// Compares the event patterns by what they match, and removes them from the specs. `spec.benchling` can mean the same as a pattern.
fn patterns(a: &Object, b: &Object, (spec_a, spec_b): (&mut Value, &mut Value), declared: &Declared, all: &mut Vec<Difference>) {
    let same = |a: &Value, b: &Value| {
        is_same_pattern(Some(&declared.normalize_value(End::From, a)), Some(&declared.normalize_value(End::To, b)))
            || is_same_pattern(Some(a), Some(b))
    };
    if let (Some(pattern_a), Some(pattern_b)) = (&a.pattern, &b.pattern) {
        let has = |spec: &Value, field: &str| spec.get(field).is_some_and(|value| !value.is_null());
        // Both are written as shorthand: its fields say more than the pattern.
        let are_shorthands = has(spec_a, "benchling") && has(spec_b, "benchling");
        if same(pattern_a, pattern_b) || !are_shorthands {
            for field in ["eventPattern", "benchling"] {
                [&mut *spec_a, &mut *spec_b].into_iter().filter_map(Value::as_object_mut).for_each(|spec| drop(spec.remove(field)));
            }
            pattern("spec.eventPattern", (pattern_a, pattern_b), declared, all);
        }
    }
    let archives = |spec: &mut Value| -> Map<String, Value> {
        let archives = spec.get_mut("archives").and_then(Value::as_array_mut).into_iter().flatten();
        archives
            .filter_map(|archive| Some((archive["name"].as_str()?.to_owned(), archive.as_object_mut()?.remove("eventPattern")?)))
            .collect()
    };
    let (of_a, mut of_b) = (archives(spec_a), archives(spec_b));
    for (name, value) in of_a {
        let field = format!("spec.archives[{name}].eventPattern");
        match of_b.remove(&name) {
            Some(other) => pattern(&field, (&value, &other), declared, all),
            None => all.push(Difference::new(&field, Some(&value), None)),
        }
    }
    all.extend(of_b.iter().map(|(name, value)| Difference::new(&format!("spec.archives[{name}].eventPattern"), None, Some(value))));
}

/// Adds where two patterns match other events. Order and spelling make no difference.
fn pattern(path: &str, (a, b): (&Value, &Value), declared: &Declared, all: &mut Vec<Difference>) {
    let normal = (declared.normalize_value(End::From, a), declared.normalize_value(End::To, b));
    if is_same_pattern(Some(&normal.0), Some(&normal.1)) || is_same_pattern(Some(a), Some(b)) {
        return;
    }
    pattern_fields(path, &canonical_pattern(a), &canonical_pattern(b), declared, all);
}

fn pattern_fields(path: &str, a: &Value, b: &Value, declared: &Declared, all: &mut Vec<Difference>) {
    let mut report = |field: &str, from: Option<&Value>, to: Option<&Value>| all.push(Difference::new(field, from, to));
    match (a, b) {
        (Value::Object(of_a), Value::Object(of_b)) => {
            for key in of_a.keys().chain(of_b.keys().filter(|key| !of_a.contains_key(*key))) {
                let path = format!("{path}.{key}");
                match (of_a.get(key), of_b.get(key)) {
                    (Some(a), Some(b)) => pattern_fields(&path, a, b, declared, all),
                    (a, b) => all.push(Difference::new(&path, a, b)),
                }
            }
        }
        (Value::Array(of_a), Value::Array(of_b)) => sets(path, (of_a, of_b), declared, &mut report),
        (a, b) if a != b => report(path, Some(a), Some(b)),
        _ => {}
    }
}
