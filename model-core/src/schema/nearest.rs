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
        let name = lowercase(name);
        let letters = letters_of(&name);
        let mut nearest = None;
        let mut least = usize::MAX;
        for feature in &self.features {
            let known = lowercase(&feature.name);
            let most_wrong = known.len().max(length) / 3;
            // At least as many characters are wrong as the lengths differ by.
            // And as are in one of them alone.
            let known_letters = letters_of(&known);
            let strange = |of: &[char], letters: u64| {
                let mut strange = of.iter().filter(|c| bit(**c) & letters == 0);
                strange.nth(most_wrong).is_some()
            };
            if known.len().abs_diff(length) > most_wrong
                || strange(&name, known_letters)
                || strange(&known, letters)
            {
                continue;
            }
            let wrong = distance(&known, &name);
            if wrong <= most_wrong && wrong < least {
                (least, nearest) = (wrong, Some(feature.name.as_str()));
            }
        }
        nearest
    }
}

/// One bit of a set of characters; several have the same.
fn bit(c: char) -> u64 {
    1 << (c as u32 % 64)
}

fn letters_of(name: &[char]) -> u64 {
    name.iter().fold(0, |letters, c| letters | bit(*c))
}

/// The characters, letters of ASCII as small ones.
fn lowercase(name: &str) -> Vec<char> {
    name.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// The optimal string alignment distance: how many characters at least are wrong, missing, too
/// many, or swapped with the next, where nothing is changed twice.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    // One row for each character of `a` and one before: what turns so many of its characters
    // into so many of `b`.
    let mut table: Vec<usize> = (0..width).collect();
    for (row, from) in a.iter().enumerate() {
        table.push(row + 1);
        for (column, to) in b.iter().enumerate() {
            let above = row * width + column;
            let mut least = table[above] + usize::from(from != to);
            least = least.min(table[above + 1] + 1);
            least = least.min(table[above + width] + 1);
            if row > 0 && column > 0 && *from == b[column - 1] && a[row - 1] == *to {
                least = least.min(table[above - width - 1] + 1);
            }
            table.push(least);
        }
    }
    table[a.len() * width + b.len()]
}
