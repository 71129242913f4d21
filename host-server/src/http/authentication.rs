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
    /// Read `/metrics` and `/drift`.
    Metrics,
    /// Reload and roll back models; includes the other roles.
    Admin,
}

/// What may be open to everybody although there are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Public {
    /// The page, the model's file and its JavaScript.
    Page,
    /// `/metrics`.
    Metrics,
}

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Decisions.
    Decisions,
    /// A file of the page, or the model's.
    Page,
    /// `/metrics`.
    Metrics,
    /// What requests were like.
    Drift,
    /// The decision log, of which only digests can be read: any key.
    Log,
    /// Another version to answer.
    Administration,
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

impl Key {
    /// What records call it: the start of its digest, which tells keys apart and is none.
    fn id(&self) -> String {
        let start = self.digest.iter().take(8);
        start.map(|byte| format!("{byte:02x}")).collect()
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
    anybody: Option<Limiter>,
    public: Vec<Public>,
    /// Metrics have a port of their own, which says who may.
    metrics_port: bool,
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
    /// `rate` limits the requests a second of each key, or of everybody where no key is
    /// needed.
    pub(crate) fn new(
        keys: Vec<Key>,
        rate: Option<NonZeroU32>,
        public: Vec<Public>,
        metrics_port: bool,
    ) -> Self {
        let limiter = || rate.map(|rate| Arc::new(RateLimiter::direct(Quota::per_second(rate))));
        Self {
            keys: keys.into_iter().map(|key| (key, limiter())).collect(),
            anybody: limiter(),
            public,
            metrics_port,
            clock: DefaultClock::default(),
        }
    }

    /// Whether a request with these headers may have what it wants. The admin key may have all.
    pub(crate) fn allow(&self, headers: &HeaderMap, access: Access) -> Result<(), Denied> {
        let role = match access {
            Access::Administration if !self.has(Role::Admin) => return Err(Denied::Disabled),
            Access::Administration => Role::Admin,
            Access::Decisions if !self.are_needed() => {
                return self.within_rate(self.anybody.as_ref());
            }
            Access::Decisions => Role::Predict,
            Access::Log if !self.are_needed() => return Ok(()),
            Access::Log => {
                let (_, limiter) = self.find(headers).ok_or(Denied::Unknown)?;
                return self.within_rate(limiter.as_ref());
            }
            Access::Page if self.is_open(Public::Page) => return Ok(()),
            Access::Page => Role::Predict,
            Access::Metrics if self.public.contains(&Public::Metrics) => return Ok(()),
            Access::Metrics | Access::Drift if self.has(Role::Metrics) => Role::Metrics,
            Access::Metrics | Access::Drift if self.metrics_port || !self.are_needed() => {
                return Ok(());
            }
            Access::Metrics | Access::Drift => Role::Predict,
        };
        let (key, limiter) = self.find(headers).ok_or(Denied::Unknown)?;
        if key.role != role && key.role != Role::Admin {
            return Err(Denied::Forbidden);
        }
        self.within_rate(limiter.as_ref())
    }

    /// What a record calls the key of a request; `None` where it has none that is known.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Option<String> {
        self.find(headers).map(|(key, _)| key.id())
    }

    /// Whether decisions need a key.
    pub(crate) fn are_needed(&self) -> bool {
        self.has(Role::Predict)
    }

    /// Whether everybody may have this.
    pub(crate) fn is_open(&self, what: Public) -> bool {
        !self.are_needed() || self.public.contains(&what)
    }

    fn has(&self, role: Role) -> bool {
        self.keys.iter().any(|(key, _)| key.role == role)
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
pub(crate) fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.as_bytes());
    }
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}
