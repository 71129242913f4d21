//! What the names of an expression mean: whoever has fields says it.

/// The fields that an expression may name.
pub trait Vocabulary {
    /// Whether `min`, `max` and `log` may be used.
    fn allows_functions(&self) -> bool;

    /// The meaning of a name; `quoted` names are always fields.
    ///
    /// # Errors
    /// Says why the name may not be used, or which was meant.
    fn find(&self, name: &str, quoted: bool) -> Result<Meaning<'_>, String>;
}

/// What a name means: the index of its field, and the type.
#[derive(Debug, Clone, Copy)]
pub enum Meaning<'a> {
    /// A number.
    Number(u16),
    /// Yes or no.
    Boolean(u16),
    /// One of these categories.
    Category(u16, &'a [String]),
}
