//! The complexity of the wildcards of a pattern: of how many beginnings of wildcards one value can be a match at once. AWS's control
//! plane refuses a pattern that is too complex. The number is that of `MachineComplexityEvaluator` of AWS's open-source matcher, which
//! counts the states of its automaton; where two wildcards share a state there, they share a node here.
mod machine;
mod nodes;

use crate::search::Field;
use machine::Machines;

/// Most elementary steps of a computation: keeps it below 50 ms for any pattern.
const MAX_WORK: usize = 400_000;

/// How complex the wildcards of a pattern are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complexity {
    /// The complexity, or the part that was found until the computation was stopped.
    pub value: usize,
    /// Whether the computation was completed.
    pub exact: bool,
}

/// What a computation may still spend.
pub(crate) struct Budget {
    work: usize,
    /// The complexity at which the computation stops.
    enough: usize,
}

impl Budget {
    /// Takes some work. Returns whether there was enough left.
    fn spend(&mut self, work: usize) -> bool {
        let left = self.work.checked_sub(work);
        self.work = left.unwrap_or(0);
        left.is_some()
    }
}

/// The complexity of a pattern. Stops at `enough`.
pub(crate) fn evaluate<'p>(alternatives: impl Iterator<Item = Vec<Field<'p>>>, enough: usize) -> Complexity {
    let mut budget = Budget { work: MAX_WORK, enough };
    let mut machines = Machines::default();
    let mut exact = true;
    for fields in alternatives.filter(|fields| has_wildcard(fields)) {
        exact = exact && machines.add(&fields, &mut budget);
    }
    let mut value = 0;
    for machine in machines.iter() {
        let found = nodes::evaluate(&machine.chains(), &mut budget);
        value = value.max(found.value);
        exact &= found.exact;
        if value >= enough {
            return Complexity { value: enough, exact: false };
        }
    }
    Complexity { value, exact }
}

fn has_wildcard(fields: &[Field<'_>]) -> bool {
    fields.iter().any(|field| field.accepts.wildcards > 0)
}
