//! API keys: stored as SHA-256 digests, compared in constant time, each with a name and a role.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::caller::Caller;
use super::person::Person;
use super::rate::{AddressRates, KeyRate};

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
    /// The log's leaves, which tell outcomes as metrics do: any key, or where metrics are not for
    /// everybody theirs.
    LogEntries,
    /// Another version to answer.
    Administration,
    /// Recorded decisions, which people's keys alone open.
    People,
}

/// What a request has to bring. The admin key is as good as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    Nothing,
    AnyKey,
    /// One of this role.
    Key(Role),
    /// A person's.
    Person,
    /// A key that the server does not have.
    Unavailable,
}

/// A configured key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    name: Arc<str>,
    digest: [u8; 32],
    role: Role,
}

impl Key {
    /// Keeps the digest of `secret`, not the secret. The key is named by the start of its digest,
    /// as in `sha256:2c26b46b`.
    #[must_use]
    pub fn new(secret: &str, role: Role) -> Self {
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let start = digest.iter().take(4);
        let start: String = start.map(|byte| format!("{byte:02x}")).collect();
        Self::from_digest(&format!("sha256:{start}"), digest, role)
    }

    /// A key that the log calls `name`.
    #[must_use]
    pub fn named(name: &str, secret: &str, role: Role) -> Self {
        Self::from_digest(name, Sha256::digest(secret.as_bytes()).into(), role)
    }

    /// The same where only the SHA-256 digest of the secret is known.
    #[must_use]
    pub fn from_digest(name: &str, digest: [u8; 32], role: Role) -> Self {
        Self {
            name: name.into(),
            digest,
            role,
        }
    }

    /// What the log calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 digest of the secret.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Key({}, {:?})", self.name, self.role)
    }
}

/// Whose keys open what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Those of programs.
    pub keys: Vec<Key>,
    /// The people of the decision log.
    pub people: Vec<Person>,
}

impl Credentials {
    /// # Errors
    /// A sentence, where a person has the key of a program: it would open what the other may do.
    pub(crate) fn check(&self) -> Result<(), String> {
        for person in &self.people {
            let of_person = |key: &&Key| key.digest == person.key_sha256;
            if let Some(key) = self.keys.iter().find(of_person) {
                return Err(format!(
                    "decision_log.person: `{}` has a key that is also one of programs, `{}`: give the person a key of its own",
                    person.name, key.name
                ));
            }
        }
        Ok(())
    }
}

/// Reads all keys and people again, so that they can be replaced while the server runs. An error
/// is a sentence; those before then stay in force.
#[derive(Clone)]
pub struct KeySource(pub Arc<dyn Fn() -> Result<Credentials, String> + Send + Sync>);

impl std::fmt::Debug for KeySource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeySource")
    }
}

/// All keys, and the rate limit of each.
pub(crate) struct Keys {
    held: ArcSwap<Held>,
    /// The requests a second of each.
    rate: Option<NonZeroU32>,
    /// For requests that need no key.
    anybody: Option<AddressRates>,
    public: Vec<Public>,
    /// Metrics have a port of their own, which says who may.
    metrics_port: bool,
}

/// Whoever has a key now.
#[derive(Default)]
struct Held {
    programs: Vec<Limited<()>>,
    people: Vec<Limited<Person>>,
    /// How often others were put in their place.
    replaced: u64,
}

/// What opened a request that goes on for long, so that it can be looked at again.
#[derive(Default)]
pub(crate) struct Pass {
    key: Option<[u8; 32]>,
    /// How often keys had been replaced at the last look; 0, which no keys have, before the first.
    replaced: u64,
}

/// A key, whose it is, and its rate limit.
#[derive(Clone)]
struct Limited<W> {
    key: Key,
    who: W,
    rate: Option<KeyRate>,
}

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The key is missing or unknown.
    Unknown,
    /// The key is known, and its role does not permit this.
    Forbidden,
    /// No key is configured for this, so nobody may do it.
    Disabled,
    /// Too many requests, of a key or an address; the next is allowed after this many seconds.
    TooMany { seconds: NonZeroU64, of_key: bool },
}

impl Keys {
    /// `rate` limits the requests a second of each key, or of each address where no key is
    /// needed.
    pub(crate) fn new(
        all: Credentials,
        rate: Option<NonZeroU32>,
        public: Vec<Public>,
        metrics_port: bool,
    ) -> Self {
        Self {
            held: ArcSwap::from_pointee(Held::new(all, &Held::default(), rate)),
            rate,
            anybody: rate.map(AddressRates::new),
            public,
            metrics_port,
        }
    }

