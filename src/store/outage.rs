//! Why a database cannot be used, and the operator's remedy where waiting does not help: a password, a name, a
//! permission, a certificate, a parameter, the encoding.

use std::fmt;

use sqlx::error::DatabaseError;

/// A condition of the database; nothing is wrong with the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    pub cause: String,
    /// `None`: it may pass by itself.
    pub remedy: Option<String>,
}

const ACCOUNT: &str =
    "check the user and the password in `[database] url` (or DATABASE_URL), and the server's pg_hba.conf";
const NAME: &str = "correct the name in `[database] url`, or make it: \
                    `create database mcpchat owner mcpchat encoding 'UTF8' template template0`";
/// The remedy for a missing permission of the role.
pub const RIGHTS: &str = "let the role own the database (`alter database mcpchat owner to mcpchat`), or grant what is missing: \
                      `grant usage, create on schema public to mcpchat`, and with `serve --no-migrate` \
                      `grant select, insert, update, delete on all tables in schema public to mcpchat`";
const SCHEMA: &str = "make the schema that `search_path` names, or grant the role usage of it";
const PARAMETER: &str =
    "take it out of `[database] url`; what belongs to the session can be set on the role: `alter role … set …`";
const STATEMENT_POOLING: &str = "set `pool_mode = transaction` or `session` for this database in pgbouncer.ini";
const HIDDEN_POOLER: &str = "connections are shared by a pooler that does not show; have it refuse or ignore the startup \
                             parameter `options`, or connect to PostgreSQL itself";
const READ_ONLY: &str = "make it writable, or connect to the primary";

impl Outage {
    pub fn passing(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: None }
    }

    pub fn lasting(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: Some(remedy.into()) }
    }

    /// The database can be read only: a standby, or one that is set so.
    pub fn read_only() -> Self {
        Self::lasting("the database is read-only: it takes no changes", READ_ONLY)
    }

    pub fn is_read_only(&self) -> bool {
        self.remedy.as_deref() == Some(READ_ONLY)
    }

    /// `None`: the error does not concern the database's condition, or may pass.
    pub(super) fn lasting_of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Configuration(cause) => Some(Self::lasting(cause.to_string(), PARAMETER)),
            sqlx::Error::Tls(cause) => Some(tls(&cause.to_string())),
            sqlx::Error::Io(error) => of_connection(error),
            sqlx::Error::Protocol(told) if told.starts_with("unsupported authentication method") => {
                Some(Self::lasting(told.clone(), "have pg_hba.conf ask this user for scram-sha-256"))
            }
            sqlx::Error::Database(told) => of_server(&**told),
            _ => None,
        }
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remedy {
            Some(remedy) => write!(f, "{}; {remedy}", self.cause),
            None => f.write_str(&self.cause),
        }
    }
}

fn of_connection(error: &std::io::Error) -> Option<Outage> {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        return Some(Outage::lasting(error.to_string(), "let this user write to the server's socket"));
    }
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let is_certificate = matches!(inner, rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_));
    is_certificate.then(|| tls(&inner.to_string()))
}

/// By the message of the TLS library.
fn tls(told: &str) -> Outage {
    let remedy = if told.contains("UnsupportedCertVersion") {
        "the server's certificate is X.509 version 1, which is not taken; make one of version 3: \
         `openssl x509 -req … -extfile` with a file that says `subjectAltName = DNS:the.host`"
    } else if told.contains("not valid for") || told.contains("NotValidForName") {
        "the certificate does not name this host as a subjectAltName (a common name alone does not count); make one that \
         does, or set `sslmode=verify-ca`"
    } else if told.contains("UnknownIssuer") || told.contains("CaUsedAsEndEntity") {
        "name the certificate of the authority that signed the server's: `sslrootcert=/path/ca.pem` in the URL, or SSL_CERT_FILE"
    } else if told.contains("does not support TLS") {
        "set `ssl = on` at the server, or `sslmode=disable` in the URL"
    } else if told.contains("alert") {
        "the server refuses this client's certificate or lack of one; see `sslcert` and `sslkey` in the URL"
    } else {
        "correct the certificate, or `sslmode`, `sslrootcert`, `sslcert` and `sslkey` in the URL"
    };
    Outage::lasting(told, remedy)
}

fn of_server(told: &dyn DatabaseError) -> Option<Outage> {
    let code = told.code()?;
    lasting_by(&code, told.message())
        .map(|remedy| if remedy == READ_ONLY { Outage::read_only() } else { Outage::lasting(told.message(), remedy) })
}

/// The remedy by PostgreSQL's SQLSTATE; PgBouncer reports nearly all of its own errors as 08P01.
fn lasting_by(code: &str, message: &str) -> Option<&'static str> {
    let says = |words: &str| message.contains(words);
    Some(match code {
        "28P01" | "28000" => ACCOUNT,
        "3D000" => NAME,
        "42501" => RIGHTS,
        "3F000" => SCHEMA,
        "25006" => READ_ONLY,
        "42704" if says("configuration parameter") => PARAMETER,
        "22023" if says("value for parameter") => PARAMETER,
        "26000" | "42P05" => HIDDEN_POOLER,
        "08P01" if says("unsupported startup parameter") => PARAMETER,
        "08P01" if says("statement pooling mode") => STATEMENT_POOLING,
        "08P01" if says("no such database") || says("database") && says("does not exist") => NAME,
        "08P01" if says("no such user") || says("authentication failed") || says("does not exist") => ACCOUNT,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_does_not_help_has_a_remedy() {
        for (code, message, remedy) in [
            ("28P01", "password authentication failed for user \"ada\"", "pg_hba.conf"),
            ("28000", "no pg_hba.conf entry for host", "pg_hba.conf"),
            ("3D000", "database \"mcpchat\" does not exist", "create database"),
            ("42501", "permission denied for schema public", "grant usage, create on schema public"),
            ("3F000", "no schema has been selected to create in", "search_path"),
            ("25006", "cannot execute INSERT in a read-only transaction", "primary"),
            ("42704", "unrecognized configuration parameter \"nonsense\"", "take it out"),
            ("08P01", "unsupported startup parameter: options", "alter role"),
            ("08P01", "transaction blocks not allowed in statement pooling mode", "pool_mode"),
            ("08P01", "no such database: mcpchat", "create database"),
            ("08P01", "database \"mcpchat\" does not exist", "create database"),
            ("42P05", "prepared statement \"sqlx_s_1\" already exists", "pooler"),
        ] {
            let told = lasting_by(code, message).unwrap_or_else(|| panic!("{code} {message}"));
            assert!(told.contains(remedy), "{message}: {told}");
        }
        for (code, message) in [
            ("53300", "too many connections for role \"mcpchat\""),
            ("57P03", "the database system is starting up"),
            ("08P01", "query_wait_timeout"),
            ("08P01", "no more connections allowed (max_client_conn)"),
            ("42704", "type \"x\" does not exist"),
        ] {
            assert_eq!(lasting_by(code, message), None, "{message}");
        }
    }
}
