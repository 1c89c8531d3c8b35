//! What a refused or failed request says.

use super::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body of every answer under `/api/` whose status is 400 or above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ApiError,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiError {
    /// A fixed word for programs.
    pub code: ErrorCode,
    /// For people: a fragment that fits after "could not …:".
    pub message: String,
    /// What helps, when something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The rules that refused; empty when none did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the request cannot be read, or a field is wrong.
    Invalid,
    /// 401: no credential, or not one that counts.
    NotSignedIn,
    /// 403: the credential does not reach this far.
    NotAllowed,
    /// 403: the request comes from another site, or for another host.
    WrongOrigin,
    /// 403: the policy refused; `rules` says why.
    Refused,
    /// 404: there is no such thing.
    NotFound,
    /// 405: the path does not take this method.
    WrongMethod,
    /// 408: the body did not come in time.
    TooSlow,
    /// 409: it was already answered, is over, or its id is taken.
    Conflict,
    /// 413: the body is over the limit.
    TooLarge,
    /// 415: the body is not `application/json`.
    WrongType,
    /// 421: the `Host` is not one that this gateway answers for.
    WrongHost,
    /// 423: everything is stopped.
    LockedDown,
    /// 429: too many wrong credentials, or too many requests; see `Retry-After`.
    TooMany,
    /// 500: our fault.
    Failed,
    /// 503: not ready, or no room; see `Retry-After`.
    NotReady,
}

impl ErrorCode {
    /// The HTTP status it travels under.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::NotSignedIn => 401,
            Self::NotAllowed | Self::WrongOrigin | Self::Refused => 403,
            Self::NotFound => 404,
            Self::WrongMethod => 405,
            Self::TooSlow => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::WrongType => 415,
            Self::WrongHost => 421,
            Self::LockedDown => 423,
            Self::TooMany => 429,
            Self::Failed => 500,
            Self::NotReady => 503,
        }
    }
}
