//! The URL of a PostgreSQL database, as in `DATABASE_URL`. Pure, except for the file of certificates.
//!
//! Form: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...&sslrootcert=FILE` (PostgreSQL documentation, "Connection URIs").

use std::fmt;

use reqwest::Url;
use secrecy::SecretString;

use crate::sync::{Address, FailureTime, Trust};

/// What is wrong with the URL. Never contains the URL, which has a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadUrl(String);

impl std::error::Error for BadUrl {}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--database-url (DATABASE_URL): {}", self.0)
    }
}

fn bad(what: impl Into<String>) -> BadUrl {
    BadUrl(what.into())
}

/// Modes of TLS, by the values of `sslmode`.
enum Tls {
    /// TLS with verification, unless the host is this machine.
    Default,
    Off,
    Verify,
}

/// Returns the address in the URL.
///
/// # Errors
/// The URL is not one of a PostgreSQL database, or has a parameter that is not supported.
pub(super) fn parse(text: &str) -> Result<Address, BadUrl> {
    let url = Url::parse(text).map_err(|error| bad(format!("not a URL: {error}. Use postgresql://USER:PASSWORD@HOST:PORT/DATABASE.")))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(bad("the scheme must be postgresql. Use postgresql://USER:PASSWORD@HOST:PORT/DATABASE."));
    }
    let decoded = |part: &str, name: &str| {
        percent_encoding::percent_decode_str(part)
            .decode_utf8()
            .map(String::from)
            .map_err(|_| bad(format!("the {name} is not UTF-8. Correct it.")))
    };
    let host = decoded(url.host_str().unwrap_or_default(), "host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let database = decoded(url.path().trim_start_matches('/'), "name of the database")?;
    let user = decoded(url.username(), "user")?;
    for (part, name) in [(&host, "host"), (&database, "name of the database"), (&user, "user")] {
        if part.is_empty() {
            return Err(bad(format!("the {name} is missing. Add it, as in postgresql://USER:PASSWORD@HOST:PORT/DATABASE.")));
        }
    }
    let (mut tls, mut ca) = (Tls::Default, None);
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), value.as_ref()) {
            ("sslmode", "disable") => tls = Tls::Off,
            ("sslmode", "require" | "verify-ca" | "verify-full") => tls = Tls::Verify,
            ("sslmode", _) => {
                return Err(bad(
                    "sslmode must be disable, require, verify-ca or verify-full. All but disable verify the certificate and the host.",
                ));
            }
            ("sslrootcert", file) => {
                ca = Some(std::fs::read_to_string(file).map_err(|error| bad(format!("sslrootcert: {file}: {error}. Correct the path.")))?);
            }
            (other, _) => return Err(bad(format!("parameter {other} is not supported. Remove it: only sslmode and sslrootcert are."))),
        }
    }
    let is_here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
    let is_encrypted = match tls {
        Tls::Default => !is_here || ca.is_some(),
        Tls::Off => false,
        Tls::Verify => true,
    };
    Ok(Address {
        port: url.port().unwrap_or(5432),
        password: SecretString::from(decoded(url.password().unwrap_or_default(), "password")?),
        tls: is_encrypted.then_some(Trust { ca }),
        failures: FailureTime::Own,
        host,
        database,
        user,
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_url_has_the_parts_of_an_address() {
        let address = parse("postgresql://tri%40b:p%2Fw@db.example.com:6543/lab?sslmode=require").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.database.as_str()), ("db.example.com", 6543, "lab"));
        assert_eq!((address.user.as_str(), address.password.expose_secret()), ("tri@b", "p/w"));
        let local = parse("postgres://u@[::1]/d").unwrap();
        assert_eq!((local.host.as_str(), local.port), ("::1", 5432));
    }

    #[test]
    fn only_this_machine_and_disable_mean_no_tls() {
        for (url, has_tls) in [
            ("postgres://u:p@localhost/d", false),
            ("postgres://u:p@127.0.0.1/d", false),
            ("postgres://u:p@[::1]/d", false),
            ("postgres://u:p@localhost/d?sslmode=verify-full", true),
            ("postgres://u:p@db.example.com/d", true),
            ("postgres://u:p@db.example.com/d?sslmode=require", true),
            ("postgres://u:p@db.example.com/d?sslmode=disable", false),
            ("postgres://u:p@localhost.example.com/d", true),
        ] {
            assert_eq!(parse(url).unwrap().tls.is_some(), has_tls, "{url}");
        }
    }

    #[test]
    fn an_error_has_the_part_and_never_the_password() {
        for (url, part) in [
            ("s3cret", "not a URL"),
            ("mysql://u:s3cret@h/d", "scheme"),
            ("postgres:///d", "host"),
            ("postgres://:s3cret@h/d", "user"),
            ("postgres://u:s3cret@h", "name of the database"),
            ("postgres://u:s3cret@h/d?sslmode=prefer", "sslmode"),
            ("postgres://u:s3cret@h/d?channel_binding=require", "channel_binding"),
            ("postgres://u:s3cret@h/d?sslrootcert=/no/such/file", "sslrootcert"),
            ("postgres://u:s3cret%FF@h/d", "password is not UTF-8"),
            ("postgres://u:s3cret@h:port/d", "not a URL"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("s3cret"), "{url}: {error}");
        }
    }
}
