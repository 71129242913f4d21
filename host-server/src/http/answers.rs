//! The memory of answers, which they hold until their clients have taken them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Frame, SizeHint};

use super::caller::Caller;
use super::error::ApiError;
use super::memory::{Budget, Claim};

/// A shorter answer costs no more than its connection does, in bytes.
const SHORT: u64 = 4 << 10;

/// On an answer whose bytes count already, or are the same for everybody.
#[derive(Clone, Copy)]
struct Counted;

/// The same answer, which is not to be counted.
pub(crate) fn counted(mut answer: Response) -> Response {
    answer.extensions_mut().insert(Counted);
    answer
}

/// Counts an answer that does not come in pieces: its bytes are there until the client has taken
/// them. Without memory for them it is a refusal.
pub(super) fn count(answer: Response, budget: &Budget, caller: &Caller) -> Response {
    let length = answer.body().size_hint().exact().unwrap_or(0);
    if length <= SHORT || answer.extensions().get::<Counted>().is_some() {
        return answer;
    }
    let mut claim = budget.of(caller).claim_answer();
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if let Err(full) = claim.cover(bytes) {
        return ApiError::from(full).into_response();
    }
    answer.map(|body| Body::new(Held { body, claim }))
}

/// A body whose bytes hold their memory: they wait in the connection when it has ended.
struct Held {
    body: Body,
    claim: Claim,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        let hold = |data: Bytes| this.claim.take().hold(data);
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use http_body_util::BodyExt;

    use super::*;

    const LONG: usize = 600 << 10;

    #[tokio::test]
    async fn an_answer_holds_memory_until_its_bytes_are_gone() {
        let budget = Budget::new(1 << 20);
        let long = || Body::from(vec![7; LONG]).into_response();
        let answer = count(long(), &budget, &Caller::Unknown);
        assert_eq!(answer.body().size_hint().exact(), Some(LONG as u64));
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let refused = count(long(), &budget, &Caller::Unknown);
        assert_eq!(refused.status(), 503);
        let not_counted = count(counted(long()), &budget, &Caller::Unknown);
        assert_eq!(not_counted.status(), 200);
        assert_eq!(bytes.len(), LONG);
        drop(bytes);
        let answer = count(long(), &budget, &Caller::Unknown);
        assert_eq!(answer.status(), 200);
    }
}
