//! The numbers of one column, losslessly small.

use std::ops::Index;
use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Numbers that [`Values::extend`] finds without the map.
const RECENT: usize = 256;
/// An odd number without a pattern: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// Numbers, one a row, each kept to the bit.
///
/// Columns of applications repeat themselves: up to 65,536 different numbers are stored once,
/// and a row is one or two bytes that say which. Beyond that every row is a number of its own.
/// Clones share their rows until one of them grows, as do columns that are mapped.
///
/// # Example
/// ```
/// use model_train::values::Values;
///
/// let ages: Values = [31.0, 44.0, 31.0].into_iter().collect();
/// assert_eq!((ages.len(), ages[1]), (3, 44.0));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Values {
    codes: Arc<Codes>,
    /// The different numbers, or those of the rows.
    numbers: Arc<Vec<f64>>,
    /// The code of a number's bits. A number that is not here may still be among `numbers`.
    codes_of_bits: FxHashMap<u64, u16>,
}

/// Which number a row has.
#[derive(Debug, Clone)]
enum Codes {
    Narrow(Vec<u8>),
    Wide(Vec<u16>),
    /// Row `r` has number `r`.
    Absent,
}

impl Default for Codes {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Values {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &*self.codes {
            Codes::Absent => self.numbers.len(),
            codes => codes.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a row.
    pub fn push(&mut self, number: f64) {
        self.growing().push(number);
    }

    /// Adds rows.
    pub fn extend(&mut self, mut numbers: impl Iterator<Item = f64>) {
        let mut growing = self.growing();
        // What came a moment ago is found without a look into the map.
        let mut recent = [(0u64, None); RECENT];
        while let Some(number) = numbers.next() {
            let bits = number.to_bits();
            // The high bits of the product depend on all bits of the number.
            let place = (bits.wrapping_mul(MIX) >> (64 - RECENT.ilog2())) as usize;
            match recent[place] {
                (known, Some(code)) if known == bits => growing.codes.push(code),
                _ => match growing.push(number) {
                    Some(code) => recent[place] = (bits, Some(code)),
                    // From here on no row has a code.
                    None => return growing.numbers.extend(numbers),
                },
            }
        }
    }

    /// The column to itself, with its rows copied where others share them.
    fn growing(&mut self) -> Growing<'_> {
        Growing {
            codes: Arc::make_mut(&mut self.codes),
            numbers: Arc::make_mut(&mut self.numbers),
            codes_of_bits: &mut self.codes_of_bits,
        }
    }

    /// The numbers, row after row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &f64> + Clone {
        (0..self.len()).map(|row| &self[row])
    }

    /// Appends the numbers of some rows.
    pub fn append_rows(&self, rows: &[usize], to: &mut Vec<f64>) {
        let numbers = self.numbers.as_slice();
        match &*self.codes {
            Codes::Absent => to.extend(rows.iter().map(|row| numbers[*row])),
            Codes::Narrow(codes) => {
                to.extend(rows.iter().map(|row| numbers[usize::from(codes[*row])]));
            }
            Codes::Wide(codes) => {
                to.extend(rows.iter().map(|row| numbers[usize::from(codes[*row])]));
            }
        }
    }

    /// Something of each number of some rows; `of` is asked once for each different number.
    pub fn map_rows<T: Copy>(&self, rows: &[usize], of: impl Fn(f64) -> T) -> Vec<T> {
        match &*self.codes {
            Codes::Absent => rows.iter().map(|row| of(self.numbers[*row])).collect(),
            Codes::Narrow(codes) => {
                let table: Vec<T> = self.numbers.iter().map(|number| of(*number)).collect();
                rows.iter()
                    .map(|row| table[usize::from(codes[*row])])
                    .collect()
            }
            Codes::Wide(codes) => {
                let table: Vec<T> = self.numbers.iter().map(|number| of(*number)).collect();
                rows.iter()
                    .map(|row| table[usize::from(codes[*row])])
                    .collect()
            }
        }
    }

    /// Other numbers in the place of these; `of` is asked once for each different number.
    ///
    /// # Errors
    /// The row and the error of the first number that `of` refuses.
    pub fn try_map<E>(&self, of: impl Fn(f64) -> Result<f64, E>) -> Result<Self, (usize, E)> {
        let mapped: Result<Vec<f64>, E> = self.numbers.iter().map(|number| of(*number)).collect();
        match mapped {
            Ok(numbers) => Ok(Self {
                codes: Arc::clone(&self.codes),
                numbers: if is_same(&numbers, &self.numbers) {
                    Arc::clone(&self.numbers)
                } else {
                    Arc::new(numbers)
                },
                codes_of_bits: FxHashMap::default(),
            }),
            Err(error) => {
                let refused = self.iter().position(|number| of(*number).is_err());
                Err((refused.unwrap_or_default(), error))
            }
        }
    }

