//! A request that is not carried out, and how each interface words it.

use crate::HouseError;
use crate::wire::{ApiError, ErrorBody, ErrorCode, Rule};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use std::time::Duration;

/// A request that is not carried out.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    error: ApiError,
    retry_after: Option<Duration>,
    openai: Option<OpenAiCode>,
}

/// The finer codes that OpenAI's clients tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenAiCode {
    ModelNotFound,
    ContextLengthExceeded,
    UnsupportedParameter(&'static str),
}

/// The answer's extension by which another interface words the refusal again.
#[derive(Clone)]
pub(crate) struct Worded(pub(crate) Refusal);

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let error = ApiError { code, message: message.into(), hint: None, rules: Vec::new() };
        Self { error, retry_after: None, openai: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.error.hint = Some(hint.into());
        self
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) fn openai(mut self, code: OpenAiCode) -> Self {
        self.openai = Some(code);
        self
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.error.code
    }

    pub(crate) fn error(self) -> ApiError {
        self.error
    }

    fn status(&self) -> StatusCode {
        match self.openai {
            Some(OpenAiCode::ModelNotFound) => StatusCode::NOT_FOUND,
            Some(OpenAiCode::ContextLengthExceeded | OpenAiCode::UnsupportedParameter(_)) => {
                StatusCode::BAD_REQUEST
            }
            None => {
                StatusCode::from_u16(self.error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// OpenAI's shape of an error.
    pub(crate) fn openai_body(&self) -> serde_json::Value {
        let (kind, code, param) = self.openai_words();
        let message = match &self.error.hint {
            Some(hint) => format!("{} ({hint})", self.error.message),
            None => self.error.message.clone(),
        };
        serde_json::json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
    }

    fn openai_words(&self) -> (&'static str, &'static str, Option<&'static str>) {
        const REQUEST: &str = "invalid_request_error";
        match self.openai {
            Some(OpenAiCode::ModelNotFound) => return (REQUEST, "model_not_found", Some("model")),
            Some(OpenAiCode::ContextLengthExceeded) => {
                return (REQUEST, "context_length_exceeded", Some("messages"));
            }
            Some(OpenAiCode::UnsupportedParameter(name)) => {
                return (REQUEST, "unsupported_parameter", Some(name));
            }
            None => {}
        }
        match self.error.code {
            ErrorCode::NotSignedIn => (REQUEST, "invalid_api_key", None),
            ErrorCode::NotAllowed => (REQUEST, "insufficient_scope", None),
            ErrorCode::WrongOrigin => (REQUEST, "wrong_origin", None),
            ErrorCode::Refused => (REQUEST, "refused_by_policy", None),
            ErrorCode::NotFound => (REQUEST, "not_found", None),
            ErrorCode::WrongMethod => (REQUEST, "method_not_supported", None),
            ErrorCode::TooLarge => (REQUEST, "request_too_large", None),
            ErrorCode::TooSlow => (REQUEST, "request_timeout", None),
            ErrorCode::Invalid | ErrorCode::Conflict | ErrorCode::WrongType | ErrorCode::WrongHost => {
                (REQUEST, "invalid_request", None)
            }
            ErrorCode::TooMany => ("rate_limit_error", "rate_limit_exceeded", None),
            ErrorCode::LockedDown => ("server_error", "locked_down", None),
            ErrorCode::Failed => ("server_error", "server_error", None),
            ErrorCode::NotReady => ("server_error", "not_ready", None),
        }
    }

    fn with_headers(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        if self.error.code == ErrorCode::NotSignedIn {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    pub(crate) fn into_openai_response(self) -> Response {
        self.with_headers(Json(self.openai_body()).into_response())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(ErrorBody { error: self.error.clone() }).into_response();
        let mut response = self.with_headers(body);
        response.extensions_mut().insert(Worded(self));
        response
    }
}

impl From<HouseError> for Refusal {
    fn from(error: HouseError) -> Self {
        let message = error.to_string();
        match error {
            HouseError::NotFound { what, .. } => {
                let refusal = Self::new(ErrorCode::NotFound, message);
                match what {
                    "question" => refusal.hint("`hardshell approvals list` shows what waits for an answer"),
                    "session" => refusal.hint("`hardshell session list` shows those there are"),
                    _other => refusal,
                }
            }
            HouseError::UnknownModel { .. } => Self::new(ErrorCode::NotFound, message)
                .hint("`GET /v1/models` lists the models")
                .openai(OpenAiCode::ModelNotFound),
            HouseError::TooLong { .. } => {
                Self::new(ErrorCode::TooLarge, message).openai(OpenAiCode::ContextLengthExceeded)
            }
            HouseError::Invalid { .. } => Self::invalid(message),
            HouseError::Conflict { .. } => Self::new(ErrorCode::Conflict, message),
            HouseError::Refused { rules } => {
                let mut refusal = Self::new(ErrorCode::Refused, message);
                refusal.error.rules = rules.iter().map(Rule::from).collect();
                refusal
            }
            HouseError::LockedDown => Self::new(ErrorCode::LockedDown, message)
                .hint("it is released at the machine: `hardshell lockdown off`"),
            HouseError::Busy { retry_after, .. } => {
                Self::new(ErrorCode::TooMany, message).retry_after(retry_after)
            }
            HouseError::NotReady { .. } => Self::new(ErrorCode::NotReady, message).hint("`/readyz` says why"),
            HouseError::DiskFull => Self::new(ErrorCode::Failed, message)
                .hint("make room and try again, nothing was lost: `df -h` shows which disk is full"),
            HouseError::Failed { .. } => Self::new(ErrorCode::Failed, message),
        }
    }
}

impl From<crate::SignInsError> for Refusal {
    fn from(error: crate::SignInsError) -> Self {
        tracing::error!(%error, "the sign-ins do not work; the request is refused");
        Self::new(ErrorCode::Failed, "the sign-ins cannot be looked up")
            .hint("`hardshell status` and `ls -l` show how the home is")
    }
}

impl From<getrandom::Error> for Refusal {
    fn from(error: getrandom::Error) -> Self {
        tracing::error!(%error, "no randomness; the request is refused");
        Self::new(ErrorCode::Failed, "the machine gives no random bytes")
    }
}
