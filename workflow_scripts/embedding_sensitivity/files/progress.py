"""Progress bars: on a terminal alone, as in a log file each would be one endless line."""

from collections.abc import Iterable

from tqdm import tqdm

from embedding_sensitivity.files.logs import is_summed_up


class _Bar(tqdm):
    # No thread that wakes bars which have stalled: where memory runs out just as a thread starts,
    # Python waits for it for ever.
    monitor_interval = 0


def progress(items: Iterable | None = None, **options) -> tqdm:
    """Show how far the iteration over `items` is, or what `update` is told; tqdm's `options`."""
    return _Bar(items, disable=True if is_summed_up() else None, **options)
