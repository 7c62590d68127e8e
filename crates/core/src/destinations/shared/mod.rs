//! Code that destination types share. It names no type of destination.

pub(crate) mod context;
pub mod grants;
pub(crate) mod reference;
pub mod role;
pub(crate) mod task;
