"""Several patches in one build: which of them did the tests find? Only the choice of builds and the verdicts belong here.

Each patch of a group gets a code: a set of builds. All codes have the same size, and no two are the same. A build has the patches with the
build in their code, and runs the tests of all patches of the group. A patch is caught when its test fails in each build of its code and passes
in each other build. No other patch explains that: there is a build with the other one and without this one, in which the test passes, and a
build with this one and without the other one, in which it fails. Whatever is not caught in this way is run alone, so a group never says that
a patch survived.

Half of the builds in each code gives the most codes (Sperner's theorem): 20 patches take 6 builds, 35 take 7.
"""
import itertools
import math
import random
import typing

SMALLEST = 5   # fewer take as many builds as patches
LARGEST = 35   # the more patches, the more tests fail because of another one


class Round(typing.NamedTuple):
    caught: list  # patches
    again: list   # patches whose tests failed because of another one
    builds: int


def codes(count):
    """Returns the number of builds, and the code of each patch."""
    builds = 2
    while math.comb(builds, builds // 2) < count:
        builds += 1
    every = list(itertools.combinations(range(builds), builds // 2))
    return builds, [frozenset(code) for code in random.Random(count).sample(every, count)]


def is_caught(code, passed):
    """`passed` tells of each build whether the test of the patch passed."""
    return all(passed[build] == (build not in code) for build in range(len(passed)))


def deal(patches, test_of):
    """Returns groups, and the patches that wait for the next round. No two patches of a group have the same test: it would find both."""
    count = math.ceil(len(patches) / LARGEST)
    by_test = {}
    for patch in patches:
        by_test.setdefault(test_of(patch), []).append(patch)
    dealt = [patch for of_test in by_test.values() for patch in of_test[:count]]
    # Neighbors in the list break each other's tests most often, so they come into different groups.
    groups = [dealt[start::count] for start in range(count)]
    return groups, [patch for of_test in by_test.values() for patch in of_test[count:]]


def find_caught(patches, test_of, run_build):
    """Returns those that are caught for certain. `run_build(applied, patches)` returns of each of `patches` whether its test passes when
    `applied` are, and which of `applied` do not apply or could be why the build fails. Later builds are without those."""
    caught, waiting, pays = [], list(patches), True
    while waiting and pays:
        groups, waiting = deal(waiting, test_of)
        rounds = [one_round(group, run_build) for group in groups if len(group) >= SMALLEST]
        found = [patch for round_ in rounds for patch in round_.caught]
        caught += found
        # The next round is without those that were caught, and that may have broken tests of others.
        waiting += [patch for round_ in rounds for patch in round_.again]
        # One by one, each patch takes one build.
        pays = len(found) > sum(round_.builds for round_ in rounds)
    return caught


def one_round(patches, run_build):
    """Runs the builds of one group."""
    builds, chosen = codes(len(patches))
    code = dict(zip(patches, chosen, strict=True))
    passed = {patch: [] for patch in patches}
    for build in range(builds):
        refused = True
        while refused:
            results, refused = run_build([patch for patch in passed if build in code[patch]], list(passed))
            passed = {patch: passed[patch] for patch in passed if patch not in refused}
        for patch in passed:
            passed[patch].append(results[patch])
    caught = [patch for patch in passed if is_caught(code[patch], passed[patch])]
    # A test that passes although its patch is applied is no matter of others.
    again = [patch for patch in passed if patch not in caught and not any(passed[patch][build] for build in code[patch])]
    return Round(caught, again, builds)
