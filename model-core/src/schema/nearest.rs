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
        self.features
            .iter()
            .map(|known| {
                let distance = strsim::osa_distance(&known.name.to_ascii_lowercase(), &name);
                (distance, known.name.as_str())
            })
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, known)| *distance * 3 <= known.chars().count().max(length))
            .map(|(_, known)| known)
    }
}
