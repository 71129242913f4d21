//! The memory that a document may take: a file of a hundred megabytes can hold a hundred million
//! values of one byte, each of which takes 32 bytes once it is read.

use std::cell::Cell;

use super::Value;
use crate::error::{ImportError, broken};

/// What every file may take, in bytes: names and small trees take more than they are long.
const FREE: usize = 64 << 20;

/// And for each byte of the file: numbers take 2 to 4, small trees as JSON 7.
const A_BYTE: usize = 8;

/// The most in all: of a model that an artifact can hold, the lists take less.
const MOST: usize = 1 << 30;

/// The smallest allocation, in bytes, with what the allocator adds.
const ALLOCATION: usize = 32;

/// What is left for a document, in bytes.
pub(super) struct Budget {
    most: usize,
    left: Cell<usize>,
    is_spent: Cell<bool>,
}

/// There is not enough left.
#[derive(Debug)]
pub(super) struct Spent;

impl Budget {
    pub(super) fn for_file(bytes: usize) -> Self {
        let most = bytes.saturating_mul(A_BYTE).saturating_add(FREE).min(MOST);
        Self {
            most,
            left: Cell::new(most),
            is_spent: Cell::new(false),
        }
    }

    /// Whether something was refused.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent.get()
    }

    /// Why it was.
    pub(super) fn error(&self) -> ImportError {
        broken(format!(
            "the file takes more than {} MiB of memory when it is read, far more than a model of its length: save the model again with save_model(\"model.ubj\"), or train fewer or smaller trees",
            self.most >> 20
        ))
    }

    /// Takes the memory of a text.
    pub(super) fn text(&self, text: &str) -> Result<(), Spent> {
        self.take(ALLOCATION.saturating_add(text.len()))
    }

    /// Adds to a list; where the list has to grow, its memory is taken first.
    pub(super) fn push<T>(&self, list: &mut Vec<T>, item: T) -> Result<(), Spent> {
        if list.len() == list.capacity() {
            self.reserve(list, list.capacity().max(1))?;
        }
        list.push(item);
        Ok(())
    }

    /// Makes room for `more` items behind those of a list that is full.
    pub(super) fn reserve<T>(&self, list: &mut Vec<T>, more: usize) -> Result<(), Spent> {
        self.take(bytes_of::<T>(more))?;
        list.reserve_exact(more);
        Ok(())
    }

    /// Gives back what a list has more than it needs.
    pub(super) fn fit<T>(&self, list: &mut Vec<T>) {
        self.give_back(bytes_of::<T>(list.capacity() - list.len()));
        list.shrink_to_fit();
    }

    fn give_back(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_add(bytes));
    }

    fn take(&self, bytes: usize) -> Result<(), Spent> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.is_spent.set(true);
                Err(Spent)
            }
        }
    }
}

fn bytes_of<T>(count: usize) -> usize {
    count.saturating_mul(size_of::<T>())
}

/// The items of a list, kept as numbers for as long as they are.
#[derive(Default)]
pub(super) struct Items {
    numbers: Vec<f64>,
    values: Vec<Value>,
}

impl Items {
    pub(super) fn push(&mut self, value: Value, budget: &Budget) -> Result<(), Spent> {
        if let (Value::Number(number), true) = (&value, self.values.is_empty()) {
            return budget.push(&mut self.numbers, *number);
        }
        for number in self.numbers.drain(..) {
            budget.push(&mut self.values, Value::Number(number))?;
        }
        budget.fit(&mut self.numbers);
        budget.push(&mut self.values, value)
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len() + self.values.len()
    }

    /// The list in the narrowest form.
    pub(super) fn list(mut self, budget: &Budget) -> Result<Value, Spent> {
        let number = |value: &Value| match value {
            Value::Number(number) => Some(*number),
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            _ => None,
        };
        if !self.values.is_empty() && self.values.iter().all(|value| number(value).is_some()) {
            for number in self.values.iter().filter_map(number) {
                budget.push(&mut self.numbers, number)?;
            }
            self.values.clear();
            budget.fit(&mut self.values);
        }
        if self.values.is_empty() {
            budget.fit(&mut self.numbers);
            return Ok(Value::Numbers(self.numbers));
        }
        budget.fit(&mut self.values);
        Ok(Value::List(self.values))
    }
}
