//! What a misspelt name most likely means.

use super::Schema;

impl Schema {
    /// The feature whose name is nearest to `name`: at most a third of its characters are
    /// wrong, missing, too many or swapped.
    #[must_use]
    pub fn nearest_feature(&self, name: &str) -> Option<&str> {
        let length = name.chars().count();
        if length > 128 {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let most_wrong = |known: &str| known.chars().count().max(length) / 3;
        self.features
            .iter()
            .map(|known| known.name.as_str())
            // At least as many characters are wrong as the lengths differ by.
            .filter(|known| known.chars().count().abs_diff(length) <= most_wrong(known))
            .map(|known| {
                let distance = strsim::osa_distance(&known.to_ascii_lowercase(), &name);
                (distance, known)
            })
            .filter(|(distance, known)| *distance <= most_wrong(known))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known)
    }
}
