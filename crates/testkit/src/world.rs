//! A world: a namespace with an account, objects, and an operator that sees only these.

use std::{fmt::Debug, time::Duration};

use futures::StreamExt;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, WatchEvent, WatchParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle, time::MissedTickBehavior};

use crate::{
    aws::{Aws, REGION},
    bed::{Bed, OPERATOR_NAMESPACE},
    conditions::{condition, scaled_by_load},
    product::{Options, operator},
};

/// Options for tests: quick where waiting proves nothing, and no resyncs unless a test asks for them.
pub fn options() -> Options {
    Options {
        operator_namespace: OPERATOR_NAMESPACE.into(),
        installation_id: Some("e2e".into()),
        policy_settle: Duration::ZERO,
        permission_settle: Duration::ZERO,
        source_poll: Duration::from_secs(1),
        grant_grace: Duration::ZERO,
        first_rule: Duration::from_millis(300),
        resync: Duration::from_hours(1),
        // As the chart of the bed says, and one that it gives no right to.
        arn_from: ["Queue=queues.sqs.services.k8s.aws", "ConfigMap=configmaps", "Topic=topics.sns.services.k8s.aws"]
            .map(|kind| kind.parse().unwrap())
            .to_vec(),
        // An object's first full resync comes at a random moment of this interval, and must not fall into a test that does not expect it.
        full_resync: Duration::from_hours(24 * 365),
        ..Options::default()
    }
}

struct Running {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// A namespace with an AWS account of its own, and an operator that watches nothing else.
pub struct World {
    /// Name of the namespace, unique in the bed.
    pub namespace: String,
    /// Name of the `AwsAccount`.
    pub account: String,
    /// The AWS account.
    pub aws: Aws,
    /// A client with cluster-admin permissions.
    pub client: Client,
    /// How long one wait may take.
    pub timeout: Duration,
    bed: Bed,
    running: Option<Running>,
}

impl AsRef<Aws> for World {
    fn as_ref(&self) -> &Aws {
        &self.aws
    }
}

impl World {
    /// A namespace and an account, and no operator yet.
    pub async fn empty(name: &str) -> Self {
        Self::empty_in(Bed::get(), name).await
    }

    /// The same in a bed of the test's own.
    pub async fn empty_in(bed: &Bed, name: &str) -> Self {
        if let Ok(filter) = std::env::var("TEST_LOG") {
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).try_init();
        }
        let (aws, client) = (Aws::new(bed), bed.admin().await);
        let namespace = format!("{name}-{}", &aws.account[5..]);
        let account = format!("acct-{namespace}");
        let timeout = scaled_by_load(Duration::from_secs(29));
        let world = Self { account, namespace, aws, client, timeout, bed: bed.clone(), running: None };
        world.apply_in(None, "v1", "Namespace", &world.namespace, json!({})).await;
        world.secret(&world.aws.account.clone()).await;
        world.apply_account(world.account_spec()).await;
        world
    }

    /// The same with the operator running.
    pub async fn start(name: &str) -> Self {
        Self::with(name, options()).await
    }

    /// The same with these options.
    pub async fn with(name: &str, options: Options) -> Self {
        let mut world = Self::empty(name).await;
        world.run(options).await;
        world
    }

    /// Writes the Secret of the `AwsAccount`, with this access key.
    pub async fn secret(&self, access_key: &str) {
        let data = json!({"stringData": {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": "canary-7Qm2"}});
        self.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &format!("keys-{}", self.namespace), data).await;
    }

    /// Lets the operator read Secrets of this namespace, by the Role that the chart makes for `sinkSecrets.namespaces`.
    pub async fn permit_secrets(&self) {
        self.permit("sink-secrets", json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})).await;
    }

