//! Changes to an input: small ones at random places, pieces of other inputs, and words
//! that mean something to the target.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Inputs do not grow above this, in bytes: what is slow is slow on small ones already.
const MOST: usize = 64 << 10;

/// Applies one to four changes, one half of the time.
pub(super) fn mutate(
    input: &[u8],
    corpus: &[Vec<u8>],
    words: &[&[u8]],
    random: &mut ChaCha8Rng,
) -> Vec<u8> {
    let mut data = input.to_vec();
    for _ in 0..[1, 1, 2, 4][random.random_range(0..4)] {
        change(&mut data, corpus, words, random);
    }
    data.truncate(MOST);
    data
}

fn change(data: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]], random: &mut ChaCha8Rng) {
    let from = random.random_range(0..=data.len());
    let length = 1usize << random.random_range(0..7);
    let until = (from + random.random_range(0..=length)).min(data.len());
    match random.random_range(0..12) {
        0 => flip(data, from, random),
        1 => data.splice(from..until, []).for_each(drop),
        2 => {
            let copy = data[from..until].to_vec();
            insert(data, &copy, random);
        }
        3 => {
            let other = corpus.choose(random).map_or(&[][..], Vec::as_slice);
            let start = random.random_range(0..=other.len());
            let end = (start + length * 8).min(other.len());
            insert(data, &other[start..end], random);
        }
        4 => insert(
            data,
            words.choose(random).copied().unwrap_or_default(),
            random,
        ),
        5 => {
            let word = words.choose(random).copied().unwrap_or_default();
            data.splice(from..until, word.iter().copied())
                .for_each(drop);
        }
        6 => number(data, from, random),
        7 | 8 => value(data, from, words, random),
        9 | 10 => move_part(data, random),
        _ => {
            // A repetition of one piece, for nesting and long texts.
            let piece = data[from..until].repeat(random.random_range(1..200));
            insert(data, &piece[..piece.len().min(MOST)], random);
        }
    }
}

fn flip(data: &mut [u8], at: usize, random: &mut ChaCha8Rng) {
    if let Some(byte) = data.get_mut(at) {
        *byte = match random.random_range(0..3) {
            0 => *byte ^ 1 << random.random_range(0..8),
            1 => byte
                .wrapping_add(random.random_range(0..=2))
                .wrapping_sub(1),
            _ => random.random(),
        };
    }
}

fn insert(data: &mut Vec<u8>, piece: &[u8], random: &mut ChaCha8Rng) {
    let at = random.random_range(0..=data.len());
    data.splice(at..at, piece.iter().copied()).for_each(drop);
}

/// Replaces the digits around a place by another number.
fn number(data: &mut Vec<u8>, at: usize, random: &mut ChaCha8Rng) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = data[at..].iter().position(digit).map(|n| at + n) else {
        return;
    };
    let length = data[start..].iter().take_while(|byte| digit(byte)).count();
    let text = match random.random_range(0..4) {
        0 => random.random::<u64>().to_string(),
        1 => random.random_range(-2..200).to_string(),
        2 => (1u64 << random.random_range(0..64)).to_string(),
        _ => format!("{:e}", f64::from_bits(random.random())),
    };
    data.splice(start..start + length, text.bytes())
        .for_each(drop);
}

/// Replaces what stands between a separator and the end of its part by a word.
fn value(data: &mut Vec<u8>, at: usize, words: &[&[u8]], random: &mut ChaCha8Rng) {
    let begins = |byte: &u8| matches!(byte, b'=' | b':' | b',' | b'[');
    let ends = |byte: &u8| matches!(byte, b'\n' | b',' | b']' | b'}');
    let Some(start) = data[at..].iter().position(begins).map(|n| at + n + 1) else {
        return;
    };
    let length = data[start..].iter().position(ends);
    let end = start + length.unwrap_or(data.len() - start);
    let word = words.choose(random).copied().unwrap_or_default();
    data.splice(start..end, word.iter().copied()).for_each(drop);
}

/// Takes a line, or what stands between two commas, away or to another place, or twice.
fn move_part(data: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let separator = [b'\n', b','][random.random_range(0..2)];
    let mut parts: Vec<&[u8]> = data.split(|byte| *byte == separator).collect();
    let (from, to) = (
        random.random_range(0..parts.len()),
        random.random_range(0..parts.len()),
    );
    match random.random_range(0..3) {
        0 => drop(parts.remove(from)),
        1 => parts.swap(from, to),
        _ => parts.insert(to, parts[from]),
    }
    *data = parts.join(&separator);
}
