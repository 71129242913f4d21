//! The requests that a window counts, by blocks.
//!
//! A request of which a challenger in the shadow gets a copy is in a block with others like it, and
//! the challenger's window counts whole blocks of the same requests, or none of a block. So each
//! sum and difference of what the two windows show is of whole blocks, too.

use std::sync::{Arc, OnceLock};

use model_drift::live::{Block, Live};

use super::End;

/// A block of requests of which a challenger gets copies.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// How many requests are in it, once it is whole.
    rows: OnceLock<u64>,
}

/// What a version's requests were, or its answers to copies of another version's.
pub(super) struct Counted {
    live: Live,
    /// The block of copied requests that is not whole yet.
    copied: Option<(Arc<Copied>, Block)>,
    /// Blocks of copies of which not all have come.
    copies: Vec<(Arc<Copied>, Block)>,
}

impl Counted {
    pub(super) fn new(live: Live) -> Self {
        Self {
            live,
            copied: None,
            copies: Vec::new(),
        }
    }

    /// The window, up to date.
    pub(super) fn live(&mut self, now: u64) -> &Live {
        self.join_lone();
        self.live.turn(now);
        &self.live
    }

    /// Counts a request.
    pub(super) fn count(&mut self, bins: &[u32], now: u64) {
        self.join_lone();
        self.live.count(bins, now);
    }

    /// Counts a request of which a challenger gets a copy: with it, it gets the block.
    pub(super) fn count_copied(&mut self, bins: &[u32], now: u64) -> Arc<Copied> {
        let (copied, mut block) = match self.copied.take() {
            Some(open) => open,
            None => (Arc::default(), self.live.shape().block()),
        };
        block.count(bins, now);
        if block.rows() < self.live.block_rows() {
            self.copied = Some((Arc::clone(&copied), block));
        } else {
            // Before the last of its copies is on its way.
            let _ = copied.rows.set(block.rows());
            self.live.take(&mut block, now);
        }
        copied
    }

    /// Counts the answer to a copy of a request of this block.
    pub(super) fn count_copy(&mut self, of: &Arc<Copied>, bins: &[u32], now: u64) {
        let is_same = |one: &(Arc<Copied>, Block)| Arc::ptr_eq(&one.0, of);
        let at = match self.copies.iter().position(is_same) {
            Some(at) => at,
            None => {
                // Nobody else has it any more: what is missing does not come.
                self.copies
                    .retain(|(copied, _)| Arc::strong_count(copied) > 1);
                let block = self.live.shape().block();
                self.copies.push((Arc::clone(of), block));
                self.copies.len() - 1
            }
        };
        let (copied, block) = &mut self.copies[at];
        block.count(bins, now);
        if copied.rows.get() == Some(&block.rows()) {
            self.live.take(block, now);
            self.copies.swap_remove(at);
        }
    }

    /// Requests that the window does not show yet.
    pub(super) fn open_rows(&self) -> u64 {
        let copied = self.copied.iter().chain(&self.copies);
        self.live.open_rows() + copied.map(|(_, block)| block.rows()).sum::<u64>()
    }

