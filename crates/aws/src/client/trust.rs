//! Certificate authorities that are trusted besides the system's own: for endpoints and proxies that have a private one.

use std::path::Path;

use aws_smithy_http_client::tls::TrustStore;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// A file of PEM certificates, all of which were read and understood: the SDK panics on one that it cannot read.
#[derive(Clone, Debug)]
pub struct CaBundle(Vec<u8>);

impl CaBundle {
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
            return Err("there is no PEM certificate in it".into());
        }
        Ok(Self(pem))
    }

    /// These and the system's.
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
