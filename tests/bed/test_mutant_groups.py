"""Several mutants in one build (tests/mutants/groups.py): a patch is caught only if its own test fails because of it."""
import itertools
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "mutants"))
from groups import codes, deal, find_caught, one_round  # noqa: E402
from run import verdicts  # noqa: E402


class Groups(unittest.TestCase):
    def builds(self, breaks, refused=()):
        """Builds of a tree in which the test of a patch fails when all of one of the sets in `breaks` are applied. Counts them."""
        self.count = 0

        def run_build(applied, patches):
            self.count += 1
            if broken := [patch for patch in applied if patch in refused]:
                return {}, broken
            return {patch: not any(causes <= set(applied) for causes in breaks.get(patch, ())) for patch in patches}, []
        return run_build

    def test_for_each_two_patches_a_build_has_one_and_lacks_the_other(self):
        for count in (2, 5, 20, 35, 70):
            _, chosen = codes(count)
            for one, other in itertools.permutations(chosen, 2):
                self.assertTrue(one - other)

    def test_seventy_patches_take_fourteen_builds(self):
        patches = [f"p{n}" for n in range(70)]
        self.assertEqual(set(find_caught(patches, str, self.builds({patch: [{patch}] for patch in patches}))), set(patches))
        self.assertEqual(self.count, 14)

    def test_a_test_that_fails_because_of_another_patch_catches_nothing(self):
        patches = [f"p{n}" for n in range(20)]
        breaks = {patch: [{patch}] for patch in patches[1:]} | {"p0": [{"p1"}]}
        self.assertEqual(set(find_caught(patches, str, self.builds(breaks))), set(patches[1:]))

    def test_a_patch_that_is_found_only_with_another_one_is_not_caught(self):
        patches = [f"p{n}" for n in range(20)]
        for other in patches[1:]:
            breaks = {patch: [{patch}] for patch in patches[1:]} | {"p0": [{"p0", other}]}
            self.assertNotIn("p0", find_caught(patches, str, self.builds(breaks)))

    def test_a_test_that_fails_without_a_patch_catches_nothing(self):
        patches = [f"p{n}" for n in range(20)]
        breaks = {patch: [{patch}] for patch in patches[1:]} | {"p0": [set()]}
        self.assertNotIn("p0", find_caught(patches, str, self.builds(breaks)))

    def test_what_another_patch_hid_is_caught_in_the_next_round(self):
        patches = [f"p{n}" for n in range(30)]
        breaks = {patch: [{patch}, {"p0"}] if n < 10 else [{patch}] for n, patch in enumerate(patches)}
        first = one_round(patches, self.builds(breaks))
        self.assertEqual((set(first.caught), set(first.again)), ({"p0", *patches[10:]}, set(patches[1:10])))
        self.assertEqual(set(find_caught(patches, str, self.builds(breaks))), set(patches))

    def test_patches_of_one_test_are_in_different_groups(self):
        patches = [f"{test}{n}" for test in "abcdefghij" for n in range(8)]
        groups, later = deal(patches, lambda patch: patch[0])
        self.assertEqual([len(group) for group in groups], [10, 10, 10])
        self.assertTrue(all(len({patch[0] for patch in group}) == len(group) for group in groups))
        self.assertEqual(set(later), {patch for patch in patches if patch[1] in "34567"})

    def test_a_round_that_finds_few_is_the_last(self):
        patches = [f"p{n}" for n in range(30)]
        breaks = {patch: [{patch}, {"p0"}, {"p1"}] for patch in patches}
        self.assertEqual(find_caught(patches, str, self.builds(breaks)), [])
        self.assertEqual(self.count, 7)

    def test_a_patch_that_does_not_compile_does_not_hinder_the_others(self):
        patches = [f"p{n}" for n in range(20)]
        run_build = self.builds({patch: [{patch}] for patch in patches}, refused=("p3", "p4"))
        self.assertEqual(set(find_caught(patches, str, run_build)), set(patches) - {"p3", "p4"})

    def test_a_test_of_which_nothing_is_said_did_not_pass(self):
        said = "running 3 tests\ntest a::b ... ok\ntest a::c ... FAILED\ntest a::d has been running for over 60 seconds\n"
        self.assertEqual(verdicts(said, ["a::b", "a::c", "a::d"]), {"a::b": True, "a::c": False, "a::d": False})


if __name__ == "__main__":
    unittest.main()
