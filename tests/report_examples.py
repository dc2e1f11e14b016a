"""Reports as a run writes them: a green one with everything in it, a red one, and an early end."""

import math
from copy import deepcopy

CODE = "predeploy"
GATES = (
    ("tools_are_recent", 3, "tools", {"python": "3.11", "postgres": "18"}),
    ("source_is_intact", 6, "tables", {"size_bytes": 565_248, "rows": 1_000_000}),
    ("schema_lock_is_current", 138, "objects", {"lock": "current", "differences": 0}),
    ("blockers_in_the_source_are_settled", 59, "objects", {"findings": 3, "unsettled": 0}),
    ("nothing_is_lost_silently", 127, "objects", {}),
    ("row_counts_agree", 1_000_000, "rows", {"rows_target": 1_000_000}),
    ("every_cell_matches", 8_125_000, "cells", {"cells_different": 0}),
    ("references_hold", 6, "tables", {}),
    ("next_inserts_work", 6, "tables", {}),
    ("views_show_the_same", 12, "views", {}),
    ("response_times_are_short", 4_310, "requests", {"users": 20}),
)
TABLES = (
    ("secciones", 5, 0.0011, 7),
    ("usuarios", 48_000, 0.41, 14),
    ("actividades", 85_000, 0.62, 12),
    ("documentos", 122_000, 0.95, 10),
    ("mensajes", 654_995, 3.1, 8),
    ("paginas", 90_000, 1.7, 8),
)
STEPS = ("prepare_ledger", "create_schema", "copy_rows", "add_constraints", "create_programs")


def gate(name, examined, unit, measured, **more):
    told = {
        "name": name,
        "phase": CODE,
        "state": "green",
        "seconds": round(examined / 2_000_000, 3),
        "examined": examined,
        "unit": unit,
        "measured": measured,
        "problems": [],
        "checks": [],
        "evidence": [],
        "remedy": "",
    }
    return {**told, **more}


def table(name, rows, copy_s, columns):
    return {
        "name": name,
        "rows_source": rows,
        "rows_target": rows,
        "rows_quarantined": 0,
        "cells_quarantined": 0,
        "cells_compared": rows * columns,
        "cells_different": 0,
        "copy_s": copy_s,
        "digest": f"{hash(name) & 0xFFFFFFFFFFFFFFFF:064x}",
    }


def journey(name, users, slow):
    moments = [
        {
            "at_s": float(n),
            "rate_per_s": 140 + 10 * math.sin(n),
            "p50_ms": 4 + slow * 0.5 + math.sin(n / 3),
            "p95_ms": 9 + slow + 2 * math.sin(n / 2),
            "p99_ms": 14 + 2 * slow + 4 * abs(math.sin(n / 1.7)),
            "errors": 0,
        }
        for n in range(1, 31)
    ]
    names = [
        {
            "name": n,
            "requests": 430 + 10 * i,
            "errors": 0,
            "p50_ms": 3.1 + i,
            "p95_ms": 8.4 + i,
            "p99_ms": 13.0 + i,
        }
        for i, n in enumerate(("unread messages", "pages of a section", "upcoming activities"))
    ]
    return {
        "journey": name,
        "users": users,
        "seconds": 30.0,
        "requests": 4_310,
        "errors": 0,
        "rate_per_s": 143.7,
        "p50_ms": 4.4,
        "p95_ms": 10.2,
        "p99_ms": 16.8,
        "baseline": {"from": "this run", "p95_ms": 8.0, "rate_per_s": 149.0},
        "series": moments,
        "requests_by_name": names,
        "earlier_p95_ms": [312.4],
    }


def risk(code, what, likelihood, impact, evidence, mitigation):
    score = likelihood * impact
    return {
        "code": code,
        "what": what,
        "likelihood": likelihood,
        "impact": impact,
        "score": score,
        "evidence": evidence,
        "mitigation": mitigation,
    }


PLAN = {
    "files": ["plan.json", "plan.md"],
    "steps": [
        {
            "step": step,
            "does": does,
            "seconds": spent,
            "rows": rows,
            "size_bytes": size,
            "locks": locks,
            "irreversible": False,
            "way_back": back,
            "stops_for": "",
        }
        for step, does, spent, rows, size, locks, back in (
            ("prepare_ledger", "makes the schema deploy", 0.02, 0, 0, [], "drop it"),
            (
                "create_schema",
                "makes 6 tables",
                0.05,
                0,
                0,
                ["ACCESS EXCLUSIVE on new tables"],
                "drop them",
            ),
            (
                "copy_rows",
                "copies every row",
                6.7,
                1_000_000,
                203_000_000,
                ["ROW EXCLUSIVE"],
                "truncate",
            ),
            (
                "add_constraints",
                "61 keys, indexes and checks",
                3.4,
                0,
                84_000_000,
                ["SHARE"],
                "drop them",
            ),
        )
    ],
    "risks": {
        "total": 14,
        "largest_total": 40,
        "risks": [
            risk(
                "majors_differ",
                "the target has another Postgres than the rehearsal",
                2,
                4,
                "17 against 18",
                "rehearse on 17: --postgres",
            ),
            risk(
                "long_lock",
                "the app waits while indexes are built",
                2,
                3,
                "3.4 s measured",
                "deploy at night",
            ),
        ],
    },
}
TWINS = {
    "caught": 4,
    "missed": 0,
    "twins": [
        {
            "defect": defect,
            "gate": gate,
            "state": state,
            "caught_by": [gate] if state == "caught" else [],
            "seconds": 2.1,
            "note": note,
        }
        for defect, gate, state, note in (
            ("row dropped", "row_counts_agree", "caught", ""),
            ("cell changed by one character", "every_cell_matches", "caught", ""),
            ("float off by one unit in the last place", "every_cell_matches", "caught", ""),
            ("view filters one row", "views_show_the_same", "caught", ""),
            (
                "bytea without its NUL",
                "every_cell_matches",
                "not applicable",
                "no table has a bytea",
            ),
        )
    ],
    "gates_without_twin": [],
}


