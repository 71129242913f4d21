//! API keys: stored as SHA-256 digests, compared in constant time, each with a role.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a key permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ask for decisions.
    Predict,
    /// Read `/metrics`.
    Metrics,
    /// Reload and roll back models; includes the other roles.
    Admin,
}

/// A configured key.
#[derive(Clone)]
pub struct Key {
    digest: [u8; 32],
    role: Role,
}

impl Key {
    /// Keeps the digest of `secret`, not the secret.
    #[must_use]
    pub fn new(secret: &str, role: Role) -> Self {
        Self {
            digest: Sha256::digest(secret.as_bytes()).into(),
            role,
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Key({:?})", self.role)
    }
}

/// All keys, and the rate limit of each.
pub(crate) struct Keys {
    keys: Vec<(Key, Option<Limiter>)>,
    /// For requests that need no key.
    anonymous: Option<Limiter>,
    clock: DefaultClock,
}

type Limiter = Arc<DefaultDirectRateLimiter>;

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The key is missing or unknown.
    Unknown,
    /// The key is known, and its role does not permit this.
    Forbidden,
    /// No key is configured for this, so nobody may do it.
    Disabled,
    /// Too many requests; the next is allowed after this many seconds.
    TooMany { seconds: NonZeroU64 },
}

impl Keys {
    /// `per_second` limits the requests of each key, or of all clients where no key is needed.
    pub(crate) fn new(keys: Vec<Key>, per_second: Option<NonZeroU32>) -> Self {
        let limiter =
            || per_second.map(|rate| Arc::new(RateLimiter::direct(Quota::per_second(rate))));
        Self {
            keys: keys.into_iter().map(|key| (key, limiter())).collect(),
            anonymous: limiter(),
            clock: DefaultClock::default(),
        }
    }

    /// Authenticates a request for `role`, and applies the rate limit of its key.
    pub(crate) fn allow(&self, headers: &HeaderMap, role: Role) -> Result<(), Denied> {
        if !self.keys.iter().any(|(key, _)| key.role == role) {
            return match role {
                Role::Predict => self.within_rate(self.anonymous.as_ref()),
                Role::Metrics => Ok(()),
                Role::Admin => Err(Denied::Disabled),
            };
        }
        let (key, limiter) = self.find(headers).ok_or(Denied::Unknown)?;
        if key.role != role && key.role != Role::Admin {
            return Err(Denied::Forbidden);
        }
        self.within_rate(limiter.as_ref())
    }

    /// Whether decisions need a key.
    pub(crate) fn are_needed(&self) -> bool {
        self.keys.iter().any(|(key, _)| key.role == Role::Predict)
    }

    /// Compares every key, even after a match, so that the time reveals nothing.
    fn find(&self, headers: &HeaderMap) -> Option<&(Key, Option<Limiter>)> {
        let digest: [u8; 32] = Sha256::digest(presented(headers)?).into();
        let mut found = None;
        for entry in &self.keys {
            if bool::from(entry.0.digest.ct_eq(&digest)) {
                found = Some(entry);
            }
        }
        found
    }

    fn within_rate(&self, limiter: Option<&Limiter>) -> Result<(), Denied> {
        let Some(limiter) = limiter else {
            return Ok(());
        };
        limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Denied::TooMany {
                seconds: whole_seconds(wait),
            }
        })
    }
}

fn whole_seconds(wait: Duration) -> NonZeroU64 {
    NonZeroU64::new(wait.as_secs()).map_or(NonZeroU64::MIN, |seconds| seconds.saturating_add(1))
}

/// `x-api-key: K` or `authorization: Bearer K`.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.as_bytes());
    }
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}
