//! What every host of a model says over HTTP beside the model's own answers: its refusals,
//! the fields that it adds to a decision, the media types it reads, the limits it keeps.
//! The server and the Cloudflare Worker both use this crate, so that a client cannot tell
//! one from the other. The contract is `docs/reference/http.md`.
//!
//! The crate is pure: bytes and texts in, bytes and texts out. Hosts bring the clock, the
//! random request ids and the sockets.
//!
//! # Example
//!
//! A host receives a request, passes its body to the module, and answers:
//!
//! ```
//! use model_http::{Refusal, envelope, media, request_id};
//!
//! // What the client sent.
//! let (content_type, id) = ("application/json; charset=utf-8", "order-17");
//! assert!(media::is_json(&media::essence(content_type)));
//! assert!(request_id::is_valid(id.as_bytes()));
//!
//! // What the module answered, and what the host adds to it.
//! let mut decision = br#"{"prediction":1,"probability":0.9}"#.to_vec();
//! envelope::add(&mut decision, 0.0005, id);
//! assert_eq!(
//!     String::from_utf8(decision)?,
//!     r#"{"prediction":1,"probability":0.9,"latency_seconds":0.0005,"request_id":"order-17"}"#,
//! );
//!
//! // What it answers where there is no such route.
//! assert_eq!(Refusal::NotFound.status(), 404);
//! assert_eq!(Refusal::NotFound.to_json(), br#"{"detail":"Not Found"}"#);
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```

pub mod accept;
pub mod envelope;
pub mod limits;
pub mod media;
mod refusal;
pub mod request_id;
pub mod summary;

pub use refusal::{Refusal, detail_json};
