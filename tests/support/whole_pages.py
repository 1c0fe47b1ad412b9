"""Reading an HTML page that stands alone: what stands in it, and whether every element ends."""

from html.parser import HTMLParser

VOID = frozenset({"meta", "line", "circle", "image", "polygon", "polyline"})


class Outline(HTMLParser):
    """Which elements stand in the page, and which never end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids += [told["id"]] if told.get("id") else []
        self.targets += [told["href"]] if told.get("href") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def outline_of(html: str) -> Outline:
    """The outline of a page whose every element ends, with no name given twice and every link on it met."""
    outline = Outline()
    outline.feed(html)
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    inside = {target.removeprefix("#") for target in outline.targets if target.startswith("#")}
    assert inside <= set(outline.ids)
    return outline
