//! Certificate authorities that are trusted in addition to the system's: for endpoints and proxies with a private one.

use std::path::Path;

use aws_smithy_http_client::tls::TrustStore;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// A file of PEM certificates, all parsed: the SDK panics on one that it cannot read.
#[derive(Clone, Debug)]
pub struct CaBundle(Vec<u8>);

impl CaBundle {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, has no certificate, or one that is not valid.
    pub fn read(path: &Path) -> Result<Self, String> {
        let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(pem).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(pem: Vec<u8>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
            let bad = |error: String| format!("certificate {}: {error}", index + 1);
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err("no PEM certificate found".into());
        }
        Ok(Self(pem))
    }

    /// Returns these certificates and the system's.
    pub(crate) fn trust_store(&self) -> TrustStore {
        TrustStore::default().with_pem_certificate(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused_at_the_start() {
        let error = |pem: &str| CaBundle::parse(pem.into()).err().unwrap_or_default();
        assert!(error("").contains("no PEM certificate"));
        assert!(error("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").contains("certificate 1"));
    }
}
