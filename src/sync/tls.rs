//! TLS towards the database.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::sync::error::{SyncError, SyncErrorReason};

/// The certificate authorities that are trusted: those of a PEM text, or the system's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    pub(crate) ca: Option<String>,
}

/// Returns a TLS configuration that verifies the server certificate.
///
/// # Errors
/// The PEM text cannot be read, or no authority is trusted.
pub(crate) fn client_config(trust: &Trust) -> Result<ClientConfig, SyncError> {
    let failed = |message: String| SyncError::new(SyncErrorReason::DatabaseTlsFailed, message);
    let mut roots = RootCertStore::empty();
    match &trust.ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let added = certificate.map_err(|error| error.to_string()).and_then(|c| roots.add(c).map_err(|error| error.to_string()));
                added.map_err(|error| failed(format!("spec.postgres.database.tls.caSecretRef: certificates cannot be read: {error}")))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(failed(
            "no trusted certificate authority found. Add the database's authority as PEM to the Secret in spec.postgres.database.tls.caSecretRef.".into(),
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| failed(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
