//! Files of the page, which are part of the binary.

/// A file of the page.
pub(super) struct Asset {
    name: &'static str,
    pub(super) type_: &'static str,
    pub(super) text: &'static str,
}

/// The page itself.
pub(super) const PAGE: Asset = Asset { name: "", type_: "text/html; charset=utf-8", text: include_str!("assets/index.html") };

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 9] = [
    Asset { name: "style.css", type_: "text/css; charset=utf-8", text: include_str!("assets/style.css") },
    Asset { name: "icon.svg", type_: "image/svg+xml", text: include_str!("assets/icon.svg") },
    Asset { name: "api.js", type_: SCRIPT, text: include_str!("assets/api.js") },
    Asset { name: "app.js", type_: SCRIPT, text: include_str!("assets/app.js") },
    Asset { name: "dom.js", type_: SCRIPT, text: include_str!("assets/dom.js") },
    Asset { name: "events.js", type_: SCRIPT, text: include_str!("assets/events.js") },
    Asset { name: "map.js", type_: SCRIPT, text: include_str!("assets/map.js") },
    Asset { name: "panel.js", type_: SCRIPT, text: include_str!("assets/panel.js") },
    Asset { name: "rows.js", type_: SCRIPT, text: include_str!("assets/rows.js") },
];

/// Returns the file of this name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The policy of the page permits only files of its own, and nothing inline.
    #[test]
    fn the_page_loads_only_its_own_files() {
        let (text, mut loaded) = (PAGE.text, 0);
        for part in text.split(['"', '\'']).filter(|part| part.starts_with("assets/")) {
            assert!(find(&part["assets/".len()..]).is_some(), "{part}");
            loaded += 1;
        }
        assert!(loaded >= 3);
        for asset in ASSETS.iter().chain([&PAGE]) {
            for foreign in ["https://", "innerHTML", "eval(", "style=", "onclick="] {
                assert!(!asset.text.contains(foreign), "{}: {foreign}", asset.name);
            }
            for line in asset.text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.split('"').nth(1).and_then(|path| path.strip_prefix("./")).unwrap();
                assert!(find(from).is_some(), "{}: {line}", asset.name);
            }
        }
    }
}
