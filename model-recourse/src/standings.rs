//! Where the trees stand in boxes that were split, for as long as a part of the box waits.

/// Bytes that may be spent.
const MEMORY: usize = 8 << 20;

/// What boxes left of the trees.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// What the box leaves of each column: ranks or codes, as in a cell of a leaf.
    pub(super) keys: Vec<u64>,
    /// The trees whose greatest leaf may be another in a part of the box.
    pub(super) open: Vec<Open>,
    /// The sum of the leaves of the others: each holds for the whole box.
    pub(super) settled: f64,
}

/// A tree, and its leaf that is the greatest in the box, counted from the tree's first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) tree: u16,
    pub(super) leaf: u16,
}

impl Standing {
    /// Bytes that it takes.
    fn bytes(&self) -> usize {
        size_of_val(&*self.keys) + size_of_val(&*self.open)
    }
}

/// The standings of boxes, by the numbers of the boxes.
#[derive(Debug, Default)]
pub(super) struct Standings {
    boxes: Vec<Kept>,
    /// Bytes that are spent.
    spent: usize,
}

#[derive(Debug, Default)]
struct Kept {
    standing: Option<Standing>,
    bytes: usize,
    /// Parts of the box that wait.
    parts: u32,
}

impl Standings {
    /// A box more, a part of another one; its number.
    pub(super) fn add_box(&mut self, parent: Option<u32>) -> u32 {
        if let Some(parent) = parent {
            self.boxes[parent as usize].parts += 1;
        }
        self.boxes.push(Kept::default());
        self.boxes.len() as u32 - 1
    }

    /// The standing that a part of a box begins with; the last part takes it away.
    pub(super) fn taken_from(&mut self, parent: Option<u32>) -> Standing {
        let Some(parent) = parent else {
            return Standing::default();
        };
        let kept = &mut self.boxes[parent as usize];
        kept.parts -= 1;
        let standing = match kept.parts {
            0 => {
                self.spent -= kept.bytes;
                kept.bytes = 0;
                kept.standing.take()
            }
            _ => kept.standing.clone(),
        };
        standing.unwrap_or_default()
    }

    /// Keeps the standing of a box that is about to be split, where there is room.
    pub(super) fn keep(&mut self, id: u32, standing: Standing) {
        let bytes = standing.bytes();
        if self.spent + bytes <= MEMORY {
            self.spent += bytes;
            self.boxes[id as usize] = Kept {
                standing: Some(standing),
                bytes,
                parts: 0,
            };
        }
    }

    /// Drops the standing of a box of which no part waits.
    pub(super) fn drop_unless_needed(&mut self, id: u32) {
        let kept = &mut self.boxes[id as usize];
        if kept.parts == 0 {
            self.spent -= kept.bytes;
            *kept = Kept::default();
        }
    }
}
