//! The names of settings.

use crate::settings::Key;

/// A setting of this name.
pub(in crate::commands) const fn key(name: &'static str) -> Key {
    Key {
        name,
        variable: "",
        secret: false,
    }
}

/// A setting that also has an old service's environment variable.
pub(super) const fn known(name: &'static str, variable: &'static str) -> Key {
    Key {
        name,
        variable,
        secret: false,
    }
}

/// The same for a secret, which is never printed.
pub(super) const fn secret(name: &'static str, variable: &'static str) -> Key {
    Key {
        name,
        variable,
        secret: true,
    }
}
