//! The enums of destination types, desired states and observed states, and the one place that
//! matches on them: a macro, called with the table in `mod.rs`.

/// Registers the types, `Name: implementation => field of the spec`, and the states that they have.
macro_rules! destinations {
    (types { $($type:ident: $destination:ty => $field:ident,)* } states { $($state:ident: $desired:ty, $observed:ty;)* }) => {
        /// The type of a sink.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Type { $(
            #[doc = concat!("`spec.", stringify!($field), "`")]
            $type,
        )* }

        impl Type {
            /// All types.
            pub const ALL: &'static [Self] = &[$(Self::$type),*];

            /// Returns the type of the sink.
            ///
            /// # Errors
            /// None or several are set, which admission rejects.
            pub fn of(sink: &EventSink) -> Result<Self, ReconcileError> {
                let all = [$((Self::$type, sink.spec.$field.is_some())),*];
                let mut set = all.iter().filter(|(_, set)| *set).map(|(type_, _)| *type_);
                if let (Some(type_), None) = (set.next(), set.next()) {
                    return Ok(type_);
                }
                let names = all.map(|(type_, _)| type_.name()).join(", ");
                Err(ReconcileError::invalid(Reason::InvalidSpec, format!("spec: set exactly one destination of: {names}")))
            }

            /// Returns the name of the field in the spec, which is also the value of `status.type`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$type => <$destination>::NAME,)* }
            }

            /// Returns the features of the type and the IAM permissions of the operator that they need.
            pub(crate) fn features(self) -> &'static [Feature] {
                match self { $(Self::$type => <$destination>::FEATURES,)* }
            }

            /// Returns which sinks of the type need which features.
            pub(crate) fn uses(self) -> &'static [Use<EventSink>] {
                match self { $(Self::$type => <$destination>::USES,)* }
            }

            /// Returns the IAM actions of the reads that the condition `Deliverable` makes of a target.
            pub(crate) fn reads(self) -> &'static [&'static str] {
                match self { $(Self::$type => <$destination>::READS,)* }
            }

            /// Returns the calls of the type's service that CloudTrail records.
            pub(crate) fn recorded_calls(self) -> Option<&'static ServiceCalls> {
                match self { $(Self::$type => <$destination>::RECORDED_CALLS,)* }
            }

            /// Returns whether EventBridge requires a role to deliver.
            pub fn needs_role(self) -> bool {
                match self { $(Self::$type => <$destination>::NEEDS_ROLE,)* }
            }

            /// Returns the identity of the sink's resource, known before it exists.
            ///
            /// # Errors
            /// A reference is not permitted, or its object does not exist.
            pub(crate) fn identity(self, context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
                match self { $(Self::$type => across::identity::<$destination>(context),)* }
            }

            /// Returns the desired state of the sink.
            ///
            /// # Errors
            /// A reference is not permitted, its object does not exist, or is not ready.
            pub(crate) fn desired(self, context: &ResolveContext<'_>, identity: &Identity) -> Result<Desired, ReconcileError> {
                match self { $(Self::$type => across::desired::<$destination>(context, identity),)* }
            }

            /// Returns the empty observed state of the type, to be read from AWS.
            pub fn nothing(self) -> Observed {
                match self { $(Self::$type => <<$destination as Destination>::Desired as State>::Observed::default().into(),)* }
            }

            /// Returns the ARN that rules have in their targets, if it is known.
            pub fn target_arn(self, sink: &EventSink) -> Option<&String> {
                match self { $(Self::$type => <$destination>::target_arn(sink),)* }
            }

            pub(crate) fn set_parameters(self, field: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
                match self { $(Self::$type => <$destination>::set_parameters(field, sink, target),)* }
            }

            fn check_target(self, field: &str, sink: &EventSink, target: &TargetSettings) -> Result<(), ReconcileError> {
                match self { $(Self::$type => <$destination>::check_target(field, sink, target),)* }
            }

            fn accepts_transformed_events(self, target_arn: &str, identity: &Identity) -> bool {
                match self { $(Self::$type => <$destination>::accepts_transformed_events(target_arn, identity),)* }
            }

            /// Returns the type that an ARN in a target has, if it is one of them.
            pub(crate) fn of_target(arn: &Arn<'_>) -> Option<Self> {
                [$((Self::$type, <$destination>::is_target(arn))),*].into_iter().find(|(_, is)| *is).map(|(type_, _)| type_)
            }

            /// Returns the step that sends a dead letter to such a target again, if the type has one.
            pub(crate) fn redrive(self, letter: Redelivery) -> Option<Step> {
                match self { $(Self::$type => <$destination>::redrive(letter),)* }
            }

            /// Returns the IAM action and the resources of each call that a delivery makes.
            pub(crate) fn calls(self, target: &TargetSettings) -> Vec<Call> {
                match self { $(Self::$type => <$destination>::calls(target),)* }
            }

            /// Returns the sets of condition keys and values of the calls.
            pub(crate) fn contexts(self, target: &TargetSettings) -> Vec<Vec<(String, String)>> {
                match self { $(Self::$type => <$destination>::contexts(target),)* }
            }

            /// Returns the ARN of another resource that the target names and a delivery needs.
            pub(crate) fn named(self, target: &TargetSettings) -> Option<&String> {
                match self { $(Self::$type => <$destination>::named(target),)* }
            }

            /// Returns why EventBridge cannot send to a target that is a FIFO queue or topic.
            pub(crate) fn fifo_obstacle(self, target: &TargetSettings, deduplicates: bool) -> Option<String> {
                match self { $(Self::$type => <$destination>::fifo_obstacle(target, deduplicates),)* }
            }

            /// Returns the statement of the target's policy that allows a rule; `None` for a type
            /// without such a policy.
            pub(crate) fn policy_statement(self, sid: &str, target_arn: &str, source: &str) -> Option<Value> {
                match self { $(Self::$type => <$destination>::policy_statement(sid, target_arn, source),)* }
            }

            /// Returns how a delivery uses the customer managed key of the target with this ARN.
            pub(crate) fn key_use(self, target_arn: &str) -> KeyUse {
                match self { $(Self::$type => <$destination>::key_use(target_arn),)* }
            }

            /// Returns what to do if the target has an AWS managed key, which EventBridge cannot use.
            pub(crate) fn usable_key(self) -> &'static str {
                match self { $(Self::$type => <$destination>::USABLE_KEY,)* }
            }

            /// Returns whether what a sink wrote to the resource depends on the other sinks of the resource.
            pub fn depends_on_other_sinks(self) -> bool {
                match self { $(Self::$type => <$destination>::DEPENDS_ON_OTHER_SINKS,)* }
            }

            /// Returns whether EventBridge sends the ARN of the rule with a delivery.
            pub(crate) fn sends_source(self) -> bool {
                match self { $(Self::$type => <$destination>::SENDS_SOURCE,)* }
            }

            /// Returns the permissions that a task of a state machine needs; `None` if no type is called with it.
            ///
            /// # Errors
            /// The resource is computed at run time, or is not valid.
            pub(crate) fn task_rights(task: &Task<'_>) -> Result<Option<Vec<Rights>>, String> {
                $(if let Some(rights) = <$destination>::task_rights(task)? {
                    return Ok(Some(rights));
                })*
                Ok(None)
            }

            /// Returns the resources that consumers reach by a URL.
            pub fn consumed(self, sink: &EventSink, identity: &Identity) -> Vec<Consumed> {
                match self { $(Self::$type => <$destination>::consumed(sink, identity),)* }
            }

            /// Returns the default of `spec.deletionPolicy`.
            pub fn default_deletion_policy(self, sink: &EventSink) -> DeletionPolicy {
                match self { $(Self::$type => <$destination>::default_deletion_policy(sink),)* }
            }
        }

        /// Desired state of a sink.
        #[derive(Clone, Debug, Serialize)]
        #[allow(clippy::large_enum_variant, reason = "one a reconcile")]
        pub enum Desired { $(
            #[doc = concat!("State of ", stringify!($state))]
            $state($desired),
        )* }

        /// Observed state of a sink.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        #[allow(clippy::large_enum_variant, reason = "one a reconcile")]
        pub enum Observed { $(
            #[doc = concat!("State of ", stringify!($state))]
            $state($observed),
        )* }

        $(impl From<$desired> for Desired {
            fn from(desired: $desired) -> Self {
                Self::$state(desired)
            }
        })*

        $(impl From<$observed> for Observed {
            fn from(observed: $observed) -> Self {
                Self::$state(observed)
            }
        })*

        impl Desired {
            /// Returns the rules and buses that are allowed to send.
            pub fn grants(&self) -> &Grants {
                match self { $(Self::$state(want) => want.grants(),)* }
            }

            /// Returns the ARN of the managed role that EventBridge delivers with.
            pub fn invocation_role(&self) -> Option<&String> {
                match self { $(Self::$state(want) => want.invocation_role(),)* }.map(|role| &role.arn)
            }

            /// Returns the ARN of the managed role that the resource assumes.
            pub fn execution_role(&self) -> Option<&String> {
                match self { $(Self::$state(want) => want.execution_role(),)* }.map(|role| &role.arn)
            }

            /// Returns the permissions boundaries of the managed roles.
            pub fn boundaries(&self) -> impl Iterator<Item = &String> {
                let roles = match self { $(Self::$state(want) => [want.invocation_role(), want.execution_role()],)* };
                roles.into_iter().flatten().filter_map(|role| role.boundary.as_ref())
            }

            /// Returns the failure destination of a function.
            pub fn failure_destination(&self) -> Option<&String> {
                match self { $(Self::$state(want) => want.failure_destination(),)* }
            }

            /// Returns the ARNs of other objects' resources that AWS holds in the resource.
            pub fn uses(&self) -> Vec<&String> {
                match self { $(Self::$state(want) => want.uses(),)* }
            }

            /// Returns the references to secret values that the steps need.
            pub fn secrets(&self) -> Option<&SecretRefs> {
                match self { $(Self::$state(want) => want.secrets(),)* }
            }

            /// Returns the tags of the resources that the operator creates.
            pub fn tags(&self) -> Option<&Tags> {
                match self { $(Self::$state(want) => want.tags(),)* }
            }

            /// Returns CloudFormation type and ARN of each resource of the sink.
            pub fn resources(&self, sink: &EventSink, observed: Option<&Observed>) -> Vec<(&'static str, String)> {
                match self { $(Self::$state(want) => {
                    want.resources(sink, observed.and_then(|observed| if let Observed::$state(have) = observed { Some(have) } else { None }))
                })* }
            }

            /// Returns the rules and buses that the policy allows after all steps.
            pub fn sources_in_policy(&self, observed: Option<&Observed>) -> BTreeSet<String> {
                match self { $(Self::$state(want) => {
                    want.sources_in_policy(observed.and_then(|observed| if let Observed::$state(have) = observed { Some(have) } else { None }))
                })* }
            }

            fn permission_steps(&self, observed: Option<&Observed>, context: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError> {
                match self { $(Self::$state(want) => {
                    let have = observed.and_then(|observed| if let Observed::$state(have) = observed { Some(have) } else { None });
                    want.permission_steps(have, context)
                })* }
            }

            /// Returns whether the steps created the resource with its policy, which is then in
            /// effect immediately.
            pub fn created_with_policy(&self, applied: &[Step]) -> bool {
                match self { $(Self::$state(want) => want.created_with_policy(applied),)* }
            }

            /// Returns how long AWS can take until a new permission is in effect.
            pub fn settle(&self, settings: &Settings) -> Duration {
                match self { $(Self::$state(want) => want.settle(settings),)* }
            }

            /// Returns warnings about permissions that cannot be derived from the spec.
            pub fn warnings(&self) -> Vec<String> {
                match self { $(Self::$state(want) => want.warnings(),)* }
            }

            /// Returns the statements that the policy of a resource in another account requires.
            pub fn statements_there(&self) -> Vec<Value> {
                match self { $(Self::$state(want) => want.statements_there(),)* }
            }

            fn statements(&self) -> Vec<Value> {
                match self { $(Self::$state(want) => want.required_statements(),)* }
            }

            /// Returns what the sink waits for after all steps.
            pub fn waiting(&self, observed: Option<&Observed>) -> Option<ReconcileError> {
                match self { $(Self::$state(want) => {
                    want.waiting(observed.and_then(|observed| if let Observed::$state(have) = observed { Some(have) } else { None }))
                })* }
            }

            /// Records, before the first write, resources that cannot be found by name.
            pub fn record_intent(&self, status: &mut EventSinkStatus) {
                match self { $(Self::$state(want) => want.record_intent(status),)* }
            }

            /// Records what exists after all steps.
            pub fn record_applied(&self, status: &mut EventSinkStatus) {
                match self { $(Self::$state(want) => want.record_applied(status),)* }
            }

            /// Records, in a dry run, a placeholder for what AWS assigns when the steps are applied.
            pub fn record_planned(&self, status: &mut EventSinkStatus) {
                match self { $(Self::$state(want) => want.record_planned(status),)* }
            }
        }

        impl Observed {
            /// Returns the rules and buses without an object that AWS still has with this
            /// destination.
            pub fn live(&self) -> &BTreeSet<String> {
                match self { $(Self::$state(have) => <$desired>::live(have),)* }
            }

            /// Records observed state that no other status field contains.
            pub fn record(&self, status: &mut EventSinkStatus) {
                match self { $(Self::$state(have) => <$desired>::record_observed(have, status),)* }
            }
        }

        /// Returns the steps from `observed` to `desired`; without `desired`, the steps of a
        /// deletion.
        ///
        /// # Errors
        /// AWS cannot apply the desired state, or an existing resource has another owner.
        pub fn plan(desired: Option<&Desired>, observed: Option<&Observed>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
            match (desired, observed) {
                $((Some(Desired::$state(want)), Some(Observed::$state(have))) => <$desired>::plan(Some(want), Some(have), context),)*
                $((Some(Desired::$state(want)), _) => <$desired>::plan(Some(want), None, context),)*
                $((None, Some(Observed::$state(have))) => <$desired>::plan(None, Some(have), context),)*
                (None, None) => Ok(vec![]),
            }
        }
    };
}
