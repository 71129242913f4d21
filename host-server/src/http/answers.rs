//! The memory of answers, which they hold until their clients have taken them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as _, Frame, SizeHint};

use super::caller::Caller;
use super::memory::{Budget, Claim, Full};

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
/// them.
///
/// # Errors
/// When there is no memory for them; what is not only read is answered all the same, since it has
/// been done.
pub(super) fn count(
    answer: Response,
    is_read: bool,
    budget: &Budget,
    caller: &Caller,
) -> Result<Response, Full> {
    let length = answer.body().size_hint().exact().unwrap_or(0);
    if length <= SHORT || answer.extensions().get::<Counted>().is_some() {
        return Ok(answer);
    }
    let mut claim = budget.of(caller).claim_answer();
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    match claim.cover(bytes) {
        Err(full) if is_read => Err(full),
        Err(Full) => Ok(answer),
        Ok(()) => Ok(answer.map(|body| Body::new(Held { body, claim }))),
    }
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

    use axum::response::IntoResponse;
    use http_body_util::BodyExt;

    use super::*;

    const LONG: usize = 600 << 10;

    #[tokio::test]
    async fn an_answer_holds_memory_until_its_bytes_are_gone() {
        let budget = Budget::new(1 << 20);
        let long = || Body::from(vec![7; LONG]).into_response();
        let read = |answer| count(answer, true, &budget, &Caller::Unknown);
        let answer = read(long()).unwrap();
        assert_eq!(answer.body().size_hint().exact(), Some(LONG as u64));
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(read(long()).is_err());
        assert!(read(counted(long())).is_ok());
        // What was done is answered.
        assert!(count(long(), false, &budget, &Caller::Unknown).is_ok());
        assert_eq!(bytes.len(), LONG);
        drop(bytes);
        assert!(read(long()).is_ok());
    }
}
