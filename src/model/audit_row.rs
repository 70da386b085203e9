//! A row of the audit log and the canonical form that its hash is computed over. This description suffices to verify a
//! log; `tests/audit_verify.py` does so.
//!
//! The rows form a chain without gaps: `hash = SHA-256(previous hash ‖ canonical row)`, the first on 32 zero bytes. The
//! canonical row is, in UTF-8, the JSON object of all members but `hash` and `previous_hash`, absent ones as `null`:
//!
//! * keys sorted by their bytes, at every depth; no spaces or line breaks; no number has a fraction;
//! * in texts only `"`, `\` and the characters below U+0020 are escaped: as `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`,
//!   else as `\u00xx` in lower case;
//! * `at` in RFC 3339 with six digits of microseconds and `Z`.
//!
//! The same object with the two hashes in lower-case hexadecimal, keys sorted, is what the API returns and one line of
//! `mcpchat audit export`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One act as it stands in the log. The fields are in the order of the canonical form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRow {
    /// A stable word, `noun.verb`.
    pub action: String,
    /// `user:<name>`, `operator:<login>@<host>`, `anonymous` or `system`.
    pub actor: String,
    pub address: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    #[serde(serialize_with = "in_microseconds")]
    pub at: DateTime<Utc>,
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    #[schema(value_type = String)]
    pub hash: ChainHash,
    /// The number, from 1 without gaps.
    pub id: i64,
    /// `ok`, or the code of the error.
    pub outcome: String,
    #[schema(value_type = String)]
    pub previous_hash: ChainHash,
    pub reason: Option<String>,
    pub request_id: Option<String>,
    pub surface: String,
    pub target: Option<String>,
}

/// A hash of the chain; as text in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct ChainHash(Vec<u8>);

impl ChainHash {
    /// The previous hash of the first row.
    pub fn origin() -> Self {
        Self(vec![0; 32])
    }
}

impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl TryFrom<String> for ChainHash {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        hex::decode(text).map(Self)
    }
}

impl Serialize for ChainHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl AuditRow {
    /// Computes the hash of the row.
    pub fn digest(&self) -> ChainHash {
        self.digest_as(self.id)
    }

    /// Computes the hash that it would have under another number.
    pub fn digest_as(&self, id: i64) -> ChainHash {
        let row = self.canonical(id);
        ChainHash(Sha256::new().chain_update(&self.previous_hash.0).chain_update(row).finalize().to_vec())
    }

    fn canonical(&self, id: i64) -> Vec<u8> {
        let canonical = Canonical {
            action: &self.action,
            actor: &self.actor,
            address: self.address.as_deref(),
            after: self.after.as_ref(),
            at: &self.at,
            before: self.before.as_ref(),
            id,
            outcome: &self.outcome,
            reason: self.reason.as_deref(),
            request_id: self.request_id.as_deref(),
            surface: &self.surface,
            target: self.target.as_deref(),
        };
        serde_json::to_vec(&canonical).expect("a row is plain JSON")
    }
}

/// The hashed members. serde writes them in this order, and those inside `before` and `after` sorted by key.
#[derive(Serialize)]
struct Canonical<'a> {
    action: &'a str,
    actor: &'a str,
    address: Option<&'a str>,
    after: Option<&'a Value>,
    #[serde(serialize_with = "in_microseconds")]
    at: &'a DateTime<Utc>,
    before: Option<&'a Value>,
    id: i64,
    outcome: &'a str,
    reason: Option<&'a str>,
    request_id: Option<&'a str>,
    surface: &'a str,
    target: Option<&'a str>,
}

pub fn in_microseconds<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> AuditRow {
        AuditRow {
            action: "user.add".into(),
            actor: "operator:root@host".into(),
            address: None,
            after: Some(json!({"b": [1, {"z": null, "a": true}], "a": "é\u{1}\"\u{7f}\n"})),
            at: DateTime::from_timestamp_micros(1_700_000_000_000_120).unwrap(),
            before: None,
            hash: ChainHash::origin(),
            id: 7,
            outcome: "ok".into(),
            previous_hash: ChainHash::origin(),
            reason: Some("why".into()),
            request_id: None,
            surface: "cli".into(),
            target: None,
        }
    }

    /// Released logs depend on every byte of it.
    #[test]
    fn the_canonical_form_is_what_is_documented() {
        let text = String::from_utf8(row().canonical(7)).unwrap();
        let expected = "{\"action\":\"user.add\",\"actor\":\"operator:root@host\",\"address\":null,\
            \"after\":{\"a\":\"é\\u0001\\\"\u{7f}\\n\",\"b\":[1,{\"a\":true,\"z\":null}]},\"at\":\"2023-11-14T22:13:20.000120Z\",\
            \"before\":null,\"id\":7,\"outcome\":\"ok\",\"reason\":\"why\",\"request_id\":null,\"surface\":\"cli\",\"target\":null}";
        assert_eq!(text, expected);
        let hash = row().digest().to_string();
        assert_eq!(hash, hex::encode(Sha256::new().chain_update([0; 32]).chain_update(expected).finalize()));
    }

    #[test]
    fn a_row_survives_its_export_and_its_keys_are_sorted() {
        let text = serde_json::to_string(&row()).unwrap();
        assert_eq!(serde_json::from_str::<AuditRow>(&text).unwrap(), row());
        let sorted: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sorted.to_string(), text);
        assert!(serde_json::from_str::<AuditRow>(&text.replacen('{', "{\"more\":1,", 1)).is_err());
    }
}
