"""What the page's charts show, taken from the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.report.charts import Series, bar, column, lines, nice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MOST_BARS = 25
_MOST_POINTS = 60
_PERCENTILES = ("p50", "p95", "p99")
_FEWEST = 2


def rates(tables: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Draw how fast each table went over.

    Args:
        tables: Of the report.

    Returns:
        The largest tables, the largest first; nothing where no time is known.
    """
    timed = [table for table in tables if table["copy_s"] and table["rows_target"]]
    timed = sorted(timed, key=lambda table: -table["rows_target"])[:_MOST_BARS]
    found = [(table["name"], round(table["rows_target"] / table["copy_s"])) for table in timed]
    largest = max((rate for _, rate in found), default=0)
    return [{"name": name, "value": rate, "bar": bar(rate, largest)} for name, rate in found]


def kinds(counted: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Draw how much of each kind of object is kept.

    Args:
        counted: Kinds, with what is kept and the total.

    Returns:
        A bar for each.
    """
    return [
        {
            **kind,
            "whole": kind["kept"] == kind["total"],
            "bar": bar(
                kind["kept"],
                kind["total"],
                tone="good" if kind["kept"] == kind["total"] else "warn",
            ),
        }
        for kind in counted
    ]


def journey(told: Mapping[str, Any]) -> dict[str, Any]:
    """
    Draw the response times of a user journey.

    Args:
        told: The journey.

    Returns:
        The same, with its chart, None where there are too few moments, and the moments to list.
    """
    series = told["series"]
    drawn = [
        Series(name, tuple((p["at_s"], p[f"{name}_ms"]) for p in series if _known(p, name)))
        for name in _PERCENTILES
    ]
    worst = max((y for one in drawn for _, y in one.points), default=0.0)
    label = (
        f"Response times of {told['journey']} over time: p50, p95 and p99 in ms;"
        f" the highest p99 is {worst:,.1f} ms. The table below has the figures."
    )
    step = max(1, -(-len(series) // _MOST_POINTS))
    return {**told, "latency": lines(drawn, label=label), "shown": series[::step]}


def _known(point: Mapping[str, Any], name: str) -> bool:
    return point.get(f"{name}_ms") is not None


def history(report: Mapping[str, Any]) -> dict[str, Any]:
    """
    Draw how long releases took.

    Args:
        report: With its history.

    Returns:
        Columns for whole releases of the same phases; none where there is nothing to compare.
    """
    phase = ", ".join(report["phases"])
    alike = [one for one in report["history"] if _is_like(one, phase)]
    if len(alike) < _FEWEST:
        return {"columns": []}
    top = nice(max(one["seconds"] for one in alike))
    return {
        "what": f"{phase} on {report['env']}",
        "top": top,
        "label": _said(alike),
        "columns": [
            {
                **one,
                "now": one["release"] == report["release"],
                "svg": column(one["seconds"], top, tone=one["verdict"]),
            }
            for one in alike
        ],
    }


def _is_like(past: Mapping[str, Any], phase: str) -> bool:
    return bool(past["phase"] == phase and past["verdict"] != "partial")


def _said(alike: Sequence[Mapping[str, Any]]) -> str:
    spent = [one["seconds"] for one in alike]
    green = sum(one["verdict"] == "green" for one in alike)
    return (
        f"Durations of {len(alike)} releases, from {min(spent):,.1f} s to {max(spent):,.1f} s,"
        f" the last one {spent[-1]:,.1f} s; {green} of them green. The table below has the figures."
    )


def times(timings_s: Mapping[str, float]) -> list[dict[str, Any]]:
    """
    Draw where the time went.

    Args:
        timings_s: Seconds by name.

    Returns:
        A bar for each part, the longest first.
    """
    longest = max(timings_s.values(), default=0.0)
    found = sorted(timings_s.items(), key=lambda part: -part[1])
    return [{"name": name, "seconds": spent, "bar": bar(spent, longest)} for name, spent in found]
