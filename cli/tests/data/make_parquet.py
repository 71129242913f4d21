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
