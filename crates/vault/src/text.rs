//! Text that cannot be printed, compared or kept by accident, and is wiped when it is let go.

use crate::Error;
use std::fmt;
use zeroize::Zeroizing;

/// The shortest secret, in bytes. A shorter one cannot be told from ordinary text, so it could not be redacted.
pub const SECRET_BYTES_MIN: usize = 8;
/// The longest secret, in bytes: room for a private key in PEM, not for a file.
pub const SECRET_BYTES_MAX: usize = 16 * 1024;

/// A secret on its way into the vault. It has no `Display`, `Clone`, `PartialEq` or `Serialize`; `Debug` shows nothing.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes `text` over, without the line break that a prompt or a file leaves at its end.
    ///
    /// # Errors
    ///
    /// [`Error::SecretSize`] when it has fewer than [`SECRET_BYTES_MIN`] or more than [`SECRET_BYTES_MAX`] bytes;
    /// [`Error::SecretText`] when it holds a NUL.
    pub fn new(text: String) -> Result<Self, Error> {
        let mut text = Zeroizing::new(text);
        let length = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(length);
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&length) {
            return Err(Error::SecretSize { bytes: length });
        }
        if text.contains('\0') {
            return Err(Error::SecretText { reason: "it holds a NUL byte" });
        }
        Ok(Self(text))
    }

    /// The same from bytes, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// As for [`SecretText::new`]; [`Error::SecretText`] when the bytes are not UTF-8.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(text),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(Error::SecretText { reason: "it is not UTF-8 text" })
            }
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Shows that there is a secret, and nothing of it.
impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_without_its_line_break_and_never_shown() {
        let secret = SecretText::new("correct horse\r\n".to_string()).unwrap();
        assert_eq!(secret.expose(), "correct horse");
        assert_eq!(format!("{secret:?}"), "SecretText(…)");
    }

    #[test]
    fn what_could_not_be_redacted_is_refused() {
        for bad in ["", "short", "1234567\n", "with\0nul-inside"] {
            assert!(SecretText::new(bad.to_string()).is_err(), "{bad:?}");
        }
        assert!(SecretText::new("x".repeat(SECRET_BYTES_MAX + 1)).is_err());
        assert!(SecretText::from_bytes(vec![0xff; 20]).is_err());
    }
}
