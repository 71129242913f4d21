//! Non-negative least squares by an active set (Lawson and Hanson, "Solving Least Squares
//! Problems", 1974, chapter 23), with weights that add up to 1.

/// Weight of the condition that the weights add up to 1, times the mean square of a column.
const ONE_IN_ALL: f64 = 1e3;
/// Gradient below which nothing is added, as a share of the largest at the start.
const TOLERANCE: f64 = 1e-9;

/// Weights for the columns, at least 0 and 1 in all, at most `most` above 0 and none of those
/// below `least`, so that their weighted sum comes close to the target.
pub(super) fn weights(columns: &[Vec<f64>], target: &[f64], most: usize, least: f64) -> Vec<f64> {
    let problem = Problem::new(columns, target);
    let mut allowed = vec![true; columns.len()];
    loop {
        let weights = problem.solve(&allowed);
        let mut used: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] > 0.0).collect();
        // The greatest first, of equals the one before.
        used.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b)));
        let kept = used
            .iter()
            .take(most)
            .take_while(|i| weights[**i] >= least)
            .count();
        if kept == used.len() || kept == 0 {
            let sum: f64 = weights.iter().sum();
            if sum > 0.0 {
                return weights.iter().map(|weight| weight / sum).collect();
            }
            // Columns that say nothing: the first stands for all.
            return (0..weights.len())
                .map(|i| f64::from(u8::from(i == 0)))
                .collect();
        }
        // One at a time would fit better and take longer; a few at a time does both well.
        let dropped = (used.len() - kept).div_ceil(4);
        for index in &used[used.len() - dropped..] {
            allowed[*index] = false;
        }
    }
}

/// The normal equations.
struct Problem {
    count: usize,
    /// Products of columns, row after row.
    products: Vec<f64>,
    /// Products of each column with the target.
    aims: Vec<f64>,
}

impl Problem {
    fn new(columns: &[Vec<f64>], target: &[f64]) -> Self {
        let count = columns.len();
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut products = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..=i {
                let value = product(&columns[i], &columns[j]);
                products[i * count + j] = value;
                products[j * count + i] = value;
            }
        }
        let trace: f64 = (0..count).map(|i| products[i * count + i]).sum();
        let unit = ONE_IN_ALL * (trace / count as f64).max(f64::MIN_POSITIVE);
        products.iter_mut().for_each(|value| *value += unit);
        let aims = columns.iter().map(|column| product(column, target) + unit);
        Self {
            count,
            aims: aims.collect(),
            products,
        }
    }

    fn solve(&self, allowed: &[bool]) -> Vec<f64> {
        let mut weights = vec![0.0; self.count];
        let mut passive: Vec<usize> = Vec::new();
        let mut first = None;
        // Every step adds one; cycles end here.
        for _ in 0..3 * self.count {
            let gradient = self.gradient(&weights);
            let free = (0..self.count).filter(|i| allowed[*i] && !passive.contains(i));
            let best = free.max_by(|a, b| gradient[*a].total_cmp(&gradient[*b]).then(b.cmp(a)));
            let Some(best) = best else { break };
            let largest = *first.get_or_insert(gradient[best]);
            if gradient[best] <= TOLERANCE * largest {
                break;
            }
            passive.push(best);
            if !self.improve(&mut passive, &mut weights) {
                break;
            }
        }
        weights
    }

    fn gradient(&self, weights: &[f64]) -> Vec<f64> {
        let fitted = |row: &[f64]| row.iter().zip(weights).map(|(a, w)| a * w).sum::<f64>();
        let rows = self.products.chunks(self.count).zip(&self.aims);
        rows.map(|(row, aim)| aim - fitted(row)).collect()
    }

    /// The least squares over the passive set, those that would fall to 0 taken out of it.
    /// `false` where the newest is a mixture of the others.
    fn improve(&self, passive: &mut Vec<usize>, weights: &mut [f64]) -> bool {
        while !passive.is_empty() {
            let Some(solved) = self.least_squares(passive) else {
                passive.pop();
                return false;
            };
            // How far the weights can go towards the solution.
            let mut step: f64 = 1.0;
            for (index, value) in passive.iter().zip(&solved) {
                if *value <= 0.0 {
                    let weight = weights[*index];
                    step = step.min(weight / (weight - value));
                }
            }
            let all_positive = solved.iter().all(|value| *value > 0.0);
            for (index, value) in passive.iter().zip(&solved) {
                let weight = &mut weights[*index];
                *weight += step * (value - *weight);
                if !all_positive && *value <= 0.0 && *weight <= 1e-12 {
                    *weight = 0.0;
                }
            }
            if all_positive {
                return true;
            }
            passive.retain(|index| weights[*index] > 0.0);
        }
        true
    }

    /// Solves the normal equations of some columns by Cholesky's decomposition; `None` where
    /// they depend on one another.
    fn least_squares(&self, of: &[usize]) -> Option<Vec<f64>> {
        let count = of.len();
        let mut lower = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..=i {
                let known: f64 = (0..j)
                    .map(|k| lower[i * count + k] * lower[j * count + k])
                    .sum();
                let whole = self.products[of[i] * self.count + of[j]];
                let rest = whole - known;
                if i == j {
                    if rest <= 1e-12 * whole {
                        return None;
                    }
                    lower[i * count + i] = rest.sqrt();
                } else {
                    lower[i * count + j] = rest / lower[j * count + j];
                }
            }
        }
        let mut solved: Vec<f64> = of.iter().map(|index| self.aims[*index]).collect();
        for i in 0..count {
            let known: f64 = (0..i).map(|k| lower[i * count + k] * solved[k]).sum();
            solved[i] = (solved[i] - known) / lower[i * count + i];
        }
        for i in (0..count).rev() {
            let known: f64 = (i + 1..count)
                .map(|k| lower[k * count + i] * solved[k])
                .sum();
            solved[i] = (solved[i] - known) / lower[i * count + i];
        }
        Some(solved)
    }
}

