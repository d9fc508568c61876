"""The TensorBoard view of a run: one event file that says what the records of its folder say.

The manifest gives the choices, the journal the curves and histograms, ``images/`` the images. So a
view can be made again from them at any time, and a run that is taken up again begins with that.
"""

from __future__ import annotations

import json
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from clipbench.records import hparams, image_files, png
from clipbench.records.curve import one_curve
from clipbench.records.image_files import KeptImage
from clipbench.records.journal import JOURNAL_FILE, Record, read
from clipbench.records.layout import layout_record, run_layout
from clipbench.records.reading import RunError
from clipbench.records.run_dir import Manifest, Status, read_run
from clipbench.records.tensorboard import TensorBoardWriter, append
from clipbench.records.threshold_tags import among_inputs


class RunView:
    """Shows a run: first all that its folder holds, in the place of any event file; then more.

    Attributes:
        damaged: How many lines of the journal could not be shown.

    Raises:
        OSError: It cannot be written; the event files that were there are still there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begin()

    def show(self, record: Record) -> None:
        """Show one record, which stands in the journal already.

        Where it goes back behind others, the view begins again without them.
        """
        if record["step"] < self._step:
            self._writer.close()
            self._begin()
        else:
            self._add(record)

    def image(self, image: KeptImage) -> None:
        """Show an image.

        Raises:
            ValueError: It is no PNG.
        """
        size = png.size_of(image.png)
        self._writer.image(image.step, image.tag, image.png, size=size, wall_time=image.time)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self) -> None:
        self.damaged = 0
        self._tags: set[str] = set()
        self._thresholds: dict[str, float] = {}
        self._laid_out = False
        self._step = 0
        self._writer = TensorBoardWriter(self._folder, hidden=True)
        try:
            self._restore()
            self._writer.publish()
        except BaseException:
            self._writer.close()
            raise

    def _restore(self) -> None:
        manifest = _manifest(self._folder)
        if manifest is not None:
            begun = [hparams.experiment(), hparams.session_start(manifest)]
            self._writer.write(0, begun, wall_time=hparams.started(manifest))
            text = json.dumps(manifest["config"], indent=2)
            self._writer.text(0, "config", f"```json\n{text}\n```")
        journal = self._folder / JOURNAL_FILE
        if journal.exists():
            records, damaged = read(journal)
            self.damaged = len(damaged)
            for record in one_curve(records, step=itemgetter("step")):
                self._add(record)
        for image in image_files.kept(self._folder):
            with suppress(ValueError):  # a file of that name need not be an image
                self.image(image)

    def _add(self, record: Record) -> None:
        self._step, time, scalars = record["step"], record["time"], record["scalars"]
        for tag in scalars:
            shown = among_inputs(tag)
            if shown is not None:
                self._thresholds[shown] = scalars[tag]
        if any(tag.startswith("activation_quantile/") for tag in scalars):
            scalars = scalars | self._thresholds
        self._writer.scalars(self._step, scalars, wall_time=time)
        for tag, histogram in record.get("histograms", {}).items():
            self._writer.histogram(self._step, tag, histogram, wall_time=time)
        self._tags.update(record["scalars"])
        if record["epoch"] > 0 and not self._laid_out:  # all tags of the charts are known now
            self._laid_out = True
            layout = layout_record(run_layout(sorted(self._tags)))
            self._writer.write(self._step, [layout], wall_time=time)


def end_session(folder: Path, status: Status, *, time: float) -> None:
    """Tell TensorBoard how a run ended, once its view is closed.

    Args:
        folder: The run directory.
        status: Any but running.
        time: When it ended, in seconds since 1970.

    Raises:
        OSError: It could not be written, or there is no event file.
    """
    append(folder, hparams.session_end(status, time=time))


def rebuild(folder: Path) -> int:
    """Make the event file of a run anew from its other records, in the place of all there are.

    A run whose manifest is lost or damaged gets its curves and images back, not its choices.

    Returns:
        How many damaged lines of the journal are left out.

    Raises:
        RunError: The journal cannot be read, or the records hold what no event file can.
        OSError: It cannot be written; what was there is still there.
    """
    try:
        with RunView(folder) as view:
            damaged = view.damaged
    except ValueError as error:
        raise RunError(
            f"The records of the run cannot be shown: {error}.",
            where=folder,
            remedy="Move this run away; it was not written by clipbench as it stands.",
        ) from error
    manifest = _manifest(folder)
    if manifest is not None and manifest["status"] != "running":
        end_session(folder, manifest["status"], time=hparams.ended(manifest))
    return damaged


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_run(folder)
    except RunError:
        return None
