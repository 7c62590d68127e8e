"""CBOR, by the examples of RFC 8949, appendix A."""
import unittest

import cbor

EXAMPLES = (("00", 0), ("17", 23), ("1818", 24), ("1903e8", 1000), ("1b000000e8d4a51000", 1000000000000), ("29", -10), ("3903e7", -1000),
            ("fb3ff199999999999a", 1.1), ("f4", False), ("f5", True), ("f6", None), ("c11a514b67b0", cbor.Time(1363896240)), ("4401020304", b"\x01\x02\x03\x04"),
            ("60", ""), ("6449455446", "IETF"), ("62c3bc", "ü"), ("80", []), ("83010203", [1, 2, 3]), ("a0", {}), ("a26161016162820203", {"a": 1, "b": [2, 3]}))
READ_ONLY = (("f93e00", 1.5), ("fa47c35000", 100000.0), ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]), ("7f657374726561646d696e67ff", "streaming"),
             ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}))


class Cbor(unittest.TestCase):
    def test_examples(self):
        for text, value in EXAMPLES:
            with self.subTest(text):
                self.assertEqual(cbor.dumps(value).hex(), text)
                self.assertEqual(cbor.loads(bytes.fromhex(text)), value)
        for text, value in READ_ONLY:
            with self.subTest(text):
                self.assertEqual(cbor.loads(bytes.fromhex(text)), value)

    def test_a_time_is_told_from_a_number(self):
        self.assertIsInstance(cbor.loads(bytes.fromhex("c11a514b67b0")), cbor.Time)

    def test_what_is_no_cbor_is_refused(self):
        for text in ("", "a1", "62c3", "1c", "0000", "ff", "61ff", "bf6161ff"):
            with self.subTest(text), self.assertRaises(ValueError):
                cbor.loads(bytes.fromhex(text))


if __name__ == "__main__":
    unittest.main()
