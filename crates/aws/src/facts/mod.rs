//! Facts that delivery depends on: policies of targets, roles, encryption keys, samples of dead letters. Each is read once for all
//! rules that depend on it.

mod forget;
mod keys;
mod roles;
mod targets;