    /// Puts others in the place of those before; a key that stays keeps its rate limit. Answers
    /// whether they differ.
    ///
    /// # Errors
    /// A sentence, where decisions or metrics would no longer need a key: only the settings of a
    /// start may open them; or where a program's is also a person's.
    pub(crate) fn replace(&self, all: Credentials) -> Result<bool, String> {
        let keys = &all.keys;
        for (role, what) in [(Role::Predict, "decisions"), (Role::Metrics, "metrics")] {
            if self.has(role) && !keys.iter().any(|key| key.role == role) {
                return Err(format!(
                    "no key for {what} is left: keep one, or restart to serve without"
                ));
            }
        }
        all.check()?;
        let before = self.held.load();
        let differ = before.all() != all;
        if differ {
            let held = Held::new(all, &before, self.rate);
            self.held.store(Arc::new(held));
        }
        Ok(differ)
    }

    /// How often [`Keys::replace`] has changed what needs a key, or who has one.
    pub(crate) fn replaced(&self) -> u64 {
        self.held.load().replaced
    }

    /// Who has a key, as the log says it: names of programs, and of people with their roles.
    pub(crate) fn names(&self) -> Vec<String> {
        let held = self.held.load();
        let programs = held.programs.iter().map(|one| one.key.name.to_string());
        let people = held.people.iter();
        let people = people.map(|one| format!("{} ({})", one.key.name, one.who.role.as_str()));
        programs.chain(people).collect()
    }

    /// Whether anybody may look at decisions.
    pub(crate) fn has_people(&self) -> bool {
        !self.held.load().people.is_empty()
    }

    /// The person whose key the headers have.
    pub(crate) fn person(&self, headers: &HeaderMap) -> Option<Person> {
        Some(find(&self.held.load().people, headers)?.who)
    }

    /// Whose key the headers have.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Caller {
        self.find(headers)
            .map_or(Caller::Unknown, |one| Caller::Key(one.key.name))
    }

    /// Whether a request with these headers, from this address, may have what it wants. The admin
    /// key may have all.
    pub(crate) fn allow(
        &self,
        headers: &HeaderMap,
        from: Option<IpAddr>,
        access: Access,
    ) -> Result<Caller, Denied> {
        let needed = self.needed(access);
        match needed {
            Needed::Unavailable => return Err(Denied::Disabled),
            Needed::Nothing => {
                if access == Access::Decisions {
                    self.within_anybodys_rate(from)?;
                }
                return Ok(Caller::Unknown);
            }
            // Whether the key is a person's is said by the route, which knows the person.
            Needed::Person => {
                return match find(&self.held.load().people, headers) {
                    None => Ok(self.caller(headers)),
                    Some(Limited { key, rate, .. }) => {
                        within_rate(rate.as_ref())?;
                        Ok(Caller::Key(key.name))
                    }
                };
            }
            Needed::AnyKey | Needed::Key(_) => {}
        }
        let Limited { key, rate, .. } = self.find(headers).ok_or(Denied::Unknown)?;
        if let Needed::Key(role) = needed
            && key.role != role
            && key.role != Role::Admin
        {
            return Err(Denied::Forbidden);
        }
        within_rate(rate.as_ref())?;
        Ok(Caller::Key(key.name))
    }

    /// What the headers have to open decisions.
    pub(crate) fn pass(headers: &HeaderMap) -> Pass {
        Pass {
            key: digest(headers),
            replaced: 0,
        }
    }

    /// Whether what opened decisions opens them still.
    pub(crate) fn still_opens(&self, pass: &mut Pass) -> bool {
        let held = self.held.load();
        if held.replaced == pass.replaced {
            return true;
        }
        pass.replaced = held.replaced;
        let found = pass.key.and_then(|key| holder(&held.programs, &key));
        let opens = |role| role == Role::Predict || role == Role::Admin;
        !self.are_needed() || found.is_some_and(|one| opens(one.key.role))
    }

    /// Whether a request for this needs a key that there is.
    pub(crate) fn needs_key(&self, access: Access) -> bool {
        !matches!(self.needed(access), Needed::Nothing | Needed::Unavailable)
    }

    fn needed(&self, access: Access) -> Needed {
        match access {
            Access::Administration if !self.has(Role::Admin) => Needed::Unavailable,
            Access::Administration => Needed::Key(Role::Admin),
            Access::Decisions if !self.are_needed() => Needed::Nothing,
            Access::Decisions => Needed::Key(Role::Predict),
            Access::LogEntries if self.metrics_port || self.has(Role::Metrics) => {
                Needed::Key(Role::Metrics)
            }
            Access::Log | Access::LogEntries if !self.are_needed() => Needed::Nothing,
            Access::Log | Access::LogEntries => Needed::AnyKey,
            Access::People => Needed::Person,
            Access::Page if self.is_open(Public::Page) => Needed::Nothing,
            Access::Page => Needed::Key(Role::Predict),
            Access::Metrics if self.public.contains(&Public::Metrics) => Needed::Nothing,
            Access::Metrics | Access::Drift if self.has(Role::Metrics) => {
                Needed::Key(Role::Metrics)
            }
            Access::Metrics | Access::Drift if self.metrics_port || !self.are_needed() => {
                Needed::Nothing
            }
            Access::Metrics | Access::Drift => Needed::Key(Role::Predict),
        }
    }

    /// Whether an address that needs no key may ask again.
    fn within_anybodys_rate(&self, from: Option<IpAddr>) -> Result<(), Denied> {
        let Some(rates) = &self.anybody else {
            return Ok(());
        };
        let taken = rates.take(&Caller::Unknown.or_from(from));
        taken.map_err(|seconds| Denied::TooMany {
            seconds,
            of_key: false,
        })
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
        let held = self.held.load();
        held.programs.iter().any(|one| one.key.role == role)
    }

    fn find(&self, headers: &HeaderMap) -> Option<Limited<()>> {
        find(&self.held.load().programs, headers)
    }
}

