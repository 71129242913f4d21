//! Who may ask: the keys of the secret `API_KEY`, several with commas, as the server has them.
//! Without the secret anybody may.

use worker::js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::{Env, Request, console_error};

use crate::answer::Answer;

/// The secret that holds the keys, and the variable that opens a part of what they close.
const SECRET: &str = "API_KEY";
const PUBLIC: &str = "PUBLIC";

/// What requests must show.
pub(crate) struct Keys {
    /// `None` where no key is needed.
    keys: Option<Vec<String>>,
    page_is_public: bool,
}

impl Keys {
    /// Reads the secret; an empty one, or what is no text, is not "no key": it lets nobody in.
    pub(crate) fn read(env: &Env) -> Self {
        let value = Reflect::get(env.as_ref(), &SECRET.into());
        let value = value.unwrap_or(JsValue::NULL);
        let keys = (!value.is_undefined()).then(|| {
            let Some(keys) = value.as_string() else {
                console_error!("{SECRET} is no text and lets nobody in: make it a secret");
                return Vec::new();
            };
            let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
            keys.map(str::to_owned).collect()
        });
        let public = env.var(PUBLIC).map(|parts| parts.to_string());
        Self {
            keys,
            page_is_public: public
                .is_ok_and(|parts| parts.split(',').any(|part| part.trim() == "page")),
        }
    }

    /// Whether everybody may have the page and the model's file.
    pub(crate) fn page_is_open(&self) -> bool {
        self.keys.is_none() || self.page_is_public
    }

    /// Whether this request may have a file of the page, or the model's.
    pub(crate) fn check_page(&self, request: &Request) -> Result<(), Answer> {
        match self.page_is_open() {
            true => Ok(()),
            false => self.check(request),
        }
    }

    /// Whether this request shows a key, where one is needed.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Answer> {
        let Some(keys) = &self.keys else {
            return Ok(());
        };
        let shown = presented(request).unwrap_or_default();
        // Every key is compared, whichever matches, so that the time reveals nothing.
        let known = keys
            .iter()
            .fold(false, |known, key| known | is_same(key, &shown));
        match known {
            true => Ok(()),
            false => Err(Answer::unauthorized()),
        }
    }
}

/// `x-api-key: K` or `authorization: Bearer K`; an empty one is none.
fn presented(request: &Request) -> Option<String> {
    let header = |name| request.headers().get(name).ok().flatten();
    let key = header("x-api-key").filter(|key| !key.is_empty());
    key.or_else(|| {
        let value = header("authorization")?;
        let (scheme, key) = value.split_at_checked(7)?;
        scheme
            .eq_ignore_ascii_case("bearer ")
            .then(|| key.to_owned())
    })
}

/// Compares all bytes, whatever they are.
fn is_same(key: &str, shown: &str) -> bool {
    let (key, shown) = (key.as_bytes(), shown.as_bytes());
    let differ = key
        .iter()
        .zip(shown)
        .fold(0, |differ, (a, b)| differ | (a ^ b));
    key.len() == shown.len() && differ == 0
}
