//! `tributary plan`: what it prints, against what the operator then does, and that it writes nothing.

mod approval;
mod examples;
mod fixture;
mod output;
mod pairs;
mod reads;