fn within_rate(rate: Option<&KeyRate>) -> Result<(), Denied> {
    let taken = rate.map_or(Ok(()), KeyRate::take);
    taken.map_err(|seconds| Denied::TooMany {
        seconds,
        of_key: true,
    })
}

impl Held {
    fn new(all: Credentials, before: &Self, rate: Option<NonZeroU32>) -> Self {
        let programs = all.keys.into_iter().map(|key| Limited {
            rate: kept(&before.programs, &key).unwrap_or_else(|| rate.map(KeyRate::new)),
            key,
            who: (),
        });
        let people = all.people.into_iter().map(|person| {
            // The role opens nothing: these are asked for people's routes alone.
            let name = format!("person:{}", person.name);
            let key = Key::from_digest(&name, person.key_sha256, Role::Predict);
            Limited {
                rate: kept(&before.people, &key).unwrap_or_else(|| rate.map(KeyRate::new)),
                key,
                who: person,
            }
        });
        Self {
            programs: programs.collect(),
            people: people.collect(),
            replaced: before.replaced + 1,
        }
    }

    fn all(&self) -> Credentials {
        Credentials {
            keys: self.programs.iter().map(|one| one.key.clone()).collect(),
            people: self.people.iter().map(|one| one.who.clone()).collect(),
        }
    }
}

/// The limit that a key had before.
fn kept<W>(before: &[Limited<W>], key: &Key) -> Option<Option<KeyRate>> {
    let old = before.iter().find(|old| old.key.digest == key.digest);
    old.map(|old| old.rate.clone())
}

/// Whose key the headers have.
fn find<W: Clone>(keys: &[Limited<W>], headers: &HeaderMap) -> Option<Limited<W>> {
    holder(keys, &digest(headers)?).cloned()
}

/// Whose key has this digest. Compares every key, even after a match, so that the time reveals
/// nothing.
fn holder<'a, W>(keys: &'a [Limited<W>], digest: &[u8; 32]) -> Option<&'a Limited<W>> {
    let mut found = None;
    for one in keys {
        if bool::from(one.key.digest.ct_eq(digest)) {
            found = Some(one);
        }
    }
    found
}

/// The digest of the key in the headers.
fn digest(headers: &HeaderMap) -> Option<[u8; 32]> {
    Some(Sha256::digest(presented(headers)?).into())
}

/// `x-api-key: K` or `authorization: Bearer K`.
///
/// An empty one is none.
pub(crate) fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let some = |key: &&[u8]| !key.is_empty();
    let key = headers.get("x-api-key").map(HeaderValue::as_bytes);
    key.filter(some).or_else(|| bearer(headers).filter(some))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}
