"""Imports Great Expectations, and keeps it from saying what it sees."""

from __future__ import annotations

import io
import logging
import os
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Nowhere(io.TextIOBase):
    """Takes what is printed and forgets it: GX quotes rows and statements in what it says."""

    def write(self, text: str) -> int:
        return len(text)


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing be printed, logged or warned of; for the whole process, as printing is."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(_Nowhere()),
            redirect_stderr(_Nowhere()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def new_context() -> Any:  # noqa: ANN401 - GX is not imported for a type
    """
    Make a context that leaves nothing behind and calls nobody.

    Returns:
        An ephemeral context of GX, without analytics and progress bars.

    Source: https://docs.greatexpectations.io/docs/reference/learn/analytics_events/
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it is read when GX is imported
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context