    /// Lets the operator write ConfigMaps of this namespace, by the Role that the chart makes for `sinkConfigMaps.namespaces`.
    pub async fn permit_config_maps(&self) {
        let verbs = ["get", "create", "update", "delete"];
        self.permit("sink-config-maps", json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs})).await;
    }

    async fn permit(&self, role: &str, permissions: Value) {
        let (api, namespace) = ("rbac.authorization.k8s.io/v1", Some(self.namespace.as_str()));
        self.apply_in(namespace, api, "Role", role, json!({"rules": [permissions]})).await;
        let binding = json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "tributary", "namespace": OPERATOR_NAMESPACE}],
        });
        self.apply_in(namespace, api, "RoleBinding", role, binding).await;
    }

    /// A Secret of the user's, in the world's namespace.
    pub async fn user_secret(&self, name: &str, data: Value) {
        self.apply_in(Some(&self.namespace), "v1", "Secret", name, json!({"stringData": data})).await;
    }

    /// Spec of the `AwsAccount`: this namespace and those whose names begin with it may use everything in the account.
    pub fn account_spec(&self) -> Value {
        json!({
            "accountId": self.aws.account,
            "region": REGION,
            "endpoint": self.aws.endpoint,
            "credentials": {"secretRef": {"name": format!("keys-{}", self.namespace)}},
            "defaultTags": {"team": "e2e"},
            "grants": [{"namespaces": [self.namespace, format!("{}-*", self.namespace)], "arns": [format!("arn:aws:*:{REGION}:{}:*", self.aws.account)], "roles": [format!("arn:aws:iam::{}:role/*", self.aws.account)], "principals": ["888877776666"]}],
        })
    }

    /// Applies the world's `AwsAccount`.
    pub async fn apply_account(&self, spec: Value) {
        self.apply_in(None, "tributary.dev/v1alpha1", "AwsAccount", &self.account, json!({"spec": spec})).await;
    }

    /// The neighbouring namespace `<namespace>-<suffix>`, which the operator watches too and the account grants. Same account, no operator
    /// of its own.
    pub async fn neighbour(&self, suffix: &str) -> Self {
        let namespace = format!("{}-{suffix}", self.namespace);
        self.apply_in(None, "v1", "Namespace", &namespace, json!({})).await;
        let mut world = self.handle();
        world.namespace = namespace;
        world
    }

    /// The same world, for another task; it has no operator of its own.
    #[must_use]
    pub fn handle(&self) -> Self {
        let (namespace, account, aws, client) = (self.namespace.clone(), self.account.clone(), self.aws.clone(), self.client.clone());
        Self { namespace, account, aws, client, timeout: self.timeout, bed: self.bed.clone(), running: None }
    }

    /// Path of the cluster admin's kubeconfig.
    pub fn kubeconfig(&self) -> &str {
        &self.bed.kubeconfig
    }

    /// Starts the operator; it sees this world only.
    pub async fn run(&mut self, options: Options) {
        self.run_through(self.bed.operator().await, options);
    }

    /// The same by way of this client, such as that of an `ApiProxy`.
    pub fn run_through(&mut self, client: Client, options: Options) {
        assert!(self.running.is_none(), "it runs already");
        let namespaces = vec![self.namespace.clone(), format!("{}-*", self.namespace)];
        let options = Options { watch_namespaces: namespaces, ..options };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            operator::run(client, options, None, async { drop(stopped.await) }).await.expect("the operator runs");
        });
        self.running = Some(Running { task, stop });
    }

    /// Stops it as a rollout does.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            tokio::time::timeout(Duration::from_secs(20), running.task).await.expect("it stops within 20 s").unwrap();
        }
    }

    /// Stops it as a crash does: whatever was under way is dropped where it stands.
    pub async fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            running.task.abort();
            let _ = running.task.await;
        }
    }

    fn resource(api_version: &str, kind: &str) -> ApiResource {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let plural = if kind == "EventBus" { "eventbuses".into() } else { format!("{}s", kind.to_lowercase()) };
        ApiResource::from_gvk_with_plural(&gvk, &plural)
    }

    /// Objects of one of our kinds in the world's namespace.
    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        self.api_in(Some(&self.namespace), "tributary.dev/v1alpha1", kind)
    }

    /// Objects of any kind; cluster-scoped ones without a namespace.
    pub fn api_in(&self, namespace: Option<&str>, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = Self::resource(api_version, kind);
        match namespace.filter(|_| kind != "AwsAccount") {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    /// `kubectl apply` of any object.
    pub async fn apply_in(&self, namespace: Option<&str>, api_version: &str, kind: &str, name: &str, mut body: Value) -> DynamicObject {
        self.try_apply(namespace, api_version, kind, name, &mut body).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"))
    }

    async fn try_apply(
        &self,
        namespace: Option<&str>,
        api_version: &str,
        kind: &str,
        name: &str,
        body: &mut Value,
    ) -> Result<DynamicObject, kube::Error> {
        body["apiVersion"] = json!(api_version);
        body["kind"] = json!(kind);
        body["metadata"]["name"] = json!(name);
        let api = self.api_in(namespace, api_version, kind);
        api.patch(name, &PatchParams::apply("e2e").force(), &Patch::Apply(&body)).await
    }

    /// `kubectl apply` of one object of ours; `accountRef` is filled in where the kind has one.
    pub async fn apply(&self, kind: &str, name: &str, spec: Value) -> DynamicObject {
        self.attempt(kind, name, spec).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"))
    }

    /// The same, for what admission may refuse.
    pub async fn attempt(&self, kind: &str, name: &str, mut spec: Value) -> Result<DynamicObject, kube::Error> {
        if matches!(kind, "EventBus" | "EventSink" | "BenchlingSubscription") && spec.get("accountRef").is_none() {
            spec["accountRef"] = json!({"name": self.account});
        }
        self.try_apply(Some(&self.namespace), "tributary.dev/v1alpha1", kind, name, &mut json!({"spec": spec})).await
    }

    /// Sets the annotation; `None` removes it.
    pub async fn annotate(&self, kind: &str, name: &str, annotation: &str, value: Option<&str>) {
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// The object; `None` if there is none.
    pub async fn get(&self, kind: &str, name: &str) -> Option<DynamicObject> {
        self.api(kind).get_opt(name).await.unwrap()
    }

    /// Starts the deletion, and does not wait for its end.
    pub async fn delete(&self, kind: &str, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, kind: &str, name: &str) {
        self.wait(kind, name, "gone", |object| object.is_none().then_some(())).await;
    }

    /// Waits until the object is gone, or another one has its name.
    pub async fn gone_or_new(&self, kind: &str, name: &str) {
        let new = |object: Option<&DynamicObject>| object.is_none_or(|object| object.metadata.deletion_timestamp.is_none()).then_some(());
        self.wait(kind, name, "gone or new", new).await;
    }

    /// Waits until the object's status speaks of its present spec and the check gives something.
    pub async fn wait<T: Debug>(&self, kind: &str, name: &str, what: &str, check: impl Fn(Option<&DynamicObject>) -> Option<T>) -> T {
        let last = std::sync::Mutex::new(Value::Null);
        let check = |object: Option<&DynamicObject>| {
            *last.lock().unwrap() = object.map_or(Value::Null, |object| object.data["status"].clone());
            check(object)
        };
        let limit = self.timeout;
        tokio::time::timeout(limit, first(&self.api(kind), name, check))
            .await
            .unwrap_or_else(|_| panic!("{kind} {name} not {what} within {limit:?}: {:#}", last.lock().unwrap()))
    }

    /// Waits until the object is Ready for its present generation.
    pub async fn ready(&self, kind: &str, name: &str) -> DynamicObject {
        self.wait(kind, name, "Ready", |object| object.filter(|o| condition(o, "Ready").is_some_and(|c| c.0 == "True")).cloned()).await
    }

    /// Waits until the object is not Ready for this reason; gives the message.
    pub async fn not_ready(&self, kind: &str, name: &str, reason: &str) -> String {
        self.wait(kind, name, reason, |object| condition(object?, "Ready").filter(|c| c.0 == "False" && c.1 == reason).map(|c| c.2)).await
    }
}

/// The first result of the check, for the object as it is or for one of its later versions. Watches the object: polling it took 40 % of all
/// requests to the API server.
async fn first<T>(api: &Api<DynamicObject>, name: &str, check: impl Fn(Option<&DynamicObject>) -> Option<T>) -> T {
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    // An object that does not exist yet has no version to watch from, and a watch may end at any time.
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let object = api.get_opt(name).await.unwrap();
        if let Some(found) = check(object.as_ref()) {
            return found;
        }
        let Some(version) = object.and_then(|object| object.metadata.resource_version) else { continue };
        let Ok(events) = api.watch(&params, &version).await else { continue };
        let mut events = std::pin::pin!(events);
        while let Some(Ok(event)) = events.next().await {
            let found = match &event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => check(Some(object)),
                WatchEvent::Deleted(_) => check(None),
                WatchEvent::Bookmark(_) => None,
                WatchEvent::Error(_) => break,
            };
            if let Some(found) = found {
                return found;
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.task.abort();
        }
    }
}
