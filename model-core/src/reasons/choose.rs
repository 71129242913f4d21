//! From contributions to reasons: which, and in what order.

/// Of the points lost, what a reason must count beside others.
const LEAST_SHARE: f64 = 0.02;

/// An owner of texts that counted against an application.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) owner: u32,
    /// Its input that pulled most towards decline.
    pub(crate) worst: usize,
    /// Of all that pulled towards decline, 0 to 1.
    pub(crate) share: f64,
}

/// At most `max` owners, and one more where a further one counts inquiries: those that pulled
/// towards decline, by what they pulled, ties in the order of the inputs. What counts less
/// than 2 % of all is none, unless it is the only one. `owners` has one for each input.
#[inline(never)]
pub(crate) fn choose(
    owners: &[u32],
    contributions: &[f64],
    inquiries: &[u32],
    max: usize,
) -> Vec<Chosen> {
    // The share is the sum at first. Inputs of one owner are added before anything is ranked.
    let mut totals: Vec<Chosen> = Vec::new();
    for (worst, (&owner, &share)) in owners.iter().zip(contributions).enumerate() {
        match totals.iter_mut().find(|total| total.owner == owner) {
            Some(total) => {
                total.share += share;
                if share < contributions[total.worst] {
                    total.worst = worst;
                }
            }
            None => totals.push(Chosen {
                owner,
                worst,
                share,
            }),
        }
    }
    let mut lost = 0.0;
    for total in &totals {
        lost += total.share.min(0.0);
    }
    let mut chosen: Vec<Chosen> = Vec::new();
    while chosen.len() <= max {
        let (mut best, mut least) = (usize::MAX, 0.0);
        for (nth, total) in totals.iter().enumerate() {
            let more = chosen.len() < max || inquiries.contains(&total.owner);
            // Not below an equal one before it.
            if total.share < least && more {
                (best, least) = (nth, total.share);
            }
        }
        let share = least / lost;
        if best == usize::MAX || (share < LEAST_SHARE && !chosen.is_empty()) {
            break;
        }
        let total = &mut totals[best];
        total.share = 0.0;
        chosen.push(Chosen { share, ..*total });
    }
    chosen
}