def past(number, seconds, verdict="green", errors=()):
    return {
        "release": f"202611{number:02d}-020000-{number:04x}",
        "phase": CODE,
        "verdict": verdict,
        "started_at": f"2026-11-{number:02d}T02:00:00+00:00",
        "seconds": seconds,
        "errors": list(errors),
        "rolled_back": False,
    }


def deployment(last):
    """A release on Supabase, one of its steps approved by a person."""
    found = steps(last)
    approved = found[0] | {"state": "approved", "result": {"by": "ana on GitHub Actions"}}
    return {"release": "20261125-020000-0019", "how": "fresh", "steps": [approved, *found]}


def steps(last):
    written = []
    for step in STEPS:
        for state in ("started", "applied", last):
            written.append(
                {
                    "v": 1,
                    "seq": len(written) + 1,
                    "time": "2026-11-25T02:00:15.821+00:00",
                    "release": "20261125-020000-0019",
                    "step": step,
                    "state": state,
                    "result": {"rows": 1_000_000}
                    if (step, state) == ("copy_rows", "applied")
                    else None,
                }
            )
    return written


def green():
    """Everything is there, and all of it is good."""
    history = [past(n, 20 + 6 * math.sin(n)) for n in range(6, 25)]
    history[4] = past(10, 9.1, "red", ["row_counts_agree"])
    history[9] = past(15, 2.2, "unproven", ["InterruptError"])
    gates = [gate(*told) for told in GATES]
    gates[-1]["checks"] = [
        {"name": "p95 at most 25 ms", "state": "holds", "seen": "10.2 ms"},
        {"name": "errors at most 1 %", "state": "holds", "seen": "0 of 4,310"},
    ]
    gates[-1]["evidence"] = ["load/consultas.html", "load/consultas_stats.csv"]
    kinds = (
        ("tables", 6),
        ("columns", 59),
        ("not null", 40),
        ("defaults", 19),
        ("indexes", 30),
        ("checks", 13),
        ("foreign keys", 7),
        ("views", 4),
        ("triggers", 3),
    )
    return {
        "format": 1,
        "package": {"name": "pytest-deploy", "version": "0.1.0"},
        "release": "20261125-020000-0019",
        "env": "production",
        "app": "osyris",
        "phases": [CODE],
        "verdict": "green",
        "started_at": "2026-11-25T02:00:00+00:00",
        "finished_at": "2026-11-25T02:00:24+00:00",
        "source": "/srv/osyris/app.db",
        "target": "embedded Postgres 18.6",
        "configuration": {
            "digest": "ccb31a3c57e3989eb3c5d4825896969b70e60ff18c4f814fc9282c4bca085057"
        },
        "gates": gates,
        "gates_missing": {},
        "seal": {
            "sealed": True,
            "file": "seal-production.json",
            "key": "7RmjUaPG2U3rKlrB3jFb4oo0Vs4W5NAjb38wKjppLog=",
            "reason": "",
        },
        "findings": [
            {
                "code": "index_row_too_large",
                "severity": "blocker",
                "object": "idx_paginas_busqueda",
                "message": "rows of paginas whose index row is over the 2,704 bytes that Postgres allows",
                "count": 8,
                "sample_keys": ["id=1", "id=2", "id=3", "id=4", "id=5"],
                "remedies": ["prefix", "digest", "drop"],
                "suggested": "digest",
                "setting": '[schema.indexes.idx_paginas_busqueda]\noversized = "digest"',
                "settled_by": "digest (deploy.toml)",
            },
            {
                "code": "mixed_date_forms",
                "severity": "note",
                "object": "usuarios.creado_en",
                "message": "dates in 2 written forms: instants are kept, the forms are not",
                "count": 0,
                "sample_keys": [],
                "remedies": [],
                "suggested": None,
                "setting": '[schema.columns."usuarios.creado_en"]\ntype = "timestamptz"',
                "settled_by": None,
            },
        ],
        "schema": {
            "kinds": [{"kind": kind, "kept": n, "total": n} for kind, n in kinds],
            "not_kept": [],
        },
        "tables": [table(*told) for told in TABLES],
        "steps": steps("retained"),
        "deployment": deployment("retained"),
        "access": [
            {
                "role": role,
                "relation": name,
                "operation": operation,
                "stated": may,
                "seen": may,
            }
            for role in ("anon", "authenticated")
            for name in ("actividades", "paginas", "usuarios")
            for operation in ("select", "insert", "update", "delete")
            for may in (operation == "select" and (role, name) != ("anon", "usuarios"),)
        ],
        "retries": [{"what": "asking REST, secret key", "error": "ConnectError", "times": 2}],
        "timings_s": {
            "postgres": 0.4,
            "snapshot": 0.8,
            "plan": 2.1,
            "copy_rows": 6.7,
            "add_constraints": 3.4,
            "proof": 2.6,
            "load": 31.2,
            "behaviour": 4.9,
        },
        "load": {
            "journeys": [journey("consultas", 20, 0.0), journey("publicar", 5, 3.0)],
            "workers": 1,
        },
        "plan": deepcopy(PLAN),
        "red_twins": deepcopy(TWINS),
        "history": [*history, past(25, 24.0)],
        "trouble": "",
    } | {"release": "20261125-020000-0019"}


