//! Groups of features that share a table: their bins are multiplied into one, so that a row
//! looks up fewer masks.

use super::plan::Questions;
use super::rank::Ranker;

/// Features whose bins are multiplied into one: `bin = sum of stride * bin of feature`.
#[derive(Debug)]
pub(super) struct Group {
    /// Index and stride of each feature.
    pub(super) members: Vec<(usize, usize)>,
    /// The product of their bins.
    pub(super) bins: usize,
}

/// Groups the features that splits ask about so that there are few groups and at most
/// `most` bins in all of them together. When nothing is asked there is one group of one
/// bin. None when even single features have more bins.
pub(super) fn groups(questions: &[Questions], most: usize) -> Option<Vec<Group>> {
    // Always from the most bins to the fewest.
    let mut groups: Vec<Group> = Vec::new();
    for (feature, questions) in questions.iter().enumerate() {
        if questions.splits.is_empty() {
            continue;
        }
        let (members, bins) = (vec![(feature, 1)], questions.bins);
        if bins > Ranker::MOST {
            return None;
        }
        let at = groups.partition_point(|group| group.bins >= bins);
        groups.insert(at, Group { members, bins });
    }
    let mut total: usize = groups.iter().map(|group| group.bins).sum();
    if total > most {
        return None;
    }
    let most = most.min(total * 2 + 16);
    // The two smallest are the cheapest to merge.
    while let [.., a, b] = groups.as_slice() {
        let merged = a.bins.saturating_mul(b.bins);
        total = (total - a.bins - b.bins).saturating_add(merged);
        if total > most {
            break;
        }
        let (Some(b), Some(mut a)) = (groups.pop(), groups.pop()) else {
            break;
        };
        a.members.extend(
            b.members
                .iter()
                .map(|&(feature, stride)| (feature, stride * a.bins)),
        );
        a.bins = merged;
        let at = groups.partition_point(|group| group.bins > merged);
        groups.insert(at, a);
    }
    if groups.is_empty() {
        groups.push(Group {
            members: Vec::new(),
            bins: 1,
        });
    }
    Some(groups)
}
