//! Every call that this crate makes, generated from `for_each_service!`. To add a call, add its name there, and its action to a
//! feature of `tributary_core::iam_policy` or of a destination; a test compares the two lists.

/// Generates one enum per service, [`Call`] over all of them, and a module per service for use in [`send!`].
macro_rules! calls {
    ($($(#[$doc:meta])* $prefix:ident: $service:ident $id:literal = $sdk:ident, $limit:expr, { $($operation:ident),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $service {
                $(#[doc = concat!("`", stringify!($prefix), ":", stringify!($operation), "`.")] $operation),*
            }

            impl From<$service> for Call {
                fn from(operation: $service) -> Self {
                    Self::$service(operation)
                }
            }

            /// The calls of one service.
            pub(crate) mod $prefix {
                #[allow(unused_imports)] // Of STS there is one only, which no macro sends.
                pub(crate) use super::$service::*;
            }
        )*

        /// One call of the AWS API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Call {
            $($(#[$doc])* $service($service)),*
        }

        impl Call {
            /// Every call that this crate can make.
            pub const ALL: &'static [Self] = &[$($(Self::$service($service::$operation)),*),*];

            /// Returns the IAM action that the call needs, such as `events:PutRule`.
            pub const fn action(self) -> &'static str {
                match self {
                    $($(Self::$service($service::$operation) => concat!(stringify!($prefix), ":", stringify!($operation))),*),*
                }
            }

            /// Returns the service ID, such as `EventBridge`.
            pub const fn service(self) -> &'static str {
                match self {
                    $(Self::$service(_) => $id),*
                }
            }

            /// Returns the name of the call in traces, such as `EventBridge.PutRule`.
            pub const fn api_name(self) -> &'static str {
                match self {
                    $($(Self::$service($service::$operation) => concat!($id, ".", stringify!($operation))),*),*
                }
            }
        }
    };
}

for_each_service!(calls);

impl Call {
    /// Returns the operation, such as `PutRule`.
    pub fn operation(self) -> &'static str {
        self.action().split_once(':').map_or("", |(_, operation)| operation)
    }

    /// Returns whether the call only reads, so that sending it twice does no harm.
    pub fn is_read(self) -> bool {
        let operation = self.operation();
        ["Get", "List", "Describe", "Filter", "Simulate"].iter().any(|prefix| operation.starts_with(prefix))
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.action())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_call_has_an_action_of_its_own() {
        let actions: BTreeSet<_> = Call::ALL.iter().map(|call| call.action()).collect();
        assert_eq!(actions.len(), Call::ALL.len());
        assert_eq!(Call::from(Events::PutRule).to_string(), "events:PutRule");
        assert_eq!(Call::from(Logs::CreateLogGroup).api_name(), "CloudWatch Logs.CreateLogGroup");
        assert!(
            Call::from(Kms::DescribeKey).is_read() && Call::from(Logs::FilterLogEvents).is_read() && !Call::from(Iam::UntagRole).is_read()
        );
    }
}
