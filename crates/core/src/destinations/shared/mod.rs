//! What the destination types share. Nothing here names a type of destination.

pub(crate) mod context;
pub mod grants;
pub(crate) mod reference;
pub mod role;
