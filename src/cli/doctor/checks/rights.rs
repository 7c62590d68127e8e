//! Permissions in the cluster that the operator's `ServiceAccount` lacks.

use std::collections::BTreeMap;

use crate::cli::doctor::{
    finding::{Finding, ObjectRef, Severity},
    snapshot::{OperatorRights, Right, Snapshot},
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let Ok(operator) = &snapshot.rights else { return vec![] };
    let mut missing: BTreeMap<(String, Option<&str>), Vec<&Right>> = BTreeMap::new();
    for right in operator.rights.iter().filter(|right| !right.is_granted) {
        missing.entry((described(right), right.namespace.as_deref())).or_default().push(right);
    }
    missing.into_iter().filter_map(|((resource, _), rights)| of_resource(operator, &resource, &rights)).collect()
}

/// The resource as kubectl writes it, such as `eventrules.tributary.dev/status`.
fn described(right: &Right) -> String {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((&right.resource, ""));
    let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
    let name = right.name.as_ref().map_or_else(String::new, |name| format!("/{name}"));
    if subresource.is_empty() { format!("{resource}{group}{name}") } else { format!("{resource}{group} --subresource={subresource}") }
}

fn of_resource(operator: &OperatorRights, resource: &str, rights: &[&Right]) -> Option<Finding> {
    let first = rights.first()?;
    let verbs: Vec<_> = rights.iter().map(|right| right.verb.as_str()).collect();
    let OperatorRights { namespace, service_account, .. } = operator;
    let scope = first.namespace.as_ref().map_or_else(|| "-A".to_owned(), |namespace| format!("-n {namespace}"));
    let message = format!(
        "the operator's ServiceAccount may not {} {resource}. Upgrade the chart, which has the rules, or add them to its roles.",
        verbs.join(", ")
    );
    let command = format!("kubectl auth can-i {} {resource} {scope} --as=system:serviceaccount:{namespace}:{service_account}", first.verb);
    let object = ObjectRef::new("ServiceAccount", Some(namespace), service_account);
    Some(Finding::new("operator-right-missing", Severity::Critical, message, command).of(object))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    fn right(verb: &str, resource: &str, is_granted: bool) -> Right {
        let group = tributary_api::GROUP.to_owned();
        Right { verb: verb.into(), group, resource: resource.into(), name: None, namespace: None, is_granted }
    }

    #[test]
    fn missing_verbs_of_a_resource_are_one_finding() {
        let rights = vec![
            right("list", "eventrules", false),
            right("watch", "eventrules", false),
            right("get", "eventrules", true),
            right("patch", "eventrules/status", false),
        ];
        let operator = OperatorRights { namespace: "ns".into(), service_account: "sa".into(), rights };
        let found = check(&Snapshot { rights: Ok(operator), ..healthy() });
        assert_eq!(found.len(), 2);
        assert!(found[0].message.starts_with("the operator's ServiceAccount may not list, watch eventrules.tributary.dev. "), "{found:?}");
        assert_eq!(
            found[1].command,
            "kubectl auth can-i patch eventrules.tributary.dev --subresource=status -A --as=system:serviceaccount:ns:sa"
        );
    }
}
