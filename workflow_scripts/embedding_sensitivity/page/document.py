"""The explorer's HTML: templates of this folder, plotly.js, the contents and what can be heard."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from embedding_sensitivity.page.contents import to_json

FOLDER = Path(__file__).parent
# In the order in which the page runs them.
SCRIPTS = ("data.js", "parts.js", "sound.js", "charts.js", "views.js", "main.js")
TEMPLATES = ("page.html", "page.css", *SCRIPTS)


def write_document(
    contents: Mapping[str, Any],
    plotly: str,
    sounds: Mapping[str, Any] | None = None,
    figures: Mapping[str, bytes] | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    contents : see `contents.gather`
    plotly : the text of plotly.js
    sounds : see `snippets.merge`; None if nothing can be heard
    figures : PNG files by name
    """
    pieces = {
        "style": (FOLDER / "page.css").read_text(encoding="utf-8"),
        "plotly": _escape_script(plotly),
        "contents": to_json(contents),
        "sounds": "\n".join(_write_sounds(sounds)) if sounds else "",
        "sound_index": to_json(sounds and {k: v for k, v in sounds.items() if k != "content"}),
        "figures": to_json(
            {
                name: f"data:image/png;base64,{base64.b64encode(content).decode()}"
                for name, content in (figures or {}).items()
            }
        ),
        "script": "\n".join(
            _escape_script((FOLDER / name).read_text(encoding="utf-8")) for name in SCRIPTS
        ),
    }
    parts = (FOLDER / "page.html").read_text(encoding="utf-8").split("{{")
    text = parts[0]
    for part in parts[1:]:
        name, _, rest = part.partition("}}")
        text += pieces[name.strip()] + rest
    return text


def _escape_script(text: str) -> str:
    """Keep what looks like the end of a script from ending it; in JavaScript `\\/` is `/`."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _write_sounds(sounds: Mapping[str, Any]) -> Iterator[str]:
    """Yield an element for each sound: base64, which the page decodes when it is played."""
    for number, content in enumerate(sounds["content"]):
        yield f'<script type="text/plain" id="sound-{number}">{content}</script>'
