//! Numbers next to numbers.

/// The largest finite number for which a condition holds that holds for all smaller ones;
/// `None` where it holds for none.
pub(crate) fn last(holds: impl Fn(f64) -> bool) -> Option<f64> {
    // As integers, numbers of one sign are in their own order, those below 0 the other way.
    let number =
        |key: i64| f64::from_bits((if key < 0 { i64::MIN - key } else { key }).cast_unsigned());
    let top = f64::MAX.to_bits().cast_signed();
    let (mut fits, mut fails) = (-top, top);
    if holds(number(fails)) {
        return Some(number(fails));
    }
    if !holds(number(fits)) {
        return None;
    }
    while fits + 1 < fails {
        let middle = fits.midpoint(fails);
        if holds(number(middle)) {
            fits = middle;
        } else {
            fails = middle;
        }
    }
    Some(number(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_below_a_cut_is_found_to_the_bit() {
        for at in [
            0.0,
            0.1,
            -0.1,
            1e300,
            -1e-320,
            5e-324,
            f64::MAX,
            f64::MIN,
            12345.678,
        ] {
            assert_eq!(last(|x| x <= at), Some(at), "{at}");
        }
        assert_eq!(last(|x| x < 1.0), Some(1f64.next_down()));
        assert_eq!(last(|x| x < 0.0), Some(-5e-324));
        assert_eq!(last(|_| false), None);
        assert_eq!(last(|_| true), Some(f64::MAX));
    }

    #[test]
    fn a_single_precision_comparison_is_cut_between_its_neighbours() {
        let single = 0.1f32;
        let cut = last(|x| (x as f32) < single).unwrap();
        assert!((cut as f32) < single);
        assert!((cut.next_up() as f32) >= single);
        let middle = (f64::from(single) + f64::from(single.next_down())) / 2.0;
        assert!((cut - middle).abs() <= 1e-16);
    }
}
