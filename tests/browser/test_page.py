"""The page with the objects of the demo: map, details, events, keyboard, changes, color schemes. An operator reconciles them meanwhile."""
import json
import unittest

import demo
from page import Tab, Ui
from stage import end
from world import World

BROWSER = SCREENSHOTS = None
NAMESPACE = "integrations-kyc"
BROKEN = {"apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": {"name": "rejected", "namespace": NAMESPACE},
          "spec": {"busRef": {"name": "central"}, "eventPattern": {"source": ["com.aws.kyc"], "detail-type": ["New account rejected"]},
                   "targets": [{"name": "review", "sinkRef": {"name": "manual-review"}}]}}
APPROVED = {"id": "005fc46c-7c83-4f1f-8a5e-1c1d3d5f6b7a", "source": "com.aws.kyc", "detail-type": "New account approved",
            "detail": {"customerName": "Nikki Wolf", "customerAddress": "123 Any Street", "checksPassed": True}}


def setUpModule():
    global STAGE, UI
    try:
        STAGE = demo.start()
        world = World(STAGE, demo.SHOWN)
        demo.apply(world)
        STAGE.kubectl("apply", "-k", "examples/transform-and-dead-letter")
        STAGE.apply(BROKEN)
        demo.subscribe(world)
        demo.wait(world)
        UI = Ui(STAGE.env, "-A")
    except BaseException:
        end()
        raise


def tearDownModule():
    code = UI.stop()
    end()
    assert code == 0, f"tributary ui ended with {code}"


