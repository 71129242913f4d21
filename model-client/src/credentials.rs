//! Credentials, whose secrets are never printed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

/// A token, key or password; its text is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text without the white space around it, such as a file's last newline.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// How a request is authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Without credentials.
    None,
    /// A bearer token.
    Bearer(Secret),
    /// User name and password.
    Basic(String, Secret),
}

impl Credentials {
    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Bearer(token) => Some(format!("Bearer {}", token.0)),
            Self::Basic(user, password) => {
                let both = STANDARD.encode(format!("{user}:{}", password.0));
                Some(format!("Basic {both}"))
            }
        }
    }
}

/// Splits `scheme://user:password@host` into the address without credentials, and these.
///
/// ```
/// let (address, credentials) = model_client::split_credentials("https://me:p%40ss@host/");
/// assert_eq!(address, "https://host");
/// assert!(credentials.is_some());
/// ```
#[must_use]
pub fn split_credentials(address: &str) -> (String, Option<Credentials>) {
    let address = address.trim().trim_end_matches('/');
    let Some((scheme, rest)) = address.split_once("://") else {
        return (address.to_owned(), None);
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..host_end].rfind('@') else {
        return (address.to_owned(), None);
    };
    let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
    let plain = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = Credentials::Basic(plain(user), Secret(plain(password)));
    (format!("{scheme}://{}", &rest[at + 1..]), Some(credentials))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expect: &str, user: Option<(&str, &str)>) {
        let (base, credentials) = split_credentials(address);
        assert_eq!(base, expect);
        let user = user.map(|(name, password)| {
            Credentials::Basic(name.to_owned(), Secret(password.to_owned()))
        });
        assert_eq!(credentials, user);
    }

    #[test]
    fn an_address_is_parted_from_its_password() {
        check("http://a:5000/", "http://a:5000", None);
        check(
            "https://me:p%40ss@a/b@c",
            "https://a/b@c",
            Some(("me", "p@ss")),
        );
        check("https://me@a", "https://a", Some(("me", "")));
        check("nonsense", "nonsense", None);
    }

    #[test]
    fn a_secret_is_not_printed() {
        let shown = format!("{:?}", Credentials::Bearer(Secret::new(" hf_abc\n")));
        assert!(!shown.contains("hf_abc"), "{shown}");
    }
}
