"""Progress bars, on a terminal only: in a log file each would be one endless line."""

from collections.abc import Iterable

from tqdm import tqdm

from embedding_sensitivity.files.logs import is_summed_up


class _Bar(tqdm):
    # No monitor thread: if memory runs out while a thread starts, Python waits for it for ever.
    monitor_interval = 0


def progress(items: Iterable | None = None, **options) -> tqdm:
    """Return a progress bar over `items`, or one that `update` moves; `options` are tqdm's."""
    return _Bar(items, disable=True if is_summed_up() else None, **options)