def red():
    """A row is missing, a cell differs, two blockers are open, a view is not kept."""
    told = green()
    by_name = {one["name"]: one for one in told["gates"]}
    remedy = "the findings name the lines of deploy.toml; see runbooks/gate-closed.md"
    by_name["row_counts_agree"] |= {
        "state": "red",
        "problems": [
            "mensajes: 654,995 rows in the source, 654,994 in the target, 0 in quarantine"
        ],
        "remedy": "keep the evidence and report it; see runbooks/gate-closed.md",
    }
    by_name["every_cell_matches"] |= {
        "state": "red",
        "problems": [
            f"mensajes.asunto at id={n}: source sha256:0d2c1f77a1b2, target sha256:99b1d0c4e3f5"
            for n in range(1, 28)
        ],
        "measured": {"cells_different": 27},
        "remedy": "keep the evidence and report it; see runbooks/gate-closed.md",
    }
    by_name["blockers_in_the_source_are_settled"] |= {
        "state": "red",
        "problems": ["orphans mensajes.autor_id: rows that refer to a row that is not there"],
        "remedy": remedy,
    }
    by_name["response_times_are_short"] |= {
        "state": "unproven",
        "examined": 0,
        "problems": ["response_times_are_short is unproven: it examined nothing"],
        "checks": [
            {"name": "p95 at most 25 ms", "state": "fails", "seen": "312.0 ms"},
            {"name": "errors at most 1 %", "state": "unproven", "seen": "no requests"},
        ],
    }
    by_name["views_show_the_same"] |= {
        "state": "unreached",
        "examined": 0,
        "problems": ["not reached: what it needs failed before"],
    }
    told["gates_missing"] = {CODE: ["queries_come_to_the_same"]}
    told["tables"][4] |= {"rows_target": 654_994, "cells_different": 27}
    told["findings"].insert(
        0,
        {
            "code": "orphans",
            "severity": "blocker",
            "object": "mensajes.autor_id",
            "message": "rows that refer to a row of usuarios that is not there",
            "count": 12,
            "sample_keys": ["id=4", "id=9"],
            "remedies": ["null", "quarantine", "keep"],
            "suggested": "null",
            "setting": '[schema.foreign_keys."mensajes.autor_id"]\norphans = "null"          # or quarantine, keep',
            "settled_by": None,
        },
    )
    told["schema"]["kinds"][7]["kept"] = 3
    told["schema"]["not_kept"] = [
        {
            "kind": "views",
            "object": "v_activas",
            "reason": "it calls a function that Postgres has no equal of",
            "remedy": "write it by hand; see runbooks/schema-findings.md",
        }
    ]
    told["red_twins"] |= {"missed": 1, "gates_without_twin": ["sealed_rehearsal"]}
    told["red_twins"]["twins"][0] |= {"state": "missed", "caught_by": []}
    told["history"][-1] |= {"verdict": "red", "errors": ["every_cell_matches", "row_counts_agree"]}
    told["steps"] = steps("compensated")
    told["deployment"] = deployment("compensated") | {"how": "taken up"}
    told["access"][3] |= {"seen": True}
    told["seal"] = {"sealed": False, "file": "", "key": "", "reason": "the verdict is red"}
    return told | {"verdict": "red", "env": "rehearsal"}


def early():
    """The run was stopped before anything was known: as little as a report can hold."""
    return green() | {
        "verdict": "unproven",
        "gates": [],
        "gates_missing": {CODE: [name for name, *_ in GATES]},
        "seal": None,
        "findings": [],
        "schema": {"kinds": [], "not_kept": []},
        "tables": [],
        "steps": [],
        "deployment": None,
        "access": [],
        "retries": [],
        "timings_s": {},
        "load": None,
        "plan": None,
        "red_twins": None,
        "history": [],
        "trouble": "InterruptError: run stopped by Ctrl-C\n  expected every gate to end, seen a signal before that\n"
        "  configured in the shell or the CI job that sent it\n"
        "  what was begun has been undone, as the journal tells; run the same command again",
    }
