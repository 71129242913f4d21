//! Conformance: the same cases in six hosts, the answers' bytes compared.

mod cases;
mod frames;
mod hostile;
mod hosts;
mod ruled;

pub use cases::{application, applications, is_question, questions};
pub use frames::{Answer, read_answers, write_cases};
pub use hostile::hostile;
pub use hosts::{HOSTS, Host};
pub use ruled::ruled;

/// What two hosts' answers to the same cases differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// Bytes, the status counted as two.
    pub bytes: usize,
    /// The first case that differs.
    pub first: Option<usize>,
}

/// Counts the bytes in which `other` is not `reference`; what only one of them has counts
/// whole.
#[must_use]
pub fn difference(reference: &[Answer], other: &[Answer]) -> Difference {
    let cases = reference.len().max(other.len());
    let mut difference = Difference::default();
    for case in 0..cases {
        let bytes = match (reference.get(case), other.get(case)) {
            (Some(a), Some(b)) => differing(&a.bytes(), &b.bytes()),
            (Some(only), None) | (None, Some(only)) => only.bytes().len(),
            (None, None) => 0,
        };
        if bytes > 0 {
            difference.first.get_or_insert(case);
        }
        difference.bytes += bytes;
    }
    difference
}

fn differing(a: &[u8], b: &[u8]) -> usize {
    let unequal = a.iter().zip(b).filter(|(a, b)| a != b).count();
    unequal + a.len().abs_diff(b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
        }
    }

    #[test]
    fn counts_differing_bytes() {
        let reference = [answer(200, "abc"), answer(422, "de")];
        let check = |other: &[Answer], bytes, first| {
            assert_eq!(difference(&reference, other), Difference { bytes, first });
        };
        check(&reference, 0, None);
        check(&[answer(200, "abd"), answer(422, "de")], 1, Some(0));
        check(&[answer(200, "abc"), answer(422, "")], 2, Some(1));
        check(&[answer(201, "abc"), answer(422, "de")], 1, Some(0));
        check(&[answer(200, "abc")], 4, Some(1));
    }
}
