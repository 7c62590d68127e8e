//! `AwsAccount` in the graph.

use tributary_api::AwsAccount;

use super::{Aws, GraphKind, Item, NodeKind, fact, node};

impl GraphKind for AwsAccount {
    const KIND: NodeKind = NodeKind::AwsAccount;

    fn item(&self) -> Item {
        let (spec, status) = (&self.spec, self.status.as_ref());
        let mut node = node(Self::KIND, &self.metadata, status.map(|status| &status.common));
        node.aws =
            Some(Aws { account: node.name.clone(), account_id: spec.account_id.clone(), region: spec.region.clone(), name: String::new() });
        node.facts.push(fact("account", &spec.account_id));
        node.facts.push(fact("region", &spec.region));
        if let Some(caller) = status.and_then(|status| status.caller_arn.as_ref()) {
            node.facts.push(fact("as", caller));
        }
        Item { node: node.into(), edges: vec![], external: vec![] }
    }
}
