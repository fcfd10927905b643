"""Show a run's progress: live on a terminal, elsewhere as lines."""

import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_sensitivity.run import Run, duration, n_jobs

# Off a terminal nothing is said for so many seconds at most, while jobs end.
MAX_SILENCE = 60


def display_on(console: Console, run: Run, live: bool) -> "Lines":
    """Return the display for a console."""
    able = console.is_terminal and not console.is_dumb_terminal  # can move its cursor
    return Screen(console, run) if live and able and not run.dry else Lines(console, run)


class Lines:
    """Prints a line when a stage ends, or a minute is over, for log files and dry runs."""

    def __init__(self, console: Console, run: Run) -> None:
        self.console, self.run = console, run
        self.spoke = time.monotonic()
        self.ended: set[str] = set()
        self.building: tuple[str, float] | None = None

    def plan(self) -> None:
        """Print the number of jobs, now that it is known."""
        if not self.run.dry and self.run.total and not self.run.jobs:
            stages = (f"{stage} {self.run.total[stage]}" for stage in self.run.stages())
            self._say(f"{n_jobs(self.run.total.total())}: {', '.join(stages)}")

    def environment(self, name: str | None) -> None:
        """Print that an environment is being built; None: it is complete."""
        if self.building:
            built, began = self.building
            self._say(f"  {built} is built ({duration(time.monotonic() - began)})")
        elif name:
            self._say(f"Setting up the environment {name}")
        self.building = (name, time.monotonic()) if name else None

    def update(self) -> None:
        """Print stages that have ended, or how far the run is if nothing was said for long."""
        for stage in self.run.stages():
            if self.run.done[stage] >= self.run.total[stage] and stage not in self.ended:
                self.ended.add(stage)
                elapsed = duration(time.monotonic() - self.run.first.get(stage, time.monotonic()))
                n_done, total = self.run.done.total(), self.run.total.total()
                jobs = n_jobs(self.run.total[stage])
                self._say(f"{stage}: {jobs}, {elapsed} ({n_done} of {total} done)")
        if self.run.done and time.monotonic() - self.spoke > MAX_SILENCE:
            self._say(self._whole())

    def stop(self) -> None:
        """End the display."""

    def _whole(self) -> str:
        run = self.run
        elapsed = duration(time.monotonic() - (run.started or time.monotonic()))
        text = f"{run.done.total()} of {n_jobs(run.total.total())}, {elapsed}"
        left = run.seconds_left()
        return text if left is None or not left else f"{text}, about {duration(left)} left"

    def _say(self, text: str) -> None:
        self.spoke = time.monotonic()
        self.console.print(text, markup=False)


class Screen(Lines):
    """Shows a bar for each stage, and a line for the whole run, and updates them."""

    def __init__(self, console: Console, run: Run) -> None:
        super().__init__(console, run)
        self.live: Live | None = None

    def plan(self) -> None:
        """Start the live display."""
        if self.run.total and self.live is None:
            self.live = Live(get_renderable=self._draw, console=self.console, refresh_per_second=2)
            self.live.start()

    def update(self) -> None:
        """Draw the current state."""
        if self.live:
            self.live.refresh()

    def stop(self) -> None:
        """Stop drawing; the last state stays on the screen."""
        if self.live:
            self.live.stop()
            self.live = None

    def _draw(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for stage in self.run.stages():
            total, done = self.run.total[stage], self.run.done[stage]
            table.add_row(
                stage, ProgressBar(total=total, completed=done, width=30), f"{done} of {total}"
            )
        return Group(table, Text(self._whole()))
