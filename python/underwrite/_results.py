"""What a model answers: dictionaries that show themselves in a notebook, and refusals."""

from __future__ import annotations

from html import escape
from typing import Any


def table(rows: list[tuple[Any, ...]], header: tuple[str, ...] = ()) -> str:
    """An HTML table of texts and numbers, everything escaped."""

    def line(cells: tuple[Any, ...], tag: str) -> str:
        texts = ("" if cell is None else cell for cell in cells)
        return "<tr>" + "".join(f"<{tag}>{escape(str(text))}</{tag}>" for text in texts) + "</tr>"

    head = f"<thead>{line(header, 'th')}</thead>" if header else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"


class Decision(dict[str, Any]):
    """A decision, with the keys of the decision contract: ``outcome``, ``probability``,
    ``adjustments`` and so on."""

    def _repr_html_(self) -> str:
        label = escape(str(self["prediction_label"]))
        outcome = escape(str(self.get("outcome", "approve" if self["approve"] else "decline")))
        rows: list[tuple[Any, ...]] = [
            ("Probability", f"{self['probability']:.4f}"),
            ("Threshold", f"{self['threshold']:.4g}"),
        ]
        if self.get("rules"):
            rows.append(("Rules", ", ".join(self["rules"])))
        for one in self["adjustments"]:
            change = f"{one['kind']}: {one.get('from', 'nothing')} → {one.get('to')}"
            rows.append((f"Adjusted {one['feature']}", change))
        return f"<p><strong>{label}</strong> ({outcome})</p>{table(rows)}"


class Explanation(dict[str, Any]):
    """Why a decision came out as it did, with the keys of the explanation contract."""

    def _repr_html_(self) -> str:
        decision = Decision(self["decision"]) if "decision" in self else None
        head = decision._repr_html_() if decision is not None else ""
        reasons = [
            (reason.get("code"), reason.get("text"), reason.get("share"))
            for reason in self.get("reasons", [])
        ]
        return head + (table(reasons, ("Code", "Reason", "Share")) if reasons else "")


class Refused(ValueError):
    """The model refuses an application: ``detail`` lists the problems, in pydantic's form."""

    def __init__(self, detail: Any) -> None:
        self.detail = detail
        super().__init__(sentences(detail))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.detail,))


class RefusedRow(ValueError):
    """The model refuses a row of a table: ``row`` counts from 0, ``refused`` says how many
    rows there are like it, ``detail`` lists the problems of the first."""

    def __init__(self, row: int, detail: Any, refused: int, blank: str = "nan") -> None:
        self.row, self.detail, self.refused, self._blank = row, detail, refused, blank
        more = "" if refused == 1 else f" ({refused} rows are refused)"
        super().__init__(
            f"row {row}: {sentences(detail)}{more}; "
            f'on_invalid="{blank}" gives such rows no probability'
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.row, self.detail, self.refused, self._blank))


def sentences(detail: Any, *, values: bool = True) -> str:
    """The problems of a refusal in one line, with or without what came."""
    if isinstance(detail, str):
        return detail
    return "; ".join(_sentence(problem, values) for problem in detail)


def _sentence(problem: dict[str, Any], values: bool) -> str:
    place = [part for part in problem.get("loc", []) if part != "body"]
    where = f"column '{place[0]}': " if place and isinstance(place[0], str) else ""
    message = problem["msg"]
    # The only message with a value of the applicant's: what the formula comes to.
    if not values and problem.get("type") == "derived_mismatch":
        message = "Input contradicts its formula: leave the field out and it is computed"
    came = f", got {problem['input']!r}" if values and "input" in problem else ""
    return f"{where}{message}{came}"
