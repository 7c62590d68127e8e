//! Objects that go past the schema.
