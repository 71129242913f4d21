"""Makes batch.csv, batch.parquet and batch_zstd.parquet, the same rows: python3 make_parquet.py, with pandas and pyarrow."""
import numpy as np, pandas as pd
rng = np.random.default_rng(3)
n = 300
frame = pd.DataFrame({
    "income": rng.normal(50, 9, n).round(2),
    "age": rng.integers(18, 70, n),
    "home": rng.choice(["RENT", "OWN", "MORTGAGE"], n),
})
frame.loc[rng.random(n) < .1, "income"] = np.nan
frame.loc[rng.random(n) < .1, "home"] = None
frame.to_csv("batch.csv", index=False)
frame.to_parquet("batch.parquet", index=False, row_group_size=70, compression="snappy")
frame.to_parquet("batch_zstd.parquet", index=False, row_group_size=70, compression="zstd")

# Dates and integers beyond an f64 in the rows of model-train/tests/sample.rs, and other types.
import datetime, pyarrow as pa, pyarrow.parquet as pq
rows = range(240)
debt = [row * 37 % 100 for row in rows]
months = [datetime.date(2025, row // 20 + 1, 1) for row in rows]
table = pa.table({
    "debt": pa.array(debt, pa.int32()),
    "month": pa.array(months, pa.date32()),
    "customer": pa.array([2**53 + 1 + row % 60 for row in rows], pa.int64()),
    "exposure": pa.array([1 + row % 3 for row in rows], pa.float64()),
    "default": pa.array([debt[row] > 70 and row % 4 != 0 or row % 23 == 0 for row in rows]),
})
pq.write_table(table, "dated.parquet")
noon = datetime.datetime(2025, 1, 1, 12)
others = {
    "id": pa.array([2**63, None], pa.uint64()),
    "branch": pa.array([2**31, None], pa.uint32()),
    "at": pa.array([noon, None], pa.timestamp("us", "UTC")),
    "local": pa.array([noon, None], pa.timestamp("ns")),
    "clock": pa.array([noon.time(), None], pa.time32("ms")),
}
pq.write_table(pa.table({name: table[name][:2] for name in ("debt", "month", "customer")} | others), "types.parquet")
pq.write_table(pa.table({"debt": table["month"][:2]}), "dates.parquet")