#[cfg(test)]
mod tests {
    use super::weights;

    fn close(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_mixture_is_found_again() {
        let columns = vec![
            vec![1.0, 0.0, 2.0, -1.0],
            vec![0.0, 1.0, -1.0, 3.0],
            vec![4.0, 4.0, 0.5, 1.0],
        ];
        let mixed: Vec<f64> = (0..4)
            .map(|i| 0.2 * columns[0][i] + 0.8 * columns[1][i])
            .collect();
        close(&weights(&columns, &mixed, 3, 1e-3), &[0.2, 0.8, 0.0]);
    }

    #[test]
    fn what_would_be_negative_is_0() {
        let columns = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, -1.0]];
        let found = weights(&columns, &[2.0, -1.0], 3, 1e-3);
        close(&found, &[1.0, 0.0, 0.0]);
    }

    #[test]
    fn at_most_so_many_are_used() {
        // Independent of one another: of dependent columns many mixtures are as good.
        let value = |i: usize, seed: usize| ((i + 1) * (i + 2) * seed * seed + i * seed) % 31;
        let column = |seed: usize| (0..30).map(|i| value(i, seed) as f64 - 15.0).collect();
        let columns: Vec<Vec<f64>> = (1..7).map(column).collect();
        let target: Vec<f64> = (0..30)
            .map(|i| columns.iter().map(|column| column[i]).sum::<f64>() / 6.0)
            .collect();
        close(&weights(&columns, &target, 6, 1e-3), &[1.0 / 6.0; 6]);
        let few = weights(&columns, &target, 3, 1e-3);
        assert!(few.iter().filter(|weight| **weight > 0.0).count() <= 3);
        close(&[few.iter().sum()], &[1.0]);
    }

    #[test]
    fn columns_that_say_nothing_get_weights_too() {
        let found = weights(&[vec![0.0; 4], vec![0.0; 4]], &[0.0; 4], 2, 1e-3);
        close(&[found.iter().sum()], &[1.0]);
    }
}