    /// The different numbers of some rows with how many of the rows have them, ascending;
    /// without those that are missing. Of more than `most` rows about so many are looked at,
    /// evenly spaced, where the column has no codes.
    #[must_use]
    pub fn counted(&self, rows: &[usize], most: usize) -> Vec<(f64, u32)> {
        let mut counts: Vec<(f64, u32)> = match &*self.codes {
            Codes::Absent => {
                let rows = rows.iter().step_by(rows.len().div_ceil(most.max(1)).max(1));
                rows.map(|row| (self.numbers[*row], 1)).collect()
            }
            codes => {
                let mut counts: Vec<(f64, u32)> =
                    self.numbers.iter().map(|number| (*number, 0)).collect();
                rows.iter().for_each(|row| counts[codes.at(*row)].1 += 1);
                counts
            }
        };
        counts.retain(|(number, count)| !number.is_nan() && *count > 0);
        counts.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        counts.dedup_by(|later, earlier| {
            // 0 and -0 are one number.
            let same = later.0 == earlier.0;
            earlier.1 += if same { later.1 } else { 0 };
            same
        });
        counts
    }
}

/// A column that rows are added to.
struct Growing<'a> {
    codes: &'a mut Codes,
    numbers: &'a mut Vec<f64>,
    codes_of_bits: &'a mut FxHashMap<u64, u16>,
}

impl Growing<'_> {
    /// The number's code, while rows have codes.
    fn push(&mut self, number: f64) -> Option<u16> {
        if !matches!(self.codes, Codes::Absent) {
            if let Some(code) = self.code(number) {
                self.codes.push(code);
                return Some(code);
            }
            let rows = 0..self.codes.len();
            *self.numbers = rows.map(|row| self.numbers[self.codes.at(row)]).collect();
            *self.codes = Codes::Absent;
            *self.codes_of_bits = FxHashMap::default();
        }
        self.numbers.push(number);
        None
    }

    /// The code of a number, a new one where it is new; none when there are no more codes.
    fn code(&mut self, number: f64) -> Option<u16> {
        let bits = number.to_bits();
        if let Some(code) = self.codes_of_bits.get(&bits) {
            return Some(*code);
        }
        let code = u16::try_from(self.numbers.len()).ok()?;
        self.codes_of_bits.insert(bits, code);
        self.numbers.push(number);
        Some(code)
    }
}

/// Whether two lists have the same bits.
fn is_same(ours: &[f64], theirs: &[f64]) -> bool {
    ours.len() == theirs.len()
        && std::iter::zip(ours, theirs).all(|(a, b)| a.to_bits() == b.to_bits())
}

impl Codes {
    /// Rows; none where rows have no codes.
    fn len(&self) -> usize {
        match self {
            Self::Narrow(codes) => codes.len(),
            Self::Wide(codes) => codes.len(),
            Self::Absent => 0,
        }
    }

    fn push(&mut self, code: u16) {
        match (&mut *self, u8::try_from(code)) {
            (Self::Narrow(codes), Ok(code)) => codes.push(code),
            (Self::Narrow(codes), Err(_)) => {
                let mut wide: Vec<u16> = codes.iter().map(|code| u16::from(*code)).collect();
                wide.push(code);
                *self = Self::Wide(wide);
            }
            (Self::Wide(codes), _) => codes.push(code),
            (Self::Absent, _) => {}
        }
    }

    fn at(&self, row: usize) -> usize {
        match self {
            Self::Narrow(codes) => usize::from(codes[row]),
            Self::Wide(codes) => usize::from(codes[row]),
            Self::Absent => row,
        }
    }
}

impl Index<usize> for Values {
    type Output = f64;

    fn index(&self, row: usize) -> &f64 {
        &self.numbers[self.codes.at(row)]
    }
}

impl FromIterator<f64> for Values {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut values = Self::default();
        values.extend(numbers.into_iter());
        values
    }
}

/// The same numbers in the same order; missing is unlike everything, as in a list of `f64`.
impl<Numbers: AsRef<[f64]>> PartialEq<Numbers> for Values {
    fn eq(&self, other: &Numbers) -> bool {
        self.iter().eq(other.as_ref())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_clone_does_not_grow_with_its_origin() {
        let mut ages: Values = [31.0, 44.0, 31.0].into_iter().collect();
        let before = ages.clone();
        ages.extend([7.0, 44.0].into_iter());
        assert_eq!(before, [31.0, 44.0, 31.0]);
        assert_eq!(ages, [31.0, 44.0, 31.0, 7.0, 44.0]);
        let later = ages.try_map(|age| Ok::<_, ()>(age + 1.0)).unwrap();
        assert_eq!(later, [32.0, 45.0, 32.0, 8.0, 45.0]);
        assert_eq!(ages, [31.0, 44.0, 31.0, 7.0, 44.0]);
    }

    /// What came a moment before the codes ran out comes again after it.
    #[test]
    fn no_row_is_lost_where_codes_end() {
        let numbers = || (0..65_537u32).chain(65_300..65_536).map(f64::from);
        let mut values = Values::default();
        values.extend(numbers());
        assert!(values.iter().copied().eq(numbers()));
        let mut again = Values::default();
        again.extend(numbers().take(65_537));
        again.extend(numbers());
        assert_eq!(again.len(), 65_537 + numbers().count());
    }

    #[test]
    fn rows_keep_their_numbers_when_codes_run_out() {
        let numbers = (0..70_000u32).map(|row| f64::from(row % 66_000));
        let values: Values = numbers.clone().collect();
        assert!(values.iter().copied().eq(numbers));
        let mapped = values.try_map(Ok::<_, ()>).unwrap();
        assert!(Arc::ptr_eq(&mapped.numbers, &values.numbers));
    }
}