    /// Memory of the counts, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let copied = self.copied.iter().chain(&self.copies);
        self.live.bytes() + copied.map(|(_, block)| block.bytes()).sum::<usize>()
    }

    /// The stored form.
    pub(super) fn encode(&mut self, end: End) -> Vec<u8> {
        if end == End::OfServer {
            self.join();
        }
        self.live.encode(end == End::OfServer)
    }

    /// Where nobody counts copies of the open block any more, it is one like any other.
    fn join_lone(&mut self) {
        if self
            .copied
            .as_ref()
            .is_some_and(|(copied, _)| Arc::strong_count(copied) == 1)
        {
            self.join();
        }
    }

    fn join(&mut self) {
        if let Some((_, mut block)) = self.copied.take() {
            self.live.join(&mut block);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use model_drift::live::{Cell, Length, Window};
    use model_drift::sketch::{Capacity, Kind, Sketch, Spec};

    use super::*;

    pub(crate) fn counted() -> Counted {
        let mut reference = Sketch::new(vec![Spec::new("x", Kind::Number)], Capacity::default());
        (0..1000).for_each(|x| reference.columns[0].push_number(f64::from(x)));
        let window = Window {
            length: Length::Seconds(3600),
            panes: 2,
        };
        Counted::new(Live::new(&reference, window, 0).in_blocks(100))
    }

    pub(crate) fn bins(counted: &Counted, x: u32) -> Vec<u32> {
        let bin = counted.live.shape().place(0, Cell::Number(f64::from(x)));
        vec![bin.unwrap()]
    }

    fn shown(counted: &mut Counted) -> Vec<u8> {
        counted.live(0).sketch().encode()
    }

    /// A champion and its shadow, requests of which come copied and not.
    struct Pair {
        champion: Counted,
        shadow: Counted,
    }

    impl Pair {
        fn new() -> Self {
            let (champion, shadow) = (counted(), counted());
            Self { champion, shadow }
        }

        fn copied(&mut self, x: u32) -> (Arc<Copied>, u32) {
            let bins = bins(&self.champion, x);
            (self.champion.count_copied(&bins, 0), x)
        }

        fn copy(&mut self, (of, x): &(Arc<Copied>, u32)) {
            let bins = bins(&self.shadow, *x);
            self.shadow.count_copy(of, &bins, 0);
        }
    }

    /// Once each window began its blocks at its own request: the difference was one of them.
    #[test]
    fn a_shadow_counts_the_blocks_of_the_champion() {
        let mut pair = Pair::new();
        for x in 0..100 {
            let alone = bins(&pair.champion, 900 + x);
            if x < 99 {
                pair.champion.count(&alone, 0);
            }
            let copied = pair.copied(x);
            pair.copy(&copied);
        }
        assert_eq!(pair.champion.live(0).rows(), 100);
        assert_eq!(shown(&mut pair.champion), shown(&mut pair.shadow));
        assert_eq!(pair.champion.open_rows(), 99);
    }

    #[test]
    fn copies_come_in_any_order() {
        let mut pair = Pair::new();
        let mut on_their_way: Vec<_> = (0..250).map(|x| pair.copied(x)).collect();
        on_their_way.reverse();
        for copied in on_their_way.drain(..) {
            pair.copy(&copied);
        }
        assert_eq!(pair.shadow.live(0).rows(), 200);
        assert_eq!(shown(&mut pair.champion), shown(&mut pair.shadow));
    }

    #[test]
    fn a_block_of_which_a_copy_is_missing_is_not_counted() {
        let mut pair = Pair::new();
        for x in 0..400 {
            let copied = pair.copied(x);
            if x != 150 {
                pair.copy(&copied);
            }
        }
        assert_eq!(pair.champion.live(0).rows(), 400);
        assert_eq!(pair.shadow.live(0).rows(), 300);
        assert!(pair.shadow.copies.len() <= 1);
    }

    #[test]
    fn what_was_copied_counts_when_the_shadow_has_ended() {
        let mut pair = Pair::new();
        for x in 0..60 {
            let copied = pair.copied(x);
            pair.copy(&copied);
        }
        for x in 0..39 {
            let bins = bins(&pair.champion, x);
            pair.champion.count(&bins, 0);
        }
        assert_eq!(pair.champion.live(0).rows(), 0);
        pair.shadow = counted();
        let last = bins(&pair.champion, 7);
        pair.champion.count(&last, 0);
        assert_eq!(pair.champion.live(0).rows(), 100);
    }

    #[test]
    fn at_the_end_all_that_is_open_is_stored() {
        let mut pair = Pair::new();
        let held: Vec<_> = (0..60).map(|x| pair.copied(x)).collect();
        let stored = [End::None, End::OfServer].map(|end| pair.champion.encode(end));
        for (bytes, rows) in stored.iter().zip([0, 60]) {
            let mut again = counted();
            again.live.restore(bytes).unwrap();
            assert_eq!(again.open_rows(), rows);
        }
        assert_eq!(held.len(), 60);
    }
}
