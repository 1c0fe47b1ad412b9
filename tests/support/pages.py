"""A person at a screen: signs in, presses keys, reads words. The only place that knows the pages' markup."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.busy_day import PASSWORD

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 120_000
SETTLE_MS = 800  # a study that just opened does not yet take the key that signs (study.js)
GRAVE = frozenset({"serious", "critical"})


def chromium() -> Iterator[Browser]:
    """Debian's chromium without a window, closed again at the end."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=3 * PATIENCE_MS)
        yield browser
        browser.close()


@dataclass
class Person:
    """Somebody at their own screen. `complaints` are errors that the browser wrote, blocked scripts and styles too;
    `asked` every address that the browser asked for."""

    page: Page
    home: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def signs_in(self, name: str) -> None:
        """By keyboard alone: the cursor already stands in the first field; once in, the page listens to keys."""
        self.page.goto(f"{self.home}/sign-in")
        self.page.locator("input[name=username]:focus").wait_for()
        self.types(name, "Tab", PASSWORD, "Enter")
        self.page.get_by_role("button", name="Sign out").wait_for()
        self.page.wait_for_load_state()

    def opens(self, path: str) -> None:
        """Go to an address."""
        self.page.goto(f"{self.home}{path}")

    def presses(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def types(self, *words: str) -> None:
        """Type words; Tab and Enter are keys."""
        for word in words:
            if word in {"Tab", "Enter"}:
                self.page.keyboard.press(word)
            else:
                self.page.keyboard.type(word)

    def chooses(self, words: str) -> None:
        """By the arrow keys, what begins so in the list that has the cursor.

        Not by typing it: letters that come a second apart on a crowded machine are several choices to the browser.
        """
        field = self.page.locator("select:focus")
        for _ in range(field.locator("option").count()):
            if field.evaluate("list => list.selectedOptions[0].label").startswith(words):
                return
            self.page.keyboard.press("ArrowDown")
        raise LookupError(f"No choice begins with {words!r}.")

    def sees(self, words: str) -> bool:
        """Wait until these words are in view."""
        self.page.get_by_text(words).first.wait_for()
        return True

    def is_asked_to_sign(self, words: str) -> bool:
        """Wait until the bar at the bottom says exactly this."""
        self.page.locator("#will-sign").get_by_text(words, exact=True).wait_for()
        return True

    def has_study_open(self, name: str) -> bool:
        """Wait until this patient's study is on the screen, its picture too."""
        self.page.get_by_role("heading", level=1, name=name).wait_for()
        self.page.wait_for_load_state()  # the page's script has run, and counts from now how long it has been open
        self.page.wait_for_function("document.querySelector('.sagittal image').decode().then(() => true)")
        self.page.wait_for_timeout(SETTLE_MS)
        return True

    @property
    def level_here(self) -> str:
        """The level of the vertebra that the keys act on."""
        return self.page.locator("#rows tr.here select").first.input_value()

    def grave_barriers(self) -> list[str]:
        """What axe finds of serious or critical accessibility violations on the page."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {node['html'][:120]}" for one in found if one["impact"] in GRAVE for node in one["nodes"]
        ]
