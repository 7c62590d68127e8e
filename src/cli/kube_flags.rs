//! Flags for the cluster and the namespaces to read, with the names and defaults of kubectl.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use crate::cli::Error;

/// How long a connection to the API server may take to be established.
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster to read, and as whom.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ClusterFlags {
    /// Path of the kubeconfig. Defaults to `$KUBECONFIG`, then to `~/.kube/config`, then to the `ServiceAccount` of the pod.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig. Defaults to the current context.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Which cluster and which of its namespaces to read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct KubeFlags {
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Namespace to read. Can be repeated. Defaults to the namespace of the context.
    #[arg(short, long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    namespace: Vec<String>,
    /// Read all namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
}

/// The namespaces to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Namespaces {
    All,
    Only(Vec<String>),
}

/// A cluster as its user reads it.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// Namespace of the context.
    pub(crate) namespace: String,
}

impl ClusterFlags {
    /// Returns the flags with this context, if there is one.
    pub(crate) fn with_context(&self, context: Option<&str>) -> Self {
        Self { context: context.map(str::to_owned).or_else(|| self.context.clone()), ..self.clone() }
    }

    /// Returns a client of the cluster. No request is made yet.
    ///
    /// # Errors
    /// There is no kubeconfig, or it cannot be used.
    pub(crate) async fn connect(&self) -> Result<Cluster, Error> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT);
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| format!("the kubeconfig cannot be used: {error}"))?;
        Ok(Cluster { client, namespace })
    }

    async fn config(&self) -> Result<Config, Error> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        if let Some(path) = &self.kubeconfig {
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| described(&error))?;
            return Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| described(&error))?);
        }
        match Config::from_kubeconfig(&options).await {
            Ok(config) => Ok(config),
            Err(error) if self.context.is_none() => Config::incluster().map_err(|_| described(&error).into()),
            Err(error) => Err(described(&error).into()),
        }
    }
}

impl KubeFlags {
    /// Returns a client of the cluster. No request is made yet.
    ///
    /// # Errors
    /// There is no kubeconfig, or it cannot be used.
    pub(crate) async fn connect(&self) -> Result<Cluster, Error> {
        self.cluster.connect().await
    }

    /// Returns the namespaces to read.
    pub(crate) fn namespaces(&self, cluster: &Cluster) -> Namespaces {
        if self.all_namespaces {
            return Namespaces::All;
        }
        if self.namespace.is_empty() {
            return Namespaces::Only(vec![cluster.namespace.clone()]);
        }
        let mut names = self.namespace.clone();
        names.sort();
        names.dedup();
        Namespaces::Only(names)
    }
}

/// Describes why a kubeconfig cannot be used, without its contents: a parser quotes the line that it cannot read, which may contain a
/// token.
fn described(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(_) => "the kubeconfig is not valid YAML. Run `kubectl config view` to find the line.".into(),
        KubeconfigError::FindPath | KubeconfigError::ReadConfig(..) => {
            format!("{error}. Set --kubeconfig or KUBECONFIG to the path of a kubeconfig.")
        }
        KubeconfigError::CurrentContextNotSet | KubeconfigError::LoadContext(_) => {
            format!("{error}. Set --context to one of `kubectl config get-contexts`.")
        }
        other => format!("the kubeconfig cannot be used: {other}"),
    }
}
