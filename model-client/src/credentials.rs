//! Credentials, whose secrets are never printed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use crate::request::encode;
use crate::shown::HIDDEN;

/// Bytes of the shortest secret that is looked for in texts.
const LEAST: usize = 4;

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

impl Credentials {
    /// A text in which the secrets of these credentials are hidden: services repeat what they
    /// were sent.
    pub(crate) fn mask(&self, text: &str) -> String {
        let secrets = match self {
            Self::None => Vec::new(),
            Self::Bearer(token) => vec![token.0.clone()],
            Self::Basic(user, Secret(password)) => {
                let both = STANDARD.encode(format!("{user}:{password}"));
                // A token may stand in the place of the user.
                let secret = if password.is_empty() { user } else { password };
                vec![both, encode(secret), secret.clone()]
            }
        };
        // To cut a shorter one out of every word would tell more than it hides.
        let secrets = secrets.iter().filter(|secret| secret.len() >= LEAST);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

/// Splits `scheme://user:password@host` into the address without credentials, and these. What
/// may follow the path, a query or a fragment, is left out: paths are appended to the address.
///
/// A password is percent-encoded in an address; one that is not is recognized where what
/// precedes it is no host, as in `http://me:p/w@host`.
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
    let Some(at) = end_of_login(rest) else {
        return (format!("{scheme}://{}", path_end(rest)), None);
    };
    let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
    let plain = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = Credentials::Basic(plain(user), Secret(plain(password)));
    let place = path_end(&rest[at + 1..]);
    (format!("{scheme}://{place}"), Some(credentials))
}

/// Where the `@` after the credentials is in an address without its scheme.
fn end_of_login(rest: &str) -> Option<usize> {
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..host_end];
    let has_port = |(_, port): (&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    // An IPv6 address has its colons between brackets.
    let is_host = authority.ends_with(']') || authority.rsplit_once(':').is_none_or(has_port);
    authority
        .rfind('@')
        .or_else(|| rest.rfind('@').filter(|_| !is_host))
}

/// Host and path, without query, fragment and a final `/`.
fn path_end(place: &str) -> &str {
    let end = place.find(['?', '#']).unwrap_or(place.len());
    place[..end].trim_end_matches('/')
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
        check("http://me:p/w?x@a/b", "http://a/b", Some(("me", "p/w?x")));
        check("http://a:5000/x@y", "http://a:5000/x@y", None);
        check("http://[::1]:5000/x@y", "http://[::1]:5000/x@y", None);
        check("http://[::1]/x@y", "http://[::1]/x@y", None);
        check("http://a/b/?token=s3cret", "http://a/b", None);
        check("nonsense", "nonsense", None);
    }

    #[test]
    fn a_secret_is_cut_out_of_a_text() {
        let check = |credentials: &Credentials, text: &str, expect: &str| {
            assert_eq!(credentials.mask(text), expect);
        };
        let bearer = Credentials::Bearer(Secret::new("hf_abc"));
        check(
            &bearer,
            "bad header: Bearer hf_abc!",
            "bad header: Bearer …!",
        );
        let token = Credentials::Basic("hf_abc".to_owned(), Secret::new(""));
        check(&token, "no user hf_abc", "no user …");
        let basic = Credentials::Basic("me".to_owned(), Secret::new("p@ss"));
        check(&basic, "Basic bWU6cEBzcw==, p@ss, p%40ss", "Basic …, …, …");
        check(&Credentials::None, "as it is", "as it is");
        let short = Credentials::Bearer(Secret::new("a"));
        check(&short, "a banana", "a banana");
    }

    #[test]
    fn a_secret_is_not_printed() {
        let shown = format!("{:?}", Credentials::Bearer(Secret::new(" hf_abc\n")));
        assert!(!shown.contains("hf_abc"), "{shown}");
    }
}
