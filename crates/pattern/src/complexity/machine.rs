//! Which wildcards of a pattern meet in one automaton: those of the same field behind the same choices for the fields before it.
use std::collections::BTreeMap;

use super::Budget;
use super::nodes::Chain;
use crate::expression::Expression;
use crate::search::Field;

/// The automata of a pattern. A state is a place between two fields; the first state is in front of all of them.
#[derive(Default)]
pub(super) struct Machines<'p> {
    /// For each state, the machine of each field.
    states: Vec<BTreeMap<usize, usize>>,
    machines: Vec<Machine<'p>>,
}

/// The automaton of one field.
#[derive(Default)]
pub(super) struct Machine<'p> {
    /// The expressions that lead to one state, however often they are added.
    matches: Vec<(&'p Expression, usize)>,
    /// The expressions with wildcards, and how often each was added.
    wildcards: Vec<(&'p Expression, usize)>,
}

impl<'p> Machines<'p> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Machine<'p>> {
        self.machines.iter()
    }

    /// Adds the fields of an alternative. Returns whether the budget sufficed.
    pub(super) fn add(&mut self, fields: &[Field<'p>], budget: &mut Budget) -> bool {
        if self.states.is_empty() {
            self.states.push(BTreeMap::new());
        }
        let mut current = vec![0];
        for Field { place, accepts } in fields {
            let mut next = Vec::new();
            for state in current {
                let machine = *self.states[state].entry(*place).or_insert_with(|| {
                    self.machines.push(Machine::default());
                    self.machines.len() - 1
                });
                let mut last = None;
                for expression in &accepts.all {
                    if !budget.spend(1 + self.machines[machine].matches.len() + next.len()) {
                        return false;
                    }
                    let reached = self.reach(machine, expression, last);
                    last = Some(reached);
                    if !next.contains(&reached) {
                        next.push(reached);
                    }
                }
            }
            current = next;
        }
        true
    }

    /// The state behind an expression: the one that it already leads to, that of the expression before it, or a new one.
    fn reach(&mut self, machine: usize, expression: &'p Expression, last: Option<usize>) -> usize {
        let machine = &mut self.machines[machine];
        let wildcards = expression.wildcards();
        if !wildcards.is_empty() {
            match machine.wildcards.iter_mut().find(|(known, _)| *known == expression) {
                Some((_, count)) => *count += 1,
                None => machine.wildcards.push((expression, 1)),
            }
        }
        // What follows a wildcard is built anew for each addition, unless nothing but the closing quote follows.
        let once = wildcards.iter().all(|wildcard| Chain::new(0, wildcard, 1).ends_behind_wildcard());
        if once && let Some((_, state)) = machine.matches.iter().find(|(known, _)| *known == expression) {
            return *state;
        }
        let state = last.unwrap_or_else(|| {
            self.states.push(BTreeMap::new());
            self.states.len() - 1
        });
        if once {
            machine.matches.push((expression, state));
        }
        state
    }
}

impl Machine<'_> {
    /// The wildcards as chains of nodes. Those of one `anything-but` are one group.
    pub(super) fn chains(&self) -> Vec<Chain> {
        let groups = self.wildcards.iter().enumerate();
        groups
            .flat_map(|(group, (expression, count))| expression.wildcards().iter().map(move |one| Chain::new(group, one, *count)))
            .collect()
    }
}