class Page(unittest.TestCase):
    def setUp(self):
        self.tab = Tab(BROWSER)
        self.addCleanup(self.tab.close)
        self.tab.scheme(dark=False)
        self.tab.open(UI.url)
        self.tab.see("approved", condition="node.classList.contains('Healthy')")

    def tearDown(self):
        self.assertEqual(self.tab.complaints(), [], "errors in the console")
        foreign = [url for url in self.tab.requests() if not url.startswith(UI.url)]
        self.assertEqual(foreign, [], "requests that leave the page's own server")

    def match(self, event):
        self.tab.click("#event")
        self.tab.write(json.dumps(event, indent=2))
        self.tab.click("#paste [type=submit]")
        self.tab.reads("#result", "Matched by")

    def test_the_map_shows_sources_buses_rules_targets_and_dead_letters(self):
        tab = self.tab
        tab.see("lims", "BenchlingSubscription", "node.dataset.column === '0'")
        tab.see("central", "EventBus", "node.dataset.column === '1'")
        tab.see("accounts", "EventSink", "node.dataset.column === '3'")
        tab.see("undeliverable", "EventSink", "node.dataset.column === '4'")
        tab.see("rejected", condition="node.classList.contains('Degraded') && node.innerText.includes('✗')")
        self.assertIn("live", tab.text("#live"))
        self.assertEqual(tab.unnamed(), [])

    def test_a_click_shows_what_is_wrong_and_the_next_step(self):
        self.tab.see("rejected")
        self.tab.click(self.tab.box("rejected"))
        self.tab.reads("#panel .next", "Create it or correct the reference.")
        for part in ("Event pattern", "New account rejected", "Conditions", "SinkNotFound", "Kubernetes Events", "busRef:", "kubectl describe eventrule rejected"):
            self.tab.reads("#panel", part)

    def test_a_pasted_event_lights_its_rules_and_shows_their_input(self):
        tab = self.tab
        self.match(APPROVED)
        tab.see("approved", condition="node.classList.contains('lit')")
        tab.see("accounts", "EventSink", "node.classList.contains('lit')")
        self.assertFalse(tab.evaluate(f"document.querySelector({json.dumps(tab.box('rejected'))}).classList.contains('lit')"))
        tab.reads("#result", "Matched by 1 of")
        tab.click(tab.box("approved"))
        tab.reads("#panel .input", '"customer": "Nikki Wolf"')
        tab.click(tab.box("rejected"))
        tab.reads("#panel", "The event does not match")
        tab.click("#clear")
        tab.until("document.querySelectorAll('.lit').length === 0", "nothing is lit")

    def test_what_is_no_event_is_said(self):
        self.tab.click("#event")
        self.tab.write("{\n  nonsense\n}")
        self.tab.click("#paste [type=submit]")
        self.tab.reads("#result [role=alert]", "line 2 column 3")
        # The answer has status 400, which the browser logs.
        self.assertTrue(all("400" in complaint for complaint in self.tab.complaints()), self.tab.complaints())
        self.tab.events = [event for event in self.tab.events if event.get("method") != "Log.entryAdded"]

    def test_who_gets_a_type_of_event(self):
        self.tab.click("#type")
        self.tab.write("v2.entity.registered")
        self.tab.press("Enter")
        self.tab.reads("#result", "v2.entity.registered")
        self.tab.until("document.querySelectorAll('.node.lit').length > 0", "rules are lit")
        self.tab.click("#sample")
        self.tab.until("document.querySelector('#event').value.includes('v2.entity.registered')", "a sample is inserted")
        self.tab.click("#paste [type=submit]")
        self.tab.reads("#result", "Matched by")
        self.tab.until("document.querySelectorAll('.node.lit').length > 0", "rules are lit")

    def test_filters_by_text_and_health(self):
        tab = self.tab
        tab.click("#health input[value=Degraded]")
        tab.until(f"!document.querySelector({json.dumps(tab.box('approved'))})", "healthy rules are hidden")
        tab.see("rejected")
        tab.click("#health input[value=Degraded]")
        tab.click("#search")
        tab.write("new account approved")
        tab.until(f"!document.querySelector({json.dumps(tab.box('rejected'))})", "others are hidden")
        tab.see("approved")

    def test_everything_works_by_keyboard(self):
        tab = self.tab
        tab.press("/")
        self.assertEqual(tab.focused(), "search")
        tab.write("approved")
        tab.press("Enter")
        rule = f"EventRule/{NAMESPACE}/approved"
        tab.until(f"document.activeElement.dataset.id === {json.dumps(rule)}", "the rule has the focus")
        tab.press("ArrowRight")
        self.assertEqual(tab.focused(), f"EventSink/{NAMESPACE}/accounts")
        tab.press("ArrowRight")
        self.assertEqual(tab.focused(), f"EventSink/{NAMESPACE}/undeliverable")
        tab.press("ArrowLeft")
        tab.press("ArrowLeft")
        tab.press("ArrowLeft")
        self.assertEqual(tab.focused(), f"EventBus/{NAMESPACE}/central")
        tab.press("ArrowRight")
        tab.press("Enter")
        tab.reads("#panel", "Event pattern")
        self.assertEqual(tab.focused(), "title", "the panel has the focus")
        tab.press("Escape")
        tab.until("document.querySelector('#panel').hidden", "the panel is closed")
        self.assertEqual(tab.focused(), rule, "the focus is back")
        self.assertNotEqual(tab.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "none", "the focus is visible")

    def test_a_change_arrives_without_a_reload(self):
        tab = self.tab
        tab.evaluate("window.kept = true")
        STAGE.apply({**BROKEN, "metadata": {"name": "escalated", "namespace": NAMESPACE}})
        tab.see("escalated", condition="node.classList.contains('Degraded')")
        tab.click(tab.box("escalated"))
        STAGE.kubectl("delete", "eventrule", "escalated", "-n", NAMESPACE, stdout=-3)
        tab.until(f"!document.querySelector({json.dumps(tab.box('escalated'))})", "it is gone")
        tab.until("document.querySelector('#panel').hidden", "its details are closed")
        self.assertTrue(tab.evaluate("window.kept"))

    def test_light_and_dark_can_be_read(self):
        tab = self.tab
        self.match(APPROVED)
        tab.click("#clear")
        tab.click(tab.box("rejected"))
        tab.reads("#panel", "Conditions")
        backgrounds = []
        for dark in (False, True):
            tab.scheme(dark)
            backgrounds.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
            self.assertEqual(tab.contrast(), [], f"dark: {dark}")
        self.assertNotEqual(*backgrounds)
        tab.click("#theme")
        self.assertEqual(tab.evaluate("getComputedStyle(document.body).backgroundColor"), backgrounds[0], "the theme can be chosen")

    def test_screenshots(self):
        if not SCREENSHOTS:
            self.skipTest("without --screenshots")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        tab = self.tab
        self.match(APPROVED)
        tab.click(tab.box("approved"))
        tab.reads("#panel", "Conditions")
        for name, dark in (("light", False), ("dark", True)):
            tab.scheme(dark)
            tab.screenshot(SCREENSHOTS / f"ui-{name}.png")
            self.assertLess((SCREENSHOTS / f"ui-{name}.png").stat().st_size, 200 << 10)
