//! The wildcards of one field as chains of nodes, and how many nodes one value can be at.
use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Budget, Complexity};
use crate::wildcard::Wildcard;

/// A wildcard, as the bytes of the value with its quotes. None is `*`.
pub(super) struct Chain {
    group: usize,
    bytes: Vec<Option<u8>>,
    /// How many nodes there are for each place behind the first wildcard.
    count: usize,
}

impl Chain {
    pub(super) fn new(group: usize, wildcard: &Wildcard, count: usize) -> Self {
        let mut bytes = vec![Some(b'"')];
        for (index, piece) in wildcard.pieces().iter().enumerate() {
            if index > 0 {
                bytes.push(None);
            }
            bytes.extend(piece.iter().map(|byte| Some(*byte)));
        }
        bytes.push(Some(b'"'));
        Self { group, bytes, count }
    }

    /// Whether nothing but the closing quote follows its first wildcard.
    pub(super) fn ends_behind_wildcard(&self) -> bool {
        self.first_wildcard().is_none_or(|place| place + 2 == self.bytes.len())
    }

    fn first_wildcard(&self) -> Option<usize> {
        self.bytes.iter().position(Option::is_none)
    }

    /// The node behind this many bytes, and how many of them there are.
    fn node(&self, index: usize, place: usize) -> (Node<'_>, usize) {
        if place == self.bytes.len() {
            (Node::End(self.group), 1)
        } else if place <= self.first_wildcard().map_or(place, |wildcard| wildcard + 1) {
            (Node::Begin(self.group, &self.bytes[..place]), 1)
        } else {
            (Node::Inside(index, place), self.count)
        }
    }
}

/// What is counted once.
#[derive(PartialEq, Eq, Hash)]
enum Node<'c> {
    /// The end of all chains of a group.
    End(usize),
    /// A beginning up to the first wildcard: chains of a group share it.
    Begin(usize, &'c [Option<u8>]),
    Inside(usize, usize),
}

/// Places that a value is at: a chain, and how many of its bytes are done.
type Places = BTreeSet<(usize, usize)>;

/// The most nodes that one value is at.
pub(super) fn evaluate(chains: &[Chain], budget: &mut Budget) -> Complexity {
    let start = with_skipped(chains, (0..chains.len()).map(|chain| (chain, 0)).collect());
    let (mut value, mut known) = (0, HashSet::from([start.clone()]));
    let mut open = vec![start];
    while let Some(places) = open.pop() {
        // A byte that no chain names leads to the same places as any other such byte.
        let named: BTreeSet<Option<u8>> = places.iter().filter_map(|(chain, place)| chains[*chain].bytes.get(*place)).copied().collect();
        for byte in named.into_iter().flatten().map(Some).chain([None]) {
            if !budget.spend(2 * places.len() + 1) {
                return Complexity { value, exact: false };
            }
            let next = advance(chains, &places, byte);
            value = value.max(size(chains, &next));
            if value >= budget.enough {
                return Complexity { value, exact: false };
            }
            if !next.is_empty() && known.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    Complexity { value, exact: true }
}

fn advance(chains: &[Chain], places: &Places, byte: Option<u8>) -> Places {
    let mut next = Places::new();
    for (chain, place) in places {
        let bytes = &chains[*chain].bytes;
        if byte.is_some() && bytes.get(*place) == Some(&byte) {
            next.insert((*chain, place + 1));
        }
        if *place > 0 && bytes[place - 1].is_none() {
            next.insert((*chain, *place));
        }
    }
    with_skipped(chains, next)
}

/// The places, and those behind a wildcard that stands for nothing.
fn with_skipped(chains: &[Chain], mut places: Places) -> Places {
    let behind: Vec<_> = places.iter().filter(|(chain, place)| chains[*chain].bytes.get(*place) == Some(&None)).copied().collect();
    places.extend(behind.into_iter().map(|(chain, place)| (chain, place + 1)));
    places
}

fn size(chains: &[Chain], places: &Places) -> usize {
    let nodes: HashMap<_, _> = places.iter().map(|(chain, place)| chains[*chain].node(*chain, *place)).collect();
    nodes.values().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The complexity of wildcards of one field without the quotes around them, as the tests of AWS's matcher have it.
    fn bare(wildcards: &[&str]) -> usize {
        let strip = |(group, text): (usize, &&str)| {
            let mut chain = Chain::new(group, &Wildcard::new(text).unwrap(), 1);
            chain.bytes.pop();
            chain.bytes.remove(0);
            chain
        };
        let chains: Vec<_> = wildcards.iter().enumerate().map(strip).collect();
        evaluate(&chains, &mut Budget { work: super::super::MAX_WORK, enough: 100 }).value
    }

    #[test]
    fn wildcards_are_counted_as_in_the_tests_of_the_matcher() {
        for (wildcards, complexity) in [
            (&["*aa"][..], 3),
            (&["a*b"], 2),
            (&["aa*"], 2),
            (&["a*bcb"], 3),
            (&["a*bbb"], 4),
            (&["*ab*ad"], 4),
            (&["*ab*d"], 3),
            (&["*aba*"], 4),
            (&["a*b*bb"], 5),
            (&["ab*b*"], 3),
            (&["ab*c", "x*xx"], 3),
            (&["*abc", "*abcde"], 4),
            (&["a*aaa", "aa*aa"], 7),
            (&["abc*", "abcde*"], 3),
            (&["ab*cd", "ab*wx", "ab*yz"], 6),
            (&["*ab*b*b*"], 7),
            (&["*a*a*a*a*a*a*a*a*"], 17),
            (&["F*eatureFeature", "Fe*atureFeature", "Fea*tureFeature"], 10),
        ] {
            assert_eq!(bare(wildcards), complexity, "{wildcards:?}");
        }
    }
}
