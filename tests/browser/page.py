"""The page of a running `tributary ui`, as a person uses it."""
import json
import subprocess

import cdp
from stage import BINARY

# The element, or the nearest one around it, that paints a background.
CONTRAST = """(() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest('option, .skip')) continue;
    const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) bad.push(`${element.className || element.tagName} ${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return bad;
})()"""


class Ui:
    """The process. Ended by `stop`."""

    def __init__(self, env, *flags):
        self.process = subprocess.Popen([BINARY, "ui", *flags], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(20)


class Tab(cdp.Page):
    """A browser with the page open."""

    def open(self, url):
        self.call("Page.navigate", url=url)

    def box(self, name, kind="EventRule"):
        """Selector of a node on the map."""
        return f"#rows [data-id^='{kind}/'][data-id$='/{name}']"

    def see(self, name, kind="EventRule", condition="true"):
        """Waits for a node that is on the map and in view."""
        return self.until(f"(() => {{ const node = document.querySelector({json.dumps(self.box(name, kind))}); return Boolean(node) && ({condition}); }})()",
                          f"{kind} {name} is on the map: {condition}")

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def reads(self, selector, text):
        self.until(f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes({json.dumps(text)})", f"{selector} has {text}")

    def focused(self):
        """Id of the focused element, or of the node that it stands for."""
        return self.evaluate("document.activeElement.dataset.id ?? document.activeElement.id")

    def scheme(self, dark):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def contrast(self):
        """Texts with less contrast than 4.5 to 1 (WCAG 2.2, 1.4.3)."""
        return self.evaluate(CONTRAST)

    def unnamed(self):
        """Controls that a screen reader cannot name."""
        self.call("Accessibility.enable")
        wanted = {"button", "textbox", "searchbox", "combobox", "checkbox", "link", "grid", "navigation", "complementary"}
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [node["role"]["value"] for node in nodes
                if not node.get("ignored") and node.get("role", {}).get("value") in wanted and not node.get("name", {}).get("value")]
