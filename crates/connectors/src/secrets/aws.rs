//! AWS Secrets Manager. Requests are signed on their way out, with a key that this code never sees.
//!
//! By the public interface: docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html.

use super::SecretsError;
use domain::{SecretName, Timestamp};
use egress::{
    Credential, Egress, HeaderName, HeaderValue, Limits, Place, Request, Rules, Scope, StatusCode, Url,
    header,
};
use serde_json::Value;
use std::sync::Arc;
use vault::{SecretRef, SecretText};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// What is asked.
const GET_SECRET_VALUE: HeaderValue = HeaderValue::from_static("secretsmanager.GetSecretValue");
/// A secret of AWS has at most 64 KiB; as JSON in JSON it may be six times that.
const ANSWER_BYTES_MAX: u64 = 512 * 1024;

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A key of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKey {
    /// Its id.
    pub id: String,
    /// The secret that it is.
    pub secret: SecretName,
    /// The token that belongs to it, where it is good for a time only.
    pub session_token: Option<SecretName>,
}

/// Secrets Manager in one region.
pub struct Aws {
    egress: Arc<Egress>,
    rules: Arc<Rules>,
    base: Url,
    region: String,
    key: AwsKey,
    clock: Clock,
}

impl Aws {
    /// The one at `base`, as far as `rules` open it.
    #[must_use]
    pub fn new(
        egress: Arc<Egress>,
        rules: Arc<Rules>,
        (base, region): (Url, String),
        key: AwsKey,
        clock: Clock,
    ) -> Self {
        Self { egress, rules, base, region, key, clock }
    }

    /// One secret, or one field of it.
    pub(super) async fn read(
        &self,
        from: &SecretRef,
        name: &str,
        field: Option<&str>,
    ) -> Result<SecretText, SecretsError> {
        let failed = |reason: String| SecretsError::Store { from: from.clone(), reason };
        let of_egress =
            |source: egress::Error| SecretsError::Egress { from: from.clone(), source: Box::new(source) };
        let request = self.request(name).ok_or_else(|| failed("the region is no header's".to_string()))?;
        let limits = Limits { redirects_max: 0, body_bytes_max: ANSWER_BYTES_MAX, ..Limits::default() };
        let scope = Scope { who: "secrets aws".to_string(), rules: Arc::clone(&self.rules), limits };
        let answer = self.egress.request(request, &scope).await.map_err(of_egress)?;
        let status = answer.status;
        let bytes = answer.body.collect().await.map_err(of_egress)?;
        let json = serde_json::from_slice::<Value>(&bytes);
        if status != StatusCode::OK {
            return Err(failed(refusal(status, &json.unwrap_or_default())));
        }
        let json = json.map_err(|_no_json| failed("the store's answer is no JSON".to_string()))?;
        value(&json, field).map_err(failed)
    }

    /// With a claim of a signature, which egress makes a signature of.
    fn request(&self, name: &str) -> Option<Request> {
        let date: String = crate::moment::of((self.clock)()).replace(' ', "T").replace(['-', ':'], "");
        let day = date.get(..8)?;
        let token = if self.key.session_token.is_some() { ";x-amz-security-token" } else { "" };
        let claim = format!(
            "AWS4-HMAC-SHA256 Credential=/{day}/{}/secretsmanager/aws4_request, SignedHeaders=content-type;host;x-amz-date{token};x-amz-target, Signature=",
            self.region
        );
        let body = serde_json::json!({"SecretId": name}).to_string();
        let mut request = Request::post(self.base.clone(), "application/x-amz-json-1.1", body)
            .header(DATE, HeaderValue::from_str(&date).ok()?)
            .header(TARGET, GET_SECRET_VALUE)
            .header(header::AUTHORIZATION, HeaderValue::from_str(&claim).ok()?);
        if let Some(secret) = &self.key.session_token {
            let place = Place::Header { name: SESSION_TOKEN, prefix: String::new() };
            request = request.credential(Credential { secret: secret.clone(), place });
        }
        let place = Place::Aws { key_id: self.key.id.clone() };
        Some(request.credential(Credential { secret: self.key.secret.clone(), place }))
    }
}

/// Why it was not given. Of the answer only the name of its error is repeated: its message may say more.
fn refusal(status: StatusCode, answer: &Value) -> String {
    let kind = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let is_word = !kind.is_empty() && kind.len() <= 64 && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    match kind {
        "ResourceNotFoundException" => "there is no such secret".to_string(),
        "AccessDeniedException" => "permission denied".to_string(),
        "InvalidSignatureException" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
            format!("AWS does not take the key ({kind})")
        }
        _ if is_word => format!("the store answered {}, {kind}", status.as_u16()),
        _ => format!("the store answered {}", status.as_u16()),
    }
}

/// The text of an answer, or a field of the JSON object that it is.
fn value(answer: &Value, field: Option<&str>) -> Result<SecretText, String> {
    let text = answer.get("SecretString").and_then(Value::as_str);
    let text = text.ok_or_else(|| "it is bytes, and no text".to_string())?;
    let said = |error: vault::Error| error.to_string();
    let Some(field) = field else { return SecretText::new(text.to_string()).map_err(said) };
    let object: Value =
        serde_json::from_str(text).map_err(|_no_json| format!("it is no object with a field `{field}`"))?;
    match object.get(field) {
        Some(Value::String(text)) => SecretText::new(text.clone()).map_err(said),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("its field `{field}` is no text"))
        }
        Some(Value::Null) | None => Err(format!("it has no field `{field}`")),
    }
}

/// Shows where it is, and nothing of the key.
impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws").field("region", &self.region).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_read_or_named_and_never_repeated() {
        let plain = json!({"Name": "a", "SecretString": "correct horse"});
        assert!(value(&plain, None).is_ok());
        let object =
            json!({"SecretString": "{\"password\": \"correct horse\", \"port\": 1, \"none\": null}"});
        assert!(value(&object, Some("password")).is_ok());
        for (answer, field, said) in [
            (&plain, Some("password"), "no object"),
            (&object, Some("user"), "no field `user`"),
            (&object, Some("none"), "no field `none`"),
            (&object, Some("port"), "no text"),
            (&json!({"SecretBinary": "Y29ycmVjdCBob3JzZQ=="}), None, "bytes"),
            (&json!([]), None, "bytes"),
            (&json!({"SecretString": "short"}), None, "5 bytes"),
        ] {
            let error = value(answer, field).unwrap_err();
            assert!(error.contains(said) && !error.contains("horse"), "{error}");
        }
        let status = StatusCode::BAD_REQUEST;
        for (kind, said) in [
            (json!({"__type": "com.amazonaws#ResourceNotFoundException"}), "no such secret"),
            (json!({"__type": "AccessDeniedException", "message": "correct horse"}), "permission denied"),
            (json!({"__type": "ThrottlingException"}), "400, ThrottlingException"),
            (json!({"__type": "correct horse"}), "answered 400"),
            (json!({"__type": 7}), "answered 400"),
        ] {
            let why = refusal(status, &kind);
            assert!(why.contains(said) && !why.contains("horse"), "{why}");
        }
    }
}
