"""How a run looks while it goes on: live on a terminal, a line a stage elsewhere."""

import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_sensitivity.run import Run, duration, n_jobs


def display_on(console: Console, run: Run, live: bool) -> "Lines":
    """The display that a console can show."""
    able = console.is_terminal and not console.is_dumb_terminal  # can move its cursor
    return Screen(console, run) if live and able and not run.dry else Lines(console, run)


class Lines:
    """A line as each stage ends, for log files and for dry runs."""

    def __init__(self, console: Console, run: Run) -> None:
        self.console, self.run = console, run
        self.ended: set[str] = set()
        self.building: tuple[str, float] | None = None

    def plan(self) -> None:
        """How many jobs there are is known."""
        if not self.run.dry and self.run.total and not self.run.jobs:
            stages = (f"{stage} {self.run.total[stage]}" for stage in self.run.stages())
            self._say(f"{n_jobs(self.run.total.total())}: {', '.join(stages)}")

    def environment(self, name: str | None) -> None:
        """An environment is being built; None: it is built."""
        if self.building:
            built, began = self.building
            self._say(f"  {built} is built ({duration(time.monotonic() - began)})")
        elif name:
            self._say(f"Setting up the environment {name}")
        self.building = (name, time.monotonic()) if name else None

    def update(self) -> None:
        """Jobs began or ended."""
        for stage in self.run.stages():
            if self.run.done[stage] >= self.run.total[stage] and stage not in self.ended:
                self.ended.add(stage)
                elapsed = duration(time.monotonic() - self.run.first.get(stage, time.monotonic()))
                n_done, total = self.run.done.total(), self.run.total.total()
                jobs = n_jobs(self.run.total[stage])
                self._say(f"{stage}: {jobs}, {elapsed} ({n_done} of {total} done)")

    def stop(self) -> None:
        """Nothing more is shown."""

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False)


class Screen(Lines):
    """A bar a stage, and for the whole run, drawn over as it goes on."""

    def __init__(self, console: Console, run: Run) -> None:
        super().__init__(console, run)
        self.live: Live | None = None

    def plan(self) -> None:
        """Start the live display."""
        if self.run.total and self.live is None:
            self.live = Live(get_renderable=self._draw, console=self.console, refresh_per_second=2)
            self.live.start()

    def update(self) -> None:
        """Draw anew."""
        if self.live:
            self.live.refresh()

    def stop(self) -> None:
        """Leave the last state where it stands."""
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

    def _whole(self) -> str:
        run = self.run
        elapsed = duration(time.monotonic() - (run.started or time.monotonic()))
        text = f"{run.done.total()} of {n_jobs(run.total.total())}, {elapsed}"
        left = run.seconds_left()
        return text if left is None or not left else f"{text}, about {duration(left)} left"
